// Options of a limit beside its numbers and its store: costs, outcomes, waiting, priorities,
// charges, adaptation, tenants.
#include "common/bytes.hpp"
#include "common/units.hpp"
#include "module/policy/rate_limit_draft.hpp"

namespace sallyport::policy {
namespace {

constexpr std::uint32_t kChargeMaxMost = 1'000'000;

Error belongs_to(std::string_view option, std::string_view other, const LimitSpec& spec) {
    return Error{std::string(option) + " of limit " + in_quotes(spec.name) + " belongs to " +
                 std::string(other) + "; add it or remove " + std::string(option)};
}

Status finish_delay(const LimitSpec& spec) {
    if (spec.delay_behind == 0) {
        return Done{};
    }
    if (spec.kind != LimitKind::rate) {
        return Error{"delay= of limit " + in_quotes(spec.name) +
                     " needs a rate to wait for; remove it or write rate="};
    }
    if (spec.delay_behind >= spec.burst) {
        return Error{"delay=" + std::to_string(spec.delay_behind) + " of limit " +
                     in_quotes(spec.name) + " is not below burst=" + std::to_string(spec.burst) +
                     ", so that nobody would wait; lower it or raise burst"};
    }
    const std::int64_t longest_ns =
        static_cast<std::int64_t>(spec.burst - spec.delay_behind) * spec.gcra.interval_ns;
    if (longest_ns > kDelayNsMax) {
        return Error{"limit " + in_quotes(spec.name) + " would hold requests back for " +
                     std::to_string(longest_ns / 1'000'000'000) +
                     " seconds, and 60 are the most; raise delay= or rate=, or lower burst="};
    }
    return Done{};
}

Status finish_charge(const LimitDraft& draft) {
    const LimitSpec& spec = draft.spec;
    if (spec.charge.empty() && (draft.has_charge_max || spec.charge_hidden)) {
        return belongs_to(draft.has_charge_max ? "charge_max=" : "charge_hidden", "charge=", spec);
    }
    if (!spec.charge.empty() && spec.kind == LimitKind::concurrent) {
        return Error{"limit " + in_quotes(spec.name) +
                     " counts requests under way, where charge= has no meaning; remove it"};
    }
    if (!spec.charge.empty() && spec.skip != SkipOutcome::none) {
        return Error{"limit " + in_quotes(spec.name) +
                     " has charge= and skip=; let the upstream charge 0 instead of skip="};
    }
    return Done{};
}

Status finish_floor(LimitDraft& draft) {
    LimitSpec& spec = draft.spec;
    if (draft.floor.empty()) {
        return draft.has_failures ? Status(belongs_to("failures=", "floor=", spec))
                                  : Status(Done{});
    }
    if (spec.kind != LimitKind::rate) {
        return Error{"floor= of limit " + in_quotes(spec.name) +
                     " is the least of a rate; remove it or write rate="};
    }
    const auto floor = parse_rate(draft.floor);
    if (!floor) {
        return Error{"floor=: " + floor.message()};
    }
    const double per_s = static_cast<double>(floor->count) / static_cast<double>(floor->period_ms);
    const double most = static_cast<double>(spec.quota) / (spec.window_s * 1'000.0);
    const double share = per_s / most * kWhole;
    if (share >= kWhole) {
        return Error{"floor=" + draft.floor + " of limit " + in_quotes(spec.name) +
                     " is not below its rate; lower it"};
    }
    if (share < 1'000) {
        return Error{"floor=" + draft.floor + " of limit " + in_quotes(spec.name) +
                     " is less than a thousandth of its rate; raise it"};
    }
    spec.adaptive.floor = static_cast<std::uint32_t>(share);
    const double refill_ns = static_cast<double>(spec.gcra.capacity_ns) / share * kWhole;
    if (refill_ns > static_cast<double>(kRefillNsMax)) {
        return Error{"limit " + in_quotes(spec.name) +
                     " takes more than 100 days to refill at its floor; raise floor= or lower "
                     "burst="};
    }
    return Done{};
}

}  // namespace

Status set_cost(LimitDraft& draft, std::string_view value) {
    if (value.empty()) {
        return Error{"cost= is empty; write a number or a variable, such as cost=$request_cost"};
    }
    // A number that cannot be charged would turn the limit off without a word.
    if (value.find('$') == std::string_view::npos && parse_u64(value).value_or(0) == 0) {
        return Error{"cost=" + std::string(value) +
                     " charges nothing; write a whole number from 1, or a variable such as "
                     "cost=$request_cost"};
    }
    draft.spec.cost = value;
    return Done{};
}

Status set_skip(LimitDraft& draft, std::string_view value) {
    if (value == "failed") {
        draft.spec.skip = SkipOutcome::failed;
    } else if (value == "successful") {
        draft.spec.skip = SkipOutcome::successful;
    } else if (value == "5xx") {
        draft.spec.skip = SkipOutcome::server_errors;
    } else {
        return Error{"skip=" + in_quotes(value) + " is not known; write failed, successful or 5xx"};
    }
    return Done{};
}

Status set_delay(LimitDraft& draft, std::string_view value) {
    const auto count = parse_u64(value);
    if (!count || *count == 0) {
        return Error{"delay=" + in_quotes(value) +
                     ": write how many of burst= pass without waiting, at least 1"};
    }
    draft.spec.delay_behind = *count;
    return Done{};
}

Status set_priority(LimitDraft& draft, std::string_view value) {
    if (value.empty()) {
        return Error{"priority= is empty; name the variable that holds a request's class"};
    }
    draft.spec.priority = value;
    return Done{};
}

Status set_reserve(LimitDraft& draft, std::string_view value) {
    auto classes = parse_reserve(value);
    if (!classes) {
        return classes.error();
    }
    draft.spec.reserve = std::move(*classes);
    return Done{};
}

Status set_charge(LimitDraft& draft, std::string_view value) {
    if (!is_token(value) || value.find('$') != std::string_view::npos) {
        return Error{"charge=" + in_quotes(value) +
                     " is no header's name; write for example charge=X-Request-Cost"};
    }
    draft.spec.charge = value;
    return Done{};
}

Status set_charge_max(LimitDraft& draft, std::string_view value) {
    const auto most = parse_u64(value);
    if (!most || *most == 0 || *most > kChargeMaxMost) {
        return Error{"charge_max=" + in_quotes(value) +
                     ": write what a response may charge at most, 1 to 1000000"};
    }
    draft.spec.charge_max = static_cast<std::uint32_t>(*most);
    draft.has_charge_max = true;
    return Done{};
}

Status set_charge_hidden(LimitDraft& draft, std::string_view value) {
    if (value != "on" && value != "off") {
        return Error{"charge_hidden=" + in_quotes(value) + " is neither on nor off"};
    }
    draft.spec.charge_hidden = value == "on";
    return Done{};
}

Status set_floor(LimitDraft& draft, std::string_view value) {
    if (value.empty()) {
        return Error{"floor= is empty; write the least rate, such as floor=10r/s"};
    }
    draft.floor = value;
    return Done{};
}

Status set_failures(LimitDraft& draft, std::string_view value) {
    const bool percent = value.ends_with('%');
    const auto most = parse_u64(value.substr(0, value.size() - (percent ? 1 : 0)));
    if (!percent || !most || *most == 0 || *most > 100) {
        return Error{"failures=" + in_quotes(value) +
                     ": write the share of answers that may fail, 1% to 100%"};
    }
    draft.spec.adaptive.failures_max = static_cast<std::uint32_t>(*most) * (kWhole / 100);
    draft.has_failures = true;
    return Done{};
}

Status set_table(LimitDraft& draft, std::string_view value) {
    draft.spec.table = value;
    return check_name("table", value);
}

Status set_tenant(LimitDraft& draft, std::string_view value) {
    if (value.empty()) {
        return Error{"tenant= is empty; name the variable that holds a request's tenant"};
    }
    draft.spec.tenant = value;
    return Done{};
}

Status finish_options(LimitDraft& draft) {
    const LimitSpec& spec = draft.spec;
    if (spec.priority.empty() != spec.reserve.empty()) {
        return spec.priority.empty() ? belongs_to("reserve=", "priority=", spec)
                                     : belongs_to("priority=", "reserve=", spec);
    }
    if (spec.table.empty() != spec.tenant.empty()) {
        return spec.table.empty() ? belongs_to("tenant=", "table=", spec)
                                  : belongs_to("table=", "tenant=", spec);
    }
    if (const Status delay = finish_delay(spec); !delay) {
        return delay;
    }
    if (const Status charge = finish_charge(draft); !charge) {
        return charge;
    }
    return finish_floor(draft);
}

}  // namespace sallyport::policy
