// Plain HTTP, misdirected requests and early data (module/policy/https.hpp).
//
//   sallyport_https off|require|redirect [host=] [port=] [api=]… [except=]…   http, server
//   sallyport_strict_sni_host on|off                                         http, server
//   sallyport_early_data off|safe|refuse                                     http, server, location
//   sallyport_https_mode off|report|enforce                                  http, server, location
//
// Judged in POST_READ, before `rewrite` and `return` can answer; a location's stricter word on
// early data in REWRITE, from what POST_READ saw: a moment later the handshake may be complete.
#include "common/bytes.hpp"
#include "module/nginx/feature.hpp"
#include "module/nginx/https_conf.hpp"
#include "module/nginx/levels.hpp"
#include "module/nginx/str.hpp"
#include "module/policy/forwarded_header.hpp"
#include "module/policy/https.hpp"

#include <openssl/ssl.h>

#include <string>
#include <vector>

namespace sallyport::ngx {
namespace {

using policy::Decision;
using policy::EarlyData;
using policy::HttpsRule;
using policy::Mode;

constexpr FeatureId kId = FeatureId::https;
constexpr ngx_uint_t kHttpAndServer = NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF;

// Made for requests that came early.
struct EarlyState {};

Status set_https(DirectiveCall& call) {
    auto* location = static_cast<HttpsLocation*>(call.location);
    if (location->rule != nullptr) {
        return Error{"is given twice at the same level; keep one"};
    }
    std::vector<std::string_view> words;
    for (std::size_t i = 0; i < call.size(); ++i) {
        words.push_back(call.arg(i));
    }
    auto rule = policy::parse_https_rule(words);
    if (!rule) {
        return rule.error();
    }
    location->rule = pool_new<HttpsRule>(call.cf->pool, std::move(*rule));
    return Done{};
}

Status set_strict_sni(DirectiveCall& call) {
    auto* location = static_cast<HttpsLocation*>(call.location);
    const std::string_view word = call.arg(0);
    if (location->strict_sni) {
        return Error{"is given twice at the same level; keep one"};
    }
    if (word != "on" && word != "off") {
        return Error{"unknown word \"" + std::string(word) + "\"; write on or off"};
    }
    location->strict_sni = word == "on";
    auto* main = static_cast<HttpsMain*>(call.main);
    main->any_strict = main->any_strict || *location->strict_sni;
    return Done{};
}

Status set_early_data(DirectiveCall& call) {
    auto* location = static_cast<HttpsLocation*>(call.location);
    const std::string_view word = call.arg(0);
    if (location->early) {
        return Error{"is given twice at the same level; keep one"};
    }
    if (word == "off") {
        location->early = EarlyData::off;
    } else if (word == "safe") {
        location->early = EarlyData::safe;
    } else if (word == "refuse") {
        location->early = EarlyData::refuse;
    } else {
        return Error{"unknown word \"" + std::string(word) + "\"; write safe, refuse or off"};
    }
    return Done{};
}

constexpr Directive kDirectives[] = {
    {"sallyport_https", kHttpAndServer | NGX_CONF_1MORE, set_https},
    {"sallyport_strict_sni_host", kHttpAndServer | NGX_CONF_TAKE1, set_strict_sni},
    {"sallyport_early_data", kEverywhere | NGX_CONF_TAKE1, set_early_data},
    {"sallyport_https_mode", kEverywhere | NGX_CONF_TAKE1, set_mode<HttpsLocation>},
};

// Names that stand for one host: no wildcard, no expression, not the empty name, not `_`.
std::vector<std::string> plain_names(const ngx_http_core_srv_conf_t& server) {
    std::vector<std::string> out;
    const auto* names = static_cast<const ngx_http_server_name_t*>(server.server_names.elts);
    for (ngx_uint_t i = 0; i < server.server_names.nelts; ++i) {
        const std::string_view name = view(names[i].name);
        const bool letters = name.find_first_not_of("_-.") != std::string_view::npos;
        if (letters && policy::is_host_and_port(name)) {
            out.emplace_back(name);
        }
    }
    return out;
}

Status merge(ngx_conf_t* cf, const void* parent_conf, void* child_conf) {
    const auto& parent = *static_cast<const HttpsLocation*>(parent_conf);
    auto& child = *static_cast<HttpsLocation*>(child_conf);
    child.main = static_cast<const HttpsMain*>(feature_main(cf, kId));
    child.rule = child.rule != nullptr ? child.rule : parent.rule;
    child.strict_sni = child.strict_sni ? child.strict_sni : parent.strict_sni;
    child.early = child.early ? child.early : parent.early;
    child.mode = child.mode ? child.mode : parent.mode;
    if (!is_server_level(cf, kId, child_conf)) {
        return Done{};
    }
    const auto* server = static_cast<const ngx_http_core_srv_conf_t*>(
        ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module));
    child.names = plain_names(*server);
    const auto* tls = static_cast<const ngx_http_ssl_srv_conf_t*>(
        ngx_http_conf_get_module_srv_conf(cf, ngx_http_ssl_module));
    if (tls->early_data == 1 && !child.early) {
        warn(cf,
             "\"ssl_early_data on\" lets an attacker send requests again; add "
             "\"sallyport_early_data safe\"");
    }
    return Done{};
}

bool active(const void* location_conf) {
    const auto& location = *static_cast<const HttpsLocation*>(location_conf);
    return location.main->any_strict || location.rule != nullptr || location.early.has_value();
}

bool is_plain(const ngx_http_listen_opt_t& listener) {
    return listener.ssl == 0;
}

// A redirect needs a host that the operator wrote: the request's own is the attacker's to choose.
Status check_hosts(ngx_conf_t* cf, void*) {
    const auto* core = static_cast<const ngx_http_core_main_conf_t*>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
    auto* const* servers = static_cast<ngx_http_core_srv_conf_t* const*>(core->servers.elts);
    for (ngx_uint_t i = 0; i < core->servers.nelts; ++i) {
        const auto& level = *static_cast<const HttpsLocation*>(feature_server(servers[i], kId));
        if (level.rule != nullptr && level.rule->kind == HttpsRule::Kind::redirect &&
            level.rule->host.empty() && level.names.empty() &&
            any_listener(cf, servers[i], is_plain)) {
            return Error{
                "\"sallyport_https\": \"redirect\" in a server without a name of its own; "
                "add host=NAME or a server_name (" +
                std::string(reinterpret_cast<const char*>(servers[i]->file_name)) + ":" +
                std::to_string(servers[i]->line) + ")"};
        }
    }
    return Done{};
}

std::string_view target_host(ngx_http_request_t* r, const HttpsLocation& level) {
    if (!level.rule->host.empty()) {
        return level.rule->host;
    }
    const std::string_view asked = view(r->headers_in.server);
    for (const std::string& name : level.names) {
        if (ascii_iequals(name, asked)) {
            return name;
        }
    }
    return level.names.front();
}

HookResult ask_plain(Request& request, const HttpsLocation& level, Mode mode) {
    ngx_http_request_t* r = request.r();
    const policy::PlainRequest plain = {
        .method = view(r->method_name),
        .path = view(r->uri),
        .arguments = view(r->args),
        .authorization = r->headers_in.authorization != nullptr,
        .cookie = request_headers(r, "cookie", nullptr, 0) != 0,
        .upgrade = r->headers_in.upgrade != nullptr,
    };
    const Decision decision = decide_plain(*level.rule, plain);
    if (decision.verdict == policy::Verdict::allow) {
        return HookResult::pass();
    }
    if (decision.verdict == policy::Verdict::answer) {
        std::string target = "https://" + std::string(target_host(r, level));
        if (level.rule->port != 443) {
            target.append(":").append(std::to_string(level.rule->port));
        }
        target.append(view(r->unparsed_uri));
        if (!is_field_value(target)) {
            return HookResult::decided(
                Decision::deny(policy::Reason::https_required, NGX_HTTP_FORBIDDEN), mode,
                "sallyport_https");
        }
        request.state().redirect_target = keep(r, target);
    }
    return HookResult::decided(decision, mode, "sallyport_https");
}

// The server that the handshake chose, by the name the client gave there or by default.
ngx_http_core_srv_conf_t* handshake_server(ngx_http_request_t* r) {
    return static_cast<ngx_http_core_srv_conf_t*>(
        r->http_connection->conf_ctx->srv_conf[ngx_http_core_module.ctx_index]);
}

Decision ask_misdirected(ngx_http_request_t* r, const HttpsLocation& level) {
    auto* asked = static_cast<ngx_http_core_srv_conf_t*>(
        ngx_http_get_module_srv_conf(r, ngx_http_core_module));
    auto* chosen = handshake_server(r);
    if (asked == chosen) {
        return Decision::allow();
    }
    // Either server's word is enough.
    const auto& other = *static_cast<const HttpsLocation*>(feature_server(chosen, kId));
    const bool strict = level.strict_sni.value_or(false) || other.strict_sni.value_or(false);
    return strict ? policy::decide_misdirected(false) : Decision::allow();
}

// True when the request came early, here or at the proxy in front. What a stranger says about that
// goes no further; what the upstream hears is `1`, once.
bool take_early_data(Request& request, Mode mode) {
    ngx_http_request_t* r = request.r();
    const std::size_t claims = request_headers(r, "early-data", nullptr, 0);
    const bool trusted = request.state().proxy_trusted;
    const bool early =
        (request.is_tls() && !SSL_is_init_finished(r->connection->ssl->connection)) ||
        (claims != 0 && trusted);
    if (early) {
        (void)request.feature_state<EarlyState>(kId);
    }
    if (mode != Mode::enforce) {
        return early;
    }
    if (claims != 0 && !(early && claims == 1 && trusted)) {
        strip_request_headers(r, "early-data");
    }
    if (early && request_headers(r, "early-data", nullptr, 0) == 0) {
        push_request_header(r, "Early-Data", "1");
    }
    return early;
}

Decision ask_early(Request& request, EarlyData rule, bool guarded) {
    ngx_http_request_t* r = request.r();
    return decide_early(rule, {.method = view(r->method_name),
                               .credentials = r->headers_in.authorization != nullptr ||
                                              request_headers(r, "cookie", nullptr, 0) != 0,
                               .guarded = guarded});
}

HookResult post_read(Request& request, const void* location_conf) {
    const auto& level = *static_cast<const HttpsLocation*>(location_conf);
    const Mode mode = request.mode(level.mode);
    if (mode == Mode::off) {
        return HookResult::pass();
    }
    ngx_http_request_t* r = request.r();
    if (level.rule != nullptr && !request.is_https()) {
        const HookResult plain = ask_plain(request, level, mode);
        if (plain.kind == HookResult::Kind::decided) {
            return plain;
        }
    }
    if (level.main->any_strict && request.is_tls()) {
        const Decision decision = ask_misdirected(r, level);
        if (decision.verdict != policy::Verdict::allow) {
            return HookResult::decided(decision, mode, "sallyport_strict_sni_host");
        }
    }
    if (level.early.value_or(EarlyData::off) == EarlyData::off || !take_early_data(request, mode)) {
        return HookResult::pass();
    }
    const Decision decision = ask_early(request, *level.early, false);
    return decision.verdict == policy::Verdict::allow
               ? HookResult::pass()
               : HookResult::decided(decision, mode, "sallyport_early_data");
}

// A location that refuses what its server lets pass, by its word or because of what it does: a
// request that is sent again would be counted again, or be somebody's again.
HookResult rewrite(Request& request, const void* location_conf) {
    const auto& level = *static_cast<const HttpsLocation*>(location_conf);
    const Mode mode = request.mode(level.mode);
    if (mode == Mode::off || request.find_feature_state<EarlyState>(kId) == nullptr) {
        return HookResult::pass();
    }
    const bool guarded =
        acts(request.r(), {FeatureId::auth, FeatureId::webhook, FeatureId::rate_limit});
    const Decision decision = ask_early(request, level.early.value_or(EarlyData::off), guarded);
    return decision.verdict == policy::Verdict::allow
               ? HookResult::pass()
               : HookResult::decided(decision, mode, "sallyport_early_data");
}

// A described connection has neither a handshake nor early data.
HookResult explain(Request& request, const void* location_conf, Stage stage, Json&) {
    const auto& level = *static_cast<const HttpsLocation*>(location_conf);
    const Mode mode = request.mode(level.mode);
    return stage == Stage::server && mode != Mode::off && level.rule != nullptr &&
                   !request.is_https()
               ? ask_plain(request, level, mode)
               : HookResult::pass();
}

}  // namespace

const Feature kHttps = {
    .id = kId,
    .name = "https",
    .directives = kDirectives,
    .create_main = [](ngx_pool_t* pool) -> void* { return pool_new<HttpsMain>(pool); },
    .create_location = [](ngx_pool_t* pool) -> void* { return pool_new<HttpsLocation>(pool); },
    .merge_location = merge,
    .postconfiguration = check_hosts,
    .active = active,
    .post_read = post_read,
    .rewrite = rewrite,
    .explain = explain,
};

}  // namespace sallyport::ngx
