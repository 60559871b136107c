#include "module/store/redis_spec.hpp"

#include "common/bytes.hpp"
#include "common/units.hpp"
#include "module/policy/rate_limit_spec.hpp"

#include <algorithm>
#include <iterator>

namespace sallyport::store {
namespace {

constexpr std::string_view kTcp = "redis://";
constexpr std::string_view kTls = "rediss://";
constexpr std::string_view kUnix = "unix:";
// sun_path of sockaddr_un holds 108 bytes with its zero.
constexpr std::size_t kSocketPathMax = 107;

std::string quoted(std::string_view text) {
    return "\"" + std::string(text) + "\"";
}

Status set_database(RedisSpec& spec, std::string_view value) {
    const auto number = parse_u64(value);
    if (!number || *number > 65'535) {
        return Error{"database " + quoted(value) + " must be a number from 0 to 65535"};
    }
    spec.database = static_cast<std::uint32_t>(*number);
    return Done{};
}

Status set_tcp(RedisSpec& spec, std::string_view url, std::string_view rest) {
    const std::size_t slash = rest.find('/');
    const std::string_view authority = rest.substr(0, slash);
    if (authority.find('@') != std::string_view::npos) {
        return Error{"the URL holds credentials; write user= and password_file= instead"};
    }
    if (authority.empty() || authority.starts_with(':') ||
        authority.find_first_of("?#,") != std::string_view::npos) {
        return Error{quoted(url) + " has no host; write redis://host:port/database"};
    }
    spec.address = authority;
    if (slash == std::string_view::npos || slash + 1 == rest.size()) {
        return Done{};
    }
    return set_database(spec, rest.substr(slash + 1));
}

Status set_url(RedisSpec& spec, std::string_view url) {
    if (url.starts_with(kUnix)) {
        const std::string_view path = url.substr(kUnix.size());
        if (!path.starts_with('/') || path.size() > kSocketPathMax) {
            return Error{quoted(url) + " must be unix: and an absolute path of at most " +
                         std::to_string(kSocketPathMax) + " characters"};
        }
        spec.address = url;
        return Done{};
    }
    if (url.starts_with(kTls)) {
        return Error{quoted(url) +
                     ": TLS to Redis is not available; write redis:// over a private network or "
                     "unix: with a local tunnel"};
    }
    if (!url.starts_with(kTcp)) {
        return Error{quoted(url) +
                     " is not a Redis URL; write redis://host:port/database or "
                     "unix:/path/to/socket"};
    }
    return set_tcp(spec, url, url.substr(kTcp.size()));
}

Status set_duration(std::int64_t& out, std::string_view name, std::string_view value,
                    std::int64_t min_ms, std::int64_t max_ms) {
    const auto ms = parse_duration_ms(value);
    if (!ms) {
        return Error{std::string(name) + "=" + ms.message()};
    }
    if (*ms < min_ms || *ms > max_ms) {
        return Error{std::string(name) + "=" + quoted(value) + " is out of range; write " +
                     std::to_string(min_ms) + "ms to " + std::to_string(max_ms) + "ms"};
    }
    out = *ms;
    return Done{};
}

Status set_text(std::string& out, std::string_view name, std::string_view value) {
    if (value.empty()) {
        return Error{std::string(name) + "= is empty; give it a value or remove it"};
    }
    out = value;
    return Done{};
}

struct Option {
    std::string_view name;
    Status (*set)(RedisSpec&, std::string_view);
};
constexpr Option kOptions[] = {
    // More than a second per decision is an outage of its own.
    {"budget", [](RedisSpec& s,
                  std::string_view v) { return set_duration(s.budget_ms, "budget", v, 1, 1'000); }},
    {"connect_timeout",
     [](RedisSpec& s, std::string_view v) {
         return set_duration(s.connect_timeout_ms, "connect_timeout", v, 10, 60'000);
     }},
    {"failures",
     [](RedisSpec& s, std::string_view v) -> Status {
         const auto count = parse_u64(v);
         if (!count || *count == 0 || *count > 1'000) {
             return Error{"failures=" + quoted(v) +
                          ": write how many failures in a row open the breaker, 1 to 1000"};
         }
         s.breaker.failures_max = static_cast<unsigned>(*count);
         return Done{};
     }},
    {"backoff",
     [](RedisSpec& s, std::string_view v) {
         return set_duration(s.breaker.backoff_ms_min, "backoff", v, 10, 60'000);
     }},
    {"backoff_max",
     [](RedisSpec& s, std::string_view v) {
         return set_duration(s.breaker.backoff_ms_max, "backoff_max", v, 10, 600'000);
     }},
    {"user", [](RedisSpec& s, std::string_view v) { return set_text(s.user, "user", v); }},
    {"password_file",
     [](RedisSpec& s, std::string_view v) {
         return set_text(s.password_file, "password_file", v);
     }},
    {"key_file",
     [](RedisSpec& s, std::string_view v) { return set_text(s.key_file, "key_file", v); }},
    {"database", [](RedisSpec& s, std::string_view v) { return set_database(s, v); }},
};
constexpr std::string_view kOptionNames =
    "budget, connect_timeout, failures, backoff, backoff_max, user, password_file, key_file or "
    "database";

Status set_option(RedisSpec& spec, std::string_view argument, std::uint32_t& seen) {
    const std::size_t equals = argument.find('=');
    const std::string_view name = argument.substr(0, equals);
    if (name == "password") {
        return Error{
            "a password does not belong into the configuration; write it to a file and "
            "name it in password_file="};
    }
    const auto* option = std::find_if(std::begin(kOptions), std::end(kOptions),
                                      [&](const Option& one) { return one.name == name; });
    if (argument.starts_with(kTcp) || argument.starts_with(kTls) || argument.starts_with(kUnix)) {
        return Error{quoted(argument) + ": one Redis has one URL; name one server"};
    }
    if (option == std::end(kOptions) || equals == std::string_view::npos) {
        return Error{"unknown option " + quoted(argument) + "; write " + std::string(kOptionNames) +
                     ", each as name=value"};
    }
    const std::uint32_t bit = 1U << (option - std::begin(kOptions));
    if ((seen & bit) != 0) {
        return Error{std::string(name) + "= stands there twice; keep one"};
    }
    seen |= bit;
    return option->set(spec, argument.substr(equals + 1));
}

}  // namespace

Result<RedisSpec> parse_redis(std::span<const std::string_view> arguments) {
    RedisSpec spec;
    spec.name = arguments[0];
    if (const Status named = policy::check_name("store", arguments[0]); !named) {
        return named.error();
    }
    if (spec.name == policy::kLocalStore) {
        return Error{"the name \"local\" means shared memory; choose another"};
    }
    if (const Status url = set_url(spec, arguments[1]); !url) {
        return url.error();
    }
    std::uint32_t seen = 0;
    for (const std::string_view argument : arguments.subspan(2)) {
        if (const Status set = set_option(spec, argument, seen); !set) {
            return set.error();
        }
    }
    if (!spec.user.empty() && spec.password_file.empty()) {
        return Error{"user=" + quoted(spec.user) + " has no password; add password_file="};
    }
    if (spec.breaker.backoff_ms_max < spec.breaker.backoff_ms_min) {
        return Error{"backoff_max= is shorter than backoff=; raise it"};
    }
    return spec;
}

}  // namespace sallyport::store
