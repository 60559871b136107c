// The exception wall. Every function whose address nginx receives is `noexcept` and runs its body in
// `guarded`: no exception reaches nginx's C frames, and what fails yields `on_error`, which for a
// request handler is a refusal. This is the only file of the module that may say `catch (...)`.
#pragma once

#include <exception>

#include "module/nginx/ngx.hpp"

namespace sallyport::ngx {

template <typename Result, typename Body>
Result guarded(ngx_log_t* log, const char* where, Result on_error, Body&& body) noexcept {
    try {
        return body();
    } catch (const std::exception& error) {
        ngx_log_error(NGX_LOG_CRIT, log, 0, "sallyport: %s failed: %s", where, error.what());
    } catch (...) {
        ngx_log_error(NGX_LOG_CRIT, log, 0, "sallyport: %s failed with an unknown exception", where);
    }
    return on_error;
}

template <typename Body>
void guarded(ngx_log_t* log, const char* where, Body&& body) noexcept {
    guarded(log, where, 0, [&] {
        body();
        return 0;
    });
}

}  // namespace sallyport::ngx
