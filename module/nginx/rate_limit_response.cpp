#include "module/nginx/rate_limit_response.hpp"

#include "common/bytes.hpp"
#include "module/nginx/fixed_list.hpp"
#include "module/nginx/rate_limit_request.hpp"
#include "module/nginx/str.hpp"

#include <algorithm>
#include <charconv>

namespace sallyport::ngx {
namespace {

using policy::Field;
using policy::FieldLimit;

using Shown = FixedList<FieldLimit, store::kLimitsPerRequestMax>;

// The location's limits that counted this request.
Shown shown_limits(const RateLimitState& state, const RateLimitLocation& location) {
    Shown shown;
    for (const Limit* limit : location.limits) {
        if (const RateLimitState::Outcome* outcome = state.find(limit)) {
            shown.push({limit->spec.name, outcome->terms->quota, outcome->terms->window_s,
                        outcome->standing()});
        }
    }
    return shown;
}

// Whether all numbers are those of the configuration, whose policy field stands ready.
bool is_own(const RateLimitState& state) {
    for (const RateLimitState::Outcome& one : state.all()) {
        if (one.terms != &one.limit->spec) {
            return false;
        }
    }
    return true;
}

std::uint64_t tightest_remaining(const Shown& shown) {
    return policy::tightest(shown.all()).standing.remaining;
}

std::string_view response_header(ngx_http_request_t* r, std::string_view name) {
    for (ngx_list_part_t* part = &r->headers_out.headers.part; part != nullptr; part = part->next) {
        const auto* headers = static_cast<const ngx_table_elt_t*>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; ++i) {
            if (headers[i].hash != 0 && ascii_iequals(view(headers[i].key), name)) {
                return view(headers[i].value);
            }
        }
    }
    return {};
}

// Families of single-value fields in which the upstream's own stay, because they are as tight as
// ours.
struct Kept {
    bool dictionary;  // draft-07's RateLimit: its grammar is the upstream's to mend
    bool triple;      // RateLimit-Limit, -Remaining, -Reset
    bool legacy;      // X-RateLimit-Limit, -Remaining, -Reset

    bool has(std::string_view name) const {
        return name == "RateLimit" ? dictionary : name.starts_with("X-") ? legacy : triple;
    }
};

bool is_as_tight(ngx_http_request_t* r, std::string_view remaining_name, std::uint64_t ours) {
    const auto theirs = parse_u64(response_header(r, remaining_name));
    return theirs && *theirs <= ours;
}

Kept kept_fields(ngx_http_request_t* r, std::uint64_t ours) {
    return {has_header(r, "RateLimit"), is_as_tight(r, "RateLimit-Remaining", ours),
            is_as_tight(r, "X-RateLimit-Remaining", ours)};
}

// Moves the values, which stand one behind the other, to where they live as long as the request.
void keep_values(const Request& request, std::span<Field> fields) {
    const char* first = fields.front().value.data();
    const char* end = fields.back().value.data() + fields.back().value.size();
    const std::string_view kept = keep(request.r(), {first, static_cast<std::size_t>(end - first)});
    for (Field& field : fields) {
        field.value = {kept.data() + (field.value.data() - first), field.value.size()};
    }
}

// draft-11 alone: nothing of the upstream's is in the way of a list.
[[gnu::hot]] bool write_list(const Request& request, const RateLimitLocation& location,
                             const RateLimitState& state) {
    char* const start = static_cast<char*>(request.room(location.list_bytes, 1));
    char* at = start;
    for (const Limit* limit : location.limits) {
        if (const RateLimitState::Outcome* outcome = state.find(limit)) {
            at = policy::write_list_item(at, at == start, limit->list_head, outcome->terms->quota,
                                         outcome->standing());
        }
    }
    if (at == start) {
        return false;
    }
    add_header(request.r(), "RateLimit", {start, static_cast<std::size_t>(at - start)});
    return true;
}

// Rounded up: who comes back at the Unix time that he was told must not be early.
std::int64_t unix_s_up(std::int64_t now_ms) {
    return (now_ms + 999) / 1000;
}

bool write_generations(const Request& request, const RateLimitLocation& location,
                       const RateLimitState& state) {
    const Shown shown = shown_limits(state, location);
    if (shown.empty()) {
        return false;
    }
    std::array<char, policy::field_bytes_max(store::kLimitsPerRequestMax)> scratch;
    std::array<Field, policy::kFieldsMax> fields;
    const std::size_t count =
        policy::write_fields(location.fields, shown.all(), unix_s_up(now_ms()), scratch, fields);
    keep_values(request, {fields.data(), count});
    ngx_http_request_t* r = request.r();
    const Kept kept = kept_fields(r, tightest_remaining(shown));
    for (const Field& field : std::span(fields).first(count)) {
        if (field.is_list) {
            add_header(r, field.name, field.value);
        } else if (!kept.has(field.name)) {
            set_header(r, field.name, field.value);
        }
    }
    return true;
}

std::string_view own_policy(const Request& request, const RateLimitLocation& location,
                            const RateLimitState& state) {
    return keep(request.r(),
                policy::policy_field(location.fields, shown_limits(state, location).all()));
}

}  // namespace

[[gnu::hot]] void RateLimitState::make_room(const Request& request, std::size_t count) {
    if (outcome_count + count <= outcome_room) {
        return;
    }
    const std::size_t room = outcome_count + count;
    auto* wider = static_cast<Outcome*>(request.room(room * sizeof(Outcome)));
    std::copy_n(outcomes, outcome_count, wider);
    outcomes = wider;
    outcome_room = room;
}

[[gnu::hot]] RateLimitState::Outcome* RateLimitState::find(const Limit* limit) const {
    for (std::size_t i = 0; i < outcome_count; ++i) {
        if (outcomes[i].limit == limit) {
            return &outcomes[i];
        }
    }
    return nullptr;
}

[[gnu::hot]] void write_rate_limit_fields(Request& request, const void* location_conf,
                                          LastFields&) {
    const auto& own = *static_cast<const RateLimitLocation*>(location_conf);
    const auto* state = request.find_feature_state<RateLimitState>(FeatureId::rate_limit);
    const bool borrows = !own.choice && state != nullptr && state->location != nullptr;
    const RateLimitLocation& location = borrows ? *state->location : own;
    if (location.charges || (state != nullptr && state->held != nullptr)) {
        charge_response(request, location);
    }
    if (state == nullptr || state->outcome_count == 0 || location.fields == 0 ||
        (borrows ? state->mode : request.mode(location.mode)) != policy::Mode::enforce) {
        return;
    }
    const bool written = location.fields == bit(policy::FieldGeneration::draft_11)
                             ? write_list(request, location, *state)
                             : write_generations(request, location, *state);
    if (written && !location.policy.empty()) {
        add_header(request.r(), "RateLimit-Policy",
                   is_own(*state) ? location.policy : own_policy(request, location, *state));
    }
}

std::string_view rate_limit_status(Request& request) {
    const auto* state = request.find_feature_state<RateLimitState>(FeatureId::rate_limit);
    if (state == nullptr) {
        return {};
    }
    switch (state->status) {
        case RateLimitStatus::none:
            return {};
        case RateLimitStatus::passed:
            return "passed";
        case RateLimitStatus::delayed:
            return "delayed";
        case RateLimitStatus::limited:
            return "limited";
        case RateLimitStatus::unavailable:
            return "unavailable";
    }
    return {};
}

std::string_view rate_limit_remaining(Request& request) {
    const auto* state = request.find_feature_state<RateLimitState>(FeatureId::rate_limit);
    if (state == nullptr || state->outcome_count == 0) {
        return {};
    }
    std::uint64_t least = state->outcomes[0].standing().remaining;
    for (std::size_t i = 1; i < state->outcome_count; ++i) {
        least = std::min(least, state->outcomes[i].standing().remaining);
    }
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, least).ptr;
    return keep(request.r(), {digits, static_cast<std::size_t>(end - digits)});
}

std::string_view rate_limit_store(Request& request) {
    const auto* state = request.find_feature_state<RateLimitState>(FeatureId::rate_limit);
    if (state == nullptr) {
        return {};
    }
    switch (state->store) {
        case RateLimitAnswer::none:
            return {};
        case RateLimitAnswer::local:
            return policy::kLocalStore;
        case RateLimitAnswer::shared:
            return state->store_name;
        case RateLimitAnswer::fallback:
            return "fallback";
    }
    return {};
}

}  // namespace sallyport::ngx
