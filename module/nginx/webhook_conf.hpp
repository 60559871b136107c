// The webhook directives and what they make of a location. Included by the webhook feature's files.
#pragma once

#include "common/secret.hpp"
#include "module/nginx/directive.hpp"
#include "module/nginx/webhook_replay_zone.hpp"
#include "module/policy/webhook_profile.hpp"
#include "module/policy/webhook_replay.hpp"
#include "module/policy/webhook_secret.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sallyport::ngx {

// Without sallyport_webhook_max_body: what providers send is far below.
inline constexpr std::uint64_t kWebhookBodyBytesMax = 1024 * 1024;

class WebhookReplayRedis;

struct WebhookReplay {
    // One of both: this nginx's memory, or a store that several share.
    WebhookReplayZone* zone = nullptr;
    WebhookReplayRedis* redis = nullptr;  // of redis_name, set by merge
    std::string redis_name;
    std::int64_t wait_ms = 250;   // for Redis, at most
    bool pass_when_down = false;  // Redis gives no answer: forward all the same
    policy::webhook::ReplayKeyChoice key = policy::webhook::ReplayKeyChoice::automatic;
    std::optional<std::int64_t> ttl_ms;  // none: automatic
    std::int64_t lease_ms = 90'000;
    std::uint16_t duplicate_status = 200;
    std::uint16_t busy_status = 503;
    bool pass_when_full = false;
    std::optional<ComplexText> scope;  // tells deliveries apart within the location
};

struct WebhookMain {
    std::vector<std::unique_ptr<policy::webhook::Profile>> profiles;  // sallyport_webhook_profile
    std::vector<WebhookReplayZone*> zones;
    std::vector<WebhookReplayRedis*> redis;  // one a store
};

struct WebhookLocation {
    // As written at this level; merged with the enclosing one's.
    std::optional<const policy::webhook::Profile*> profile;  // null: off
    const std::vector<Secret>* secrets = nullptr;
    std::optional<WebhookReplay*> replay;  // null: off
    std::optional<std::uint64_t> body_bytes_max;
    std::optional<std::uint16_t> reject_status;
    std::optional<policy::Mode> mode;

    // Made by merge.
    std::vector<policy::webhook::SecretKey> keys;
    std::string scope;  // tells this location's deliveries from others' in a shared zone
    policy::webhook::ReplayLife life;

    std::vector<Secret>* own_secrets = nullptr;  // while this level is read
};

inline constexpr std::size_t kWebhookDirectiveCount = 7;
extern const Directive kWebhookDirectives[kWebhookDirectiveCount];

Status set_webhook_replay(DirectiveCall& call);
// Finds the store that `replay` names, once it is known.
Status resolve_webhook_replay(ngx_conf_t* cf, WebhookReplay& replay);

Status merge_webhook(ngx_conf_t* cf, const void* parent, void* child);

}  // namespace sallyport::ngx
