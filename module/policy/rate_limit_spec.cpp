#include "module/policy/rate_limit_spec.hpp"

#include "common/bytes.hpp"
#include "common/limits.hpp"
#include "common/units.hpp"

#include <algorithm>
#include <iterator>

namespace sallyport::policy {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;
// Below this a table has too few sets to spread keys; nginx itself asks for eight pages.
constexpr std::uint64_t kZoneBytesMin = 64 * 1024;
// A larger zone is a slip of the unit: this holds 40 million keys.
constexpr std::uint64_t kZoneBytesMax = std::uint64_t{1} << 30;

std::string quoted(std::string_view text) {
    return "\"" + std::string(text) + "\"";
}

// What was written, kept until all options are known.
struct Draft {
    LimitSpec spec;
    bool has_burst = false;
    bool has_mode = false;
    bool has_on_store_error = false;
};

Status set_rate(Draft& draft, std::string_view value) {
    const auto rate = parse_rate(value);
    if (!rate) {
        return rate.error();
    }
    draft.spec.quota = rate->count;
    draft.spec.window_s = static_cast<std::uint32_t>(rate->period_ms / 1000);
    return Done{};
}

Status set_burst(Draft& draft, std::string_view value) {
    const auto burst = parse_u64(value);
    if (!burst || *burst == 0 || *burst > 1'000'000'000) {
        return Error{"burst=" + quoted(value) +
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

Status set_mode(Draft& draft, std::string_view value) {
    if (value != "strict") {
        return Error{"mode=" + quoted(value) + " is not known; write mode=strict"};
    }
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
        return Error{"on_store_error=" + quoted(value) +
                     " is not known; write local, allow or deny"};
    }
    draft.has_on_store_error = true;
    return Done{};
}

Status set_ipv6_prefix(Draft& draft, std::string_view value) {
    const auto bits = parse_u64(value);
    if (!bits || *bits < 16 || *bits > 128) {
        return Error{"ipv6_prefix=" + quoted(value) +
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
        return Error{"zone_size=" + quoted(value) + " is out of range; write 64k to 1g"};
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
    {"key", set_key},
    {"store", set_store},
    {"mode", set_mode},
    {"on_store_error", set_on_store_error},
    {"ipv6_prefix", set_ipv6_prefix},
    {"zone_size", set_zone_size},
};
constexpr std::string_view kOptionNames =
    "rate, burst, key, store, mode, on_store_error, ipv6_prefix or zone_size";

Status set_option(Draft& draft, std::string_view argument, std::uint32_t& seen) {
    const std::size_t equals = argument.find('=');
    const std::string_view name = argument.substr(0, equals);
    const auto* option = std::find_if(std::begin(kOptions), std::end(kOptions),
                                      [&](const Option& one) { return one.name == name; });
    if (option == std::end(kOptions) || equals == std::string_view::npos) {
        return Error{"unknown option " + quoted(argument) + "; write " + std::string(kOptionNames) +
                     ", each as name=value"};
    }
    const std::uint32_t bit = 1U << (option - std::begin(kOptions));
    if ((seen & bit) != 0) {
        return Error{std::string(name) + "= stands there twice; keep one"};
    }
    seen |= bit;
    return option->set(draft, argument.substr(equals + 1));
}

// What only the whole can tell.
Result<LimitSpec> finish(Draft draft) {
    LimitSpec& spec = draft.spec;
    if (spec.quota == 0) {
        return Error{"limit " + quoted(spec.name) + " has no rate; add one such as rate=100r/m"};
    }
    if (spec.is_local() && (draft.has_mode || draft.has_on_store_error)) {
        return Error{"limit " + quoted(spec.name) + " counts in shared memory, where " +
                     (draft.has_mode ? "mode=" : "on_store_error=") +
                     " has no meaning; remove it or name a sallyport_redis in store="};
    }
    if (!draft.has_burst) {
        spec.burst = spec.quota;
    }
    const std::int64_t period_ns = std::int64_t{spec.window_s} * 1000 * kNsPerMs;
    if (static_cast<std::uint64_t>(period_ns / kIntervalNsMin) < spec.quota) {
        return Error{"limit " + quoted(spec.name) +
                     " is faster than 1000000r/s; remove it instead"};
    }
    const std::int64_t interval_ns = Gcra::make(spec.quota, period_ns, 1).interval_ns;
    if (spec.burst > static_cast<std::uint64_t>(kRefillNsMax / interval_ns)) {
        return Error{"limit " + quoted(spec.name) + " with burst=" + std::to_string(spec.burst) +
                     " takes more than 100 days to refill; lower burst or raise rate"};
    }
    spec.gcra = Gcra::make(spec.quota, period_ns, spec.burst);
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
        return Error{std::string(what) + " name " + quoted(name) +
                     " must be 1 to 64 letters, digits, \"_\" or \"-\""};
    }
    return Done{};
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
