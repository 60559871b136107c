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

void ContentSecurityPolicy::remove(std::string_view name) {
    std::erase_if(directives_, [&](const auto& directive) { return directive.first == name; });
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
