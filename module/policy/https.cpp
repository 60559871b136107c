#include "module/policy/https.hpp"

#include "common/bytes.hpp"
#include "module/policy/forwarded_header.hpp"
#include "module/policy/http_status.hpp"

#include <algorithm>
#include <optional>

namespace sallyport::policy {
namespace {

// Where engines take calls and deliveries, unless the operator says otherwise.
constexpr std::string_view kUsualCalls[] = {"/api",     "/v1",           "/rest", "/graphql",
                                            "/webhook", "/webhook-test", "/mcp",  "/webhooks"};
// Certificate authorities fetch these over http by definition.
constexpr std::string_view kUsualExceptions[] = {"/.well-known/acme-challenge"};

constexpr std::string_view kSecretArguments[] = {"token",  "access_token", "api_key",  "apikey",
                                                 "secret", "password",     "signature"};

bool is_read(std::string_view method) {
    return method == "GET" || method == "HEAD";
}

bool is_below_any(std::string_view path, const std::vector<std::string>& prefixes) {
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [path](const std::string& prefix) { return is_below(path, prefix); });
}

bool has_secret_argument(std::string_view arguments) {
    bool found = false;
    for_each_split(arguments, '&', [&](std::string_view pair) {
        const std::string_view name = pair.substr(0, pair.find('='));
        for (const std::string_view secret : kSecretArguments) {
            found = found || ascii_iequals(name, secret);
        }
    });
    return found;
}

std::optional<std::string_view> value_of(std::string_view word, std::string_view name) {
    if (word.size() > name.size() && word.starts_with(name) && word[name.size()] == '=') {
        return word.substr(name.size() + 1);
    }
    return std::nullopt;
}

Status set_host(HttpsRule& rule, std::string_view host) {
    if (!is_host_and_port(host) || host.find(':', host.find(']') + 1) != std::string_view::npos) {
        return Error{"\"host=" + std::string(host) +
                     "\" is not a host's name; write it without "
                     "scheme, port and path"};
    }
    rule.host = host;
    return Done{};
}

Status set_port(HttpsRule& rule, std::string_view text) {
    const auto port = parse_u64(text);
    if (!port || *port == 0 || *port > 65535) {
        return Error{"\"port=" + std::string(text) + "\" is not a port; write 1 to 65535"};
    }
    rule.port = static_cast<std::uint16_t>(*port);
    return Done{};
}

Status add_prefix(std::vector<std::string>& prefixes, std::string_view text) {
    if (text.size() < 2 || text.front() != '/') {
        return Error{"\"" + std::string(text) + "\" is not a path below the root; write /path"};
    }
    prefixes.emplace_back(text.ends_with('/') ? text.substr(0, text.size() - 1) : text);
    return Done{};
}

Status set_option(HttpsRule& rule, std::string_view word) {
    const bool redirect = rule.kind == HttpsRule::Kind::redirect;
    if (const auto path = value_of(word, "except")) {
        return add_prefix(rule.except, *path);
    }
    if (const auto host = value_of(word, "host"); host && redirect) {
        return set_host(rule, *host);
    }
    if (const auto port = value_of(word, "port"); port && redirect) {
        return set_port(rule, *port);
    }
    if (const auto path = value_of(word, "api"); path && redirect) {
        return add_prefix(rule.calls, *path);
    }
    return Error{"unknown parameter \"" + std::string(word) +
                 (redirect ? "\"; write host=, port=, api= or except=" : "\"; write except=")};
}

}  // namespace

bool is_below(std::string_view path, std::string_view prefix) {
    return path.size() >= prefix.size() && ascii_iequals(path.substr(0, prefix.size()), prefix) &&
           (path.size() == prefix.size() || path[prefix.size()] == '/');
}

Result<HttpsRule> parse_https_rule(std::span<const std::string_view> words) {
    HttpsRule rule;
    const std::string_view kind = words.front();
    if (kind == "off") {
        return words.size() == 1 ? Result<HttpsRule>(rule)
                                 : Result<HttpsRule>(Error{"\"off\" takes nothing after it"});
    }
    if (kind != "redirect" && kind != "require") {
        return Error{"unknown word \"" + std::string(kind) + "\"; write redirect, require or off"};
    }
    rule.kind = kind == "redirect" ? HttpsRule::Kind::redirect : HttpsRule::Kind::require;
    for (const std::string_view word : words.subspan(1)) {
        if (const Status status = set_option(rule, word); !status.ok()) {
            return status.error();
        }
    }
    if (rule.calls.empty()) {
        rule.calls.assign(std::begin(kUsualCalls), std::end(kUsualCalls));
    }
    rule.except.insert(rule.except.end(), std::begin(kUsualExceptions), std::end(kUsualExceptions));
    return rule;
}

Decision decide_plain(const HttpsRule& rule, const PlainRequest& request) {
    if (rule.kind == HttpsRule::Kind::off || is_below_any(request.path, rule.except)) {
        return Decision::allow();
    }
    const bool exposed =
        request.authorization || request.cookie || has_secret_argument(request.arguments);
    const bool page = rule.kind == HttpsRule::Kind::redirect && is_read(request.method) &&
                      !request.authorization && !request.upgrade &&
                      !is_below_any(request.path, rule.calls);
    if (page) {
        return Decision::answer(
            exposed ? Reason::https_credential_exposed : Reason::https_redirected,
            kPermanentRedirect);
    }
    return Decision::deny(exposed ? Reason::https_credential_exposed : Reason::https_required,
                          kForbidden);
}

Decision decide_early(EarlyData rule, const EarlyRequest& request) {
    const bool safe = is_read(request.method) && !request.credentials && !request.guarded;
    if (rule == EarlyData::off || (rule == EarlyData::safe && safe)) {
        return Decision::allow();
    }
    return Decision::deny(Reason::early_data_refused, kTooEarly);
}

}  // namespace sallyport::policy
