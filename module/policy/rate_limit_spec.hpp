// `sallyport_limit <name> rate=… | window=… max=… | concurrent=… [option=…]…` as data. Parsing
// only: which stores and variables exist is the gateway's to know.
#pragma once

#include "common/result.hpp"
#include "module/policy/rate_lease.hpp"
#include "module/policy/rate_limit.hpp"
#include "module/policy/rate_window.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sallyport::policy {

// What happens to a request when the shared store gives no answer in time.
enum class OnStoreError : std::uint8_t { local, allow, deny };

inline constexpr std::string_view kLocalStore = "local";

enum class LimitKind : std::uint8_t {
    rate,        // a bucket of burst= units that refills at rate=
    window,      // max= in any window=
    concurrent,  // at the same time
};

// How a shared store is asked about a rate.
enum class LimitMode : std::uint8_t { strict, lease };

// Which requests are taken back when their outcome is known.
enum class SkipOutcome : std::uint8_t { none, failed, successful, server_errors };

inline constexpr std::int64_t kLeaseTtlMsDefault = 250;

struct LimitSpec {
    std::string name;
    LimitKind kind = LimitKind::rate;
    Gcra gcra;           // rate
    WindowTerms window;  // window
    std::uint32_t concurrent = 0;
    std::uint64_t quota = 0;  // units in a window, as clients are told
    std::uint32_t window_s = 0;
    std::uint64_t burst = 0;
    std::string key = "$sallyport_client_ip";
    std::string cost;  // text with variables; empty: one unit a request
    SkipOutcome skip = SkipOutcome::none;
    std::string store = std::string(kLocalStore);
    std::string group;  // limits of one group share a slot of a Redis Cluster; empty: none
    LimitMode mode = LimitMode::strict;
    std::int64_t lease_ttl_ns = kLeaseTtlMsDefault * 1'000'000;
    OnStoreError on_store_error = OnStoreError::local;
    unsigned ipv6_prefix = 64;
    std::uint64_t zone_bytes = 1024 * 1024;

    bool is_local() const { return store == kLocalStore; }
    bool leases() const { return mode == LimitMode::lease; }
    // A shared limit keeps a table of its own to go on with when the store is gone; leases live in
    // one.
    bool needs_zone() const {
        return is_local() || leases() || on_store_error == OnStoreError::local;
    }
    LeaseTerms lease_terms() const { return {gcra, lease_ttl_ns}; }
};

// What a decision has found about a key, in the terms of the limit's kind.
struct Measure {
    std::int64_t used = 0;     // rate: ns ahead; window and concurrent: units
    std::int64_t next_ns = 0;  // window: until the oldest leaves
};
Standing standing(const LimitSpec& spec, const Measure& measure);
// Would `units` more pass?
bool admits(const LimitSpec& spec, const Measure& measure, std::uint32_t units);

// The most that can pass, in words: "at most 120 + 0.4 requests in any minute, any number of
// nodes".
std::string bound_text(const LimitSpec& spec);

// `arguments` start with the name. Errors name the option, its value and the remedy.
Result<LimitSpec> parse_limit(std::span<const std::string_view> arguments);

// Names of limits and stores stand in fields, metrics and keys: letters, digits, "_" and "-".
Status check_name(std::string_view what, std::string_view name);

}  // namespace sallyport::policy
