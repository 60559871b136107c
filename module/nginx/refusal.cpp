#include "module/nginx/refusal.hpp"

#include "module/nginx/str.hpp"
#include "module/nginx/webhook_spool_conf.hpp"

#include <string>

namespace sallyport::ngx {
namespace {

constexpr std::string_view kQuotaExceeded =
    "https://iana.org/assignments/http-problem-types#quota-exceeded";

std::string_view title_of(std::uint16_t status) {
    switch (status) {
        case 200:
            return "Already received";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 405:
            return "Method Not Allowed";
        case 409:
            return "Conflict";
        case 411:
            return "Length Required";
        case 413:
            return "Content Too Large";
        case 415:
            return "Unsupported Media Type";
        case 421:
            return "Misdirected Request";
        case 425:
            return "Too Early";
        case 426:
            return "Upgrade Required";
        case 429:
            return "Too Many Requests";
        case 500:
            return "Internal Server Error";
        case 503:
            return "Service Unavailable";
        default:
            return "Refused";
    }
}

bool has_error_page(ngx_http_request_t* r, ngx_int_t status) {
    const auto* core = static_cast<ngx_http_core_loc_conf_t*>(
        ngx_http_get_module_loc_conf(r, ngx_http_core_module));
    if (core->error_pages == nullptr) {
        return false;
    }
    const auto* pages = static_cast<ngx_http_err_page_t*>(core->error_pages->elts);
    for (ngx_uint_t i = 0; i < core->error_pages->nelts; ++i) {
        // The spool is for what an upstream could not take; what we refuse is answered here.
        if (pages[i].status == status && view(pages[i].value.value) != kSpoolLocation) {
            return true;
        }
    }
    return false;
}

// Only for what is refused: the words are ours, so nothing needs escaping. The reason is for the
// log alone when it would tell a forger what was wrong with a signature.
std::string body_of(const policy::Decision& decision, std::string_view violated) {
    if (decision.verdict == policy::Verdict::answer) {
        return {};
    }
    std::string reason(word(decision.reason));
    const bool about_signature = decision.reason >= policy::Reason::webhook_secret_missing &&
                                 decision.reason <= policy::Reason::webhook_id_malformed;
    if (decision.status == 401 || about_signature) {
        reason = "unauthorized";
    }
    // Limits say which of them refused, as draft-ietf-httpapi-ratelimit-headers' problem type does.
    const bool limited = decision.reason == policy::Reason::rate_limited && !violated.empty();
    std::string body = R"({"type":")";
    body.append(limited ? kQuotaExceeded : "about:blank").append(R"(","title":")");
    body.append(title_of(decision.status));
    body.append(R"(","status":)").append(std::to_string(decision.status));
    body.append(R"(,"reason":")").append(reason).append("\"");
    if (limited) {
        body.append(R"(,"violated-policies":[)").append(violated).append("]");
    }
    body.append("}\n");
    return body;
}

}  // namespace

ngx_int_t refuse(Request& request, const policy::Decision& decision) {
    ngx_http_request_t* r = request.r();
    const ngx_int_t status = decision.status;
    if (has_error_page(r, status) || r->http_version < NGX_HTTP_VERSION_10) {
        return status;
    }
    // Behind an error_page (`error_page 418 =200 @fallback`) nginx would send that status instead.
    r->err_status = 0;
    // ngx_http_send_response discards an unread request body and honours HEAD.
    ngx_str_t type = ngx_string("application/problem+json");
    // For a redirect nginx takes the text for its target.
    const bool redirect = status >= 300 && status < 400;
    const std::string_view text = redirect ? request.state().redirect_target
                                           : keep(r, body_of(decision, request.state().violated));
    ngx_http_complex_value_t body{};
    body.value = borrow(text);
    if (text.empty()) {
        type = ngx_string("text/plain");
    }
    const ngx_int_t rc = ngx_http_send_response(r, static_cast<ngx_uint_t>(status), &type, &body);
    ngx_http_finalize_request(r, rc);
    return NGX_DONE;
}

void write_fields_of(Request& request, const Finding& refusal) {
    if (refusal.decision.retry_after_s != 0) {
        const std::string seconds = std::to_string(refusal.decision.retry_after_s);
        set_header(request.r(), "Retry-After", keep(request.r(), seconds));
    }
}

}  // namespace sallyport::ngx
