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
constexpr std::string_view kSentinel = "redis+sentinel://";
constexpr std::string_view kSentinelTls = "rediss+sentinel://";
constexpr std::string_view kUnix = "unix:";
// sun_path of sockaddr_un holds 108 bytes with its zero.
constexpr std::size_t kSocketPathMax = 107;

Status set_database(RedisSpec& spec, std::string_view value) {
    const auto number = parse_u64(value);
    if (!number || *number > 65'535) {
        return Error{"database " + in_quotes(value) + " must be a number from 0 to 65535"};
    }
    spec.database = static_cast<std::uint32_t>(*number);
    return Done{};
}

// What stands in front of the port: [::1] keeps its brackets in the address, not in the host.
std::string host_of(std::string_view authority) {
    if (authority.starts_with('[')) {
        return std::string(authority.substr(1, authority.find(']') - 1));
    }
    return std::string(authority.substr(0, authority.rfind(':')));
}

Status add_server(RedisSpec& spec, std::string_view url, std::string_view authority) {
    if (authority.find('@') != std::string_view::npos) {
        return Error{"the URL holds credentials; write user= and password_file= instead"};
    }
    if (authority.empty() || authority.starts_with(':') ||
        authority.find_first_of("?#,") != std::string_view::npos) {
        return Error{in_quotes(url) + " has no host; write redis://host:port/database"};
    }
    if (spec.servers.size() == kRedisUrlsMax) {
        return Error{"more than " + std::to_string(kRedisUrlsMax) +
                     " servers are named; a few are enough, the others are learnt from them"};
    }
    spec.servers.push_back({std::string(authority), host_of(authority)});
    return Done{};
}

Status add_tcp(RedisSpec& spec, std::string_view url, std::string_view rest) {
    const std::size_t slash = rest.find('/');
    const Status added = add_server(spec, url, rest.substr(0, slash));
    if (!added || slash == std::string_view::npos || slash + 1 == rest.size()) {
        return added;
    }
    return set_database(spec, rest.substr(slash + 1));
}

// redis+sentinel://host:port,host:port/master[/database]
Status add_sentinels(RedisSpec& spec, std::string_view url, std::string_view rest) {
    const std::size_t slash = rest.find('/');
    const std::string_view path =
        slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
    const std::string_view master = path.substr(0, path.find('/'));
    if (master.empty()) {
        return Error{in_quotes(url) +
                     " names no master; write redis+sentinel://host:26379,host:26379/mymaster"};
    }
    Status good = Done{};
    for_each_split(rest.substr(0, slash), ',', [&](std::string_view authority) {
        if (good) {
            good = add_server(spec, url, authority);
        }
    });
    if (!good) {
        return good;
    }
    spec.kind = RedisKind::sentinel;
    spec.master = master;
    return path.size() > master.size() + 1 ? set_database(spec, path.substr(master.size() + 1))
                                           : Done{};
}

Status add_socket(RedisSpec& spec, std::string_view url) {
    const std::string_view path = url.substr(kUnix.size());
    if (!path.starts_with('/') || path.size() > kSocketPathMax) {
        return Error{in_quotes(url) + " must be unix: and an absolute path of at most " +
                     std::to_string(kSocketPathMax) + " characters"};
    }
    spec.servers.push_back({std::string(url), {}});
    return Done{};
}

bool is_url(std::string_view text) {
    return text.starts_with(kUnix) || text.find("://") != std::string_view::npos;
}

Status add_url(RedisSpec& spec, std::string_view url) {
    const bool tls = url.starts_with(kTls) || url.starts_with(kSentinelTls);
    if (!spec.servers.empty() && tls != spec.tls) {
        return Error{in_quotes(url) + ": the URLs of one store all use TLS or none does"};
    }
    spec.tls = tls;
    if (url.starts_with(kUnix)) {
        return add_socket(spec, url);
    }
    for (const std::string_view scheme : {kTcp, kTls}) {
        if (url.starts_with(scheme)) {
            return add_tcp(spec, url, url.substr(scheme.size()));
        }
    }
    for (const std::string_view scheme : {kSentinel, kSentinelTls}) {
        if (url.starts_with(scheme)) {
            return add_sentinels(spec, url, url.substr(scheme.size()));
        }
    }
    return Error{in_quotes(url) +
                 " is not a Redis URL; write redis://host:port/database, rediss:// for TLS, "
                 "redis+sentinel:// or unix:/path/to/socket"};
}

Status set_duration(std::int64_t& out, std::string_view name, std::string_view value,
                    std::int64_t min_ms, std::int64_t max_ms) {
    const auto ms = parse_duration_ms(value);
    if (!ms) {
        return Error{std::string(name) + "=" + ms.message()};
    }
    if (*ms < min_ms || *ms > max_ms) {
        return Error{std::string(name) + "=" + in_quotes(value) + " is out of range; write " +
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

Status set_failures(RedisSpec& spec, std::string_view value) {
    const auto count = parse_u64(value);
    if (!count || *count == 0 || *count > 1'000) {
        return Error{"failures=" + in_quotes(value) +
                     ": write how many failures in a row open the breaker, 1 to 1000"};
    }
    spec.breaker.failures_max = static_cast<unsigned>(*count);
    return Done{};
}

Status set_cluster(RedisSpec& spec, std::string_view value) {
    if (value != "on" && value != "off") {
        return Error{"cluster=" + in_quotes(value) +
                     " is unknown; write cluster=on or cluster=off"};
    }
    if (value == "on" && spec.kind == RedisKind::sentinel) {
        return Error{"cluster=on: a cluster has no Sentinels; name some of its nodes instead"};
    }
    spec.kind = value == "on" ? RedisKind::cluster : spec.kind;
    return Done{};
}

Status set_sentinel(RedisSpec& spec, std::string_view value) {
    if (spec.kind != RedisKind::single) {
        return Error{"sentinel=" + in_quotes(value) +
                     ": the master is named already, or this is a cluster; keep one"};
    }
    spec.kind = RedisKind::sentinel;
    return set_text(spec.master, "sentinel", value);
}

Status set_verify(RedisSpec& spec, std::string_view value) {
    if (value != "on" && value != "off") {
        return Error{"tls_verify=" + in_quotes(value) +
                     " is unknown; write tls_verify=on or tls_verify=off"};
    }
    spec.tls_verify = value == "on";
    return Done{};
}

// A text option and where it goes.
struct TextOption {
    std::string_view name;
    std::string RedisSpec::*field;
};
constexpr TextOption kTexts[] = {
    {"user", &RedisSpec::user},
    {"password_file", &RedisSpec::password_file},
    {"key_file", &RedisSpec::key_file},
    {"sentinel_user", &RedisSpec::sentinel_user},
    {"sentinel_password_file", &RedisSpec::sentinel_password_file},
    {"tls_ca", &RedisSpec::tls_ca},
    {"tls_name", &RedisSpec::tls_name},
    {"tls_certificate", &RedisSpec::tls_certificate},
    {"tls_key", &RedisSpec::tls_key},
};

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
    {"failures", set_failures},
    {"backoff",
     [](RedisSpec& s, std::string_view v) {
         return set_duration(s.breaker.backoff_ms_min, "backoff", v, 10, 60'000);
     }},
    {"backoff_max",
     [](RedisSpec& s, std::string_view v) {
         return set_duration(s.breaker.backoff_ms_max, "backoff_max", v, 10, 600'000);
     }},
    {"database", [](RedisSpec& s, std::string_view v) { return set_database(s, v); }},
    {"cluster", set_cluster},
    {"sentinel", set_sentinel},
    {"tls_verify", set_verify},
};
constexpr std::string_view kOptionNames =
    "budget, connect_timeout, failures, backoff, backoff_max, user, password_file, key_file, "
    "database, cluster, sentinel, sentinel_user, sentinel_password_file, tls_ca, tls_name, "
    "tls_certificate, tls_key or tls_verify";

Status set_option(RedisSpec& spec, std::string_view argument, std::vector<std::string_view>& seen) {
    const std::size_t equals = argument.find('=');
    const std::string_view name = argument.substr(0, equals);
    if (name == "password") {
        return Error{
            "a password does not belong into the configuration; write it to a file and "
            "name it in password_file="};
    }
    const auto is_it = [&](const auto& one) { return one.name == name; };
    const auto* text = std::find_if(std::begin(kTexts), std::end(kTexts), is_it);
    const auto* option = std::find_if(std::begin(kOptions), std::end(kOptions), is_it);
    if (equals == std::string_view::npos ||
        (text == std::end(kTexts) && option == std::end(kOptions))) {
        return Error{"unknown option " + in_quotes(argument) + "; write " +
                     std::string(kOptionNames)};
    }
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) {
        return Error{std::string(name) + "= stands there twice; keep one"};
    }
    seen.push_back(name);
    const std::string_view value = argument.substr(equals + 1);
    return text != std::end(kTexts) ? set_text(spec.*text->field, name, value)
                                    : option->set(spec, value);
}

Status check_servers(const RedisSpec& spec) {
    if (spec.kind == RedisKind::single && spec.servers.size() > 1) {
        return Error{in_quotes(spec.servers[1].address) +
                     ": several servers are Sentinels or a cluster; add sentinel=MASTER or "
                     "cluster=on, or name one server"};
    }
    const auto is_socket = [](const RedisServer& one) { return one.host.empty(); };
    if (spec.kind != RedisKind::single &&
        std::any_of(spec.servers.begin(), spec.servers.end(), is_socket)) {
        return Error{"Sentinels and cluster nodes are named by host and port, not by unix:"};
    }
    if (spec.kind == RedisKind::cluster && spec.database != 0) {
        return Error{"a cluster has database 0 alone; remove the database"};
    }
    return Done{};
}

Status check_options(const RedisSpec& spec) {
    if (!spec.user.empty() && spec.password_file.empty()) {
        return Error{"user=" + in_quotes(spec.user) + " has no password; add password_file="};
    }
    const bool of_sentinel = !spec.sentinel_user.empty() || !spec.sentinel_password_file.empty();
    if (of_sentinel && spec.kind != RedisKind::sentinel) {
        return Error{"sentinel_user= and sentinel_password_file= need sentinel=MASTER"};
    }
    if (!spec.sentinel_user.empty() && spec.sentinel_password_file.empty()) {
        return Error{"sentinel_user=" + in_quotes(spec.sentinel_user) +
                     " has no password; add sentinel_password_file="};
    }
    const bool of_tls = !spec.tls_ca.empty() || !spec.tls_name.empty() ||
                        !spec.tls_certificate.empty() || !spec.tls_key.empty() || !spec.tls_verify;
    if (of_tls && !spec.tls) {
        return Error{"tls_… options belong to TLS; write rediss:// or remove them"};
    }
    if (spec.tls_certificate.empty() != spec.tls_key.empty()) {
        return Error{"tls_certificate= and tls_key= belong together; add the other"};
    }
    if (!spec.tls_verify && (!spec.tls_ca.empty() || !spec.tls_name.empty())) {
        return Error{
            "tls_verify=off with tls_ca= or tls_name=: nothing would be compared; remove "
            "tls_verify=off"};
    }
    if (spec.breaker.backoff_ms_max < spec.breaker.backoff_ms_min) {
        return Error{"backoff_max= is shorter than backoff=; raise it"};
    }
    return Done{};
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
    std::vector<std::string_view> seen;
    for (std::size_t i = 1; i < arguments.size(); ++i) {
        const bool url =
            i == 1 || (is_url(arguments[i]) && arguments[i].find('=') == std::string_view::npos);
        const Status set = url ? add_url(spec, arguments[i]) : set_option(spec, arguments[i], seen);
        if (!set) {
            return set.error();
        }
    }
    if (const Status good = check_servers(spec); !good) {
        return good.error();
    }
    if (const Status good = check_options(spec); !good) {
        return good.error();
    }
    return spec;
}

}  // namespace sallyport::store
