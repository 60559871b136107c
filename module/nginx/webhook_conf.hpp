// The webhook directives and what they make of a location. Included by the webhook feature's files.
#pragma once

#include "common/secret.hpp"
#include "module/nginx/directive.hpp"
#include "module/nginx/webhook_certificates.hpp"
#include "module/nginx/webhook_keys.hpp"
#include "module/nginx/webhook_replay_zone.hpp"
#include "module/policy/webhook_handshake.hpp"
#include "module/policy/webhook_profile.hpp"
#include "module/policy/webhook_replay.hpp"
#include "module/policy/webhook_secret.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
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
    // sallyport_webhook_profile: name and description.
    std::vector<std::pair<std::string, policy::webhook::Pairs>> profiles;
    std::vector<WebhookReplayZone*> zones;
    std::vector<WebhookReplayRedis*> redis;  // one a store
    std::vector<WebhookKeyRing*> rings;      // of every location that verifies
    WebhookUsageZone usage;
    WebhookCertificates certificates;  // without a folder: none are fetched
    WebhookKeyTimer timer;
};

struct WebhookHandshake {
    policy::webhook::Handshake handshake;
    std::optional<Secret> token;  // what the provider must show
    std::string store;            // trust=first: where the secret goes
    std::int64_t until_ms = 0;    // trust=first: armed until then; 0: as long as there is none
};

struct WebhookLocation {
    // As written at this level; merged with the enclosing one's.
    std::optional<const policy::webhook::Profile*> profile;  // null: off
    const std::vector<WebhookSecretSource>* secrets = nullptr;
    const std::vector<WebhookHandshake>* handshakes = nullptr;
    std::optional<WebhookReplay*> replay;  // null: off
    std::optional<std::uint64_t> body_bytes_max;
    std::optional<std::uint16_t> reject_status;
    std::optional<policy::Mode> mode;

    // Made by merge.
    WebhookKeyRing* ring = nullptr;
    WebhookCertificates* certificates = nullptr;
    bool unsigned_handshakes = false;
    std::string scope;  // tells this location's deliveries from others' in a shared zone
    policy::webhook::ReplayLife life;

    // While this level is read.
    std::vector<WebhookSecretSource>* own_secrets = nullptr;
    std::vector<WebhookHandshake>* own_handshakes = nullptr;
};

inline constexpr std::size_t kWebhookDirectiveCount = 9;
extern const Directive kWebhookDirectives[kWebhookDirectiveCount];

inline WebhookMain& webhook_main(DirectiveCall& call) {
    return *static_cast<WebhookMain*>(call.main);
}

Status set_webhook_replay(DirectiveCall& call);
// Finds the store that `replay` names, once it is known.
Status resolve_webhook_replay(ngx_conf_t* cf, WebhookReplay& replay);
// webhook_secret_directives.cpp
Status set_webhook_secret(DirectiveCall& call);
Status set_webhook_handshake(DirectiveCall& call);
Status set_webhook_certificates(DirectiveCall& call);

Status merge_webhook(ngx_conf_t* cf, const void* parent, void* child);

}  // namespace sallyport::ngx
