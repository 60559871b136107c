// What the webhook feature knows of one request. Included by the feature's files.
#pragma once

#include "module/nginx/feature.hpp"
#include "module/nginx/pool_memory.hpp"
#include "module/nginx/webhook_conf.hpp"
#include "module/nginx/webhook_reservation.hpp"
#include "module/policy/webhook_verify.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

namespace sallyport::ngx {

enum class WebhookStep : std::uint8_t {
    fresh,    // nothing judged yet
    reading,  // the head is good, the body is coming
    read,     // the body is complete
    asking,   // genuine; Redis is asked whether it is new
    asked,    // Redis has answered, or will not
    settled,  // judged: never twice, whatever redirects follow
};

struct WebhookState {
    explicit WebhookState(ngx_http_request_t* main) : r(main), memory(main->pool) {}
    ~WebhookState();

    ngx_http_request_t* r;
    PoolMemory memory;
    const WebhookLocation* location = nullptr;
    // The keys it began with: the location's may be replaced meanwhile.
    std::shared_ptr<const WebhookKeySet> key_set;
    std::optional<policy::webhook::Verification> verification;
    WebhookStep step = WebhookStep::fresh;
    bool streaming = false;  // this request's body passes our filter
    std::uint64_t body_bytes = 0;
    policy::Reason early = policy::Reason::none;  // found before or while the body was coming
    bool perhaps_handshake = false;               // an unsigned one, which the body will tell
    policy::Reason reason = policy::Reason::none;
    policy::webhook::Outcome outcome;
    std::int64_t now_ms = 0;  // when it was judged
    int secret_number = 0;    // which secret matched, from 1; 0: none

    WebhookReservation reservation;
};

// The feature's variables (webhook_variables.cpp).
inline constexpr std::size_t kWebhookVariableCount = 5;
extern const Variable kWebhookVariables[kWebhookVariableCount];

}  // namespace sallyport::ngx
