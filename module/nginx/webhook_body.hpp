// The request body as nginx holds it: buffers in memory, in a temporary file, or both.
#pragma once

#include "module/nginx/ngx.hpp"

#include <cstdint>
#include <functional>
#include <string_view>

namespace sallyport::ngx {

// Calls `each` with every piece of the body that was read, file parts read in pieces of bounded
// size. False when the temporary file could not be read or `each` returned false. REQUIRES: the
// body was read to its end.
bool each_body_piece(ngx_http_request_t* r, const std::function<bool(std::string_view)>& each);

// The whole body in one piece: a view of nginx's buffer when it is one, else a copy in the
// request's pool. False when the temporary file could not be read. REQUIRES: as above.
bool whole_body(ngx_http_request_t* r, std::string_view& out);

}  // namespace sallyport::ngx
