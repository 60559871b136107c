// Assembles the features into one nginx module. The only file that knows them all.
#include "module/nginx/module.hpp"

#include "module/nginx/explain.hpp"
#include "module/nginx/guard.hpp"
#include "module/nginx/phases.hpp"
#include "module/nginx/pool.hpp"
#include "module/nginx/str.hpp"

#include <algorithm>
#include <string>

namespace sallyport::ngx {
namespace {

// The order is the order in which features are asked, and the numbering of FeatureId.
constexpr std::array<const Feature*, kFeatureCount> kFeatures = {
    &kRedis,
    &kRedact,  // before anything could write a line about the request
    &kClientAddress, &kHttps,     &kTlsPolicy,    &kIpList,          &kBan,
    &kBodyLimit,     &kRateLimit,
    &kCors,          // answers preflights, which carry no credentials
    &kRequestRules,  // a preflight has the method that CORS asks about
    &kAuth,          &kWebhook,   &kWebhookSpool, &kSecurityHeaders, &kGatewayVerdict,
    &kControl,
};

constexpr std::size_t kDirectivesMax = 256;  // far above what we have; checked below

// What a command's `post` points at: the row and whose it is (null: nobody's).
struct Binding {
    const Feature* feature;
    const Directive* directive;
};
std::array<Binding, kDirectivesMax> bindings;
ngx_command_t commands[kDirectivesMax + 1];

std::size_t slot_of(const Feature& feature) {
    return static_cast<std::size_t>(feature.id);
}

MainConf* main_conf(ngx_conf_t* cf) {
    return static_cast<MainConf*>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_sallyport_module));
}

char* report(ngx_conf_t* cf, const char* directive, const std::string& message) {
    // ngx_conf_log_error appends " in <file>:<line>".
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%s\": %s", directive, message.c_str());
    return static_cast<char*>(NGX_CONF_ERROR);
}

char* set_directive(ngx_conf_t* cf, ngx_command_t* command, void* conf) noexcept {
    return guarded(cf->log, "directive", static_cast<char*>(NGX_CONF_ERROR), [&]() -> char* {
        const auto& binding = *static_cast<const Binding*>(command->post);
        auto* location = static_cast<LocationConf*>(conf);
        MainConf* main = main_conf(cf);
        main->used = true;
        DirectiveCall call{cf, binding.directive->name, main, location};
        if (binding.feature != nullptr) {
            call.main = main->slots[slot_of(*binding.feature)];
            call.location = location->slots[slot_of(*binding.feature)];
        }
        const Status status = binding.directive->set(call);
        return status.ok() ? nullptr : report(cf, binding.directive->name, status.message());
    });
}

void bind_directives(const Feature* feature, std::span<const Directive> directives,
                     std::size_t& count) {
    for (const Directive& directive : directives) {
        if (count == kDirectivesMax) {
            return;  // the repository's directive test counts them
        }
        bindings[count] = {feature, &directive};
        commands[count] = {
            borrow(directive.name), directive.type, set_directive, NGX_HTTP_LOC_CONF_OFFSET, 0,
            &bindings[count]};
        ++count;
    }
}

// Runs when the shared object is loaded, before nginx reads the table; features are constants.
const bool bound = [] {
    std::size_t count = 0;
    bind_directives(nullptr, common_directives(), count);
    for (const Feature* feature : kFeatures) {
        bind_directives(feature, feature->directives, count);
    }
    commands[count] = ngx_null_command;
    return true;
}();

void* create_main_conf(ngx_conf_t* cf) noexcept {
    return guarded(cf->log, "create main configuration", static_cast<void*>(nullptr),
                   [&]() -> void* {
                       auto* conf = pool_new<MainConf>(cf->pool);
                       for (const Feature* feature : kFeatures) {
                           if (feature->create_main != nullptr) {
                               conf->slots[slot_of(*feature)] = feature->create_main(cf->pool);
                           }
                       }
                       return conf;
                   });
}

void* create_location_conf(ngx_conf_t* cf) noexcept {
    return guarded(cf->log, "create location configuration", static_cast<void*>(nullptr),
                   [&]() -> void* {
                       auto* conf = pool_new<LocationConf>(cf->pool);
                       for (const Feature* feature : kFeatures) {
                           if (feature->create_location != nullptr) {
                               conf->slots[slot_of(*feature)] = feature->create_location(cf->pool);
                           }
                       }
                       return conf;
                   });
}

FeatureMask find_active(const LocationConf& conf) {
    FeatureMask out = 0;
    for (std::size_t i = 0; i < kFeatureCount; ++i) {
        if (kFeatures[i]->active != nullptr && kFeatures[i]->active(conf.slots[i])) {
            out |= FeatureMask{1} << i;
        }
    }
    return out;
}

// Which hooks are asked in a location.
void set_masks(LocationConf& conf) {
    for (std::size_t i = 0; i < kFeatureCount; ++i) {
        const FeatureMask bit = conf.active_mask & FeatureMask{1} << i;
        if (bit == 0) {
            continue;
        }
        const Feature& feature = *kFeatures[i];
        const void* own = conf.slots[i];
        const auto mark = [bit](FeatureMask& mask, bool wanted) { mask |= wanted ? bit : 0; };
        const auto ask = [&](Asked& asked, Stage stage) {
            const Speaks speaks = !has_hook(feature, stage)   ? Speaks::never
                                  : feature.speaks == nullptr ? Speaks::always
                                                              : feature.speaks(own, stage);
            mark(asked.always, speaks == Speaks::always);
            mark(asked.over_tls, speaks == Speaks::over_tls);
            mark(asked.in_clear, speaks == Speaks::in_clear);
            mark(asked.of_options, speaks == Speaks::of_options);
        };
        ask(conf.post_read, Stage::server);
        ask(conf.rewrite, Stage::location);
        ask(conf.preaccess, Stage::counting);
        mark(conf.header_mask, feature.header_filter != nullptr);
        mark(conf.body_mask, feature.request_body_filter != nullptr);
        mark(conf.failure_mask, feature.failure != nullptr);
    }
}

char* merge_location_conf(ngx_conf_t* cf, void* parent_conf, void* child_conf) noexcept {
    return guarded(
        cf->log, "merge location configuration", static_cast<char*>(NGX_CONF_ERROR),
        [&]() -> char* {
            const auto& parent = *static_cast<const LocationConf*>(parent_conf);
            auto& child = *static_cast<LocationConf*>(child_conf);
            child.mode = child.mode ? child.mode : parent.mode;
            child.decision_log = child.decision_log ? child.decision_log : parent.decision_log;
            for (const Feature* feature : kFeatures) {
                if (feature->merge_location == nullptr) {
                    continue;
                }
                const std::size_t slot = slot_of(*feature);
                const Status status =
                    feature->merge_location(cf, parent.slots[slot], child.slots[slot]);
                if (!status.ok()) {
                    return report(cf, std::string(feature->name).c_str(), status.message());
                }
            }
            child.logs_decisions = child.decision_log.value_or(nullptr) != nullptr;
            child.active_mask = find_active(child);
            MainConf& main = *main_conf(cf);
            main.active |= child.active_mask;
            main.locations.push_back(&child);
            return nullptr;
        });
}

ngx_int_t add_variables(ngx_conf_t* cf, std::span<const Variable> variables) {
    for (const Variable& row : variables) {
        ngx_str_t name = borrow(row.name);
        ngx_http_variable_t* variable = ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOCACHEABLE);
        if (variable == nullptr) {
            return NGX_ERROR;
        }
        variable->get_handler = get_variable;
        variable->data = reinterpret_cast<uintptr_t>(&row);
    }
    return NGX_OK;
}

ngx_int_t preconfiguration(ngx_conf_t* cf) noexcept {
    return guarded(cf->log, "preconfiguration", ngx_int_t{NGX_ERROR}, [&]() -> ngx_int_t {
        if (add_variables(cf, common_variables()) != NGX_OK) {
            return NGX_ERROR;
        }
        for (const Feature* feature : kFeatures) {
            if (add_variables(cf, feature->variables) != NGX_OK) {
                return NGX_ERROR;
            }
            if (feature->preconfiguration != nullptr && !feature->preconfiguration(cf).ok()) {
                return NGX_ERROR;
            }
        }
        return NGX_OK;
    });
}

// nginx's default block holds half a proxied request; with our state and the headers we add a
// request would take three. One block of the same size in all is two allocations less. A size that
// the operator chose stays.
void widen_request_pools(ngx_conf_t* cf) {
    constexpr std::size_t kNginxDefault = 4096;
    auto* core = static_cast<ngx_http_core_main_conf_t*>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
    auto* const* servers = static_cast<ngx_http_core_srv_conf_t**>(core->servers.elts);
    for (ngx_uint_t i = 0; i < core->servers.nelts; ++i) {
        if (servers[i]->request_pool_size == kNginxDefault) {
            servers[i]->request_pool_size = 3 * kNginxDefault;
        }
    }
}

ngx_int_t postconfiguration(ngx_conf_t* cf) noexcept {
    return guarded(cf->log, "postconfiguration", ngx_int_t{NGX_ERROR}, [&]() -> ngx_int_t {
        MainConf* main = main_conf(cf);
        if (!main->used) {
            return NGX_OK;
        }
        for (const Feature* feature : kFeatures) {
            if (feature->postconfiguration == nullptr) {
                continue;
            }
            const Status status = feature->postconfiguration(cf, main->slots[slot_of(*feature)]);
            if (!status.ok()) {
                ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "%s", status.message().c_str());
                return NGX_ERROR;
            }
        }
        PhasesNeeded needed;
        for (LocationConf* location : main->locations) {
            set_masks(*location);
            needed.post_read = needed.post_read || location->post_read.anybody();
            needed.rewrite = needed.rewrite || location->rewrite.anybody();
            needed.preaccess = needed.preaccess || location->preaccess.anybody();
        }
        widen_request_pools(cf);
        return install_phases(cf, needed);
    });
}

MainConf* running_conf(ngx_cycle_t* cycle) {
    auto* http =
        reinterpret_cast<ngx_http_conf_ctx_t*>(ngx_get_conf(cycle->conf_ctx, ngx_http_module));
    if (http == nullptr) {
        return nullptr;
    }
    return static_cast<MainConf*>(http->main_conf[ngx_http_sallyport_module.ctx_index]);
}

ngx_int_t call_start(ngx_cycle_t* cycle, const char* where,
                     Status (*Feature::*hook)(ngx_cycle_t*, void*)) noexcept {
    return guarded(cycle->log, where, ngx_int_t{NGX_ERROR}, [&]() -> ngx_int_t {
        MainConf* main = running_conf(cycle);
        if (main == nullptr || !main->used) {
            return NGX_OK;
        }
        for (const Feature* feature : kFeatures) {
            if (feature->*hook == nullptr) {
                continue;
            }
            const Status status = (feature->*hook)(cycle, main->slots[slot_of(*feature)]);
            if (!status.ok()) {
                ngx_log_error(NGX_LOG_EMERG, cycle->log, 0, "sallyport: %s",
                              status.message().c_str());
                return NGX_ERROR;
            }
        }
        return NGX_OK;
    });
}

ngx_int_t init_module(ngx_cycle_t* cycle) noexcept {
    // `nginx -t` may be asked to explain.
    const ngx_int_t rc =
        guarded(cycle->log, "explanation", ngx_int_t{NGX_ERROR}, [&]() -> ngx_int_t {
            if (running_conf(cycle) != nullptr) {
                explain_from_environment(cycle);
            }
            return NGX_OK;
        });
    return rc == NGX_OK ? call_start(cycle, "cycle start", &Feature::init_cycle) : rc;
}

ngx_int_t init_process(ngx_cycle_t* cycle) noexcept {
    return ngx_process == NGX_PROCESS_HELPER
               ? NGX_OK
               : call_start(cycle, "worker start", &Feature::init_process);
}

void exit_process(ngx_cycle_t* cycle) noexcept {
    guarded(cycle->log, "worker exit", [&] {
        MainConf* main = running_conf(cycle);
        if (main == nullptr || !main->used) {
            return;
        }
        for (const Feature* feature : kFeatures) {
            if (feature->exit_process != nullptr) {
                feature->exit_process(cycle, main->slots[slot_of(*feature)]);
            }
        }
    });
}

ngx_http_module_t module_context = {
    preconfiguration, postconfiguration, create_main_conf,     nullptr,
    nullptr,          nullptr,           create_location_conf, merge_location_conf,
};

}  // namespace

const std::array<const Feature*, kFeatureCount>& features() {
    return kFeatures;
}

void* feature_main(ngx_conf_t* cf, FeatureId id) {
    return main_conf(cf)->slots[static_cast<std::size_t>(id)];
}

void* feature_main(ngx_cycle_t* cycle, FeatureId id) {
    MainConf* main = running_conf(cycle);
    return main == nullptr ? nullptr : main->slots[static_cast<std::size_t>(id)];
}

FeatureMask running_features(ngx_cycle_t* cycle) {
    const MainConf* main = running_conf(cycle);
    return main == nullptr ? 0 : main->active;
}

void* feature_location(ngx_http_request_t* r, FeatureId id) {
    return location_conf(r)->slots[static_cast<std::size_t>(id)];
}

bool acts(ngx_http_request_t* r, std::initializer_list<FeatureId> wanted) {
    const FeatureMask active = location_conf(r)->active_mask;
    return std::any_of(wanted.begin(), wanted.end(), [active](FeatureId id) {
        return (active >> static_cast<std::size_t>(id) & 1) != 0;
    });
}

void* feature_location(ngx_conf_t* cf, FeatureId id) {
    auto* location = static_cast<LocationConf*>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_sallyport_module));
    return location->slots[static_cast<std::size_t>(id)];
}

void* feature_server(ngx_http_core_srv_conf_t* server, FeatureId id) {
    auto* location =
        static_cast<LocationConf*>(server->ctx->loc_conf[ngx_http_sallyport_module.ctx_index]);
    return location->slots[static_cast<std::size_t>(id)];
}

}  // namespace sallyport::ngx

extern "C" {
ngx_module_t ngx_http_sallyport_module = {
    NGX_MODULE_V1,
    &sallyport::ngx::module_context,
    sallyport::ngx::commands,
    NGX_HTTP_MODULE,
    nullptr,
    sallyport::ngx::init_module,
    sallyport::ngx::init_process,
    nullptr,
    nullptr,
    sallyport::ngx::exit_process,
    nullptr,
    NGX_MODULE_V1_PADDING,
};
}
