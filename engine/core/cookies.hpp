// Cookies of our own pages (RFC 6265): read from a request's field, and made so that only our pages
// get them.
#pragma once

#include "engine/core/web_message.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace sallyport::engine {

// The value of the last cookie of that name; empty when there is none.
std::string cookie_of(const WebRequest& request, std::string_view name);

// A `Set-Cookie` field: no script reads it, no other site's page sends it. `secure` where the page
// is served over TLS.
struct StrictCookie {
    std::string_view name;
    std::string_view value;
    std::string_view path;
    std::int64_t seconds = 0;
    bool secure = true;
};
WebHeader set_cookie(const StrictCookie& cookie);

}  // namespace sallyport::engine
