// The certificates that nginx serves, how long they will do, and who is told.
#pragma once

#include "module/nginx/ngx.hpp"
#include "module/policy/certificate_expiry.hpp"
#include "module/policy/metrics.hpp"

#include <openssl/ssl.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::ngx {

struct ServedCertificate {
    std::string server;    // the server's first name, or its place in the configuration
    std::string subject;   // the common name, or the whole subject
    std::string_view key;  // "ecdsa", "rsa" …: a server may have one of each
    policy::CertificateLife life;
};

// Certificates whose name holds a variable are loaded at run time and not seen here.
class CertificateWatch {
  public:
    CertificateWatch() = default;
    ~CertificateWatch();
    CertificateWatch(const CertificateWatch&) = delete;
    CertificateWatch& operator=(const CertificateWatch&) = delete;

    // REQUIRES: nginx has made its TLS contexts (postconfiguration).
    void read(const ngx_http_core_main_conf_t& core);
    // A line for each certificate that is not good any more.
    void warn(ngx_log_t* log) const;
    // In a worker: warns once a day from then on.
    void start(ngx_cycle_t* cycle);
    void report(policy::Metrics& metrics) const;

  private:
    void add(ServedCertificate certificate);

    std::vector<ServedCertificate> certificates_;
    ngx_event_t timer_{};
};

}  // namespace sallyport::ngx
