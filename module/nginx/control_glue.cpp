// The control location: who may steer, and from where.
//
//   sallyport_control [token=PATH]… [client_cert] [health=open]      location
//
// Without a token and without a client certificate the location may only be reachable over loopback
// addresses and unix sockets: nginx does not start otherwise. Callers are judged in PREACCESS,
// always enforced whatever sallyport_mode says, and the content handler answers only whom that hook
// has let in (subrequests are never judged, so they are never answered).
#include "common/file_text.hpp"
#include "module/nginx/control_conf.hpp"
#include "module/nginx/levels.hpp"
#include "module/nginx/str.hpp"
#include "module/nginx/tls_client_certificate.hpp"

#include <array>

namespace sallyport::ngx {
namespace {

using policy::Decision;
using policy::Mode;
using policy::Reason;

constexpr FeatureId kId = FeatureId::control;

Status add_tokens(ngx_conf_t* cf, ControlLocation& location, std::string_view path) {
    ngx_str_t full = copy(cf->pool, path);
    if (ngx_conf_full_name(cf->cycle, &full, 1) != NGX_OK) {
        return Error{"out of memory"};
    }
    const std::string name(view(full));
    const auto text = read_secret_file(name);
    if (!text) {
        return Error{"token=: " + text.message()};
    }
    auto tokens = policy::parse_control_tokens(text->reveal(), name);
    if (!tokens) {
        return tokens.error();
    }
    location.tokens.insert(location.tokens.end(), tokens->begin(), tokens->end());
    return Done{};
}

Status add_option(DirectiveCall& call, ControlLocation& location, std::string_view word) {
    if (const auto path = option(word, "token")) {
        return add_tokens(call.cf, location, *path);
    }
    if (word == "client_cert") {
        location.client_certificate = true;
    } else if (word == "health=open") {
        location.open_health = true;
    } else {
        return Error{"unknown parameter \"" + std::string(word) +
                     "\"; write token=PATH, client_cert or health=open"};
    }
    return Done{};
}

Status set_control(DirectiveCall& call) {
    auto& location = *static_cast<ControlLocation*>(call.location);
    auto& main = *static_cast<ControlMain*>(call.main);
    auto* core = static_cast<ngx_http_core_loc_conf_t*>(
        ngx_http_conf_get_module_loc_conf(call.cf, ngx_http_core_module));
    if (location.on) {
        return Error{"is given twice in the same location; keep one"};
    }
    if (core->named || core->noname || core->exact_match || core->regex != nullptr) {
        return Error{"\"" + std::string(view(core->name)) +
                     "\" is not a prefix location; write: location /_sallyport/ { … }"};
    }
    for (std::size_t i = 0; i < call.size(); ++i) {
        const Status status = add_option(call, location, call.arg(i));
        if (!status) {
            return status;
        }
    }
    location.on = true;
    location.prefix = view(core->name);
    location.where = std::string(view(call.cf->conf_file->file.name)) + ":" +
                     std::to_string(call.cf->conf_file->line);
    core->handler = control_content_handler;
    main.places.push_back({static_cast<const ngx_http_core_srv_conf_t*>(
                               ngx_http_conf_get_module_srv_conf(call.cf, ngx_http_core_module)),
                           &location});
    return Done{};
}

constexpr Directive kDirectives[] = {
    {"sallyport_control", NGX_HTTP_LOC_CONF | NGX_CONF_ANY, set_control},
};

Status check_certificate_is_requested(ngx_conf_t* cf) {
    const auto* tls = static_cast<const ngx_http_ssl_srv_conf_t*>(
        ngx_http_conf_get_module_srv_conf(cf, ngx_http_ssl_module));
    // 1: on, 2: optional. 3 (optional_no_ca) accepts what nobody verified.
    return tls->verify == 1 || tls->verify == 2
               ? Status(Done{})
               : Status(Error{"\"client_cert\" needs \"ssl_verify_client optional\" (or on) and "
                              "\"ssl_client_certificate\" in this server; without them no client "
                              "is asked for a certificate"});
}

Status merge(ngx_conf_t* cf, const void*, void* child_conf) {
    const auto& location = *static_cast<const ControlLocation*>(child_conf);
    if (!location.on) {
        return Done{};
    }
    const auto* core = static_cast<const ngx_http_core_loc_conf_t*>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
    if (core->handler != control_content_handler) {
        return Error{
            "\"sallyport_control\" at " + location.where +
            ": another directive (proxy_pass, stub_status …) answers in this location; give "
            "the control location one of its own"};
    }
    Status status = location.client_certificate ? check_certificate_is_requested(cf) : Done{};
    for (const ngx_int_t refusal : {NGX_HTTP_UNAUTHORIZED, NGX_HTTP_FORBIDDEN}) {
        if (status.ok()) {
            status = check_error_pages(cf, refusal);
        }
    }
    return status;
}

bool is_loopback(const sockaddr* address) {
    if (address->sa_family == AF_UNIX) {
        return true;
    }
    if (address->sa_family == AF_INET) {
        const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
        return (ntohl(v4->sin_addr.s_addr) >> 24) == 127;
    }
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
    return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) != 0 ||
           (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) != 0 && v6->sin6_addr.s6_addr[12] == 127);
}

bool serves(const ngx_http_conf_addr_t& address, const ngx_http_core_srv_conf_t* server) {
    auto* const* servers = static_cast<ngx_http_core_srv_conf_t* const*>(address.servers.elts);
    for (ngx_uint_t i = 0; i < address.servers.nelts; ++i) {
        if (servers[i] == server) {
            return true;
        }
    }
    return false;
}

// A listen address of `server` that others can reach; empty when there is none.
std::string open_address(ngx_conf_t* cf, const ngx_http_core_srv_conf_t* server) {
    const auto* core = static_cast<const ngx_http_core_main_conf_t*>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
    const auto* ports = static_cast<const ngx_http_conf_port_t*>(core->ports->elts);
    for (ngx_uint_t p = 0; p < core->ports->nelts; ++p) {
        const auto* addresses = static_cast<const ngx_http_conf_addr_t*>(ports[p].addrs.elts);
        for (ngx_uint_t a = 0; a < ports[p].addrs.nelts; ++a) {
            const ngx_http_listen_opt_t& listen = addresses[a].opt;
            if (serves(addresses[a], server) && !is_loopback(listen.sockaddr)) {
                return std::string(view(listen.addr_text));
            }
        }
    }
    return {};
}

Status postconfiguration(ngx_conf_t* cf, void* main_conf) {
    auto& main = *static_cast<ControlMain*>(main_conf);
    for (const ControlMain::Place& place : main.places) {
        if (place.location->demands_credential()) {
            continue;
        }
        const std::string address = open_address(cf, place.server);
        if (!address.empty()) {
            return Error{"\"sallyport_control\" at " + place.location->where +
                         " asks for no credential, and its server listens on \"" + address +
                         "\", which others can reach; add token=PATH or client_cert, or listen on "
                         "127.0.0.1, [::1] or a unix socket only"};
        }
    }
    if (main.places.empty()) {
        return Done{};
    }
    main.counters = pool_new<Counters>(cf->pool);
    return main.counters->announce(cf);
}

Status init_process(ngx_cycle_t*, void* main_conf) {
    Counters::use(static_cast<const ControlMain*>(main_conf)->counters);
    return Done{};
}

// Exactly one field of that name.
std::string_view only_header(ngx_http_request_t* r, std::string_view name) {
    std::array<std::string_view, 1> value{};
    return request_headers(r, name, value.data(), value.size()) == 1 ? value[0]
                                                                     : std::string_view();
}

bool has_request_header(ngx_http_request_t* r, std::string_view name) {
    std::string_view value;
    return request_headers(r, name, &value, 1) != 0;
}

// A web page in somebody's browser can reach a loopback port too, by its own name (DNS rebinding)
// or across origins. Such requests name another host, or where they come from.
bool is_from_a_page(ngx_http_request_t* r) {
    if (has_request_header(r, "Origin") || has_request_header(r, "Sec-Fetch-Site")) {
        return true;
    }
    std::string_view host = view(r->headers_in.server);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    }
    return !host.empty() && host != "localhost" && !IpAddress::parse(host);
}

// Who calls; empty for a stranger.
std::string_view identify(const Request& request, const ControlLocation& location) {
    if (location.client_certificate && has_certificate(request)) {
        return "certificate";
    }
    if (!location.tokens.empty()) {
        const auto* token = policy::find_control_token(
            location.tokens, policy::bearer_token(only_header(request.r(), "Authorization")));
        return token == nullptr ? std::string_view() : std::string_view(token->name);
    }
    return location.client_certificate || is_from_a_page(request.r()) ? std::string_view()
                                                                      : "loopback";
}

bool is_health(std::string_view path) {
    return path == "/health" || path == "/ready";
}

HookResult preaccess(Request& request, const void* location_conf) {
    const auto& location = *static_cast<const ControlLocation*>(location_conf);
    auto& state = request.feature_state<ControlState>(kId);
    state.caller = identify(request, location);
    state.health_only = state.caller.empty() && location.open_health &&
                        is_health(control_path(request.r(), location));
    if (!state.caller.empty() || state.health_only) {
        state.admitted = &location;
        return HookResult::pass();
    }
    state.admitted = nullptr;
    std::uint16_t status = NGX_HTTP_FORBIDDEN;
    if (!location.tokens.empty()) {
        status = NGX_HTTP_UNAUTHORIZED;
        set_header(request.r(), "WWW-Authenticate", "Bearer");
    }
    return HookResult::decided(Decision::deny(Reason::control_unauthorized, status), Mode::enforce,
                               "sallyport_control");
}

HookResult explain(Request& request, const void* location, Stage stage, Json& facts) {
    if (stage != Stage::counting) {
        return HookResult::pass();
    }
    const HookResult result = preaccess(request, location);
    const auto& state = request.feature_state<ControlState>(kId);
    facts.append(Json::object({{"caller", Json::string(state.caller)}}));
    return result;
}

}  // namespace

std::string_view control_path(const ngx_http_request_t* r, const ControlLocation& location) {
    std::string_view path = view(r->uri);
    std::size_t cut = location.prefix.size();
    if (cut > 0 && location.prefix.back() == '/') {
        --cut;
    }
    path.remove_prefix(std::min(cut, path.size()));
    return path.starts_with('/') ? path : std::string_view();
}

const Feature kControl = {
    .id = kId,
    .name = "control",
    .directives = kDirectives,
    .create_main = [](ngx_pool_t* pool) -> void* { return pool_new<ControlMain>(pool); },
    .create_location = [](ngx_pool_t* pool) -> void* { return pool_new<ControlLocation>(pool); },
    .merge_location = merge,
    .postconfiguration = postconfiguration,
    .init_process = init_process,
    .active =
        [](const void* location) { return static_cast<const ControlLocation*>(location)->on; },
    .preaccess = preaccess,
    .explain = explain,
};

}  // namespace sallyport::ngx
