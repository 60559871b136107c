// Where responses get their fields: the last filter that sees a header before nginx writes it, so
// that no other's field is missed and none of ours is changed. A module of its own, because nginx
// orders a module's filter by where the whole module stands (modules.c).
#include "module/nginx/fixed_fields.hpp"
#include "module/nginx/guard.hpp"
#include "module/nginx/module.hpp"
#include "module/nginx/refusal.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <vector>

extern "C" {
extern ngx_module_t ngx_http_sallyport_header_module;
// nginx's writer of HTTP/1.
extern ngx_module_t ngx_http_header_filter_module;
}

namespace sallyport::ngx {
namespace {

ngx_http_output_header_filter_pt next_header_filter;
bool writers_alone_follow = false;
// Side by side, by feature, as phases.cpp has the others.
std::array<void (*)(Request&, const void*, LastFields&), kFeatureCount> hooks;

[[gnu::hot]] ngx_int_t header_filter(ngx_http_request_t* r) noexcept {
    const LocationConf* location = location_conf(r);
    if (r != r->main || r->header_sent) {
        return next_header_filter(r);
    }
    return guarded(r->connection->log, "header filter", ngx_int_t{NGX_ERROR}, [&]() -> ngx_int_t {
        if (location->header_mask == 0 && !Request::find(r)) {
            return next_header_filter(r);
        }
        Request request(r);
        LastFields last;
        for (FeatureMask mask = location->header_mask | request.state().header_mask; mask != 0;
             mask = rest_of(mask)) {
            const std::size_t i = first_of(mask);
            hooks[i](request, location->slots[i], last);
        }
        write_refusal_fields(request);
        return send_header(request, last, writers_alone_follow, next_header_filter);
    });
}

// The modules between nginx's writer and our filter. (A module's index says nothing of its place.)
std::vector<std::string_view> modules_behind_writer(const ngx_cycle_t& cycle) {
    const std::span<ngx_module_t*> modules(cycle.modules, cycle.modules_n);
    auto at = std::find(modules.begin(), modules.end(), &ngx_http_header_filter_module);
    const auto end = std::find(at, modules.end(), &ngx_http_sallyport_header_module);
    std::vector<std::string_view> out;
    while (at != end && ++at != end) {
        out.emplace_back((*at)->name);
    }
    return out;
}

ngx_int_t postconfiguration(ngx_conf_t* cf) noexcept {
    return guarded(cf->log, "header filter", ngx_int_t{NGX_ERROR}, [&]() -> ngx_int_t {
        const auto* ours = static_cast<const MainConf*>(
            ngx_http_conf_get_module_main_conf(cf, ngx_http_sallyport_module));
        if (!ours->used) {
            return NGX_OK;
        }
        for (std::size_t i = 0; i < kFeatureCount; ++i) {
            hooks[i] = features()[i]->header_filter;
        }
        writers_alone_follow = only_writers(modules_behind_writer(*cf->cycle));
        next_header_filter = ngx_http_top_header_filter;
        ngx_http_top_header_filter = header_filter;
        return NGX_OK;
    });
}

ngx_http_module_t header_context = {
    nullptr, postconfiguration, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr,
};

}  // namespace
}  // namespace sallyport::ngx

extern "C" {
ngx_module_t ngx_http_sallyport_header_module = {
    NGX_MODULE_V1, &sallyport::ngx::header_context,
    nullptr,       NGX_HTTP_MODULE,
    nullptr,       nullptr,
    nullptr,       nullptr,
    nullptr,       nullptr,
    nullptr,       NGX_MODULE_V1_PADDING,
};
}
