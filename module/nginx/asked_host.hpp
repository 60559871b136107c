// The name a client asked for, as it wrote it.
#pragma once

#include "common/bytes.hpp"
#include "module/nginx/str.hpp"

#include <string_view>

namespace sallyport::ngx {

// The Host field, with its port, where it names what nginx chose the server by; else that name.
// They differ when the request line has a host of its own, which then counts (RFC 9112
// section 3.2.2). Lives as long as the request.
inline std::string_view asked_host(const ngx_http_request_t* r) {
    const std::string_view chosen = view(r->headers_in.server);
    if (r->headers_in.host == nullptr) {
        return chosen;
    }
    const std::string_view field = view(r->headers_in.host->value);
    if (field == chosen) {
        return field;
    }
    const bool same =
        field.size() >= chosen.size() &&
        (field.starts_with(chosen) || ascii_iequals(field.substr(0, chosen.size()), chosen)) &&
        (field.size() == chosen.size() || field[chosen.size()] == ':');
    return same ? field : chosen;
}

}  // namespace sallyport::ngx
