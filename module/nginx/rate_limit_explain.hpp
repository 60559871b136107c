// What the limits of a location would say about a request, consuming nothing.
#pragma once

#include "module/nginx/feature.hpp"

namespace sallyport::ngx {

HookResult explain_rate_limit(Request& request, const void* location, Stage stage, Json& facts);

}  // namespace sallyport::ngx
