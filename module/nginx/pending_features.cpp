// Features under construction: empty definitions that the real ones replace at link time. Removed
// when all are in.
#include "module/nginx/feature.hpp"

namespace sallyport::ngx {

#define SALLYPORT_PENDING(symbol, identifier, word)       \
    extern __attribute__((weak)) const Feature symbol;    \
    const Feature symbol = {                              \
        .id = FeatureId::identifier,                      \
        .name = word,                                     \
        .directives = {},                                 \
    }

SALLYPORT_PENDING(kIpList, ip_list, "ip_list");
SALLYPORT_PENDING(kRateLimit, rate_limit, "rate_limit");
SALLYPORT_PENDING(kSecurityHeaders, security_headers, "security_headers");
SALLYPORT_PENDING(kTlsPolicy, tls_policy, "tls_policy");
SALLYPORT_PENDING(kWebhook, webhook, "webhook");

}  // namespace sallyport::ngx
