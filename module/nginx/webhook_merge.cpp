// What a location verifies in the end, and what only then can be seen to be a mistake.
#include "common/file_text.hpp"
#include "module/nginx/feature.hpp"
#include "module/nginx/pool.hpp"
#include "module/nginx/proxying.hpp"
#include "module/nginx/str.hpp"
#include "module/nginx/webhook_conf.hpp"

#include <algorithm>

namespace sallyport::ngx {

namespace hook = policy::webhook;

namespace {

const ngx_http_core_loc_conf_t& core_of(ngx_conf_t* cf) {
    return *static_cast<ngx_http_core_loc_conf_t*>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
}

std::string place_of(ngx_conf_t* cf) {
    const auto* server = static_cast<ngx_http_core_srv_conf_t*>(
        ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module));
    return std::string(view(server->server_name)) + "\n" + std::string(view(core_of(cf).name));
}

// A sender may hang up before the upstream has answered (Slack waits three seconds). The upstream's
// answer decides whether the delivery is done, so nginx must wait for it.
void outlive_the_client(ngx_conf_t* cf) {
    for_each_proxying_conf(
        cf, [](ngx_http_upstream_conf_t& upstream) { upstream.ignore_client_abort = 1; });
}

// What the location's profile and its own directive ask for.
Status make_handshakes(ngx_conf_t* cf, const hook::Profile& profile, WebhookLocation& location) {
    if (location.handshakes == nullptr && !profile.handshake.empty()) {
        auto known = hook::handshakes_named(profile.handshake);
        if (!known) {
            return Error{"\"sallyport_webhook " + profile.name + "\": " + known.message()};
        }
        auto* made = pool_new<std::vector<WebhookHandshake>>(cf->pool);
        for (hook::Handshake& handshake : *known) {
            if (handshake.check || handshake.token_follows ||
                handshake.trust == hook::Handshake::Trust::first) {
                return Error{"\"sallyport_webhook " + profile.name +
                             "\": this handshake needs more than its name; write "
                             "sallyport_webhook_handshake " +
                             profile.handshake + " with token= or store="};
            }
            made->emplace_back().handshake = std::move(handshake);
        }
        location.handshakes = made;
    }
    if (location.handshakes != nullptr) {
        for (const WebhookHandshake& handshake : *location.handshakes) {
            location.unsigned_handshakes =
                location.unsigned_handshakes ||
                handshake.handshake.trust != hook::Handshake::Trust::signed_;
        }
    }
    return Done{};
}

// The configured secrets, and those that a handshake will bring or has brought.
std::vector<WebhookSecretSource> sources_of(const WebhookLocation& location) {
    std::vector<WebhookSecretSource> out;
    if (location.secrets != nullptr) {
        for (const WebhookSecretSource& source : *location.secrets) {
            out.push_back(source.clone());
        }
    }
    if (location.handshakes == nullptr) {
        return out;
    }
    for (const WebhookHandshake& handshake : *location.handshakes) {
        const bool known =
            handshake.store.empty() ||
            std::any_of(out.begin(), out.end(), [&](const WebhookSecretSource& source) {
                return source.path == handshake.store;
            });
        if (!known) {
            WebhookSecretSource source{"file:" + handshake.store, handshake.store, Secret(), true};
            if (auto text = read_secret_file(handshake.store)) {
                source.text = std::move(*text);
            }
            out.push_back(std::move(source));
        }
    }
    return out;
}

Status make_keys(ngx_conf_t* cf, const hook::Profile& profile, WebhookLocation& location) {
    auto& main = *static_cast<WebhookMain*>(feature_main(cf, FeatureId::webhook));
    if (!main.usage.announced()) {
        const Status announced = main.usage.announce(cf);
        if (!announced) {
            return announced;
        }
    }
    location.ring = pool_new<WebhookKeyRing>(cf->pool);
    main.rings.push_back(location.ring);
    return location.ring->open(profile, sources_of(location), place_of(cf), &main.usage, now_ms());
}

Status check_replay_key(const hook::Profile& profile, const WebhookReplay& replay) {
    if (replay.key != hook::ReplayKeyChoice::id || profile.id_unsigned_allowed ||
        profile.has_signed_id()) {
        return Done{};
    }
    return Error{"\"sallyport_webhook_replay\": key=id with \"" + profile.name +
                 "\": the signature does not cover the id, so a copy passes with another one; use "
                 "key=auto, or add id_unsigned=allow to sallyport_webhook"};
}

// A secret or a memory that no location can use: whoever wrote it believes that deliveries are
// verified here, and they are let in unseen. `own`: as written at this level, before inheritance.
Status check_no_idle_parts(ngx_conf_t* cf, const WebhookLocation& own) {
    const bool parts = own.secrets != nullptr || own.replay.value_or(nullptr) != nullptr;
    // Servers and outer locations hand them down.
    const bool innermost = core_of(cf).name.len != 0 && core_of(cf).locations == nullptr;
    if (own.profile || !parts || !innermost) {
        return Done{};
    }
    return Error{std::string("\"sallyport_webhook_") +
                 (own.secrets != nullptr ? "secret" : "replay") + "\" in location \"" +
                 std::string(view(core_of(cf).name)) +
                 "\" has no sender, so nothing is verified; add sallyport_webhook with a preset or "
                 "profile, or sallyport_webhook off"};
}

}  // namespace

Status merge_webhook(ngx_conf_t* cf, const void* parent_conf, void* child_conf) {
    const auto& parent = *static_cast<const WebhookLocation*>(parent_conf);
    auto& child = *static_cast<WebhookLocation*>(child_conf);
    child.profile = child.profile ? child.profile : parent.profile;
    const Status used = check_no_idle_parts(cf, child);
    if (!used) {
        return used;
    }
    child.secrets = child.secrets != nullptr ? child.secrets : parent.secrets;
    child.handshakes = child.handshakes != nullptr ? child.handshakes : parent.handshakes;
    child.replay = child.replay ? child.replay : parent.replay;
    child.body_bytes_max = child.body_bytes_max ? child.body_bytes_max : parent.body_bytes_max;
    child.reject_status = child.reject_status ? child.reject_status : parent.reject_status;
    child.mode = child.mode ? child.mode : parent.mode;

    const hook::Profile* profile = child.profile.value_or(nullptr);
    if (profile == nullptr || child.mode == policy::Mode::off) {
        return Done{};
    }
    const Status handshakes = make_handshakes(cf, *profile, child);
    if (!handshakes) {
        return handshakes;
    }
    auto& main = *static_cast<WebhookMain*>(feature_main(cf, FeatureId::webhook));
    const bool fetched = profile->certificate_hosts != hook::CertificateHosts::none &&
                         main.certificates.has_folder();
    child.certificates = fetched ? &main.certificates : nullptr;
    if (sources_of(child).empty() && !fetched) {
        // At server level a location may still bring its own; requests that reach none are refused.
        if (core_of(cf).name.len == 0) {
            return Done{};
        }
        return Error{"\"sallyport_webhook " + profile->name + "\" in location \"" +
                     std::string(view(core_of(cf).name)) +
                     "\" has no secret, so nothing could be verified; add sallyport_webhook_secret "
                     "file:PATH" +
                     (profile->certificate_hosts != hook::CertificateHosts::none
                          ? ", or above it sallyport_webhook_certificates FOLDER"
                          : "")};
    }
    const Status keys = make_keys(cf, *profile, child);
    if (!keys) {
        return keys;
    }
    WebhookReplay* replay = child.replay.value_or(nullptr);
    if (replay != nullptr) {
        const Status found = resolve_webhook_replay(cf, *replay);
        if (!found) {
            return found;
        }
        const Status key = check_replay_key(*profile, *replay);
        if (!key) {
            return key;
        }
        child.scope = place_of(cf) + "\n" + profile->name;
        child.life = hook::automatic_life(*profile);
        if (replay->ttl_ms) {
            child.life = {*replay->ttl_ms, *replay->ttl_ms};
        }
        outlive_the_client(cf);
    }
    return Done{};
}

}  // namespace sallyport::ngx
