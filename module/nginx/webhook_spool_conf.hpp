// sallyport_webhook_spool: what is kept where, and the named location that nginx goes to when the
// upstream has failed.
#pragma once

#include "module/nginx/directive.hpp"
#include "module/nginx/redis_conf.hpp"
#include "module/store/webhook_spool_commands.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sallyport::ngx {

// Where error_page leads. Operators cannot write a location of this name: nginx would have two.
inline constexpr std::string_view kSpoolLocation = "@sallyport_webhook_spool";

// When Redis has the delivery safely enough for a 202.
enum class SpoolDurable : std::uint8_t {
    ack,      // it has answered: as safe as its appendfsync
    fsync,    // WAITAOF: it is on its disk (Redis 7.2)
    replica,  // WAIT: a replica has it
};

struct WebhookSpool {
    std::string redis_name;
    RedisStore* store = nullptr;  // of redis_name, set by merge
    std::string stream = "deliveries";
    std::optional<store::SpoolNames> names;
    std::vector<ngx_int_t> statuses = {502, 503, 504, 429};
    std::optional<ComplexText> order;
    std::optional<ComplexText> uri;
    std::uint64_t body_bytes_max = 1024 * 1024;
    std::uint64_t entries_max = 1'000'000;
    std::int64_t wait_ms = 2'000;
    SpoolDurable durable = SpoolDurable::ack;
    std::uint16_t slot = 0;
};

// A store's connection for the spool alone: a large delivery, or WAITAOF, must not hold up limits
// that wait milliseconds.
struct SpoolClient {
    RedisStore* store = nullptr;
    std::unique_ptr<RedisClient> client;  // a worker's, while it runs
};

struct WebhookSpoolMain {
    std::vector<SpoolClient> clients;
    std::vector<const void*> servers;  // that have the location

    RedisClient* client(const RedisStore* store) const;
};

struct WebhookSpoolLocation {
    std::optional<WebhookSpool*> spool;  // null: off
    const WebhookSpoolMain* main = nullptr;
};

Status set_webhook_spool(DirectiveCall& call);
Status merge_webhook_spool(ngx_conf_t* cf, const void* parent, void* child);

// The content handler of the named location; in the glue.
ngx_int_t spool_content(ngx_http_request_t* r) noexcept;

}  // namespace sallyport::ngx
