// TLS policy while the configuration is read: fills in what the operator left open and refuses what
// is weaker than the profile.
//
// nginx's TLS module turns its settings into an SSL_CTX when it merges its configuration, and our
// module stands behind it in the list of modules. So this is a module of its own, placed in front:
// the init_main_conf of a module runs when everything is parsed and nothing behind it is merged
// yet.

#include "module/nginx/guard.hpp"
#include "module/nginx/https_conf.hpp"
#include "module/nginx/module.hpp"
#include "module/nginx/str.hpp"
#include "module/nginx/tls_policy_conf.hpp"
#include "module/nginx/tls_settings.hpp"

namespace sallyport::ngx {
namespace {

// What holds for one server, its own level before the http level.
struct ServerPolicy {
    policy::TlsRule rule;
    policy::Mode mode = policy::Mode::enforce;
};

const LocationConf& level_of(const ngx_http_conf_ctx_t& ctx) {
    return *static_cast<const LocationConf*>(ctx.loc_conf[ngx_http_sallyport_module.ctx_index]);
}

template <typename T>
const T& slot_of(const ngx_http_conf_ctx_t& ctx, FeatureId id) {
    return *static_cast<const T*>(level_of(ctx).slots[static_cast<std::size_t>(id)]);
}

const TlsLocation& tls_level_of(const ngx_http_conf_ctx_t& ctx) {
    return slot_of<TlsLocation>(ctx, FeatureId::tls_policy);
}

// Levels are not merged yet.
bool judges_early_data(const ngx_http_conf_ctx_t& http, const ngx_http_conf_ctx_t& server) {
    const auto own = slot_of<HttpsLocation>(server, FeatureId::https).early;
    const auto early = own ? own : slot_of<HttpsLocation>(http, FeatureId::https).early;
    return early.value_or(policy::EarlyData::off) != policy::EarlyData::off;
}

ServerPolicy policy_of(const ngx_http_conf_ctx_t& http, const ngx_http_conf_ctx_t& server) {
    const TlsLocation& outer = tls_level_of(http);
    const TlsLocation& inner = tls_level_of(server);
    const auto first_of = [](const auto& a, const auto& b, auto fallback) {
        return a ? *a : b ? *b : fallback;
    };
    const policy::Mode common =
        first_of(level_of(server).mode, level_of(http).mode, policy::Mode::enforce);
    return {first_of(inner.own, outer.own, policy::TlsRule{}),
            first_of(inner.mode, outer.mode, common)};
}

ngx_http_ssl_srv_conf_t& tls_of(const ngx_http_conf_ctx_t& ctx) {
    return *static_cast<ngx_http_ssl_srv_conf_t*>(ctx.srv_conf[ngx_http_ssl_module.ctx_index]);
}

// Enforced: an error. Reported: a warning, and nginx starts as if we were not there.
bool apply(ngx_conf_t* cf, ngx_http_core_srv_conf_t& server, bool tickets_rotate) {
    const auto& http = *static_cast<const ngx_http_conf_ctx_t*>(cf->ctx);
    const ServerPolicy wanted = policy_of(http, *server.ctx);
    if (wanted.rule.profile == policy::TlsProfile::off || wanted.mode == policy::Mode::off) {
        return true;
    }
    const TlsSettings settings(tls_of(http), tls_of(*server.ctx));
    const Status status = settings.check(wanted.rule, judges_early_data(http, *server.ctx));
    if (!status.ok()) {
        const bool report = wanted.mode == policy::Mode::report;
        const ngx_uint_t level = report ? NGX_LOG_WARN : NGX_LOG_EMERG;
        ngx_log_error(level, cf->log, 0,
                      "\"sallyport_tls_policy %s\": %s, for the server in %s:%ui",
                      word(wanted.rule.profile).data(), status.message().c_str(), server.file_name,
                      server.line);
        return report;
    }
    if (wanted.mode == policy::Mode::enforce) {
        settings.fill(cf, wanted.rule, tickets_rotate, tls_of(*server.ctx));
    }
    return true;
}

char* init_main_conf(ngx_conf_t* cf, void*) noexcept {
    return guarded(cf->log, "TLS defaults", static_cast<char*>(NGX_CONF_ERROR), [&]() -> char* {
        const auto* ours = static_cast<const MainConf*>(
            ngx_http_conf_get_module_main_conf(cf, ngx_http_sallyport_module));
        if (!ours->used) {
            return nullptr;
        }
        const auto* tls = static_cast<const TlsMain*>(
            ours->slots[static_cast<std::size_t>(FeatureId::tls_policy)]);
        auto* core = static_cast<ngx_http_core_main_conf_t*>(
            ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
        auto** servers = static_cast<ngx_http_core_srv_conf_t**>(core->servers.elts);
        for (ngx_uint_t i = 0; i < core->servers.nelts; ++i) {
            if (!apply(cf, *servers[i], tls->tickets != nullptr)) {
                return static_cast<char*>(NGX_CONF_ERROR);
            }
        }
        return nullptr;
    });
}

// nginx asks for a main configuration before it calls init_main_conf with it; ours is empty.
void* create_main_conf(ngx_conf_t* cf) noexcept {
    return ngx_pcalloc(cf->pool, 1);
}

ngx_http_module_t context = {
    nullptr, nullptr, create_main_conf, init_main_conf, nullptr, nullptr, nullptr, nullptr,
};

}  // namespace
}  // namespace sallyport::ngx

extern "C" {
ngx_module_t ngx_http_sallyport_tls_module = {
    NGX_MODULE_V1, &sallyport::ngx::context,
    nullptr,       NGX_HTTP_MODULE,
    nullptr,       nullptr,
    nullptr,       nullptr,
    nullptr,       nullptr,
    nullptr,       NGX_MODULE_V1_PADDING,
};
}
