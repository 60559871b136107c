// The client's address behind proxies (module/policy/client_address.hpp).
//
//   sallyport_trust_proxy off|<hops>|<address|CIDR|name|unix:>…|proxy_protocol <CIDR>…  http,
//   server sallyport_forwarded_header X-Forwarded-For|Forwarded                              http,
//   server sallyport_trust_proxy_mode off|report|enforce                                     http,
//   server
//
// Judged once a request, in POST_READ before every other feature; what it finds is the address that
// all of them use. Then the request's own fields are rewritten for the upstream.
#include "common/bytes.hpp"
#include "module/nginx/asked_host.hpp"
#include "module/nginx/feature.hpp"
#include "module/nginx/forwarded_fields.hpp"
#include "module/nginx/levels.hpp"
#include "module/nginx/str.hpp"
#include "module/policy/client_address.hpp"
#include "module/policy/forwarded_header.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace sallyport::ngx {
namespace {

using policy::ClientClaim;
using policy::ClientFlag;
using policy::ForwardedField;
using policy::TrustRule;

constexpr ngx_uint_t kHttpAndServer = NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF;

struct ClientLocation {
    const TrustRule* rule = nullptr;
    std::optional<ForwardedField> field;
    std::optional<policy::Mode> mode;
    policy::Mode acting{};  // after merging: the mode that holds here
};

// nginx drops quotes before we see an argument. The text that it has just read still lies in its
// buffer: is the character before the semicolon a quote?
bool last_argument_was_quoted(const ngx_conf_t* cf) {
    const ngx_buf_t* text = cf->conf_file->buffer;
    if (text == nullptr || text->pos == text->start || text->pos[-1] != ';') {
        return false;
    }
    const u_char* at = text->pos - 1;
    while (at > text->start && (at[-1] == ' ' || at[-1] == '\t' || at[-1] == '\n')) {
        --at;
    }
    return at > text->start && (at[-1] == '"' || at[-1] == '\'');
}

Status set_trust(DirectiveCall& call) {
    auto* location = static_cast<ClientLocation*>(call.location);
    if (location->rule != nullptr) {
        return Error{"is given twice at the same level; keep one"};
    }
    std::vector<std::string_view> words;
    for (std::size_t i = 0; i < call.size(); ++i) {
        words.push_back(call.arg(i));
    }
    auto parsed = policy::parse_trust(words, last_argument_was_quoted(call.cf));
    if (!parsed) {
        return parsed.error();
    }
    for (const std::string& warning : parsed->warnings) {
        warn(call.cf, "\"sallyport_trust_proxy\": " + warning);
    }
    location->rule = pool_new<TrustRule>(call.cf->pool, std::move(parsed->rule));
    return Done{};
}

Status set_field(DirectiveCall& call) {
    auto* location = static_cast<ClientLocation*>(call.location);
    if (location->field) {
        return Error{"is given twice at the same level; keep one"};
    }
    const std::string_view name = call.arg(0);
    if (ascii_iequals(name, "X-Forwarded-For")) {
        location->field = ForwardedField::x_forwarded_for;
    } else if (ascii_iequals(name, "Forwarded")) {
        location->field = ForwardedField::forwarded;
    } else {
        return Error{"unknown header \"" + std::string(name) +
                     "\"; write X-Forwarded-For or Forwarded"};
    }
    return Done{};
}

constexpr Directive kDirectives[] = {
    {"sallyport_trust_proxy", kHttpAndServer | NGX_CONF_1MORE, set_trust},
    {"sallyport_forwarded_header", kHttpAndServer | NGX_CONF_TAKE1, set_field},
    {"sallyport_trust_proxy_mode", kHttpAndServer | NGX_CONF_TAKE1, set_mode<ClientLocation>},
};

Status merge(ngx_conf_t* cf, const void* parent_conf, void* child_conf) {
    const auto& parent = *static_cast<const ClientLocation*>(parent_conf);
    auto& child = *static_cast<ClientLocation*>(child_conf);
    child.rule = child.rule != nullptr ? child.rule : parent.rule;
    child.field = child.field ? child.field : parent.field;
    child.mode = child.mode ? child.mode : parent.mode;
    child.acting = level_mode(cf, child.mode);
    return Done{};
}

bool active(const void* location) {
    return static_cast<const ClientLocation*>(location)->rule != nullptr;
}

const TrustRule* rule_of(ngx_http_core_srv_conf_t* server) {
    return static_cast<const ClientLocation*>(feature_server(server, FeatureId::client_address))
        ->rule;
}

bool speaks_proxy_protocol(const ngx_http_listen_opt_t& listener) {
    return listener.proxy_protocol != 0;
}

// Whoever reaches a PROXY listener may write any address: its sources must be named, and a server
// that names them must be reached that way.
Status check_listeners(ngx_conf_t* cf, void*) {
    const auto* core = static_cast<const ngx_http_core_main_conf_t*>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
    auto* const* servers = static_cast<ngx_http_core_srv_conf_t* const*>(core->servers.elts);
    for (ngx_uint_t i = 0; i < core->servers.nelts; ++i) {
        const TrustRule* rule = rule_of(servers[i]);
        if (rule == nullptr) {
            continue;
        }
        const bool listens = any_listener(cf, servers[i], speaks_proxy_protocol);
        const bool named = rule->kind == TrustRule::Kind::proxy_protocol;
        const char* file = reinterpret_cast<const char*>(servers[i]->file_name);
        if (named && !listens) {
            return Error{
                "\"sallyport_trust_proxy\": \"proxy_protocol\" in a server that has no "
                "\"listen ... proxy_protocol\"; add it there or write the proxies alone (" +
                std::string(file) + ":" + std::to_string(servers[i]->line) + ")"};
        }
        if (listens && !named) {
            ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                          "sallyport: a server listens with proxy_protocol and "
                          "\"sallyport_trust_proxy proxy_protocol\" does not name who may speak "
                          "it: the addresses it brings are not used in %s:%ui",
                          file, servers[i]->line);
        }
    }
    return Done{};
}

// What only some requests need stands apart from what each goes through.
[[gnu::cold]] ClientClaim judge_proxied(const ngx_http_request_t* r, const TrustRule& rule,
                                        const std::optional<IpAddress>& peer) {
    if (!r->http_connection->addr_conf->proxy_protocol) {
        return {.address = peer};
    }
    const ngx_proxy_protocol_t* header = r->connection->proxy_protocol;
    return find_proxy_client(rule, peer,
                             header == nullptr ? std::string_view() : view(header->src_addr));
}

ClientClaim judge(Request& request, const TrustRule& rule, ForwardedField walked,
                  const std::optional<IpAddress>& peer, const ForwardedFields& fields) {
    const auto lines = fields.lines();
    ClientClaim claim = find_client(rule, peer, walked, lines);
    if (!claim.peer_trusted) {
        return claim;
    }
    if (fields.too_many_lines()) {
        claim.flag = ClientFlag::invalid_header;
    }
    if (claim.flag != ClientFlag::none && !lines.empty()) {
        request.state().client_claim = lines.back();
    }
    return claim;
}

[[gnu::cold]] std::string_view canonical_text(Request& request, const ClientClaim& claim) {
    std::array<char, kIpTextBytesMax> buffer;
    const std::string_view text(buffer.data(), claim.address->write_to(buffer));
    return text == claim.text ? claim.text : keep(request.r(), text);
}

// The claim's address becomes the request's. Its text is the header's own where that is canonical.
void adopt(Request& request, const ClientClaim& claim) {
    RequestState& state = request.state();
    state.client_flag = claim.flag;
    if (claim.text.empty()) {
        return;  // the peer: what client_address() has found already
    }
    state.client = *claim.address;
    const bool canonical = claim.address->is_v4() && claim.text.find(':') == std::string_view::npos;
    state.client_text = canonical ? claim.text : canonical_text(request, claim);
}

std::optional<bool> https_from(std::string_view proto) {
    return ascii_iequals(proto, "https")  ? std::optional(true)
           : ascii_iequals(proto, "http") ? std::optional(false)
                                          : std::nullopt;
}

// A worker is asked for few names, mostly for one after the other: the one that was good last is
// good still.
struct {
    std::array<char, 64> text;
    std::size_t size = 0;
} last_good_host;

[[gnu::cold]] bool judge_host(std::string_view host) {
    if (!policy::is_host_and_port(host)) {
        return false;
    }
    if (host.size() <= last_good_host.text.size()) {
        std::copy(host.begin(), host.end(), last_good_host.text.begin());
        last_good_host.size = host.size();
    }
    return true;
}

// policy::is_host_and_port.
[[gnu::hot]] bool is_good_host(std::string_view host) {
    const bool as_last =
        !host.empty() && host == std::string_view(last_good_host.text.data(), last_good_host.size);
    return as_last || judge_host(host);
}

[[gnu::hot]] std::string_view own_host(ngx_http_request_t* r) {
    const std::string_view host = asked_host(r);
    if (is_good_host(host)) {
        return host;
    }
    const auto* server = static_cast<const ngx_http_core_srv_conf_t*>(
        ngx_http_get_module_srv_conf(r, ngx_http_core_module));
    return view(server->server_name);
}

[[gnu::hot]] HookResult post_read(Request& request, const void* location_conf) {
    const auto& location = *static_cast<const ClientLocation*>(location_conf);
    const policy::Mode mode = location.acting;
    if (mode == policy::Mode::off) {
        return HookResult::pass();
    }
    ngx_http_request_t* r = request.r();
    const ForwardedField walked = location.field.value_or(ForwardedField::x_forwarded_for);
    const IpAddress* known = request.client_address();
    const auto peer = known == nullptr ? std::nullopt : std::optional(*known);
    ForwardedFields fields(r, walked);
    const ClientClaim claim = location.rule->kind == TrustRule::Kind::proxy_protocol
                                  ? judge_proxied(r, *location.rule, peer)
                                  : judge(request, *location.rule, walked, peer, fields);
    adopt(request, claim);

    // What speaks the PROXY protocol hands the client's own bytes on: none of its fields count.
    const bool trusted =
        claim.peer_trusted && location.rule->kind != TrustRule::Kind::proxy_protocol;
    request.state().proxy_trusted = trusted;
    std::string_view host;
    if (trusted) {
        const bool standard = walked == ForwardedField::forwarded;
        request.state().client_https = https_from(standard ? claim.proto : fields.proto());
        host = standard ? claim.host : fields.host();
    }
    if (mode == policy::Mode::enforce) {
        fields.write({.client = request.client_address() == nullptr ? std::string_view()
                                                                    : request.client_text(),
                      .proto = request.is_https() ? "https" : "http",
                      .host = !host.empty() && is_good_host(host) ? host : own_host(r)},
                     trusted);
    }
    return HookResult::pass();
}

// Later features ask for the address that is found here.
HookResult explain(Request& request, const void* location_conf, Stage stage, Json& facts) {
    if (stage != Stage::server) {
        return HookResult::pass();
    }
    const HookResult result = post_read(request, location_conf);
    facts.append(Json::object({{"client", Json::string(request.client_text())},
                               {"verified", Json::boolean(request.client_verified())},
                               {"flag", Json::string(policy::word(request.state().client_flag))},
                               {"proxy_trusted", Json::boolean(request.state().proxy_trusted)},
                               {"https", Json::boolean(request.is_https())}}));
    return result;
}

}  // namespace

const Feature kClientAddress = {
    .id = FeatureId::client_address,
    .name = "client_address",
    .directives = kDirectives,
    .create_location = [](ngx_pool_t* pool) -> void* { return pool_new<ClientLocation>(pool); },
    .merge_location = merge,
    .postconfiguration = check_listeners,
    .active = active,
    .post_read = post_read,
    .explain = explain,
};

}  // namespace sallyport::ngx
