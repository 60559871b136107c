// Keeps verified deliveries whose upstream is down or over its limit: appended to a Redis stream,
// answered 202, delivered later by `sallyport forward`.
//
// nginx itself brings a failed request here, by an error_page to a named location whose content
// handler is ours: at that point the upstream's connection is closed, nothing was sent to the
// client, and a handler may wait, which a header filter may not. The 202 goes out only after Redis
// has acknowledged the append; whatever fails before answers with the upstream's status, and the
// sender repeats the delivery.
#include "module/nginx/feature.hpp"
#include "module/nginx/guard.hpp"
#include "module/nginx/str.hpp"
#include "module/nginx/webhook_body.hpp"
#include "module/nginx/webhook_spool_conf.hpp"
#include "module/store/resp_writer.hpp"

#include <array>
#include <string>

namespace sallyport::ngx {
namespace {

constexpr FeatureId kId = FeatureId::webhook_spool;
// What a worker holds of deliveries on their way to Redis: the next is refused, its sender repeats
// it.
constexpr std::size_t kBytesOnTheWayMax = 64 * 1024 * 1024;
constexpr ngx_msec_t kQuietMs = 60'000;

// Fields that belong to a connection, not to the message (RFC 9110 §7.6.1), and those that the
// forwarder writes itself.
constexpr std::array<std::string_view, 12> kLeftOut = {
    "connection", "content-length",      "expect",  "idempotency-key",   "keep-alive",
    "te",         "proxy-authorization", "trailer", "transfer-encoding", "upgrade",
    "host",       "proxy-connection"};

std::size_t bytes_on_the_way = 0;  // a worker's

struct SpoolState {
    ~SpoolState();
    const WebhookSpool* spool = nullptr;
    RedisClient* client = nullptr;
    std::string_view order;
    std::string_view uri;
    ngx_http_request_t* r = nullptr;
    ngx_int_t failed_status = 0;
    RedisCall call;
    std::string command;
    bool appended = false;
    bool kept = false;
};

SpoolState::~SpoolState() {
    RedisClient::cancel(call);
    bytes_on_the_way -= command.size();
}

bool is_left_out(const ngx_table_elt_t& header) {
    const std::string_view name(reinterpret_cast<const char*>(header.lowcase_key), header.key.len);
    // The verdict is kept: the forwarder sees whether it is ours, and renews it.
    if (header.hash == 0 || (name.starts_with("x-sallyport-") && name != "x-sallyport-verdict")) {
        return true;
    }
    for (const std::string_view one : kLeftOut) {
        if (name == one) {
            return true;
        }
    }
    return false;
}

std::string header_lines(ngx_http_request_t* r) {
    std::string out;
    for (ngx_list_part_t* part = &r->headers_in.headers.part; part != nullptr; part = part->next) {
        const auto* headers = static_cast<const ngx_table_elt_t*>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; ++i) {
            if (!is_left_out(headers[i])) {
                out.append(view(headers[i].key)).append(": ").append(view(headers[i].value));
                out.append("\r\n");
            }
        }
    }
    return out;
}

// Nothing when it is too large or cannot be read.
bool read_body(ngx_http_request_t* r, std::uint64_t bytes_max, std::string& out) {
    return each_body_piece(r, [&](std::string_view piece) {
        if (out.size() + piece.size() > bytes_max) {
            return false;
        }
        out.append(piece);
        return true;
    });
}

void complain(ngx_log_t* log, const char* what, const char* why) {
    static ngx_msec_t quiet_until = 0;
    if (ngx_current_msec >= quiet_until) {
        quiet_until = ngx_current_msec + kQuietMs;
        ngx_log_error(NGX_LOG_WARN, log, 0, "sallyport: webhook spool: %s%s", what, why);
    }
}

// The request's end; it may be gone afterwards.
void finish(SpoolState& state, ngx_int_t status) {
    ngx_http_request_t* r = state.r;
    ngx_connection_t* connection = r->connection;
    if (status == NGX_HTTP_ACCEPTED) {
        Request(r).state().delivery_kept = true;
        state.kept = true;
        r->err_status = 0;
        ngx_str_t type = ngx_string("text/plain");
        ngx_http_complex_value_t body{};
        status = ngx_http_send_response(r, NGX_HTTP_ACCEPTED, &type, &body);
    }
    ngx_http_finalize_request(r, status);
    ngx_http_run_posted_requests(connection);
}

void write_append(const RedisCall& call, std::string& out) {
    out.append(static_cast<const SpoolState*>(call.owner)->command);
}

// Redis acknowledges the write first, then how safe it is.
void write_wait(const RedisCall& call, std::string& out) {
    const auto& state = *static_cast<const SpoolState*>(call.owner);
    const std::int64_t wait_ms = state.spool->wait_ms;
    if (state.spool->durable == SpoolDurable::fsync) {
        store::RespWriter(out).command(4).word("WAITAOF").word("1").word("0").word(wait_ms);
    } else {
        store::RespWriter(out).command(3).word("WAIT").word("1").word(wait_ms);
    }
}

// WAIT answers with how many replicas have it, WAITAOF with how many disks: this one first.
bool is_safe(const store::Reply& reply) {
    return (reply.kind == store::ReplyKind::integer || reply.kind == store::ReplyKind::integers) &&
           reply.count > 0 && reply.integers[0] >= 1;
}

void on_reply(RedisCall& call, const store::Reply* reply) {
    auto& state = *static_cast<SpoolState*>(call.owner);
    if (reply == nullptr || reply->kind == store::ReplyKind::error) {
        const std::string why(reply == nullptr ? std::string_view("no answer") : reply->text());
        complain(state.r->connection->log, "Redis does not keep deliveries: ", why.c_str());
        finish(state, state.failed_status);
        return;
    }
    if (state.appended) {
        if (!is_safe(*reply)) {
            complain(state.r->connection->log, "deliveries are not safe in time", "");
        }
        finish(state, is_safe(*reply) ? NGX_HTTP_ACCEPTED : state.failed_status);
        return;
    }
    state.appended = reply->kind == store::ReplyKind::text;
    if (state.appended && state.spool->durable != SpoolDurable::ack) {
        call.write = write_wait;
        call.script = nullptr;
        if (state.client->submit(call)) {
            return;
        }
        state.appended = false;
    }
    finish(state, state.appended ? NGX_HTTP_ACCEPTED : state.failed_status);
}

ngx_int_t begin(Request& request, SpoolState& state) {
    ngx_http_request_t* r = request.r();
    const WebhookSpool& spool = *state.spool;
    std::string body;
    if (!read_body(r, spool.body_bytes_max, body)) {
        complain(request.log(), "a delivery is larger than max_body=", "");
        return state.failed_status;
    }
    if (bytes_on_the_way + body.size() > kBytesOnTheWayMax) {
        complain(request.log(), "too many deliveries are on their way to Redis", "");
        return state.failed_status;
    }
    const std::string headers = header_lines(r);
    store::append_spool(state.command, *spool.names, spool.entries_max,
                        {.key = request.state().replay_key,
                         .order = state.order,
                         .at_ms = now_ms(),
                         .method = view(r->method_name),
                         .uri = state.uri,
                         .headers = headers,
                         .body = body});
    bytes_on_the_way += state.command.size();
    state.call.owner = &state;
    state.call.write = write_append;
    state.call.done = on_reply;
    state.call.script = &store::webhook_spool_script();
    state.call.slot = spool.slot;
    state.call.budget_ms = spool.wait_ms;
    if (state.client == nullptr || !state.client->submit(state.call)) {
        complain(request.log(), "Redis does not keep deliveries: ", "not available");
        return state.failed_status;
    }
    r->main->count++;
    return NGX_DONE;
}

// Remembers what the location would keep: the named location that follows a failure is another.
HookResult preaccess(Request& request, const void* location_conf) {
    const auto& location = *static_cast<const WebhookSpoolLocation*>(location_conf);
    if (request.state().verified_by.empty() || request.state().replay_key.empty()) {
        return HookResult::pass();
    }
    const WebhookSpool& spool = **location.spool;
    auto& state = request.feature_state<SpoolState>(kId);
    ngx_http_request_t* r = request.r();
    state.spool = &spool;
    state.client = location.main->client(spool.store);
    state.r = r;
    state.order = spool.order ? spool.order->evaluate(r) : view(r->uri);
    state.uri = spool.uri ? spool.uri->evaluate(r) : view(r->unparsed_uri);
    return HookResult::pass();
}

// Nothing is kept before the upstream has failed.
HookResult explain(Request&, const void* location_conf, Stage stage, Json& facts) {
    if (stage != Stage::counting) {
        return HookResult::pass();
    }
    const WebhookSpool& spool = **static_cast<const WebhookSpoolLocation*>(location_conf)->spool;
    Json statuses = Json::array();
    for (const ngx_int_t status : spool.statuses) {
        statuses.append(Json::integer(status));
    }
    facts.append(Json::object({{"store", Json::string(spool.redis_name)},
                               {"stream", Json::string(spool.stream)},
                               {"kept_when_the_upstream_answers", statuses}}));
    return HookResult::pass();
}

std::string_view variable_kept(Request& request) {
    const auto* state = request.find_feature_state<SpoolState>(kId);
    return state != nullptr && state->kept ? "kept" : std::string_view();
}

constexpr Directive kDirectives[] = {
    {"sallyport_webhook_spool", NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF | NGX_CONF_1MORE,
     set_webhook_spool},
};

constexpr Variable kVariables[] = {
    {"sallyport_webhook_spool", variable_kept},
};

bool active(const void* location) {
    return static_cast<const WebhookSpoolLocation*>(location)->spool.value_or(nullptr) != nullptr;
}

Status init_process(ngx_cycle_t* cycle, void* main_conf) {
    if (ngx_process == NGX_PROCESS_HELPER) {
        return Done{};
    }
    for (SpoolClient& one : static_cast<WebhookSpoolMain*>(main_conf)->clients) {
        one.client = RedisClient::make(one.store->target, cycle);
        one.client->open();
    }
    return Done{};
}

void exit_process(ngx_cycle_t*, void* main_conf) {
    for (SpoolClient& one : static_cast<WebhookSpoolMain*>(main_conf)->clients) {
        one.client.reset();
    }
}

}  // namespace

ngx_int_t spool_content(ngx_http_request_t* r) noexcept {
    return guarded(r->connection->log, "webhook spool", ngx_int_t{NGX_HTTP_INTERNAL_SERVER_ERROR},
                   [&]() -> ngx_int_t {
                       const auto status = static_cast<ngx_int_t>(r->err_status);
                       auto request = Request::find(r);
                       auto* state =
                           request ? request->find_feature_state<SpoolState>(kId) : nullptr;
                       // What failed before it was verified is not the upstream's failure.
                       if (state == nullptr || state->spool == nullptr || state->kept ||
                           !state->command.empty() || request->enforced() != nullptr) {
                           return status >= NGX_HTTP_BAD_REQUEST ? status : NGX_HTTP_NOT_FOUND;
                       }
                       state->failed_status = status;
                       return begin(*request, *state);
                   });
}

constinit const Feature kWebhookSpool = {
    .id = kId,
    .name = "webhook_spool",
    .directives = kDirectives,
    .variables = kVariables,
    .create_main = [](ngx_pool_t* pool) -> void* { return pool_new<WebhookSpoolMain>(pool); },
    .create_location = [](ngx_pool_t* pool) -> void* {
        return pool_new<WebhookSpoolLocation>(pool);
    },
    .merge_location = merge_webhook_spool,
    .init_process = init_process,
    .exit_process = exit_process,
    .active = active,
    .preaccess = preaccess,
    .explain = explain,
};

}  // namespace sallyport::ngx
