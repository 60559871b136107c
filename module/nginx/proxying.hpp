// nginx's proxying modules as one: each keeps its ngx_http_upstream_conf_t as the first member of
// its location configuration.
#pragma once

#include "module/nginx/ngx.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace sallyport::ngx {

// Calls visit(ngx_http_upstream_conf_t&) for each of them in the location that is being merged.
template <typename Visit>
void for_each_proxying_conf(ngx_conf_t* cf, Visit&& visit) {
    constexpr std::array<std::string_view, 5> kProxies = {
        "ngx_http_proxy_module", "ngx_http_fastcgi_module", "ngx_http_uwsgi_module",
        "ngx_http_scgi_module", "ngx_http_grpc_module"};
    auto* context = static_cast<ngx_http_conf_ctx_t*>(cf->ctx);
    for (ngx_uint_t m = 0; cf->cycle->modules[m] != nullptr; ++m) {
        const ngx_module_t& module = *cf->cycle->modules[m];
        if (module.type == NGX_HTTP_MODULE &&
            std::find(kProxies.begin(), kProxies.end(), module.name) != kProxies.end()) {
            visit(*static_cast<ngx_http_upstream_conf_t*>(context->loc_conf[module.ctx_index]));
        }
    }
}

}  // namespace sallyport::ngx
