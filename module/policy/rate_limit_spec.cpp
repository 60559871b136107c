#include "module/policy/rate_limit_spec.hpp"

#include "common/bytes.hpp"
#include "common/limits.hpp"
#include "common/units.hpp"
#include "module/policy/rate_concurrency.hpp"
#include "module/policy/rate_limit_draft.hpp"

#include <algorithm>
#include <iterator>

namespace sallyport::policy {
namespace {

// Below this a table has too few sets to spread keys; nginx itself asks for eight pages.
constexpr std::int64_t kWindowMsMin = 1'000;
constexpr std::int64_t kWindowMsMax = std::int64_t{30} * 86'400 * 1'000;
constexpr std::uint64_t kZoneBytesMin = 64 * 1024;
// A larger zone is a slip of the unit: this holds 40 million keys.
constexpr std::uint64_t kZoneBytesMax = std::uint64_t{1} << 30;

using Draft = LimitDraft;

Status set_rate(Draft& draft, std::string_view value) {
    const auto rate = parse_rate(value);
    if (!rate) {
        return rate.error();
    }
    draft.has_rate = true;
    draft.spec.quota = rate->count;
    draft.spec.window_s = static_cast<std::uint32_t>(rate->period_ms / 1000);
    return Done{};
}

Status set_window(Draft& draft, std::string_view value) {
    const auto ms = parse_duration_ms(value);
    if (!ms) {
        return Error{"window=" + ms.message()};
    }
    if (*ms < kWindowMsMin || *ms > kWindowMsMax) {
        return Error{"window=" + in_quotes(value) + " is out of range; write 1s to 30d"};
    }
    draft.has_window = true;
    draft.spec.window.window_ns = *ms * kNsPerMs;
    return Done{};
}

Status set_max(Draft& draft, std::string_view value) {
    const auto max = parse_u64(value);
    if (!max || *max == 0 || *max > kWindowMaxUnits) {
        return Error{"max=" + in_quotes(value) +
                     ": write how many requests a window takes, 1 to 10000000"};
    }
    draft.has_max = true;
    draft.spec.window.max = static_cast<std::uint32_t>(*max);
    return Done{};
}

Status set_concurrent(Draft& draft, std::string_view value) {
    const auto max = parse_u64(value);
    if (!max || *max == 0 || *max > kConcurrentMax) {
        return Error{"concurrent=" + in_quotes(value) +
                     ": write how many requests may be under way at once, 1 to 60000"};
    }
    draft.has_concurrent = true;
    draft.spec.concurrent = static_cast<std::uint32_t>(*max);
    return Done{};
}

Status set_lease_ttl(Draft& draft, std::string_view value) {
    const auto ms = parse_duration_ms(value);
    if (!ms) {
        return Error{"lease_ttl=" + ms.message()};
    }
    if (*ms < 50 || *ms > 10'000) {
        return Error{"lease_ttl=" + in_quotes(value) + " is out of range; write 50ms to 10s"};
    }
    draft.has_lease_ttl = true;
    draft.spec.lease_ttl_ns = *ms * kNsPerMs;
    return Done{};
}

Status set_burst(Draft& draft, std::string_view value) {
    const auto burst = parse_u64(value);
    if (!burst || *burst == 0 || *burst > 1'000'000'000) {
        return Error{"burst=" + in_quotes(value) +
                     ": write how many requests may come at once, 1 to 1000000000"};
    }
    draft.spec.burst = *burst;
    draft.has_burst = true;
    return Done{};
}

Status set_key(Draft& draft, std::string_view value) {
    if (value.empty()) {
        return Error{"key= is empty; name at least one variable, such as key=$sallyport_client_ip"};
    }
    draft.spec.key = value;
    return Done{};
}

Status set_store(Draft& draft, std::string_view value) {
    if (value.empty()) {
        return Error{"store= is empty; write store=local or the name of a sallyport_redis"};
    }
    draft.spec.store = value;
    return Done{};
}

Status set_group(Draft& draft, std::string_view value) {
    draft.spec.group = value;
    return check_name("group", value);
}

Status set_mode(Draft& draft, std::string_view value) {
    if (value != "strict" && value != "lease") {
        return Error{"mode=" + in_quotes(value) + " is not known; write strict or lease"};
    }
    draft.spec.mode = value == "lease" ? LimitMode::lease : LimitMode::strict;
    draft.has_mode = true;
    return Done{};
}

Status set_on_store_error(Draft& draft, std::string_view value) {
    if (value == "local") {
        draft.spec.on_store_error = OnStoreError::local;
    } else if (value == "allow") {
        draft.spec.on_store_error = OnStoreError::allow;
    } else if (value == "deny") {
        draft.spec.on_store_error = OnStoreError::deny;
    } else {
        return Error{"on_store_error=" + in_quotes(value) +
                     " is not known; write local, allow or deny"};
    }
    draft.has_on_store_error = true;
    return Done{};
}

Status set_ipv6_prefix(Draft& draft, std::string_view value) {
    const auto bits = parse_u64(value);
    if (!bits || *bits < 16 || *bits > 128) {
        return Error{"ipv6_prefix=" + in_quotes(value) +
                     ": write the number of bits that tell clients apart, 16 to 128"};
    }
    draft.spec.ipv6_prefix = static_cast<unsigned>(*bits);
    return Done{};
}

Status set_zone_size(Draft& draft, std::string_view value) {
    const auto bytes = parse_size_bytes(value);
    if (!bytes) {
        return Error{"zone_size=" + bytes.message()};
    }
    if (*bytes < kZoneBytesMin || *bytes > kZoneBytesMax) {
        return Error{"zone_size=" + in_quotes(value) + " is out of range; write 64k to 1g"};
    }
    draft.spec.zone_bytes = *bytes;
    return Done{};
}

struct Option {
    std::string_view name;
    Status (*set)(Draft&, std::string_view);
};
constexpr Option kOptions[] = {
    {"rate", set_rate},
    {"burst", set_burst},
    {"window", set_window},
    {"max", set_max},
    {"concurrent", set_concurrent},
    {"cost", set_cost},
    {"skip", set_skip},
    {"delay", set_delay},
    {"priority", set_priority},
    {"reserve", set_reserve},
    {"charge", set_charge},
    {"charge_max", set_charge_max},
    {"charge_hidden", set_charge_hidden},
    {"floor", set_floor},
    {"failures", set_failures},
    {"table", set_table},
    {"tenant", set_tenant},
    {"lease_ttl", set_lease_ttl},
    {"key", set_key},
    {"store", set_store},
    {"group", set_group},
    {"mode", set_mode},
    {"on_store_error", set_on_store_error},
    {"ipv6_prefix", set_ipv6_prefix},
    {"zone_size", set_zone_size},
};
constexpr std::string_view kOptionNames =
    "rate, burst, window, max, concurrent, key, cost, skip, delay, priority, reserve, charge, "
    "charge_max, charge_hidden, floor, failures, table, tenant, store, group, mode, lease_ttl, "
    "on_store_error, ipv6_prefix or zone_size";

Status set_option(Draft& draft, std::string_view argument, std::uint32_t& seen) {
    if (argument == "skip_failed" || argument == "skip_successful") {
        return set_option(draft, argument == "skip_failed" ? "skip=failed" : "skip=successful",
                          seen);
    }
    if (argument == "charge_hidden") {
        return set_option(draft, "charge_hidden=on", seen);
    }
    const std::size_t equals = argument.find('=');
    const std::string_view name = argument.substr(0, equals);
    const auto* option = std::find_if(std::begin(kOptions), std::end(kOptions),
                                      [&](const Option& one) { return one.name == name; });
    if (option == std::end(kOptions) || equals == std::string_view::npos) {
        return Error{"unknown option " + in_quotes(argument) + "; write " +
                     std::string(kOptionNames) + ", each as name=value"};
    }
    const std::uint32_t bit = 1U << (option - std::begin(kOptions));
    if ((seen & bit) != 0) {
        return Error{std::string(name) + "= stands there twice; keep one"};
    }
    seen |= bit;
    return option->set(draft, argument.substr(equals + 1));
}

Status finish_rate(Draft& draft) {
    LimitSpec& spec = draft.spec;
    if (!draft.has_burst) {
        spec.burst = spec.quota;
    }
    const std::int64_t period_ns = std::int64_t{spec.window_s} * 1000 * kNsPerMs;
    if (static_cast<std::uint64_t>(period_ns / kIntervalNsMin) < spec.quota) {
        return Error{"limit " + in_quotes(spec.name) +
                     " is faster than 1000000r/s; remove it instead"};
    }
    const std::int64_t interval_ns = Gcra::make(spec.quota, period_ns, 1).interval_ns;
    if (spec.burst > static_cast<std::uint64_t>(kRefillNsMax / interval_ns)) {
        return Error{"limit " + in_quotes(spec.name) + " with burst=" + std::to_string(spec.burst) +
                     " takes more than 100 days to refill; lower burst or raise rate"};
    }
    spec.gcra = Gcra::make(spec.quota, period_ns, spec.burst);
    return Done{};
}

Status finish_other(Draft& draft) {
    LimitSpec& spec = draft.spec;
    if (draft.has_burst) {
        return Error{"burst= of limit " + in_quotes(spec.name) + " belongs to rate=; remove it"};
    }
    if (draft.has_window != draft.has_max) {
        return Error{"limit " + in_quotes(spec.name) + " has " +
                     (draft.has_max ? "max" : "window") +
                     "= alone; write both, such as window=15m max=100"};
    }
    if (draft.has_concurrent) {
        spec.kind = LimitKind::concurrent;
        spec.quota = spec.concurrent;
        if (spec.skip != SkipOutcome::none || !spec.cost.empty()) {
            return Error{"limit " + in_quotes(spec.name) + " counts requests under way, where " +
                         (spec.cost.empty() ? "skip=" : "cost=") + " has no meaning; remove it"};
        }
        return Done{};
    }
    spec.kind = LimitKind::window;
    spec.quota = spec.window.max;
    spec.window_s =
        static_cast<std::uint32_t>((spec.window.window_ns + 999 * kNsPerMs) / (1000 * kNsPerMs));
    return Done{};
}

// Leases are the default where they can be had: a rate in a shared store.
Status finish_mode(Draft& draft) {
    LimitSpec& spec = draft.spec;
    const char* shared_only = draft.has_mode             ? "mode="
                              : draft.has_on_store_error ? "on_store_error="
                              : draft.has_lease_ttl      ? "lease_ttl="
                              : !spec.group.empty()      ? "group="
                                                         : nullptr;
    if (spec.is_local() && shared_only != nullptr) {
        return Error{"limit " + in_quotes(spec.name) + " counts in shared memory, where " +
                     shared_only +
                     " has no meaning; remove it or name a sallyport_redis in store="};
    }
    if (spec.kind != LimitKind::rate && (spec.leases() || draft.has_lease_ttl)) {
        return Error{"limit " + in_quotes(spec.name) +
                     " is not a rate, and only rates are leased; remove mode= and lease_ttl="};
    }
    const char* exact_only = spec.skip != SkipOutcome::none ? "skip="
                             : spec.delay_behind != 0       ? "delay="
                             : !spec.priority.empty()       ? "priority="
                                                            : nullptr;
    if (spec.leases() && exact_only != nullptr) {
        return Error{"limit " + in_quotes(spec.name) + " has " + exact_only +
                     ", which only mode=strict can do exactly; write mode=strict or remove " +
                     exact_only};
    }
    if (!draft.has_mode && !spec.is_local() && spec.kind == LimitKind::rate &&
        exact_only == nullptr) {
        spec.mode = LimitMode::lease;
    }
    if (draft.has_lease_ttl && !spec.leases()) {
        return Error{"lease_ttl= of limit " + in_quotes(spec.name) +
                     " belongs to mode=lease; remove one of them"};
    }
    return Done{};
}

// What only the whole can tell.
Result<LimitSpec> finish(Draft draft) {
    LimitSpec& spec = draft.spec;
    const int kinds = (draft.has_rate ? 1 : 0) + (draft.has_window || draft.has_max ? 1 : 0) +
                      (draft.has_concurrent ? 1 : 0);
    if (kinds != 1) {
        return Error{"limit " + in_quotes(spec.name) +
                     (kinds == 0 ? " has no rate; add one such as rate=100r/m, or window=15m "
                                   "max=100, or concurrent=10"
                                 : " is of several kinds; keep one of rate=, window= max= and "
                                   "concurrent=")};
    }
    for (Status (*step)(Draft&) :
         {draft.has_rate ? finish_rate : finish_other, finish_mode, finish_options}) {
        if (const Status done = step(draft); !done) {
            return done.error();
        }
    }
    return std::move(spec);
}

}  // namespace

Status check_name(std::string_view what, std::string_view name) {
    const bool good = !name.empty() && name.size() <= limits::kNameBytesMax &&
                      std::all_of(name.begin(), name.end(), [](char c) {
                          return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                 (c >= '0' && c <= '9') || c == '_' || c == '-';
                      });
    if (!good) {
        return Error{std::string(what) + " name " + in_quotes(name) +
                     " must be 1 to 64 letters, digits, \"_\" or \"-\""};
    }
    return Done{};
}

std::string bound_text(const LimitSpec& spec) {
    const std::string nodes = spec.is_local() ? ", on each node" : ", any number of nodes";
    if (spec.kind == LimitKind::concurrent) {
        return "at most " + std::to_string(spec.concurrent) + " requests at the same time" + nodes;
    }
    if (spec.kind == LimitKind::window) {
        return "at most " + std::to_string(spec.window.max) + " requests in any " +
               std::to_string(spec.window_s) + " seconds" + nodes;
    }
    const char* unit = spec.window_s == 1        ? "second"
                       : spec.window_s == 60     ? "minute"
                       : spec.window_s == 3600   ? "hour"
                       : spec.window_s == 86'400 ? "day"
                                                 : "period";
    std::string out = "at most " + std::to_string(spec.quota + spec.burst);
    if (spec.leases()) {
        // Tenths of a unit, rounded up.
        const std::int64_t tenth_ns = std::max(spec.gcra.interval_ns / 10, std::int64_t{1});
        const std::int64_t tenths = (spec.lease_ttl_ns + tenth_ns - 1) / tenth_ns;
        out += " + " + std::to_string(tenths / 10) + "." + std::to_string(tenths % 10);
    }
    return out + " requests in any " + unit + nodes;
}

Result<LimitSpec> parse_limit(std::span<const std::string_view> arguments) {
    Draft draft;
    draft.spec.name = arguments.front();
    if (const Status named = check_name("limit", arguments.front()); !named) {
        return named.error();
    }
    std::uint32_t seen = 0;
    for (const std::string_view argument : arguments.subspan(1)) {
        if (const Status set = set_option(draft, argument, seen); !set) {
            return set.error();
        }
    }
    return finish(std::move(draft));
}

}  // namespace sallyport::policy
