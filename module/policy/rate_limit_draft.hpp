// `sallyport_limit` while it is being read: what was written, kept until all options are known.
// Only for rate_limit_spec.cpp and rate_limit_options.cpp.
#pragma once

#include "module/policy/rate_limit_spec.hpp"

#include <string>
#include <string_view>

namespace sallyport::policy {

struct LimitDraft {
    LimitSpec spec;
    bool has_rate = false;
    bool has_window = false;
    bool has_max = false;
    bool has_concurrent = false;
    bool has_lease_ttl = false;
    bool has_burst = false;
    bool has_mode = false;
    bool has_on_store_error = false;
    bool has_charge_max = false;
    bool has_failures = false;
    std::string floor;  // as written
};

// Setters of what a limit can have beside its numbers and its store.
Status set_cost(LimitDraft& draft, std::string_view value);
Status set_skip(LimitDraft& draft, std::string_view value);
Status set_delay(LimitDraft& draft, std::string_view value);
Status set_priority(LimitDraft& draft, std::string_view value);
Status set_reserve(LimitDraft& draft, std::string_view value);
Status set_charge(LimitDraft& draft, std::string_view value);
Status set_charge_max(LimitDraft& draft, std::string_view value);
Status set_charge_hidden(LimitDraft& draft, std::string_view value);
Status set_floor(LimitDraft& draft, std::string_view value);
Status set_failures(LimitDraft& draft, std::string_view value);
Status set_table(LimitDraft& draft, std::string_view value);
Status set_tenant(LimitDraft& draft, std::string_view value);

// Whether they go together with the kind, the numbers and the store, which are known by then.
Status finish_options(LimitDraft& draft);

}  // namespace sallyport::policy
