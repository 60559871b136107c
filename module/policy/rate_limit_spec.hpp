// `sallyport_limit <name> rate=… | window=… max=… | concurrent=… [option=…]…` as data. Parsing
// only: which stores and variables exist is the gateway's to know.
#pragma once

#include "common/result.hpp"
#include "module/policy/rate_adaptive.hpp"
#include "module/policy/rate_lease.hpp"
#include "module/policy/rate_limit_terms.hpp"
#include "module/policy/rate_priority.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::policy {

// What happens to a request when the shared store gives no answer in time.
enum class OnStoreError : std::uint8_t { local, allow, deny };

inline constexpr std::string_view kLocalStore = "local";

// How a shared store is asked about a rate.
enum class LimitMode : std::uint8_t { strict, lease };

// Which requests are taken back when their outcome is known.
enum class SkipOutcome : std::uint8_t { none, failed, successful, server_errors };

inline constexpr std::int64_t kLeaseTtlMsDefault = 250;
// What a response may charge at most, unless charge_max= says otherwise.
inline constexpr std::uint32_t kChargeMaxDefault = 1'000;
// Nobody is held back longer: clients have given up by then.
inline constexpr std::int64_t kDelayNsMax = std::int64_t{60} * 1'000'000'000;

struct LimitSpec : LimitTerms {
    std::string name;
    std::string key = "$sallyport_client_ip";
    std::string cost;  // text with variables; empty: one unit a request
    SkipOutcome skip = SkipOutcome::none;
    // Units that pass at once; the requests behind them are held back until the rate allows them.
    // 0: nobody waits.
    std::uint64_t delay_behind = 0;
    std::string priority;  // text with variables that names a class; empty: no classes
    std::vector<PriorityClass> reserve;
    // A field of the upstream's response that says what the request costs; empty: none.
    std::string charge;
    std::uint32_t charge_max = kChargeMaxDefault;
    bool charge_hidden = false;
    AdaptiveTerms adaptive;
    std::string table;   // of tenants' numbers; empty: none
    std::string tenant;  // text with variables: whose numbers

    std::string store = std::string(kLocalStore);
    std::string group;  // limits of one group share a slot of a Redis Cluster; empty: none
    LimitMode mode = LimitMode::strict;
    std::int64_t lease_ttl_ns = kLeaseTtlMsDefault * 1'000'000;
    OnStoreError on_store_error = OnStoreError::local;
    unsigned ipv6_prefix = 64;
    std::uint64_t zone_bytes = 1024 * 1024;

    bool is_local() const { return store == kLocalStore; }
    bool leases() const { return mode == LimitMode::lease; }
    bool adapts() const { return adaptive.floor < kWhole; }
    // A shared limit keeps a table of its own to go on with when the store is gone; leases live in
    // one, and so does what workers know of the upstream.
    bool needs_zone() const {
        return is_local() || leases() || adapts() || on_store_error == OnStoreError::local;
    }
    LeaseTerms lease_terms() const { return {gcra, lease_ttl_ns, kLeaseHoldNs}; }
    LeaseTerms lease_terms(const LimitTerms& terms) const {
        return {terms.gcra, lease_ttl_ns, kLeaseHoldNs};
    }
};

// The most that can pass, in words: "at most 120 + 0.4 requests in any minute, any number of
// nodes".
std::string bound_text(const LimitSpec& spec);

// `arguments` start with the name. Errors name the option, its value and the remedy.
Result<LimitSpec> parse_limit(std::span<const std::string_view> arguments);

// Names of limits and stores stand in fields, metrics and keys: letters, digits, "_" and "-".
Status check_name(std::string_view what, std::string_view name);

}  // namespace sallyport::policy
