#include "engine/app/redis_settings.hpp"

#include "common/bytes.hpp"
#include "engine/core/web_message.hpp"

#include <optional>
#include <string_view>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr unsigned kDatabaseMax = 1'000'000;

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

Status take_address(RedisOptions& options, std::string_view text) {
    const std::size_t bracket = text.rfind(']');
    const std::size_t colon = text.rfind(':');
    const bool has_port =
        colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
    std::string_view host = has_port ? text.substr(0, colon) : text;
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
    }
    const auto port = has_port ? parse_u64(text.substr(colon + 1)) : std::optional(6379UL);
    if (host.empty() || !port || *port == 0 || *port > 65535) {
        return wrong("its host or port is missing or wrong");
    }
    options.host = host;
    options.port = static_cast<std::uint16_t>(*port);
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

}  // namespace

Result<RedisOptions> redis_options(const RedisConfig& config, const std::string& ca_file) {
    RedisOptions options;
    options.host = config.host;
    options.port = config.port;
    options.user = config.user;
    options.password = config.password.clone();
    options.database = config.database;
    options.tls = config.tls;
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
