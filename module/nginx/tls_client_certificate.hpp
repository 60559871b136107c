// What a rule may ask of the certificate that a client has shown.
#pragma once

#include "common/result.hpp"
#include "module/nginx/ngx.hpp"
#include "module/nginx/request.hpp"
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

// True when the client has shown a certificate in a handshake with the very server that the request
// is for, and so to its authorities; nginx has verified it, and it is still valid. A request may
// reach a server through another one's handshake (without a name, by a name of the default server)
// and through another one's session: what those say of the client counts for nothing here.
bool has_certificate(const Request& request);

// REQUIRES: has_certificate of the request. `issuers` may be null.
policy::TlsCertificate shown_certificate(SSL* ssl, const TrustedIssuers* issuers);

}  // namespace sallyport::ngx
