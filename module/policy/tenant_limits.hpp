// Numbers of single tenants: a table that operators change while the gateway runs.
//
//     # tenant   what differs from the limit's own numbers
//     acme       rate=500r/s burst=1000
//     globex     window=1h max=50000
//     initech    concurrent=40
//     hooli      unlimited
//
// A line's rate=, window= and concurrent= serve limits of that kind; a limit whose kind a line does
// not mention goes by its own numbers, and so do tenants that stand nowhere. Blank lines and what
// follows a # are left out. Names end at a blank. Pure: a text in, a table or what is wrong with it
// out.
#pragma once

#include "common/result.hpp"
#include "module/policy/rate_limit_terms.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace sallyport::policy {

inline constexpr std::size_t kTenantsMax = 100'000;
inline constexpr std::size_t kTenantNameBytesMax = 128;
// What a file may be; a table in Redis is bounded by the reader of replies.
inline constexpr std::size_t kTenantTableBytesMax = std::size_t{16} << 20;

class TenantLimits {
  public:
    static Result<TenantLimits> parse(std::string_view text);

    struct Numbers {
        std::uint64_t count = 0;  // rate=; 0: the limit's own
        std::int64_t period_ns = 0;
        std::uint64_t burst = 0;     // 0: the rate's count, or the limit's own with its own rate
        std::int64_t window_ns = 0;  // 0: the limit's own
        std::uint32_t max = 0;
        std::uint32_t concurrent = 0;
        bool unlimited = false;
    };
    // Null: not in the table.
    const Numbers* find(std::string_view tenant) const;
    std::size_t size() const { return all_.size(); }

  private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const {
            return std::hash<std::string_view>{}(text);
        }
    };
    std::unordered_map<std::string, Numbers, Hash, std::equal_to<>> all_;
};

// The limit's own terms with a tenant's numbers.
LimitTerms with_numbers(const LimitTerms& own, const TenantLimits::Numbers& numbers);

}  // namespace sallyport::policy
