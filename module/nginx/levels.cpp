#include "module/nginx/levels.hpp"

#include "module/nginx/directive.hpp"
#include "module/nginx/module.hpp"

#include <set>
#include <string>
#include <utility>

namespace sallyport::ngx {
namespace {

// Locations inherit their pages, and several features ask about the same status.
bool is_first_question(const ngx_conf_t* cf, const ngx_array_t* pages, ngx_int_t status) {
    static const ngx_cycle_t* cycle = nullptr;
    static std::set<std::pair<const ngx_array_t*, ngx_int_t>> asked;
    if (cycle != cf->cycle) {
        cycle = cf->cycle;
        asked.clear();
    }
    return asked.emplace(pages, status).second;
}

}  // namespace

bool is_server_level(ngx_conf_t* cf, FeatureId id, const void* child) {
    auto* server = static_cast<ngx_http_core_srv_conf_t*>(
        ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module));
    return feature_server(server, id) == child;
}

policy::Mode level_mode(ngx_conf_t* cf, std::optional<policy::Mode> own) {
    const auto* level = static_cast<const LocationConf*>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_sallyport_module));
    return own.value_or(level->mode.value_or(policy::Mode::enforce));
}

Status check_error_pages(ngx_conf_t* cf, ngx_int_t status) {
    const auto* core = static_cast<const ngx_http_core_loc_conf_t*>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
    if (core->error_pages == nullptr) {
        return Done{};
    }
    const auto* pages = static_cast<const ngx_http_err_page_t*>(core->error_pages->elts);
    const std::string code = std::to_string(status);
    for (ngx_uint_t i = 0; i < core->error_pages->nelts; ++i) {
        if (pages[i].status == status && pages[i].overwrite == 0 &&
            is_first_question(cf, core->error_pages, status)) {
            warn(cf, "\"error_page " + code +
                         " = …\": the page's own status takes the refusal's place, a success as "
                         "well; leave out \"=\"");
        }
        if (pages[i].status == status && pages[i].overwrite >= 200 && pages[i].overwrite < 300) {
            const std::string shown = std::to_string(pages[i].overwrite);
            return Error{"\"error_page " + code + " =" + shown +
                         "\" turns refusals into successes here; leave out \"=" + shown + "\""};
        }
    }
    return Done{};
}

bool any_listener(ngx_conf_t* cf, const ngx_http_core_srv_conf_t* server,
                  bool (*wanted)(const ngx_http_listen_opt_t&)) {
    const auto* core = static_cast<const ngx_http_core_main_conf_t*>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
    if (core->ports == nullptr) {
        return false;
    }
    const auto* ports = static_cast<const ngx_http_conf_port_t*>(core->ports->elts);
    for (ngx_uint_t p = 0; p < core->ports->nelts; ++p) {
        const auto* addrs = static_cast<const ngx_http_conf_addr_t*>(ports[p].addrs.elts);
        for (ngx_uint_t a = 0; a < ports[p].addrs.nelts; ++a) {
            const ngx_array_t& servers = addrs[a].servers;
            auto* const* listed = static_cast<ngx_http_core_srv_conf_t* const*>(servers.elts);
            for (ngx_uint_t s = 0; s < servers.nelts; ++s) {
                if (listed[s] == server && wanted(addrs[a].opt)) {
                    return true;
                }
            }
        }
    }
    return false;
}

}  // namespace sallyport::ngx
