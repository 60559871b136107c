// TLS policy while requests run (module/policy/tls_policy.hpp).
//
//   sallyport_tls_policy modern|intermediate|custom|off [min=…] [ciphers=…] [groups=…]
//                        [client_cert=required [client_ca=…] [client_san=…] [client_fingerprint=…]]
//   sallyport_tls_tickets …                                     (tls_tickets_conf.hpp)
//   sallyport_tls_mode off|report|enforce
//
// At http and server level the policy fixes nginx's own TLS settings (tls_policy_defaults.cpp) and
// judges every connection in POST_READ: nginx negotiates the version before it knows the server, so
// a strict server behind a lax default server needs the second look. At location level it is a
// stricter rule, judged in REWRITE.
#include "module/nginx/feature.hpp"
#include "module/nginx/levels.hpp"
#include "module/nginx/str.hpp"
#include "module/nginx/tls_policy_conf.hpp"

#include <openssl/ssl.h>

#include <string>
#include <utility>
#include <vector>

namespace sallyport::ngx {
namespace {

using policy::TlsConnection;
using policy::TlsRule;
using policy::TlsVersion;

Status set_policy(DirectiveCall& call) {
    auto* location = static_cast<TlsLocation*>(call.location);
    if (location->own) {
        return Error{"is given twice at the same level; keep one"};
    }
    std::vector<std::string_view> words;
    for (std::size_t i = 0; i < call.size(); ++i) {
        words.push_back(call.arg(i));
    }
    auto rule = policy::parse_tls_rule(words);
    if (!rule) {
        return rule.error();
    }
    if (!call.at_http_level() && !call.at_server_level() &&
        (!rule->ciphers.empty() || !rule->groups.empty())) {
        return Error{
            "\"ciphers=\" and \"groups=\" are negotiated before a location is known; write them "
            "at server level"};
    }
    for (std::string& path : rule->certificate.ca_files) {
        const auto full = full_path(call.cf, path);
        if (!full) {
            return full.error();
        }
        path = *full;
    }
    if (!rule->certificate.ca_files.empty()) {
        auto issuers = TrustedIssuers::load(rule->certificate.ca_files);
        if (!issuers) {
            return issuers.error();
        }
        location->own_issuers = pool_new<TrustedIssuers>(call.cf->pool, std::move(*issuers));
    }
    location->own = std::move(*rule);
    return Done{};
}

constexpr Directive kDirectives[] = {
    {"sallyport_tls_policy", kEverywhere | NGX_CONF_1MORE, set_policy},
    {"sallyport_tls_tickets", kHttp | NGX_CONF_TAKE123,
     [](DirectiveCall& call) {
         return set_tickets(call, static_cast<TlsMain*>(call.main)->tickets);
     }},
    {"sallyport_tls_mode", kEverywhere | NGX_CONF_TAKE1, set_mode<TlsLocation>},
};

// A certificate that nobody asked for cannot be required.
Status check_certificate_is_requested(ngx_conf_t* cf) {
    const auto* tls = static_cast<const ngx_http_ssl_srv_conf_t*>(
        ngx_http_conf_get_module_srv_conf(cf, ngx_http_ssl_module));
    // 1: on, 2: optional. 3 (optional_no_ca) accepts what nobody verified.
    if (tls->verify != 1 && tls->verify != 2) {
        return Error{
            "\"client_cert=required\" needs \"ssl_verify_client optional\" (or on) and "
            "\"ssl_client_certificate\" in this server; without them no client is asked "
            "for a certificate"};
    }
    return Done{};
}

Status check(ngx_conf_t* cf, const TlsLocation& level) {
    const auto is_on = [](const TlsRule* rule) {
        return rule != nullptr && rule->profile != policy::TlsProfile::off;
    };
    if (!is_on(level.server_rule) && !is_on(level.location_rule)) {
        return Done{};
    }
    const policy::Mode mode = level_mode(cf, level.mode);
    if (mode == policy::Mode::off) {
        return Done{};
    }
    const bool certificate =
        (is_on(level.server_rule) && level.server_rule->client_certificate) ||
        (is_on(level.location_rule) && level.location_rule->client_certificate);
    Status status = certificate ? check_certificate_is_requested(cf) : Status(Done{});
    if (status.ok() && mode == policy::Mode::enforce) {
        status = check_error_pages(cf, NGX_HTTP_FORBIDDEN);
    }
    return status;
}

Status merge(ngx_conf_t* cf, const void* parent_conf, void* child_conf) {
    const auto& parent = *static_cast<const TlsLocation*>(parent_conf);
    auto& child = *static_cast<TlsLocation*>(child_conf);
    child.mode = child.mode ? child.mode : parent.mode;
    child.server_level = is_server_level(cf, FeatureId::tls_policy, child_conf);
    const TlsRule* own = child.own ? &*child.own : nullptr;
    if (child.server_level) {
        child.server_rule = own != nullptr ? own : parent.own ? &*parent.own : nullptr;
        child.server_issuers = own != nullptr ? child.own_issuers : parent.own_issuers;
        child.server_enforces = level_mode(cf, child.mode) == policy::Mode::enforce;
    } else {
        child.server_rule = parent.server_rule;
        child.server_enforces = parent.server_enforces;
        child.server_issuers = parent.server_issuers;
        child.location_rule = own != nullptr ? own : parent.location_rule;
        child.location_issuers = own != nullptr ? child.own_issuers : parent.location_issuers;
    }
    return check(cf, child);
}

bool active(const void* location_conf) {
    const auto& location = *static_cast<const TlsLocation*>(location_conf);
    return location.server_rule != nullptr || location.location_rule != nullptr;
}

// Whether what the server lets pass over TLS is all that the location's rule asks for.
bool server_sees_to(const TlsLocation& location) {
    return location.server_rule != nullptr && location.server_enforces &&
           policy::covers(*location.server_rule, *location.location_rule);
}

// Plaintext is refused by a location's rule, and by a server's that demands a certificate.
Speaks speaks(const void* location_conf, Stage stage) {
    const auto& location = *static_cast<const TlsLocation*>(location_conf);
    if (stage == Stage::server) {
        return location.server_rule == nullptr            ? Speaks::never
               : location.server_rule->client_certificate ? Speaks::always
                                                          : Speaks::over_tls;
    }
    return location.location_rule == nullptr ? Speaks::never
           : server_sees_to(location)        ? Speaks::in_clear
                                             : Speaks::always;
}

TlsVersion version_of(const SSL* ssl) {
    const int version = SSL_version(ssl);
    return version >= TLS1_3_VERSION   ? TlsVersion::v1_3
           : version == TLS1_2_VERSION ? TlsVersion::v1_2
                                       : TlsVersion::older;
}

TlsConnection connection_of(const Request& request, const TlsRule& rule) {
    TlsConnection out;
    out.tls = request.is_tls();
    if (out.tls) {
        const SSL* ssl = request.r()->connection->ssl->connection;
        out.version = version_of(ssl);
        out.certificate_verified = rule.client_certificate && has_certificate(request);
    }
    return out;
}

using Decide = policy::Decision (*)(const TlsRule&, const TlsConnection&);

HookResult judge(Request& request, const TlsLocation& location, const TlsRule* rule,
                 const TrustedIssuers* issuers, Decide decide) {
    const policy::Mode mode = request.mode(location.mode);
    if (mode == policy::Mode::off) {
        return HookResult::pass();
    }
    policy::Decision decision = decide(*rule, connection_of(request, *rule));
    if (decision.verdict == policy::Verdict::allow && rule->client_certificate &&
        request.is_tls() && (rule->certificate.asks() || issuers != nullptr)) {
        SSL* ssl = request.r()->connection->ssl->connection;
        decision =
            policy::decide_tls_certificate(rule->certificate, shown_certificate(ssl, issuers));
    }
    return decision.verdict == policy::Verdict::allow
               ? HookResult::pass()
               : HookResult::decided(decision, mode, word(rule->profile));
}

[[gnu::hot]] HookResult ask(Request& request, const TlsLocation& location, const TlsRule* rule,
                            const TrustedIssuers* issuers, Decide decide) {
    // Nearly every request stops here.
    if (rule == nullptr ||
        (request.is_tls() && meets(*rule, version_of(request.r()->connection->ssl->connection)))) {
        return HookResult::pass();
    }
    return judge(request, location, rule, issuers, decide);
}

[[gnu::hot]] HookResult post_read(Request& request, const void* location_conf) {
    const auto& location = *static_cast<const TlsLocation*>(location_conf);
    return ask(request, location, location.server_rule, location.server_issuers,
               policy::decide_tls_server);
}

[[gnu::hot]] HookResult rewrite(Request& request, const void* location_conf) {
    const auto& location = *static_cast<const TlsLocation*>(location_conf);
    return ask(request, location, location.location_rule, location.location_issuers,
               policy::decide_tls_location);
}

// nginx has made its TLS contexts by now.
Status postconfiguration(ngx_conf_t* cf, void* main_conf) {
    auto& main = *static_cast<TlsMain*>(main_conf);
    main.certificates.read(*static_cast<const ngx_http_core_main_conf_t*>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module)));
    main.certificates.warn(cf->log);
    return main.tickets == nullptr ? Status(Done{}) : use_tickets(cf, *main.tickets);
}

Status init_process(ngx_cycle_t* cycle, void* main_conf) {
    auto& main = *static_cast<TlsMain*>(main_conf);
    if (main.tickets != nullptr) {
        start_tickets(cycle, *main.tickets);
    }
    if (ngx_worker == 0) {
        main.certificates.start(cycle);
    }
    return Done{};
}

void exit_process(ngx_cycle_t*, void* main_conf) {
    auto& main = *static_cast<TlsMain*>(main_conf);
    if (main.tickets != nullptr) {
        stop_tickets(*main.tickets);
    }
}

void inspect(policy::Metrics& metrics, void* main_conf) {
    static_cast<const TlsMain*>(main_conf)->certificates.report(metrics);
}

Status ready(void* main_conf) {
    const auto& main = *static_cast<const TlsMain*>(main_conf);
    return main.tickets == nullptr ? Status(Done{}) : tickets_state(*main.tickets);
}

HookResult explain(Request& request, const void* location_conf, Stage stage, Json& facts) {
    const auto& location = *static_cast<const TlsLocation*>(location_conf);
    const TlsRule* rule = stage == Stage::server     ? location.server_rule
                          : stage == Stage::location ? location.location_rule
                                                     : nullptr;
    if (rule == nullptr) {
        return HookResult::pass();
    }
    facts.append(Json::object({{"profile", Json::string(word(rule->profile))}}));
    return stage == Stage::server ? post_read(request, location_conf)
                                  : rewrite(request, location_conf);
}

}  // namespace

const Feature kTlsPolicy = {
    .id = FeatureId::tls_policy,
    .name = "tls_policy",
    .directives = kDirectives,
    .create_main = [](ngx_pool_t* pool) -> void* { return pool_new<TlsMain>(pool); },
    .create_location = [](ngx_pool_t* pool) -> void* { return pool_new<TlsLocation>(pool); },
    .merge_location = merge,
    .postconfiguration = postconfiguration,
    .init_process = init_process,
    .exit_process = exit_process,
    .active = active,
    .speaks = speaks,
    .post_read = post_read,
    .rewrite = rewrite,
    .explain = explain,
    .inspect = inspect,
    .ready = ready,
};

}  // namespace sallyport::ngx
