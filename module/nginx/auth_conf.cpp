#include "module/nginx/auth_conf.hpp"

#include "common/bytes.hpp"
#include "common/units.hpp"
#include "module/nginx/pool.hpp"
#include "module/policy/auth_file.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::ngx {
namespace {

// A request is tried against each of them.
constexpr std::size_t kMethodsMax = 4;
constexpr std::int64_t kLeewayMsMax = 600'000;

Status must_be_closed(const WatchedText& file, std::string_view what) {
    return file.open_to_others()
               ? Status(Error{"it holds " + std::string(what) +
                              " and is open to every user; run: chmod o-rwx on it"})
               : Status(Done{});
}

Status take(AuthSource& source, AuthMain& main, const WatchedText& file) {
    Status status = Done{};
    switch (source.kind) {
        case AuthKind::token: {
            auto table = policy::TokenTable::parse(file.text);
            status = must_be_closed(file, "hashes of tokens");
            if (status.ok() && !table) {
                status = table.error();
            }
            if (status.ok()) {
                source.tokens = std::move(*table);
            }
            break;
        }
        case AuthKind::basic: {
            auto table = policy::PasswordTable::parse(file.text);
            status = must_be_closed(file, "hashes of passwords");
            if (status.ok() && !table) {
                status = table.error();
            }
            if (status.ok()) {
                source.passwords = std::move(*table);
            }
            break;
        }
        case AuthKind::jwt: {
            auto keys = policy::jwt::KeySet::parse(file.text);
            if (!keys) {
                return keys.error();
            }
            if (keys->holds_secrets()) {
                status = must_be_closed(file, "secrets that make tokens");
            }
            if (status.ok()) {
                source.keys = std::move(*keys);
            }
            break;
        }
    }
    if (status.ok()) {
        source.state = ++main.states;
    }
    return status;
}

Result<AuthSource*> source_of(DirectiveCall& call, AuthKind kind, const std::string& path,
                              std::int64_t refresh_ms) {
    AuthMain& main = *static_cast<AuthMain*>(call.main);
    for (const auto& source : main.sources) {
        if (source->kind == kind && source->file->path() == path) {
            source->file->refresh_at_least_every(refresh_ms);
            return source.get();
        }
    }
    auto made = std::make_unique<AuthSource>();
    AuthSource* source = made.get();
    source->kind = kind;
    source->file = std::make_unique<WatchedFile>(
        path, policy::kAuthFileBytesMax, refresh_ms,
        [source, &main](const WatchedText& file) { return take(*source, main, file); });
    const Status status = source->file->load();
    if (!status.ok()) {
        return status.error();
    }
    main.sources.push_back(std::move(made));
    return source;
}

// What a directive said, before it is put together.
struct Options {
    std::string path;
    std::int64_t refresh_ms = kRefreshMs;
    std::string realm = "restricted";
    bool issuer_given = false;
    bool audience_given = false;
    std::vector<std::string_view> seen;
};

Status set_realm(Options& options, std::string_view value) {
    const bool good = !value.empty() && value.size() <= 128 && is_field_value(value) &&
                      value.find_first_of("\"\\") == std::string_view::npos;
    if (!good) {
        return Error{"realm=" + std::string(value) +
                     " is not usable; write at most 128 characters without quotes"};
    }
    options.realm = value;
    return Done{};
}

Status set_header(AuthMethod& method, std::string_view value) {
    if (!is_token(value) || method.kind == AuthKind::basic) {
        return Error{"header=" + std::string(value) +
                     " is not usable; write a header field's name, for token and jwt only"};
    }
    method.header = ascii_lower(value);
    if (method.header == "authorization") {
        return Error{"header=Authorization is what is read anyway; leave it out"};
    }
    return Done{};
}

Status set_list(std::vector<std::string>& list, bool& given, std::string_view name,
                std::string_view value) {
    if (value.empty() || (given && (value == "any" || list.empty()))) {
        return Error{std::string(name) + "=" + std::string(value) +
                     " does not go with what is given before; write " + std::string(name) +
                     "=VALUE once or more, or " + std::string(name) + "=any alone"};
    }
    given = true;
    if (value != "any") {
        list.emplace_back(value);
    }
    return Done{};
}

Status set_algorithms(AuthMethod& method, std::string_view value) {
    Status status = Done{};
    for_each_split(value, ',', [&](std::string_view name) {
        const auto algorithm = policy::jwt::algorithm_from(name);
        if (!algorithm) {
            status = Error{"alg=" + std::string(name) + " is not supported; write one of " +
                           policy::jwt::algorithm_words()};
            return;
        }
        method.rules.algorithms.push_back(*algorithm);
    });
    return status;
}

Status set_claim(AuthMethod& method, std::string_view value) {
    const std::size_t colon = value.find(':');
    if (colon == 0 || colon == std::string_view::npos || colon + 1 == value.size()) {
        return Error{"claim=" + std::string(value) +
                     " is not a demand; write claim=NAME:VALUE, for example claim=scope:flows"};
    }
    method.rules.demands.push_back(
        {std::string(value.substr(0, colon)), std::string(value.substr(colon + 1))});
    return Done{};
}

Result<std::int64_t> seconds_of(std::string_view name, std::string_view value,
                                std::int64_t ms_max) {
    const auto duration = parse_duration_ms(value);
    if (!duration) {
        return duration.error();
    }
    if (*duration > ms_max) {
        return Error{std::string(name) + "=" + std::string(value) + " is too long; write at most " +
                     std::to_string(ms_max / 1000) + "s"};
    }
    return *duration / 1000;
}

Status set_jwt_option(AuthMethod& method, Options& options, std::string_view arg) {
    if (const auto value = option(arg, "iss")) {
        return set_list(method.rules.issuers, options.issuer_given, "iss", *value);
    }
    if (const auto value = option(arg, "aud")) {
        return set_list(method.rules.audiences, options.audience_given, "aud", *value);
    }
    if (const auto value = option(arg, "claim")) {
        return set_claim(method, *value);
    }
    if (const auto value = option(arg, "alg")) {
        return set_algorithms(method, *value);
    }
    if (const auto value = option(arg, "leeway")) {
        const auto seconds = seconds_of("leeway", *value, kLeewayMsMax);
        if (!seconds) {
            return seconds.error();
        }
        method.rules.leeway_s = *seconds;
        return Done{};
    }
    if (const auto value = option(arg, "max_age")) {
        const auto seconds = seconds_of("max_age", *value, std::int64_t{366} * 86'400'000);
        if (!seconds) {
            return seconds.error();
        }
        method.rules.age_max_s = *seconds;
        return Done{};
    }
    if (arg == "exp=optional") {
        method.rules.expiry_required = false;
        return Done{};
    }
    return Error{"unknown parameter " + in_quotes(arg) +
                 "; known are jwks=PATH, iss=, aud=, alg=, leeway=, max_age=, exp=optional, "
                 "claim=NAME:VALUE, header=, realm=, pass=on and refresh="};
}

Status set_option(AuthMethod& method, Options& options, std::string_view arg) {
    const bool jwt = method.kind == AuthKind::jwt;
    const std::string_view name = arg.substr(0, arg.find('='));
    const bool repeats = name == "iss" || name == "aud" || name == "claim";
    if (!repeats &&
        std::find(options.seen.begin(), options.seen.end(), name) != options.seen.end()) {
        return Error{in_quotes(arg) + ": " + std::string(name) + " is given twice; keep one"};
    }
    options.seen.push_back(name);
    if (const auto path = option(arg, jwt ? "jwks" : "file")) {
        options.path = *path;
        return Done{};
    }
    if (const auto refresh = option(arg, "refresh")) {
        const auto ms = parse_refresh_ms(*refresh);
        if (!ms) {
            return ms.error();
        }
        options.refresh_ms = *ms;
        return Done{};
    }
    if (const auto realm = option(arg, "realm")) {
        return set_realm(options, *realm);
    }
    if (const auto header = option(arg, "header")) {
        return set_header(method, *header);
    }
    if (arg == "pass=on" || arg == "pass=off") {
        method.pass_on = arg == "pass=on";
        return Done{};
    }
    if (jwt) {
        return set_jwt_option(method, options, arg);
    }
    return Error{"unknown parameter " + in_quotes(arg) +
                 "; known are file=PATH, header=NAME (token), realm=, pass=on and refresh="};
}

std::optional<AuthKind> kind_from(std::string_view text) {
    for (const AuthKind kind : {AuthKind::token, AuthKind::jwt, AuthKind::basic}) {
        if (text == word(kind)) {
            return kind;
        }
    }
    return std::nullopt;
}

void set_challenges(AuthMethod& method, const Options& options) {
    const std::string realm = " realm=\"" + options.realm + "\"";
    if (method.kind == AuthKind::basic) {
        method.challenge = "Basic" + realm + ", charset=\"UTF-8\"";
        method.challenge_again = method.challenge;
        return;
    }
    // RFC 6750 section 3: no error where nothing came.
    method.challenge = "Bearer" + realm;
    method.challenge_again = method.challenge + ", error=\"invalid_token\"";
}

Result<AuthMethod> read_method(DirectiveCall& call) {
    const auto kind = kind_from(call.arg(0));
    if (!kind) {
        return Error{in_quotes(call.arg(0)) + " is unknown; write token, jwt, basic or off"};
    }
    AuthMethod method;
    method.kind = *kind;
    Options options;
    for (std::size_t i = 1; i < call.size(); ++i) {
        const Status status = set_option(method, options, call.arg(i));
        if (!status.ok()) {
            return status.error();
        }
    }
    const bool jwt = *kind == AuthKind::jwt;
    if (options.path.empty()) {
        return Error{in_quotes(word(*kind)) + " names no file; write " +
                     (jwt ? "jwks=PATH" : "file=PATH")};
    }
    if (jwt && (!options.issuer_given || !options.audience_given)) {
        const std::string name = options.issuer_given ? "aud" : "iss";
        return Error{"\"jwt\" takes tokens that were made for somebody else without " + name +
                     "=; write " + name + "=VALUE, or " + name + "=any if that is meant"};
    }
    const auto path = full_path(call.cf, options.path);
    if (!path) {
        return path.error();
    }
    const auto source = source_of(call, *kind, *path, options.refresh_ms);
    if (!source) {
        return source.error();
    }
    method.source = *source;
    set_challenges(method, options);
    return method;
}

Status set_auth(DirectiveCall& call) {
    auto* location = static_cast<AuthLocation*>(call.location);
    const bool off = call.arg(0) == "off";
    if (off && call.size() > 1) {
        return Error{"\"off\" takes no further arguments"};
    }
    if (location->own && (off || *location->own == nullptr)) {
        return Error{"\"off\" does not go with other methods at the same level; keep one"};
    }
    if (off) {
        location->own = nullptr;
        return Done{};
    }
    auto method = read_method(call);
    if (!method) {
        return method.error();
    }
    if (!location->own) {
        location->own = pool_new<AuthLevel>(call.cf->pool);
    }
    AuthLevel& level = **location->own;
    if (level.methods.size() == kMethodsMax) {
        return Error{"at most " + std::to_string(kMethodsMax) +
                     " methods at a level; put the entries of several files into one"};
    }
    level.methods.push_back(std::move(*method));
    return Done{};
}

}  // namespace

constinit const Directive kAuthDirectives[kAuthDirectiveCount] = {
    {"sallyport_auth", kEverywhere | NGX_CONF_1MORE, set_auth},
    {"sallyport_auth_mode", kEverywhere | NGX_CONF_TAKE1, set_mode<AuthLocation>},
};

}  // namespace sallyport::ngx
