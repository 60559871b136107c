#include "engine/app/redis_settings.hpp"

#include "common/bytes.hpp"
#include "engine/core/web_message.hpp"

#include <optional>
#include <string_view>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr unsigned kDatabaseMax = 1'000'000;
constexpr std::uint16_t kRedisPort = 6379;
constexpr std::uint16_t kSentinelPort = 26379;

Error wrong(std::string_view part) {
    return Error{"AP_REDIS_URL must be redis://user:password@host:port/database or rediss://…: " +
                 std::string(part)};
}

// `user:password`, each percent-encoded; `password` alone as Redis's own tools take it.
void take_credentials(RedisOptions& options, std::string_view text) {
    const std::size_t colon = text.find(':');
    const bool both = colon != std::string_view::npos;
    options.user = percent_decode(both ? text.substr(0, colon) : std::string_view());
    options.password = Secret(percent_decode(both ? text.substr(colon + 1) : text));
}

// `host`, `host:port` or `[address]:port`.
std::optional<RedisPeer> parse_peer(std::string_view text, std::uint16_t usual_port) {
    const std::size_t bracket = text.rfind(']');
    const std::size_t colon = text.rfind(':');
    const bool has_port =
        colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
    std::string_view host = has_port ? text.substr(0, colon) : text;
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
    }
    const auto port =
        has_port ? parse_u64(text.substr(colon + 1)) : std::optional<std::uint64_t>(usual_port);
    if (host.empty() || !port || *port == 0 || *port > 65535) {
        return std::nullopt;
    }
    return RedisPeer{std::string(host), static_cast<std::uint16_t>(*port)};
}

Status take_address(RedisOptions& options, std::string_view text) {
    const auto peer = parse_peer(text, kRedisPort);
    if (!peer) {
        return wrong("its host or port is missing or wrong");
    }
    options.peer = *peer;
    return Done{};
}

Status take_url(RedisOptions& options, std::string_view url) {
    options.tls = url.starts_with("rediss://");
    if (!options.tls && !url.starts_with("redis://")) {
        return wrong("its scheme is another");
    }
    url.remove_prefix(options.tls ? 9 : 8);
    const std::size_t slash = url.find('/');
    if (slash != std::string_view::npos && slash + 1 < url.size()) {
        const auto database = parse_u64(url.substr(slash + 1));
        if (!database || *database > kDatabaseMax) {
            return wrong("its database is no number");
        }
        options.database = static_cast<unsigned>(*database);
    }
    const std::string_view authority = url.substr(0, slash);
    const std::size_t at = authority.rfind('@');
    if (at != std::string_view::npos) {
        take_credentials(options, authority.substr(0, at));
    }
    return take_address(options,
                        at == std::string_view::npos ? authority : authority.substr(at + 1));
}

Status check_sentinels(const RedisConfig& config) {
    if (config.sentinels.empty() || config.master.empty()) {
        return Error{
            "AP_REDIS_TYPE is SENTINEL: set AP_REDIS_SENTINEL_HOSTS and AP_REDIS_SENTINEL_NAME"};
    }
    if (!config.url.empty()) {
        return Error{
            "AP_REDIS_URL names one server, AP_REDIS_TYPE=SENTINEL asks Sentinels for it: unset "
            "the one, or make the other STANDALONE"};
    }
    return Done{};
}

}  // namespace

Status take_redis_type(RedisConfig& config, const std::string& value) {
    using Type = RedisConfig::Type;
    for (const auto& [name, type] :
         {std::pair("STANDALONE", Type::standalone), std::pair("SENTINEL", Type::sentinel),
          std::pair("MEMORY", Type::memory)}) {
        if (value == name) {
            config.type = type;
            return Done{};
        }
    }
    return Error{"must be STANDALONE, SENTINEL or MEMORY, not '" + value +
                 "'; with MEMORY the database wakes the engines"};
}

Status take_redis_sentinels(RedisConfig& config, const std::string& value) {
    bool good = true;
    for_each_split(value, ',', [&](std::string_view part) {
        const auto peer = parse_peer(trim_ows(part), kSentinelPort);
        good = good && peer;
        if (good) {
            config.sentinels.push_back(*peer);
        }
    });
    if (!good || config.sentinels.size() > RedisLink::kSentinelsMax) {
        return Error{"must be host:port,host:port and so on, at most " +
                     std::to_string(RedisLink::kSentinelsMax) + ", not '" + value + "'"};
    }
    return Done{};
}

Status take_redis_role(const std::string& value) {
    return value == "master"
               ? Status(Done{})
               : Error{"must be master: what is told to a replica reaches nobody elsewhere"};
}

Result<RedisOptions> redis_options(const RedisConfig& config, const std::string& ca_file) {
    RedisOptions options;
    options.peer = {config.host, config.port};
    options.user = config.user;
    options.password = config.password.clone();
    options.database = config.database;
    options.tls = config.tls;
    if (config.type == RedisConfig::Type::sentinel) {
        const Status checked = check_sentinels(config);
        if (!checked.ok()) {
            return checked.error();
        }
        options.sentinels = config.sentinels;
        options.master = config.master;
        options.sentinel_password = config.sentinel_password.clone();
    }
    if (!config.url.empty()) {
        options.password = Secret();
        const Status taken = take_url(options, config.url.reveal());
        if (!taken.ok()) {
            return taken.error();
        }
        options.tls = options.tls || config.tls;
    }
    options.ca_file = config.ca_file.empty() ? ca_file : config.ca_file;
    return options;
}

}  // namespace sallyport::engine
