// $sallyport_webhook_status and the others: what became of a delivery, for logs and headers.
#include "module/nginx/webhook_state.hpp"

#include <array>
#include <charconv>
#include <utility>

namespace sallyport::ngx {
namespace {

using policy::Reason;

constexpr FeatureId kId = FeatureId::webhook;

std::string_view status_word(Reason reason) {
    constexpr std::pair<Reason, std::string_view> kWords[] = {
        {Reason::none, "valid"},
        {Reason::webhook_secret_missing, "nosecret"},
        {Reason::webhook_timestamp_stale, "stale"},
        {Reason::webhook_timestamp_future, "stale"},
        {Reason::webhook_duplicate, "duplicate"},
        {Reason::webhook_in_flight, "inflight"},
        {Reason::webhook_body_too_large, "toolarge"},
        {Reason::webhook_replay_store_full, "storefull"},
        {Reason::webhook_replay_store_unavailable, "storedown"},
        {Reason::webhook_handshake, "handshake"},
        {Reason::webhook_handshake_refused, "handshake"},
        {Reason::webhook_certificate_pending, "nocertificate"},
    };
    for (const auto& [known, text] : kWords) {
        if (known == reason) {
            return text;
        }
    }
    return "invalid";
}

const WebhookState* settled_state(Request& request) {
    const auto* state = request.find_feature_state<WebhookState>(kId);
    return state != nullptr && state->step == WebhookStep::settled ? state : nullptr;
}

std::string_view number_text(Request& request, std::int64_t number) {
    std::array<char, 24> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number);
    return keep(request.r(), {digits.data(), static_cast<std::size_t>(end.ptr - digits.data())});
}

std::string_view variable_status(Request& request) {
    const WebhookState* state = settled_state(request);
    return state == nullptr ? std::string_view() : status_word(state->reason);
}

std::string_view variable_reason(Request& request) {
    const WebhookState* state = settled_state(request);
    return state == nullptr ? std::string_view() : word(state->reason);
}

std::string_view variable_id(Request& request) {
    const WebhookState* state = settled_state(request);
    return state == nullptr ? std::string_view() : state->outcome.id;
}

// Counts from 1, in configured order: which secret can be retired.
std::string_view variable_secret_index(Request& request) {
    const WebhookState* state = settled_state(request);
    return state == nullptr || state->secret_number == 0
               ? std::string_view()
               : number_text(request, state->secret_number);
}

std::string_view variable_age(Request& request) {
    const WebhookState* state = settled_state(request);
    return state == nullptr || !state->outcome.timestamp_ms
               ? std::string_view()
               : number_text(request, (state->now_ms - *state->outcome.timestamp_ms) / 1000);
}

}  // namespace

constinit const Variable kWebhookVariables[kWebhookVariableCount] = {
    {"sallyport_webhook_status", variable_status},
    {"sallyport_webhook_reason", variable_reason},
    {"sallyport_webhook_id", variable_id},
    {"sallyport_webhook_secret_index", variable_secret_index},
    {"sallyport_webhook_age", variable_age},
};

}  // namespace sallyport::ngx
