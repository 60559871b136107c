// One server's TLS settings as written, before nginx merges them: checked against a profile, and
// completed where the operator wrote nothing.
#pragma once

#include "common/result.hpp"
#include "module/nginx/ngx.hpp"
#include "module/policy/tls_policy.hpp"

namespace sallyport::ngx {

class TlsSettings {
  public:
    // The http level's settings and the server's own, which win.
    TlsSettings(const ngx_http_ssl_srv_conf_t& http, const ngx_http_ssl_srv_conf_t& server)
        : http_(http), server_(server) {}

    // Errors name nginx's directive and the remedy. `early_data_judged`: sallyport_early_data looks
    // at what comes early.
    Status check(const policy::TlsRule& rule, bool early_data_judged) const;
    // Writes the profile's values into `target` (the server's own) where neither level has one.
    // `tickets_rotate`: sallyport_tls_tickets sees to their keys.
    void fill(ngx_conf_t* cf, const policy::TlsRule& rule, bool tickets_rotate,
              ngx_http_ssl_srv_conf_t& target) const;

  private:
    ngx_uint_t protocols() const;
    ngx_str_t ciphers() const;
    ngx_str_t curves() const;
    Status check_protocols(const policy::TlsRule& rule) const;
    Status check_ciphers(const policy::TlsRule& rule) const;
    Status check_curves(const policy::TlsRule& rule) const;
    Status check_commands() const;
    Status check_early_data(bool judged) const;

    const ngx_http_ssl_srv_conf_t& http_;
    const ngx_http_ssl_srv_conf_t& server_;
};

}  // namespace sallyport::ngx
