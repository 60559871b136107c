// What a request learnt about its limits, and how the response and the log tell it.
#pragma once

#include "module/nginx/rate_limit_conf.hpp"
#include "module/nginx/request.hpp"
#include "module/policy/rate_limit.hpp"

#include <array>
#include <cstdint>
#include <string_view>

namespace sallyport::ngx {

enum class RateLimitStatus : std::uint8_t { none, passed, limited, unavailable };
// Who decided: shared memory, the shared store, or shared memory (or nobody) in its place.
enum class RateLimitAnswer : std::uint8_t { none, local, shared, fallback };

struct RateLimitState {
    struct Outcome {
        const Limit* limit = nullptr;
        policy::Measure measure{};  // as the decision left it
        bool refused = false;
        policy::Standing standing() const { return policy::standing(limit->spec, measure); }
    };
    // Those of the first location, in the rare case that a redirect leads to one with others.
    // Not initialized: outcome_count of them are valid.
    std::array<Outcome, store::kLimitsPerRequestMax> outcomes;
    std::size_t outcome_count;
    std::uint64_t counted;  // one bit a limit
    RateLimitStatus status;
    RateLimitAnswer store;
    std::string_view store_name;
    void* waiting;  // the question to a shared store under way
    void* held;     // what is to be settled when the request ends

    RateLimitState() noexcept
        : outcome_count(0),
          counted(0),
          status(RateLimitStatus::none),
          store(RateLimitAnswer::none),
          waiting(nullptr),
          held(nullptr) {}

    void record(const Limit* limit, const policy::Measure& measure, bool refused = false) {
        if (outcome_count < outcomes.size()) {
            outcomes[outcome_count++] = {limit, measure, refused};
        }
    }
    const Outcome* find(const Limit* limit) const;
};

// The RateLimit fields of an enforced location's response. Upstream's own stay: list fields are
// written beside them, single values only where ours are tighter.
void write_rate_limit_fields(Request& request, const void* location);

std::string_view rate_limit_status(Request& request);
std::string_view rate_limit_remaining(Request& request);
std::string_view rate_limit_store(Request& request);

}  // namespace sallyport::ngx
