#include "module/nginx/certificate_expiry.hpp"

#include "module/nginx/guard.hpp"
#include "module/nginx/str.hpp"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

namespace sallyport::ngx {
namespace {

constexpr ngx_msec_t kDayMs = 86'400'000;

std::int64_t seconds_of(const ASN1_TIME* time) {
    std::tm parts{};
    return time != nullptr && ASN1_TIME_to_tm(time, &parts) == 1
               ? static_cast<std::int64_t>(timegm(&parts))
               : 0;
}

std::string subject_of(const X509* certificate) {
    std::array<char, 256> text{};
    const X509_NAME* name = X509_get_subject_name(certificate);
    if (X509_NAME_get_text_by_NID(name, NID_commonName, text.data(),
                                  static_cast<int>(text.size())) < 0) {
        X509_NAME_oneline(name, text.data(), static_cast<int>(text.size()));
    }
    return text.data();
}

std::string_view key_of(const X509* certificate) {
    const EVP_PKEY* key = X509_get0_pubkey(certificate);
    switch (key == nullptr ? EVP_PKEY_NONE : EVP_PKEY_get_base_id(key)) {
        case EVP_PKEY_EC:
            return "ecdsa";
        case EVP_PKEY_RSA:
        case EVP_PKEY_RSA_PSS:
            return "rsa";
        case EVP_PKEY_ED25519:
        case EVP_PKEY_ED448:
            return "eddsa";
        default:
            return "other";
    }
}

std::string name_of(const ngx_http_core_srv_conf_t& server) {
    if (server.server_name.len != 0) {
        return std::string(view(server.server_name));
    }
    return std::string(reinterpret_cast<const char*>(server.file_name)) + ":" +
           std::to_string(server.line);
}

}  // namespace

CertificateWatch::~CertificateWatch() {
    if (timer_.timer_set) {
        ngx_del_timer(&timer_);
    }
}

void CertificateWatch::read(const ngx_http_core_main_conf_t& core) {
    auto* const* servers = static_cast<ngx_http_core_srv_conf_t* const*>(core.servers.elts);
    for (ngx_uint_t i = 0; i < core.servers.nelts; ++i) {
        const auto* tls = static_cast<const ngx_http_ssl_srv_conf_t*>(
            servers[i]->ctx->srv_conf[ngx_http_ssl_module.ctx_index]);
        SSL_CTX* ctx = tls->ssl.ctx;
        long next = ctx == nullptr ? 0 : SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_FIRST);
        for (; next == 1; next = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_NEXT)) {
            const X509* certificate = SSL_CTX_get0_certificate(ctx);
            if (certificate != nullptr) {
                add({name_of(*servers[i]),
                     subject_of(certificate),
                     key_of(certificate),
                     {seconds_of(X509_get0_notBefore(certificate)),
                      seconds_of(X509_get0_notAfter(certificate))}});
            }
        }
    }
}

// Servers of one name (one a port) stand for one: that which ends first.
void CertificateWatch::add(ServedCertificate certificate) {
    const auto known =
        std::find_if(certificates_.begin(), certificates_.end(), [&](const auto& one) {
            return one.server == certificate.server && one.subject == certificate.subject &&
                   one.key == certificate.key;
        });
    if (known == certificates_.end()) {
        certificates_.push_back(std::move(certificate));
    } else if (certificate.life.until_s < known->life.until_s) {
        known->life = certificate.life;
    }
}

void CertificateWatch::warn(ngx_log_t* log) const {
    for (const ServedCertificate& one : certificates_) {
        const auto state = policy::certificate_state(one.life, ngx_time());
        if (state != policy::CertificateState::good) {
            ngx_log_error(NGX_LOG_WARN, log, 0,
                          "sallyport: the certificate \"%s\" of the server \"%s\" is %s (%L days "
                          "are left); renew it",
                          one.subject.c_str(), one.server.c_str(), word(state).data(),
                          policy::days_left(one.life, ngx_time()));
        }
    }
}

void CertificateWatch::start(ngx_cycle_t* cycle) {
    timer_.data = this;
    timer_.log = cycle->log;
    timer_.cancelable = 1;  // a worker that shuts down does not wait for it
    timer_.handler = [](ngx_event_t* event) noexcept {
        const auto* watch = static_cast<const CertificateWatch*>(event->data);
        guarded(event->log, "certificate watch", [&] { watch->warn(event->log); });
        ngx_add_timer(event, kDayMs);
    };
    ngx_add_timer(&timer_, kDayMs);
}

void CertificateWatch::report(policy::Metrics& metrics) const {
    for (const ServedCertificate& one : certificates_) {
        metrics.gauge("sallyport_tls_certificate_not_after_seconds",
                      "When a served certificate expires, in Unix seconds.",
                      {{"server", one.server}, {"subject", one.subject}, {"key", one.key}},
                      static_cast<double>(one.life.until_s));
    }
    for (const ServedCertificate& one : certificates_) {
        const auto state = policy::certificate_state(one.life, ngx_time());
        metrics.gauge("sallyport_tls_certificate_good",
                      "1 while a served certificate is valid and more than a third of its life is "
                      "left.",
                      {{"server", one.server}, {"subject", one.subject}, {"key", one.key}},
                      state == policy::CertificateState::good ? 1 : 0);
    }
}

}  // namespace sallyport::ngx
