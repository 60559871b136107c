// How a refusal reaches the client: an RFC 9457 problem document, Retry-After, the closed reason
// word. An error_page that the operator wrote for the status takes precedence over our body.
#pragma once

#include "module/nginx/request.hpp"

namespace sallyport::ngx {

// Ends the request with `decision`'s status. What it returns is what the phase handler returns.
ngx_int_t refuse(Request& request, const policy::Decision& decision);

// Adds what belongs to an enforced decision on the response header (Retry-After).
void write_fields_of(Request& request, const Finding& refusal);
inline void write_refusal_fields(Request& request) {
    if (request.enforced() != nullptr) {
        write_fields_of(request, *request.enforced());
    }
}

}  // namespace sallyport::ngx
