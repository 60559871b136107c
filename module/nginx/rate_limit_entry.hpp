// Which entries a limit's table holds.
#pragma once

#include "module/nginx/rate_limit_zone.hpp"

namespace sallyport::ngx {

// Calls visit.template operator()<Entry>() with the entry type of the limit's table.
template <typename Visit>
auto of_kind(const policy::LimitSpec& spec, Visit&& visit) {
    switch (spec.kind) {
        case policy::LimitKind::rate:
            break;
        case policy::LimitKind::window:
            return visit.template operator()<policy::WindowEntry>();
        case policy::LimitKind::concurrent:
            return visit.template operator()<policy::ConcurrencyEntry>();
    }
    return spec.leases() ? visit.template operator()<policy::LeaseEntry>()
                         : visit.template operator()<policy::TableEntry>();
}

}  // namespace sallyport::ngx
