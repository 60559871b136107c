// `sallyport_limit <name> rate=… [option=…]…` as data. Parsing only: which stores and variables
// exist is the gateway's to know.
#pragma once

#include "common/result.hpp"
#include "module/policy/rate_limit.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sallyport::policy {

// What happens to a request when the shared store gives no answer in time.
enum class OnStoreError : std::uint8_t { local, allow, deny };

inline constexpr std::string_view kLocalStore = "local";

struct LimitSpec {
    std::string name;
    Gcra gcra;
    std::uint64_t quota = 0;  // units in a window, as clients are told
    std::uint32_t window_s = 0;
    std::uint64_t burst = 0;
    std::string key = "$sallyport_client_ip";
    std::string store = std::string(kLocalStore);
    OnStoreError on_store_error = OnStoreError::local;
    unsigned ipv6_prefix = 64;
    std::uint64_t zone_bytes = 1024 * 1024;

    bool is_local() const { return store == kLocalStore; }
    // A shared limit keeps a table of its own to go on with when the store is gone.
    bool needs_zone() const { return is_local() || on_store_error == OnStoreError::local; }
};

// `arguments` start with the name. Errors name the option, its value and the remedy.
Result<LimitSpec> parse_limit(std::span<const std::string_view> arguments);

// Names of limits and stores stand in fields, metrics and keys: letters, digits, "_" and "-".
Status check_name(std::string_view what, std::string_view name);

}  // namespace sallyport::policy
