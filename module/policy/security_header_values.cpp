#include "module/policy/security_header_values.hpp"

#include "common/bytes.hpp"
#include "module/policy/content_security_policy.hpp"
#include "module/policy/security_headers.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

namespace sallyport::policy {
namespace {

using Words = std::span<const std::string_view>;

constexpr std::string_view kEmbedder[] = {"require-corp", "credentialless", "unsafe-none"};
constexpr std::string_view kOpener[] = {"same-origin", "same-origin-allow-popups",
                                        "noopener-allow-popups", "unsafe-none"};
constexpr std::string_view kResource[] = {"same-origin", "same-site", "cross-origin"};
constexpr std::string_view kFrame[] = {"deny", "sameorigin"};
constexpr std::string_view kSniff[] = {"nosniff"};
constexpr std::string_view kDownload[] = {"noopen"};
constexpr std::string_view kPrefetch[] = {"on", "off"};
constexpr std::string_view kPermitted[] = {"none", "master-only", "by-content-type", "all"};
constexpr std::string_view kAgentCluster[] = {"?0", "?1"};
// `1` in any form made cross-site leaks possible in the browsers that still had the filter.
constexpr std::string_view kXss[] = {"0"};
constexpr std::string_view kReferrer[] = {
    "no-referrer",
    "no-referrer-when-downgrade",
    "same-origin",
    "origin",
    "strict-origin",
    "origin-when-cross-origin",
    "strict-origin-when-cross-origin",
    "unsafe-url",
};

struct Closed {
    std::string_view name;
    Words values;
    bool any_case = false;  // browsers read it in capitals too
};
// The cross-origin policies are tokens that browsers compare byte for byte (Fetch, HTML): what is
// written otherwise is no policy at all to them.
const Closed kClosed[] = {
    {"Cross-Origin-Embedder-Policy", kEmbedder}, {"Cross-Origin-Opener-Policy", kOpener},
    {"Cross-Origin-Resource-Policy", kResource}, {"X-Frame-Options", kFrame, true},
    {"X-Content-Type-Options", kSniff, true},    {"X-Download-Options", kDownload, true},
    {"X-DNS-Prefetch-Control", kPrefetch, true}, {"X-Permitted-Cross-Domain-Policies", kPermitted},
    {"Origin-Agent-Cluster", kAgentCluster},     {"X-XSS-Protection", kXss},
};

const Closed* closed_of(std::string_view name) {
    const auto* found =
        std::find_if(std::begin(kClosed), std::end(kClosed),
                     [&](const Closed& one) { return ascii_iequals(one.name, name); });
    return found == std::end(kClosed) ? nullptr : found;
}

// Fields that HTTP framing, nginx's own logic or another feature owns.
constexpr std::string_view kOwned[] = {
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "date",
    "keep-alive",
    "location",
    "server",
    "set-cookie",
    "transfer-encoding",
    "trailer",
    "upgrade",
    "vary",
    "www-authenticate",
};

bool is_one_of(Words words, std::string_view text) {
    return std::any_of(words.begin(), words.end(),
                       [&](std::string_view word) { return ascii_iequals(word, text); });
}

std::string listed(Words words) {
    std::string out;
    for (const std::string_view word : words) {
        out.append(out.empty() ? "" : ", ").append(word);
    }
    return out;
}

}  // namespace

std::span<const std::string_view> closed_values(std::string_view name) {
    const Closed* closed = closed_of(name);
    return closed == nullptr ? Words() : closed->values;
}

Result<std::string> closed_value(std::string_view name, std::string_view value) {
    const Closed* closed = closed_of(name);
    const Words words = closed == nullptr ? Words() : closed->values;
    const bool known = closed != nullptr && closed->any_case
                           ? is_one_of(words, value)
                           : std::find(words.begin(), words.end(), value) != words.end();
    if (!known) {
        return Error{std::string(name) + ": browsers do not know the value \"" +
                     std::string(value) + "\"; write one of: " + listed(words)};
    }
    return std::string(value);
}

Result<std::string> hsts_value(const HstsOptions& options) {
    // 2^53: the largest count of seconds that is still exact.
    if (!(options.max_age_s >= 0) || options.max_age_s > 9007199254740992.0) {
        return Error{"Strict-Transport-Security: max-age must be a number of seconds from 0"};
    }
    std::string out =
        "max-age=" + std::to_string(static_cast<std::uint64_t>(std::floor(options.max_age_s)));
    out.append(options.include_subdomains ? "; includeSubDomains" : "");
    out.append(options.preload ? "; preload" : "");
    return out;
}

Status check_hsts(std::string_view value) {
    std::optional<std::uint64_t> max_age;
    bool subdomains = false;
    bool preload = false;
    std::string error;
    for_each_split(value, ';', [&](std::string_view part) {
        part = trim_ows(part);
        if (part.size() > 8 && ascii_iequals(part.substr(0, 8), "max-age=") && !max_age) {
            max_age = parse_u64(part.substr(8));
            error = max_age ? error : "max-age must be a whole number of seconds";
        } else if (ascii_iequals(part, "includeSubDomains") && !subdomains) {
            subdomains = true;
        } else if (ascii_iequals(part, "preload") && !preload) {
            preload = true;
        } else {
            error = "\"" + std::string(part) +
                    "\" is unknown or given twice; write max-age=SECONDS; includeSubDomains";
        }
    });
    // A year: the preload list's own condition.
    constexpr std::uint64_t kPreloadAgeMin = 31536000;
    if (error.empty() && !max_age) {
        error = "max-age=SECONDS is missing";
    }
    if (error.empty() && preload && (!subdomains || *max_age < kPreloadAgeMin)) {
        error = "preload needs includeSubDomains and max-age of at least 31536000";
    }
    if (!error.empty()) {
        return Error{"Strict-Transport-Security: " + error};
    }
    return Done{};
}

Result<std::string> referrer_policy_value(const std::vector<std::string>& tokens) {
    std::string out;
    std::vector<std::string> seen;
    for (const std::string& token : tokens) {
        if (!token.empty() && !is_one_of(kReferrer, token)) {
            return Error{"Referrer-Policy: browsers do not know the value \"" + token +
                         "\"; write one or several of: " + listed(kReferrer)};
        }
        if (std::find(seen.begin(), seen.end(), token) != seen.end()) {
            return Error{"Referrer-Policy: \"" + token + "\" is given twice"};
        }
        out.append(seen.empty() ? "" : ",").append(token);
        seen.push_back(token);
    }
    if (tokens.empty()) {
        return Error{"Referrer-Policy: needs at least one value"};
    }
    return out;
}

Status check_header(std::string_view name, std::string_view value, bool constant) {
    if (!is_token(name)) {
        return Error{"\"" + std::string(name) + "\" is not a header name"};
    }
    if (is_one_of(kOwned, name)) {
        return Error{"\"" + std::string(name) +
                     "\" belongs to nginx or to the upstream and cannot be set here"};
    }
    if (!is_field_value(value)) {
        return Error{"the value of \"" + std::string(name) +
                     "\" holds a control character; write it on one line"};
    }
    if (!constant) {
        return Done{};
    }
    if (trim_ows(value).empty()) {
        return Error{"the value of \"" + std::string(name) +
                     "\" is empty; write a value, or off to send no such header"};
    }
    if (ascii_iequals(name, kHstsHeader)) {
        return check_hsts(value);
    }
    if (ascii_iequals(name, "Content-Security-Policy") ||
        ascii_iequals(name, "Content-Security-Policy-Report-Only")) {
        const auto csp = ContentSecurityPolicy::parse(value);
        return csp.ok() ? Status(Done{}) : Status(csp.error());
    }
    if (ascii_iequals(name, "Referrer-Policy")) {
        std::vector<std::string> tokens;
        for_each_split(value, ',', [&](std::string_view t) { tokens.emplace_back(trim_ows(t)); });
        const auto checked = referrer_policy_value(tokens);
        return checked.ok() ? Status(Done{}) : Status(checked.error());
    }
    if (!closed_values(name).empty()) {
        const auto checked = closed_value(name, value);
        return checked.ok() ? Status(Done{}) : Status(checked.error());
    }
    return Done{};
}

}  // namespace sallyport::policy
