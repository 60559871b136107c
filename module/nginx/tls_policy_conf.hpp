// The TLS policy's configuration, shared by the glue and the module that sets defaults before
// nginx's own TLS module reads them.
#pragma once

#include "module/nginx/ngx.hpp"
#include "module/policy/decision.hpp"
#include "module/policy/tls_policy.hpp"

#include <optional>

namespace sallyport::ngx {

struct TlsLocation {
    std::optional<policy::TlsRule> own;  // sallyport_tls_policy at this level
    std::optional<policy::Mode> mode;    // sallyport_tls_mode

    // After merging. Null: no rule.
    bool server_level = false;
    const policy::TlsRule* server_rule = nullptr;
    const policy::TlsRule* location_rule = nullptr;
};

}  // namespace sallyport::ngx
