// Webhook authentication and replay protection: where the policy meets nginx's request.
//
// The head is judged before the body is read (and before nginx answers 100-continue); the body is
// hashed by the request body filter while nginx stores it; then the verdict, then the reservation.
// What becomes of a reservation is decided when the response begins, or at the latest when the
// request's memory goes: by the upstream's status, not by what the client saw of it.
#include "module/nginx/feature.hpp"
#include "module/nginx/guard.hpp"
#include "module/nginx/pool_memory.hpp"
#include "module/nginx/str.hpp"
#include "module/nginx/webhook_body.hpp"
#include "module/nginx/webhook_conf.hpp"
#include "module/nginx/webhook_handshake.hpp"
#include "module/nginx/webhook_request.hpp"
#include "module/nginx/webhook_reservation.hpp"
#include "module/nginx/webhook_state.hpp"
#include "module/policy/webhook_verify.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

namespace sallyport::ngx {

namespace hook = policy::webhook;
using policy::Decision;
using policy::Mode;
using policy::Reason;

namespace {

constexpr FeatureId kId = FeatureId::webhook;
// Redis is asked again within seconds; a sender that comes back sooner finds it as it was.
constexpr std::uint32_t kUnavailableRetryS = 5;

// The status of the last answer of an upstream; without one, what nginx itself answered.
ngx_uint_t deciding_status(const ngx_http_request_t* r) {
    if (r->upstream_states != nullptr) {
        const auto* states =
            static_cast<const ngx_http_upstream_state_t*>(r->upstream_states->elts);
        for (ngx_uint_t i = r->upstream_states->nelts; i-- > 0;) {
            if (states[i].peer != nullptr) {
                return states[i].status;
            }
        }
    }
    return r->headers_out.status;
}

// Somebody who keeps the delivery for later has accepted it, whatever the upstream said.
bool accepted(ngx_http_request_t* r) {
    const auto request = Request::find(r);
    if (request && request->state().delivery_kept) {
        return true;
    }
    const ngx_uint_t status = deciding_status(r);
    return status >= 200 && status < 300;
}

}  // namespace

WebhookState::~WebhookState() {
    if (reservation.held()) {
        guarded(r->connection->log, "webhook replay", [this] { reservation.end(accepted(r)); });
    }
}

namespace {

WebhookState& state_of(const Request& request) {
    return request.feature_state<WebhookState>(kId, request.r()->main);
}

HookResult settle(WebhookState& state, Mode mode, Decision decision) {
    state.step = WebhookStep::settled;
    state.reason = decision.reason;
    return HookResult::decided(decision, mode, (*state.location->profile)->name);
}

// A refused sender that waits for 100-continue must not be invited to send the body: nginx would do
// so while it discards what it never read. The sender may then leave the body out or not, so
// nothing can follow on this connection.
void uninvite_body(ngx_http_request_t* r, Mode mode) {
    if (mode == Mode::enforce && r->headers_in.expect != nullptr && !r->expect_tested) {
        r->expect_tested = 1;
        r->keepalive = 0;
    }
}

// nginx calls this when the body is complete.
void body_read(ngx_http_request_t* r) noexcept {
    const bool known = guarded(r->connection->log, "webhook body", false, [r] {
        const auto request = Request::find(r);
        auto* state = request ? request->find_feature_state<WebhookState>(kId) : nullptr;
        if (state == nullptr || state->step != WebhookStep::reading) {
            return false;
        }
        state->step = WebhookStep::read;
        return true;
    });
    if (!known) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }
    r->write_event_handler = ngx_http_core_run_phases;
    ngx_http_core_run_phases(r);
}

// What a handshake means for the request; nothing when it is none.
std::optional<HookResult> shake_hands(Request& request, WebhookState& state, bool verified,
                                      std::optional<std::string_view> body) {
    const HandshakeResult result = try_handshakes(request, *state.location, verified, body);
    switch (result.kind) {
        case HandshakeResult::Kind::none:
            return std::nullopt;
        case HandshakeResult::Kind::needs_body:
            state.perhaps_handshake = true;
            return std::nullopt;
        case HandshakeResult::Kind::refused:
            state.step = WebhookStep::settled;
            state.reason = result.decision.reason;
            return HookResult::decided(result.decision, Mode::enforce, result.rule);
        case HandshakeResult::Kind::answered:
            state.step = WebhookStep::settled;
            state.reason = result.decision.reason;
            send_handshake_answer(request, result);
            return HookResult::finished();
    }
    return std::nullopt;
}

// Bodies that may be an unsigned handshake are read although the head is not that of a delivery.
bool small_body(const ngx_http_request_t* r) {
    return r->headers_in.content_length_n >= 0 &&
           static_cast<std::uint64_t>(r->headers_in.content_length_n) <=
               hook::kHandshakeBodyBytesMax;
}

// Judges the head and starts reading. The request may be gone when this returns.
HookResult begin(Request& request, const WebhookLocation& location, WebhookState& state,
                 Mode mode) {
    ngx_http_request_t* r = request.r();
    state.location = &location;
    if (r->headers_in.content_length_n > 0 &&
        static_cast<std::uint64_t>(r->headers_in.content_length_n) > body_limit(location)) {
        uninvite_body(r, mode);
        return settle(state, mode, refusal(location, Reason::webhook_body_too_large));
    }
    if (location.unsigned_handshakes && mode == Mode::enforce) {
        if (const auto answered = shake_hands(request, state, false, std::nullopt)) {
            return *answered;
        }
        state.perhaps_handshake = state.perhaps_handshake && small_body(r);
    }
    if (location.ring != nullptr) {
        state.key_set = location.ring->current();
    }
    state.verification.emplace(**location.profile,
                               state.key_set == nullptr ? std::span<const hook::SecretKey>()
                                                        : std::span(state.key_set->keys),
                               &state.memory, location.certificates);
    offer_headers(r, *state.verification);
    const Reason reason = state.verification->begin(head_of(request), now_ms());
    state.early = reason;
    if (reason != Reason::none && !state.perhaps_handshake) {
        state.now_ms = now_ms();
        uninvite_body(r, mode);
        return settle(state, mode, refusal(location, reason));
    }
    state.step = WebhookStep::reading;
    state.streaming = r->request_body == nullptr;
    const ngx_int_t rc = ngx_http_read_client_request_body(r, body_read);
    ngx_http_finalize_request(r, rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE);
    return HookResult::suspend();
}

// A body that something else had read before: it is in nginx's buffers or temporary file.
Reason update_from_buffers(ngx_http_request_t* r, const WebhookLocation& location,
                           WebhookState& state) {
    Reason reason = Reason::none;
    const bool complete = each_body_piece(r, [&](std::string_view piece) {
        state.body_bytes += piece.size();
        reason = state.body_bytes > body_limit(location) ? Reason::webhook_body_too_large
                                                         : state.verification->update(piece);
        return reason == Reason::none;
    });
    return complete || reason != Reason::none ? reason : Reason::internal_error;
}

// The location, and what the operator adds where one location serves several webhooks.
std::string_view scope_of(WebhookState& state, const WebhookReplay& replay) {
    if (!replay.scope) {
        return state.location->scope;
    }
    const std::string_view added = replay.scope->evaluate(state.r);
    return keep(state.r, std::string(state.location->scope).append("\n").append(added));
}

// What the store has said, or that it says nothing.
HookResult conclude(WebhookState& state, Mode mode,
                    const std::optional<hook::Reservation>& reservation) {
    const WebhookReplay& replay = **state.location->replay;
    state.step = WebhookStep::settled;
    if (reservation && reservation->answer == hook::Reserved::forward) {
        return HookResult::pass();
    }
    const bool pass = reservation
                          ? reservation->answer == hook::Reserved::full && replay.pass_when_full
                          : replay.pass_when_down;
    const Decision decision =
        reservation
            ? hook::replay_decision(*reservation, replay.duplicate_status, replay.busy_status)
            : Decision::deny(Reason::webhook_replay_store_unavailable, NGX_HTTP_SERVICE_UNAVAILABLE,
                             kUnavailableRetryS);
    if (pass && !reservation) {
        state.reservation.pass_unasked();
    }
    return settle(state, pass ? Mode::report : mode, decision);
}

HookResult reserve(Request& request, WebhookState& state, Mode mode) {
    const WebhookReplay& replay = **state.location->replay;
    state.reservation.identify(replay, state.verification->replay_identity(replay.key),
                               scope_of(state, replay), state.location->life);
    request.state().replay_key = state.reservation.name();
    const auto resume_request = [](void* owner) {
        auto& waiting = *static_cast<WebhookState*>(owner);
        waiting.step = WebhookStep::asked;
        resume(waiting.r);
    };
    switch (state.reservation.ask(resume_request, &state)) {
        case WebhookReservation::Asked::waiting:
            state.step = WebhookStep::asking;
            return HookResult::suspend();
        case WebhookReservation::Asked::answered:
            return conclude(state, mode, state.reservation.answer());
        case WebhookReservation::Asked::down:
            break;
    }
    return conclude(state, mode, std::nullopt);
}

// The place of the matching secret among all that are configured, and its counter.
void note_secret(WebhookState& state) {
    const WebhookKeySet* set = state.key_set.get();
    const auto matched = static_cast<std::size_t>(state.outcome.secret_index);
    if (set == nullptr || state.outcome.secret_index < 0 || matched >= set->keys.size()) {
        return;  // a fetched certificate has no number
    }
    state.secret_number = set->numbers[matched] + 1;
    if (state.outcome.reason == Reason::none) {
        state.location->ring->count(*set, matched, state.now_ms);
    }
}

// The body is complete.
HookResult judge(Request& request, WebhookState& state, Mode mode) {
    ngx_http_request_t* r = request.r();
    const WebhookLocation& location = *state.location;
    state.step = WebhookStep::settled;
    state.now_ms = now_ms();
    Reason reason = state.early;
    std::string_view whole;
    if (state.perhaps_handshake) {
        if (!whole_body(r, whole)) {
            return settle(state, mode,
                          Decision::deny(Reason::internal_error, NGX_HTTP_INTERNAL_SERVER_ERROR));
        }
        if (const auto answered = shake_hands(request, state, false, whole)) {
            return *answered;
        }
    }
    if (reason == Reason::none && !state.streaming) {
        reason = update_from_buffers(r, location, state);
    }
    if (reason == Reason::none && state.verification->needs_whole_body() && !whole_body(r, whole)) {
        reason = Reason::internal_error;
    }
    if (reason == Reason::internal_error) {
        return settle(state, mode, Decision::deny(reason, NGX_HTTP_INTERNAL_SERVER_ERROR));
    }
    if (reason == Reason::none) {
        state.outcome = state.verification->finish(state.now_ms, whole);
        reason = state.outcome.reason;
        note_secret(state);
    }
    if (reason != Reason::none) {
        return settle(state, mode, refusal(location, reason));
    }
    if (location.handshakes != nullptr && mode == Mode::enforce &&
        state.body_bytes <= hook::kHandshakeBodyBytesMax) {
        if (!whole_body(r, whole)) {
            return settle(state, mode,
                          Decision::deny(Reason::internal_error, NGX_HTTP_INTERNAL_SERVER_ERROR));
        }
        if (const auto answered = shake_hands(request, state, true, whole)) {
            return *answered;
        }
    }
    request.state().delivery_id = state.outcome.id;
    request.state().verified_by = (*location.profile)->name;
    const bool replay = location.replay.value_or(nullptr) != nullptr && !state.reservation.held();
    return replay ? reserve(request, state, mode) : HookResult::pass();
}

// An internal redirect has led into another location. The same profile and secrets have judged
// already; others judge the same bytes anew, and the reservation stays as it is.
HookResult judge_again(Request& request, const WebhookLocation& location, WebhookState& state,
                       Mode mode) {
    const WebhookLocation& before = *state.location;
    if (before.profile == location.profile && before.secrets == location.secrets) {
        const bool genuine = state.reason == Reason::none || state.outcome.secret_index >= 0;
        return genuine || mode != Mode::enforce || &before == &location
                   ? HookResult::pass()
                   : settle(state, mode, refusal(location, state.reason));
    }
    request.state().delivery_id = {};
    request.state().verified_by = {};
    state.outcome = {};
    state.secret_number = 0;
    state.perhaps_handshake = false;
    state.early = Reason::none;
    state.reason = Reason::none;
    state.body_bytes = 0;
    return begin(request, location, state, mode);
}

HookResult preaccess(Request& request, const void* location_conf) {
    const auto& location = *static_cast<const WebhookLocation*>(location_conf);
    const Mode mode = request.mode(location.mode);
    if (mode == Mode::off) {
        return HookResult::pass();
    }
    WebhookState& state = state_of(request);
    switch (state.step) {
        case WebhookStep::fresh:
            return begin(request, location, state, mode);
        case WebhookStep::reading:
        case WebhookStep::asking:
            return HookResult::suspend();
        case WebhookStep::asked:
            return conclude(state, mode, state.reservation.answer());
        case WebhookStep::read:
            return judge(request, state, mode);
        case WebhookStep::settled:
            return judge_again(request, location, state, mode);
    }
    return HookResult::pass();
}

// Over the limit while the body comes: the framework's refusal cannot be used here, because nginx
// itself ends the request with the status; the finding is recorded for log and variables.
int refuse_large_body(Request& request, WebhookState& state, Mode mode) {
    state.early = Reason::webhook_body_too_large;
    if (mode != Mode::enforce) {
        return 0;
    }
    const HookResult result = settle(state, mode, refusal(*state.location, state.early));
    request.state().record({kId, mode, result.decision, result.rule});
    return result.decision.status;
}

int request_body_filter(Request& request, const void*, ngx_chain_t* in) {
    auto* state = request.find_feature_state<WebhookState>(kId);
    if (state == nullptr || state->step != WebhookStep::reading || !state->streaming) {
        return 0;
    }
    for (const ngx_chain_t* link = in; link != nullptr; link = link->next) {
        const ngx_buf_t& buffer = *link->buf;
        if (!ngx_buf_in_memory(&buffer) || buffer.last == buffer.pos) {
            continue;
        }
        const std::string_view piece(reinterpret_cast<const char*>(buffer.pos),
                                     static_cast<std::size_t>(buffer.last - buffer.pos));
        state->body_bytes += piece.size();
        if (state->early != Reason::none) {
            continue;
        }
        if (state->body_bytes > body_limit(*state->location)) {
            return refuse_large_body(request, *state, request.mode(state->location->mode));
        }
        state->early = state->verification->update(piece);
    }
    return 0;
}

// The answer begins, and its status says what became of the delivery: whoever sees a 2xx can no
// longer start it again, whoever sees another may at once, however long the rest takes. nginx comes
// here with the answer that counts, after other peers, error pages and internal redirects.
void header_filter(Request& request, const void*, LastFields&) {
    auto* state = request.find_feature_state<WebhookState>(kId);
    if (state != nullptr && state->reservation.held()) {
        state->reservation.end(accepted(request.r()));
    }
}

bool active(const void* location) {
    const auto& webhook = *static_cast<const WebhookLocation*>(location);
    return webhook.profile.value_or(nullptr) != nullptr && webhook.mode != Mode::off;
}

// Which secrets are used, and when last: an old one that nobody uses can go.
void inspect_secrets(policy::Metrics& out, const WebhookMain& main) {
    for (const WebhookKeyRing* ring : main.rings) {
        ring->list([&out](const WebhookKeyRing::Listed& secret) {
            std::string place(secret.place);
            std::replace(place.begin(), place.end(), '\n', ' ');
            const std::string number = std::to_string(secret.number);
            const policy::Metrics::Labels labels = {{"place", place},
                                                    {"profile", secret.profile},
                                                    {"source", secret.source},
                                                    {"number", number}};
            out.counter("sallyport_webhook_secret_matches_total",
                        "Deliveries that a webhook secret verified.", labels, secret.hits);
            out.gauge("sallyport_webhook_secret_last_used_seconds",
                      "When a webhook secret last verified a delivery, in Unix seconds; 0: never.",
                      labels, static_cast<double>(secret.last_used_s));
        });
    }
}

void inspect(policy::Metrics& out, void* main_conf) {
    inspect_secrets(out, *static_cast<const WebhookMain*>(main_conf));
    for (const WebhookReplayZone* zone : static_cast<const WebhookMain*>(main_conf)->zones) {
        out.gauge("sallyport_zone_fill_ratio", "How full a table in shared memory is, 0 to 1.",
                  {{"feature", "webhook"}, {"zone", zone->name()}}, zone->fill());
    }
}

Status init_process(ngx_cycle_t* cycle, void* main_conf) {
    auto& main = *static_cast<WebhookMain*>(main_conf);
    main.timer.start(cycle, main.rings);
    return Done{};
}

Status ready(void* main_conf) {
    for (const WebhookKeyRing* ring : static_cast<const WebhookMain*>(main_conf)->rings) {
        const Status status = ring->state();
        if (!status.ok()) {
            return status;
        }
    }
    return Done{};
}

}  // namespace

constinit const Feature kWebhook = {
    .id = kId,
    .name = "webhook",
    .directives = kWebhookDirectives,
    .variables = kWebhookVariables,
    .create_main = [](ngx_pool_t* pool) -> void* { return pool_new<WebhookMain>(pool); },
    .create_location = [](ngx_pool_t* pool) -> void* { return pool_new<WebhookLocation>(pool); },
    .merge_location = merge_webhook,
    .init_process = init_process,
    .active = active,
    .preaccess = preaccess,
    .header_filter = header_filter,
    .request_body_filter = request_body_filter,
    .explain = explain_webhook,
    .inspect = inspect,
    .ready = ready,
};

}  // namespace sallyport::ngx
