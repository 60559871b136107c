// What the control location answers below /lists.
#pragma once

#include "module/nginx/control.hpp"

namespace sallyport::ngx {

extern const ControlRoute kIpListRoutes[2];

}  // namespace sallyport::ngx
