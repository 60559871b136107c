// What the control location serves about rate limits.
#pragma once

#include "module/nginx/control.hpp"

namespace sallyport::ngx {

extern const ControlRoute kRateLimitRoutes[6];

}  // namespace sallyport::ngx
