// The nginx-facing callbacks: phase handlers, filters, variables. module.cpp registers them.
#pragma once

#include "module/nginx/module.hpp"

namespace sallyport::ngx {

// The phases in which some location asks a feature; the others get no handler.
struct PhasesNeeded {
    bool post_read = false;
    bool rewrite = false;
    bool preaccess = false;
};

// Registers handlers and filters; called once a configuration, when a directive of ours is used.
ngx_int_t install_phases(ngx_conf_t* cf, const PhasesNeeded& needed);

ngx_int_t get_variable(ngx_http_request_t* r, ngx_http_variable_value_t* value,
                       uintptr_t data) noexcept;

}  // namespace sallyport::ngx
