// What a request learnt about its limits, and how the response and the log tell it.
#pragma once

#include "module/nginx/fixed_fields.hpp"
#include "module/nginx/rate_limit_conf.hpp"
#include "module/nginx/request.hpp"
#include "module/policy/rate_limit.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace sallyport::ngx {

enum class RateLimitStatus : std::uint8_t { none, passed, delayed, limited, unavailable };
// Who decided: shared memory, the shared store, or shared memory (or nobody) in its place.
enum class RateLimitAnswer : std::uint8_t { none, local, shared, fallback };

struct RateLimitState {
    struct Outcome {
        const Limit* limit;
        const policy::LimitTerms* terms;
        policy::Measure measure;  // as the decision left it
        policy::Ask ask;
        bool refused;
        policy::Standing standing() const { return policy::standing(*terms, measure, ask); }
    };
    // Every limit that was decided: room for those of the request's locations.
    Outcome* outcomes = nullptr;
    std::size_t outcome_count = 0;
    std::size_t outcome_room = 0;
    std::uint64_t counted = 0;  // one bit a limit
    RateLimitStatus status = RateLimitStatus::none;
    RateLimitAnswer store = RateLimitAnswer::none;
    std::string_view store_name{};
    void* waiting = nullptr;  // the question to a shared store under way
    void* held = nullptr;     // what is to be settled when the request ends
    void* delayed = nullptr;  // held back, or was
    // The first location that asked about the request, and the mode it did it in: they hold for the
    // response when that comes from a location without a word of its own.
    const RateLimitLocation* location = nullptr;
    policy::Mode mode{};

    // Room for the outcomes of `count` limits more.
    void make_room(const Request& request, std::size_t count);
    void record(const Limit* limit, const policy::LimitTerms* terms, const policy::Measure& measure,
                const policy::Ask& ask, bool refused = false) {
        if (outcome_count < outcome_room) {
            outcomes[outcome_count++] = {limit, terms, measure, ask, refused};
        }
    }
    std::span<const Outcome> all() const { return {outcomes, outcome_count}; }
    Outcome* find(const Limit* limit) const;
};

// The RateLimit fields of an enforced location's response. Upstream's own stay: list fields are
// written beside them, single values only where ours are tighter.
void write_rate_limit_fields(Request& request, const void* location, LastFields&);

std::string_view rate_limit_status(Request& request);
std::string_view rate_limit_remaining(Request& request);
std::string_view rate_limit_store(Request& request);

}  // namespace sallyport::ngx
