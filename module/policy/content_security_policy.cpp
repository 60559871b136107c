#include "module/policy/content_security_policy.hpp"

#include "common/bytes.hpp"

#include <algorithm>
#include <array>

namespace sallyport::policy {
namespace {

// CSP level 3 keyword sources: without quotes they are host names to a browser.
constexpr std::array kKeywords = {
    std::string_view("none"),
    std::string_view("self"),
    std::string_view("strict-dynamic"),
    std::string_view("report-sample"),
    std::string_view("unsafe-inline"),
    std::string_view("unsafe-eval"),
    std::string_view("unsafe-hashes"),
    std::string_view("wasm-unsafe-eval"),
    std::string_view("inline-speculation-rules"),
};
constexpr std::array kQuotedPrefixes = {
    std::string_view("nonce-"),
    std::string_view("sha256-"),
    std::string_view("sha384-"),
    std::string_view("sha512-"),
};

// CSP level 3 and what browsers implement beside it. Not a wall: browsers learn new directives.
constexpr std::array kKnown = {
    std::string_view("base-uri"),
    std::string_view("block-all-mixed-content"),
    std::string_view("child-src"),
    std::string_view("connect-src"),
    std::string_view("default-src"),
    std::string_view("fenced-frame-src"),
    std::string_view("font-src"),
    std::string_view("form-action"),
    std::string_view("frame-ancestors"),
    std::string_view("frame-src"),
    std::string_view("img-src"),
    std::string_view("manifest-src"),
    std::string_view("media-src"),
    std::string_view("object-src"),
    std::string_view("prefetch-src"),
    std::string_view("report-to"),
    std::string_view("report-uri"),
    std::string_view("require-trusted-types-for"),
    std::string_view("sandbox"),
    std::string_view("script-src"),
    std::string_view("script-src-attr"),
    std::string_view("script-src-elem"),
    std::string_view("style-src"),
    std::string_view("style-src-attr"),
    std::string_view("style-src-elem"),
    std::string_view("trusted-types"),
    std::string_view("upgrade-insecure-requests"),
    std::string_view("worker-src"),
};
constexpr std::array kWithoutSources = {
    std::string_view("block-all-mixed-content"),
    std::string_view("sandbox"),
    std::string_view("trusted-types"),
    std::string_view("upgrade-insecure-requests"),
};

template <typename List>
bool is_one_of(const List& list, std::string_view text) {
    return std::find(list.begin(), list.end(), text) != list.end();
}

bool should_be_quoted(std::string_view source) {
    return std::any_of(kKeywords.begin(), kKeywords.end(),
                       [&](std::string_view keyword) { return source == keyword; }) ||
           std::any_of(kQuotedPrefixes.begin(), kQuotedPrefixes.end(),
                       [&](std::string_view prefix) { return source.starts_with(prefix); });
}

bool is_directive_name(std::string_view name) {
    return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}

Error wrong(std::string_view name, const std::string& what) {
    return Error{"Content-Security-Policy: \"" + std::string(name) + "\" " + what};
}

}  // namespace

ContentSecurityPolicy ContentSecurityPolicy::helmet() {
    ContentSecurityPolicy out;
    out.directives_ = {
        {"default-src", "'self'"},
        {"base-uri", "'self'"},
        {"font-src", "'self' https: data:"},
        {"form-action", "'self'"},
        {"frame-ancestors", "'self'"},
        {"img-src", "'self' data:"},
        {"object-src", "'none'"},
        {"script-src", "'self'"},
        {"script-src-attr", "'none'"},
        {"style-src", "'self' https: 'unsafe-inline'"},
        {"upgrade-insecure-requests", ""},
    };
    return out;
}

Result<ContentSecurityPolicy> ContentSecurityPolicy::parse(std::string_view text) {
    ContentSecurityPolicy out;
    std::string error;
    for_each_split(text, ';', [&](std::string_view part) {
        part = trim_ows(part);
        if (part.empty() || !error.empty()) {
            return;  // a trailing semicolon
        }
        const std::size_t space = part.find(' ');
        const std::string name = ascii_lower(part.substr(0, space));
        const std::string_view sources =
            space == std::string_view::npos ? std::string_view() : trim_ows(part.substr(space));
        if (out.has(name)) {
            error = wrong(name, "is given twice; browsers ignore the second").message;
            return;
        }
        const Status status = out.set(name, sources);
        error = status.ok() ? std::string() : status.message();
    });
    if (error.empty() && out.empty()) {
        error = "Content-Security-Policy: is empty; write directives, or off";
    }
    if (!error.empty()) {
        return Error{error};
    }
    return out;
}

Status ContentSecurityPolicy::set(std::string_view name, std::string_view sources) {
    if (!is_directive_name(name)) {
        return wrong(name, "is not a directive name");
    }
    if (sources.find_first_of(";,") != std::string_view::npos || !is_field_value(sources)) {
        return wrong(name, "has a separator or control character in its value");
    }
    std::string error;
    for_each_split(sources, ' ', [&](std::string_view source) {
        if (should_be_quoted(source)) {
            error =
                "must have " + std::string(source) + " in quotes: '" + std::string(source) + "'";
        }
    });
    if (!error.empty()) {
        return wrong(name, error);
    }
    for (auto& [known, value] : directives_) {
        if (known == name) {
            value = sources;
            return Done{};
        }
    }
    directives_.emplace_back(name, sources);
    return Done{};
}

Result<ContentSecurityPolicy> ContentSecurityPolicy::changed(ContentSecurityPolicy defaults,
                                                             const std::vector<Change>& changes) {
    bool may_lack_default = false;
    for (const Change& change : changes) {
        may_lack_default = change.directive == "default-src" ? change.dangerous : may_lack_default;
        const Status status = change.sources ? defaults.set(change.directive, *change.sources)
                                             : defaults.remove(change.directive);
        if (!status) {
            return status.error();
        }
    }
    if (defaults.empty()) {
        return Error{
            "Content-Security-Policy: has no directives; write some, or sallyport_csp off"};
    }
    if (!defaults.has("default-src") && !may_lack_default) {
        return Error{
            "Content-Security-Policy: needs a default-src, or everything that is not named is "
            "allowed; write sallyport_csp default-src 'none', or \"default-src off dangerously\""};
    }
    return defaults;
}

std::string ContentSecurityPolicy::sources_of(const std::vector<std::string_view>& words) {
    std::string out;
    for (const std::string_view word : words) {
        for_each_split(word, ' ', [&](std::string_view source) {
            if (source.empty()) {
                return;
            }
            out.append(out.empty() ? "" : " ");
            if (source == "nonce") {
                out.append(kNonceSource);
            } else if (should_be_quoted(source)) {
                out.append("'").append(source).append("'");
            } else {
                out.append(source);
            }
        });
    }
    return out;
}

Status ContentSecurityPolicy::check(std::string_view name, std::string_view sources) {
    std::size_t count = 0;
    bool none = false;
    bool dynamic = false;
    bool trusts_some = false;  // a nonce or a hash
    for_each_split(sources, ' ', [&](std::string_view source) {
        count += source.empty() ? 0 : 1;
        none = none || source == "'none'";
        dynamic = dynamic || source == "'strict-dynamic'";
        trusts_some = trusts_some || source.starts_with("'nonce-") || source.starts_with("'sha");
    });
    if (count == 0 && !may_be_empty(name)) {
        return wrong(name, "has no sources; write 'none', or off to leave the directive out");
    }
    if (none && count > 1) {
        return wrong(name, "has 'none' beside other sources; browsers ignore it there");
    }
    if (dynamic && !trusts_some) {
        return wrong(
            name, "has 'strict-dynamic' without a nonce or a hash and allows nothing; add nonce");
    }
    return Done{};
}

bool ContentSecurityPolicy::is_known(std::string_view name) {
    return is_one_of(kKnown, name);
}

bool ContentSecurityPolicy::may_be_empty(std::string_view name) {
    return is_one_of(kWithoutSources, name) || !is_known(name);
}

ContentSecurityPolicy ContentSecurityPolicy::without_variables() const {
    ContentSecurityPolicy out;
    for (const auto& [name, sources] : directives_) {
        std::string kept;
        bool dropped = false;
        for_each_split(sources, ' ', [&](std::string_view source) {
            if (source.find('$') != std::string_view::npos) {
                dropped = true;
            } else if (!source.empty()) {
                kept.append(kept.empty() ? "" : " ").append(source);
            }
        });
        // 'strict-dynamic' would disable the other sources and trust nothing in their place: as
        // strict as 'none', and said plainly.
        const bool nothing_left =
            kept.empty() || kept.find("'strict-dynamic'") != std::string::npos;
        out.directives_.emplace_back(name, dropped && nothing_left ? "'none'" : kept);
    }
    return out;
}

Status ContentSecurityPolicy::remove(std::string_view name) {
    if (!is_directive_name(name)) {
        return wrong(name, "is not a directive name");
    }
    std::erase_if(directives_, [&](const auto& directive) { return directive.first == name; });
    return Done{};
}

bool ContentSecurityPolicy::has(std::string_view name) const {
    return std::any_of(directives_.begin(), directives_.end(),
                       [&](const auto& directive) { return directive.first == name; });
}

std::string ContentSecurityPolicy::text() const {
    std::string out;
    for (const auto& [name, sources] : directives_) {
        out.append(out.empty() ? "" : ";").append(name);
        if (!sources.empty()) {
            out.append(" ").append(sources);
        }
    }
    return out;
}

}  // namespace sallyport::policy
