// The content handler of a control location: finds the route, reads a small JSON body, writes JSON.
#include "common/bytes.hpp"
#include "module/nginx/control_conf.hpp"
#include "module/nginx/guard.hpp"
#include "module/nginx/module.hpp"
#include "module/nginx/str.hpp"
#include "module/nginx/webhook_body.hpp"

namespace sallyport::ngx {
namespace {

constexpr FeatureId kId = FeatureId::control;

struct Found {
    const ControlRoute* route = nullptr;
    const Feature* feature = nullptr;
    std::string allow;  // the methods of the path
};

std::string_view method_of(const ngx_http_request_t* r) {
    return r->method == NGX_HTTP_HEAD ? std::string_view("GET") : view(r->method_name);
}

Found find_route(std::string_view method, std::string_view path) {
    Found found;
    const auto look = [&](std::span<const ControlRoute> routes, const Feature* feature) {
        for (const ControlRoute& route : routes) {
            if (route.path != path) {
                continue;
            }
            found.allow.append(found.allow.empty() ? "" : ", ").append(route.method);
            if (route.method == method) {
                found.route = &route;
                found.feature = feature;
            }
        }
    };
    look(control_routes(), &kControl);
    for (const Feature* feature : features()) {
        look(feature->routes, feature);
    }
    return found;
}

ngx_int_t send(ngx_http_request_t* r, const ControlReply& reply) {
    static ngx_str_t json = ngx_string("application/json");
    static ngx_str_t problem = ngx_string("application/problem+json");
    static ngx_str_t metrics = ngx_string("text/plain; version=0.0.4; charset=utf-8");
    const bool is_text = !reply.text.empty();
    const std::string text = is_text ? reply.text : reply.body.dump() + "\n";
    set_header(r, "Cache-Control", "no-store");
    set_header(r, "X-Content-Type-Options", "nosniff");
    ngx_http_complex_value_t body{};
    body.value = borrow(keep(r, text));
    return ngx_http_send_response(r, reply.status,
                                  is_text               ? &metrics
                                  : reply.status >= 400 ? &problem
                                                        : &json,
                                  &body);
}

ControlReply answer(ngx_http_request_t* r, const Found& found, ControlCall& call) {
    call.main = feature_main(const_cast<ngx_cycle_t*>(ngx_cycle), found.feature->id);
    if (found.route->method != "GET") {
        const auto* state = Request(r).find_feature_state<ControlState>(kId);
        const ngx_str_t caller = borrow(state->caller);
        const ngx_str_t path = borrow(call.path);
        ngx_log_error(NGX_LOG_NOTICE, r->connection->log, 0, "sallyport: control %V %V by \"%V\"",
                      &r->method_name, &path, &caller);
    }
    return found.route->answer(call);
}

// Empty when the body was read well; else what to say about it.
std::optional<ControlReply> read_body(ngx_http_request_t* r, Json& out) {
    std::string_view text;
    if (!whole_body(r, text)) {
        return ControlReply::error(500, "the body could not be read");
    }
    if (text.size() > kControlBodyBytesMax) {
        return ControlReply::error(413, "the body is too large");
    }
    out = Json::object();
    if (text.empty()) {
        return std::nullopt;
    }
    // What a web form can send is not taken for an order.
    const std::string_view type =
        r->headers_in.content_type == nullptr ? "" : view(r->headers_in.content_type->value);
    if (!ascii_iequals(trim_ows(type.substr(0, std::min(type.find(';'), type.size()))),
                       "application/json")) {
        return ControlReply::error(415, "the body must be application/json");
    }
    const auto parsed = Json::parse(text, Json::Duplicates::refuse);
    if (!parsed || !parsed->is_object()) {
        return ControlReply::error(400,
                                   parsed ? "the body is not a JSON object" : parsed.message());
    }
    out = *parsed;
    return std::nullopt;
}

const ControlLocation& location_of(ngx_http_request_t* r) {
    return *static_cast<const ControlLocation*>(feature_location(r, kId));
}

// nginx calls this when the body is complete.
void body_read(ngx_http_request_t* r) noexcept {
    const ngx_int_t rc =
        guarded(r->connection->log, "control", ngx_int_t{NGX_HTTP_INTERNAL_SERVER_ERROR}, [r] {
            ControlCall call{r};
            call.path = control_path(r, location_of(r));
            const Found found = find_route(method_of(r), call.path);
            const auto trouble = read_body(r, call.body);
            return send(r, trouble ? *trouble : answer(r, found, call));
        });
    ngx_http_finalize_request(r, rc);
}

ngx_int_t begin(ngx_http_request_t* r) {
    const ControlLocation& location = location_of(r);
    const auto request = Request::find(r);
    const auto* state = request ? request->find_feature_state<ControlState>(kId) : nullptr;
    if (r != r->main || state == nullptr || state->admitted != &location) {
        return NGX_HTTP_FORBIDDEN;
    }
    ControlCall call{r};
    call.path = control_path(r, location);
    call.body = Json::object();
    const Found found = find_route(method_of(r), call.path);
    const bool has_body = found.route != nullptr && found.route->method != "GET" &&
                          (r->headers_in.content_length_n > 0 || r->headers_in.chunked);
    if (has_body && r->headers_in.content_length_n <= static_cast<off_t>(kControlBodyBytesMax)) {
        r->request_body_in_single_buf = 1;
        const ngx_int_t rc = ngx_http_read_client_request_body(r, body_read);
        return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
    }
    if (has_body) {
        return send(r, ControlReply::error(413, "the body is too large"));
    }
    if (found.allow.empty()) {
        return send(r, ControlReply::error(404, "there is no such path; see docs/api/control.md"));
    }
    if (found.route == nullptr) {
        set_header(r, "Allow", keep(r, found.allow));
        return send(r, ControlReply::error(405, "the path takes other methods"));
    }
    return send(r, answer(r, found, call));
}

}  // namespace

ngx_int_t control_content_handler(ngx_http_request_t* r) noexcept {
    return guarded(r->connection->log, "control", ngx_int_t{NGX_HTTP_INTERNAL_SERVER_ERROR},
                   [r] { return begin(r); });
}

std::optional<std::string> ControlCall::argument(std::string_view name) const {
    std::optional<std::string> out;
    for_each_split(view(r->args), '&', [&](std::string_view part) {
        const std::size_t equals = part.find('=');
        if (out || part.substr(0, equals) != name) {
            return;
        }
        const std::string_view raw =
            equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1);
        std::string decoded(raw.size(), '\0');
        auto* to = reinterpret_cast<u_char*>(decoded.data());
        auto* from = borrow(raw).data;
        ngx_unescape_uri(&to, &from, raw.size(), 0);
        decoded.resize(static_cast<std::size_t>(to - reinterpret_cast<u_char*>(decoded.data())));
        out = std::move(decoded);
    });
    return out;
}

ControlReply ControlReply::error(std::uint16_t status, std::string_view detail) {
    return {status,
            Json::object({{"type", Json::string("about:blank")},
                          {"status", Json::integer(status)},
                          {"detail", Json::string(detail)}}),
            {}};
}

}  // namespace sallyport::ngx
