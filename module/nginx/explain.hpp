// What the gateway would do with a request that nobody sent: the same answer for the control
// endpoint and for `sallyport explain --conf`, which runs `nginx -t` with the description in the
// environment.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"
#include "module/nginx/ngx.hpp"

namespace sallyport::ngx {

// `description` as in docs/api/control.md. Errors say which member is wrong.
Result<Json> explain(ngx_cycle_t* cycle, ngx_log_t* log, const Json& description);

// After a configuration was read: under `nginx -t` with SALLYPORT_EXPLAIN in the environment,
// explains the description that it holds on standard output. Does nothing otherwise.
void explain_from_environment(ngx_cycle_t* cycle);

}  // namespace sallyport::ngx
