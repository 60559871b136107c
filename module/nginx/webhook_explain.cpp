#include "module/nginx/pool_memory.hpp"
#include "module/nginx/webhook_request.hpp"

namespace sallyport::ngx {

namespace hook = policy::webhook;
using policy::Reason;

// The head is judged as always; the body when the operator gave one. Nothing is reserved.
HookResult explain_webhook(Request& request, const void* location_conf, Stage stage, Json& facts) {
    if (stage != Stage::counting) {
        return HookResult::pass();
    }
    const auto& location = *static_cast<const WebhookLocation*>(location_conf);
    PoolMemory memory(request.pool());
    const auto set = location.ring == nullptr ? nullptr : location.ring->current();
    const std::span<const hook::SecretKey> keys =
        set == nullptr ? std::span<const hook::SecretKey>() : std::span(set->keys);
    hook::Verification verification(**location.profile, keys, &memory, location.certificates);
    offer_headers(request.r(), verification);
    Reason reason = verification.begin(head_of(request), now_ms());
    const auto body = explained_body();
    if (reason == Reason::none && body) {
        reason = body->size() > body_limit(location) ? Reason::webhook_body_too_large
                                                     : verification.update(*body);
        if (reason == Reason::none) {
            reason = verification.finish(now_ms(), *body).reason;
        }
    }
    facts.append(Json::object(
        {{"profile", Json::string((*location.profile)->name)},
         {"secrets", Json::integer(static_cast<std::int64_t>(keys.size()))},
         {"body", Json::string(body ? "verified as given" : "not given: only the head is judged")},
         {"replay",
          Json::string(location.replay.value_or(nullptr) == nullptr ? "not watched"
                                                                    : "watched, and not asked")}}));
    return reason == Reason::none
               ? HookResult::pass()
               : HookResult::decided(refusal(location, reason), request.mode(location.mode),
                                     (*location.profile)->name);
}

}  // namespace sallyport::ngx
