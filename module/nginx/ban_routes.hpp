// What the control location answers below /bans.
#pragma once

#include "module/nginx/control.hpp"

namespace sallyport::ngx {

extern const ControlRoute kBanRoutes[3];

}  // namespace sallyport::ngx
