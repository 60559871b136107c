// What a rule may ask of the certificate that a client has shown.
#pragma once

#include "common/result.hpp"
#include "module/nginx/ngx.hpp"
#include "module/policy/tls_policy.hpp"

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <vector>

namespace sallyport::ngx {

// The CAs of a rule's client_ca files.
class TrustedIssuers {
  public:
    // Errors name the file.
    static Result<TrustedIssuers> load(const std::vector<std::string>& paths);
    // Whether one of them issued the client's certificate, which must be for clients and valid now.
    bool issued(SSL* ssl) const;

  private:
    struct StoreFree {
        void operator()(X509_STORE* store) const { X509_STORE_free(store); }
    };
    std::unique_ptr<X509_STORE, StoreFree> store_;
};

// True when nginx has verified a certificate and it is still valid: a session may be resumed, and a
// connection may last, after it has expired.
bool certificate_holds(SSL* ssl);

// False for a resumed session that was made under another server name (CVE-2025-23419): what it
// says of the client was never shown to this server, which may believe other authorities.
bool session_is_own(SSL* ssl);

// REQUIRES: certificate_holds. `issuers` may be null.
policy::TlsCertificate shown_certificate(SSL* ssl, const TrustedIssuers* issuers);

}  // namespace sallyport::ngx
