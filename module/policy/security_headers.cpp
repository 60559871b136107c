#include "module/policy/security_headers.hpp"

#include "common/bytes.hpp"

#include <algorithm>
#include <array>

namespace sallyport::policy {
namespace {

// OWASP Secure Headers Project, 2026-08-16.
constexpr std::string_view kOwaspPermissions =
    "accelerometer=(), autoplay=(), camera=(), cross-origin-isolated=(), display-capture=(), "
    "encrypted-media=(), fullscreen=(), geolocation=(), gyroscope=(), keyboard-map=(), "
    "magnetometer=(), microphone=(), midi=(), payment=(), picture-in-picture=(), "
    "publickey-credentials-get=(), screen-wake-lock=(), sync-xhr=(self), usb=(), web-share=(), "
    "xr-spatial-tracking=(), clipboard-read=(), clipboard-write=(), gamepad=(), hid=(), "
    "idle-detection=(), interest-cohort=(), serial=(), unload=()";

// What helmet 8 sends by default, in its order. The application knows its own pages best: a
// Content-Security-Policy of the upstream stays.
HeaderSet helmet_headers() {
    return {
        {"Content-Security-Policy", ContentSecurityPolicy::helmet().text(), true},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Origin-Agent-Cluster", "?1"},
        {"Referrer-Policy", "no-referrer"},
        {"Strict-Transport-Security", "max-age=31536000; includeSubDomains"},
        {"X-Content-Type-Options", "nosniff"},
        {"X-DNS-Prefetch-Control", "off"},
        {"X-Download-Options", "noopen"},
        {"X-Frame-Options", "SAMEORIGIN"},
        {"X-Permitted-Cross-Domain-Policies", "none"},
        {"X-XSS-Protection", "0"},
    };
}

// What owasp and api share.
HeaderSet strict_headers() {
    return {
        {"Cross-Origin-Embedder-Policy", "require-corp"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Permissions-Policy", std::string(kOwaspPermissions)},
        {"Referrer-Policy", "no-referrer"},
        {"Strict-Transport-Security", "max-age=63072000; includeSubDomains"},
        {"X-Content-Type-Options", "nosniff"},
        {"X-DNS-Prefetch-Control", "off"},
        {"X-Frame-Options", "DENY"},
        {"X-Permitted-Cross-Domain-Policies", "none"},
    };
}

HeaderSet api_headers() {
    HeaderSet out = strict_headers();
    out.push_back(
        {"Content-Security-Policy",
         "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'", true});
    out.push_back({"Cache-Control", "no-store", true});
    out.push_back({"X-Download-Options", "noopen"});
    out.push_back({"Origin-Agent-Cluster", "?1"});
    return out;
}

HeaderSet owasp_headers() {
    HeaderSet out = strict_headers();
    out.push_back({"Content-Security-Policy",
                   "default-src 'self'; form-action 'self'; base-uri 'self'; object-src 'none'; "
                   "frame-ancestors 'none'; upgrade-insecure-requests",
                   true});
    out.push_back({"Cache-Control", "no-store, max-age=0", true});
    return out;
}

// Pages of an application that is served whole by its upstream: nothing is allowed that is not
// named. Pop-ups for OAuth keep their opener, copy buttons and passkeys work, and pictures of
// others may be embedded (no Cross-Origin-Embedder-Policy).
HeaderSet html_headers() {
    HeaderSet out = strict_headers();
    std::erase_if(
        out, [](const HeaderField& field) { return field.name == "Cross-Origin-Embedder-Policy"; });
    for (HeaderField& field : out) {
        if (field.name == "Cross-Origin-Opener-Policy") {
            field.value = "same-origin-allow-popups";
        } else if (field.name == "Permissions-Policy") {
            for (const char* own : {"clipboard-write", "fullscreen", "publickey-credentials-get"}) {
                const std::string off = std::string(own) + "=()";
                field.value.replace(field.value.find(off), off.size(),
                                    std::string(own) + "=(self)");
            }
        }
    }
    out.push_back({"Content-Security-Policy",
                   "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
                   "font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; "
                   "base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'",
                   true});
    out.push_back({"Cache-Control", "no-cache", true});
    out.push_back({"X-Download-Options", "noopen"});
    out.push_back({"Origin-Agent-Cluster", "?1"});
    return out;
}

// What users of the upstream wrote (answers of webhooks, files): whatever it is, it may do nothing,
// and the gateway's word stands against the upstream's.
HeaderSet sandbox_headers() {
    HeaderSet out = strict_headers();
    out.push_back({"Content-Security-Policy",
                   "sandbox; default-src 'none'; frame-ancestors 'none'; base-uri 'none'; "
                   "form-action 'none'"});
    out.push_back({"Cache-Control", "no-store", true});
    out.push_back({"X-Download-Options", "noopen"});
    out.push_back({"Origin-Agent-Cluster", "?1"});
    return out;
}

constexpr std::array kRevealing = {
    std::string_view("server"),
    std::string_view("via"),
    std::string_view("x-powered-by"),
    std::string_view("powered-by"),
    std::string_view("x-powered-cms"),
    std::string_view("x-aspnet-version"),
    std::string_view("x-aspnetmvc-version"),
    std::string_view("x-generator"),
    std::string_view("x-php-version"),
    std::string_view("x-redirect-by"),
    std::string_view("x-runtime"),
    std::string_view("x-server"),
    std::string_view("x-backend-server"),
    std::string_view("x-version"),
    std::string_view("x-old-content-length"),
    std::string_view("sourcemap"),
    std::string_view("x-sourcemap"),
    std::string_view("product"),
    std::string_view("host-header"),
    std::string_view("$wsep"),
    std::string_view("public-key-pins"),
    std::string_view("public-key-pins-report-only"),
    std::string_view("expect-ct"),
    std::string_view("feature-policy"),
};
constexpr std::array kRevealingPrefixes = {
    std::string_view("x-accel-"),  std::string_view("x-envoy-"),    std::string_view("x-kong-"),
    std::string_view("x-varnish"), std::string_view("x-b3-"),       std::string_view("x-datadog-"),
    std::string_view("x-nextjs-"), std::string_view("x-litespeed"), std::string_view("x-turbo-"),
};

bool starts_with_lower(std::string_view text, std::string_view prefix) {
    return text.size() >= prefix.size() && ascii_iequals(text.substr(0, prefix.size()), prefix);
}

}  // namespace

std::optional<HeaderProfile> header_profile_from(std::string_view text) {
    constexpr std::array words = {
        std::pair(std::string_view("off"), HeaderProfile::off),
        std::pair(std::string_view("helmet"), HeaderProfile::helmet),
        std::pair(std::string_view("api"), HeaderProfile::api),
        std::pair(std::string_view("owasp"), HeaderProfile::owasp),
        std::pair(std::string_view("html"), HeaderProfile::html),
        std::pair(std::string_view("sandbox"), HeaderProfile::sandbox),
    };
    for (const auto& [known, profile] : words) {
        if (text == known) {
            return profile;
        }
    }
    return std::nullopt;
}

HeaderSet profile_headers(HeaderProfile profile) {
    switch (profile) {
        case HeaderProfile::helmet:
            return helmet_headers();
        case HeaderProfile::api:
            return api_headers();
        case HeaderProfile::owasp:
            return owasp_headers();
        case HeaderProfile::html:
            return html_headers();
        case HeaderProfile::sandbox:
            return sandbox_headers();
        case HeaderProfile::off:
            break;
    }
    return {};
}

HeaderSet apply_changes(HeaderSet set, const std::vector<HeaderChange>& changes) {
    for (const HeaderChange& change : changes) {
        const auto found = std::find_if(set.begin(), set.end(), [&](const HeaderField& field) {
            return ascii_iequals(field.name, change.name);
        });
        if (!change.field) {
            if (found != set.end()) {
                set.erase(found);
            }
        } else if (found != set.end()) {
            *found = *change.field;
        } else {
            set.push_back(*change.field);
        }
    }
    return set;
}

std::string_view CspSettings::field_name() const {
    return mode == Mode::report ? kCspReportHeader : kCspHeader;
}

CspSettings merge_csp(const CspSettings& outer, const CspSettings& inner) {
    CspSettings out = inner;
    out.mode = inner.mode ? inner.mode : outer.mode;
    if (!inner.reset) {
        out.reset = outer.reset;
        out.changes.insert(out.changes.begin(), outer.changes.begin(), outer.changes.end());
    }
    return out;
}

Result<HeaderSet> apply_csp(HeaderSet set, const CspSettings& settings) {
    const auto old = std::find_if(
        set.begin(), set.end(), [](const HeaderField& field) { return field.name == kCspHeader; });
    ContentSecurityPolicy policy;
    HeaderField field{std::string(settings.field_name()), "", false, ""};
    const bool inherits = !settings.reset && old != set.end();
    if (inherits) {
        const auto parsed = ContentSecurityPolicy::parse(old->value);
        if (!parsed) {
            return parsed.error();
        }
        policy = *parsed;
        field.value = old->value;
        field.preserve = old->preserve;
    }
    if (!settings.changes.empty()) {
        const auto changed = ContentSecurityPolicy::changed(policy, settings.changes);
        if (!changed) {
            return changed.error();
        }
        field.value = changed->text();
        field.preserve = false;
        if (field.value.find('$') != std::string::npos) {
            field.fallback = changed->without_variables().text();
        }
    }
    const bool sent = !field.value.empty() && settings.mode != Mode::off;
    if (old != set.end() && sent) {
        *old = field;
    } else if (old != set.end()) {
        set.erase(old);
    } else if (sent) {
        set.push_back(field);
    }
    return set;
}

std::vector<std::string_view> removed_headers(HeaderProfile profile) {
    if (profile == HeaderProfile::off) {
        return {};
    }
    std::vector<std::string_view> out(kRevealing.begin(), kRevealing.end());
    if (profile != HeaderProfile::helmet) {
        out.push_back("x-xss-protection");
    }
    if (profile == HeaderProfile::sandbox) {
        out.push_back("set-cookie");  // users' content must not sign anybody in or out
    }
    return out;
}

bool has_revealing_prefix(std::string_view name) {
    // All prefixes begin with x- and differ in the letter behind it: this runs for each field of
    // each response.
    if (name.size() < 4 || (name[0] | 0x20) != 'x' || name[1] != '-') {
        return false;
    }
    return std::any_of(kRevealingPrefixes.begin(), kRevealingPrefixes.end(),
                       [third = name[2] | 0x20, name](std::string_view prefix) {
                           return prefix[2] == third && starts_with_lower(name, prefix);
                       });
}

bool is_removed_header(HeaderProfile profile, std::string_view name) {
    if (profile == HeaderProfile::off) {
        return false;
    }
    const auto removed = removed_headers(profile);
    return has_revealing_prefix(name) ||
           std::any_of(removed.begin(), removed.end(),
                       [&](std::string_view known) { return ascii_iequals(known, name); });
}

}  // namespace sallyport::policy
