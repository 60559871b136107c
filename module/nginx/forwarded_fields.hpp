// The request fields that speak of the client, as the upstream will see them: one canonical
// X-Forwarded-For, -Proto, -Host and X-Real-IP, written by us; nothing that a client could have
// written about itself.
#pragma once

#include "module/nginx/request.hpp"

#include <string_view>

namespace sallyport::ngx {

struct ForwardedValues {
    std::string_view client;  // empty: no address, and no field
    std::string_view proto;
    std::string_view host;  // empty: no field
    bool trusted = false;   // the peer's word counts: only what we write ourselves is replaced
};

void write_forwarded_fields(ngx_http_request_t* r, const ForwardedValues& values);

}  // namespace sallyport::ngx
