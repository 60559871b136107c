#include "module/nginx/tls_client_certificate.hpp"

#include "common/bytes.hpp"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <array>
#include <new>
#include <utility>

namespace sallyport::ngx {
namespace {

struct NamesFree {
    void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};
struct ContextFree {
    void operator()(X509_STORE_CTX* context) const { X509_STORE_CTX_free(context); }
};

std::string text_of(const ASN1_STRING* text) {
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
            static_cast<std::size_t>(ASN1_STRING_length(text))};
}

std::vector<std::string> names_of(const X509* certificate) {
    std::vector<std::string> out;
    const std::unique_ptr<GENERAL_NAMES, NamesFree> names(static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
        if (name->type == GEN_DNS) {
            out.push_back("dns:" + ascii_lower(text_of(name->d.dNSName)));
        } else if (name->type == GEN_EMAIL) {
            out.push_back("email:" + ascii_lower(text_of(name->d.rfc822Name)));
        } else if (name->type == GEN_URI) {
            out.push_back("uri:" + text_of(name->d.uniformResourceIdentifier));
        }
    }
    return out;
}

// The server that the handshake chose, by the name the client gave there or by default.
bool was_own_handshake(ngx_http_request_t* r) {
    return r->http_connection->conf_ctx->srv_conf[ngx_http_core_module.ctx_index] ==
           ngx_http_get_module_srv_conf(r, ngx_http_core_module);
}

// A session may be resumed, and a connection may last, after the certificate has expired.
bool certificate_holds(SSL* ssl) {
    const X509* certificate = SSL_get0_peer_certificate(ssl);
    time_t now = ngx_time();
    return certificate != nullptr && SSL_get_verify_result(ssl) == X509_V_OK &&
           X509_cmp_time(X509_get0_notAfter(certificate), &now) > 0;
}

// False for a resumed session that was made under another name (CVE-2025-23419).
bool session_is_own(SSL* ssl) {
    const auto text = [](const char* name) {
        return name == nullptr ? std::string_view() : std::string_view(name);
    };
    // Up to TLS 1.2 the second name is the session's, whatever the client has asked for; nginx then
    // takes it for the handshake's.
    return SSL_session_reused(ssl) != 1 ||
           ascii_iequals(text(SSL_SESSION_get0_hostname(SSL_get0_session(ssl))),
                         text(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)));
}

}  // namespace

Result<TrustedIssuers> TrustedIssuers::load(const std::vector<std::string>& paths) {
    TrustedIssuers out;
    out.store_.reset(X509_STORE_new());
    if (out.store_ == nullptr) {
        throw std::bad_alloc();
    }
    for (const std::string& path : paths) {
        if (X509_STORE_load_file(out.store_.get(), path.c_str()) != 1) {
            ERR_clear_error();
            return Error{"\"client_ca=" + path + "\" holds no certificate in PEM; mend the path"};
        }
    }
    return out;
}

bool TrustedIssuers::issued(SSL* ssl) const {
    const std::unique_ptr<X509_STORE_CTX, ContextFree> context(X509_STORE_CTX_new());
    // A resumed session remembers the certificate alone; its chain then ends in a CA of ours or not
    // at all.
    const bool ready = context != nullptr && X509_STORE_CTX_init(context.get(), store_.get(),
                                                                 SSL_get0_peer_certificate(ssl),
                                                                 SSL_get_peer_cert_chain(ssl)) == 1;
    if (!ready) {
        throw std::bad_alloc();
    }
    X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_PARTIAL_CHAIN);
    const bool good = X509_STORE_CTX_set_purpose(context.get(), X509_PURPOSE_SSL_CLIENT) == 1 &&
                      X509_verify_cert(context.get()) == 1;
    ERR_clear_error();
    return good;
}

bool has_certificate(const Request& request) {
    if (!request.is_tls() || !was_own_handshake(request.r())) {
        return false;
    }
    SSL* ssl = request.r()->connection->ssl->connection;
    return certificate_holds(ssl) && session_is_own(ssl);
}

policy::TlsCertificate shown_certificate(SSL* ssl, const TrustedIssuers* issuers) {
    const X509* certificate = SSL_get0_peer_certificate(ssl);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    X509_digest(certificate, EVP_sha256(), digest.data(), &size);
    return {names_of(certificate), Bytes(digest.begin(), digest.begin() + size),
            issuers == nullptr || issuers->issued(ssl)};
}

}  // namespace sallyport::ngx
