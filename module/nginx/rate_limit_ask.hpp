// What a request asks of a limit: whose numbers count, what it costs, what must be left after it.
#pragma once

#include "module/nginx/rate_limit_conf.hpp"
#include "module/nginx/request.hpp"

namespace sallyport::ngx {

struct Asking {
    const policy::LimitTerms* terms = nullptr;  // lives as long as the request
    policy::Ask ask;                            // 0 units: not counted
};

Asking asking_with_options(const Request& request, const Limit& limit, const policy::KeyHash& key);

inline Asking asking_of(const Request& request, const Limit& limit, const policy::KeyHash& key) {
    if (limit.plain && !limit.boosts->any()) {
        return {&limit.spec, {}};
    }
    return asking_with_options(request, limit, key);
}

}  // namespace sallyport::ngx
