// What other files of the module ask redaction for.
#pragma once

#include "module/nginx/request.hpp"

#include <string_view>

namespace sallyport::ngx {

// The request's path as it may stand in a log; the path itself where nothing in it is sensitive or
// redaction is off here.
std::string_view redacted_path(Request& request);

}  // namespace sallyport::ngx
