// A webhook request as the policy sees it: its head, its fields, and how it is refused. Shared by
// the hooks that judge real requests and by the explanation.
#pragma once

#include "module/nginx/asked_host.hpp"
#include "module/nginx/feature.hpp"
#include "module/nginx/str.hpp"
#include "module/nginx/webhook_conf.hpp"
#include "module/policy/webhook_verify.hpp"

namespace sallyport::ngx {

inline policy::webhook::RequestHead head_of(const Request& request) {
    const ngx_http_request_t* r = request.r();
    return {view(r->method_name), view(r->unparsed_uri), request.is_https() ? "https" : "http",
            asked_host(r)};
}

inline void offer_headers(ngx_http_request_t* r, policy::webhook::Verification& verification) {
    for (ngx_list_part_t* part = &r->headers_in.headers.part; part != nullptr; part = part->next) {
        const auto* headers = static_cast<const ngx_table_elt_t*>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; ++i) {
            // In lower case, as profiles keep them.
            verification.offer_header(
                {reinterpret_cast<const char*>(headers[i].lowcase_key), headers[i].key.len},
                view(headers[i].value));
        }
    }
}

// A sender's certificate is fetched within seconds.
inline constexpr std::uint32_t kCertificateRetryS = 5;

inline policy::Decision refusal(const WebhookLocation& location, policy::Reason reason) {
    if (reason == policy::Reason::webhook_certificate_pending) {
        return policy::Decision::deny(reason, NGX_HTTP_SERVICE_UNAVAILABLE, kCertificateRetryS);
    }
    if (reason == policy::Reason::webhook_body_too_large) {
        return policy::Decision::deny(reason, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE);
    }
    return policy::Decision::deny(reason, location.reject_status.value_or(NGX_HTTP_UNAUTHORIZED));
}

inline std::uint64_t body_limit(const WebhookLocation& location) {
    return location.body_bytes_max.value_or(kWebhookBodyBytesMax);
}

// What the location would say about a delivery, reserving nothing.
HookResult explain_webhook(Request& request, const void* location, Stage stage, Json& facts);

}  // namespace sallyport::ngx
