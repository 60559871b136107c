// The TLS policy's configuration, shared by the glue and the module that sets defaults before
// nginx's own TLS module reads them.
#pragma once

#include "module/nginx/certificate_expiry.hpp"
#include "module/nginx/ngx.hpp"
#include "module/nginx/tls_client_certificate.hpp"
#include "module/nginx/tls_tickets_conf.hpp"
#include "module/policy/decision.hpp"
#include "module/policy/tls_policy.hpp"

#include <memory>
#include <optional>
#include <vector>

namespace sallyport::ngx {

struct TlsMain {
    std::unique_ptr<TicketSource> tickets;  // sallyport_tls_tickets
    CertificateWatch certificates;
};

struct TlsLocation {
    std::optional<policy::TlsRule> own;           // sallyport_tls_policy at this level
    const TrustedIssuers* own_issuers = nullptr;  // its client_ca
    std::optional<policy::Mode> mode;             // sallyport_tls_mode

    // After merging. Null: no rule.
    bool server_level = false;
    bool server_enforces = false;
    const policy::TlsRule* server_rule = nullptr;
    const policy::TlsRule* location_rule = nullptr;
    const TrustedIssuers* server_issuers = nullptr;
    const TrustedIssuers* location_issuers = nullptr;
};

}  // namespace sallyport::ngx
