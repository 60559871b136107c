// Boosts: a limit, or one key of it, gets several times as much for a while. Given by an operator
// through the control location, in shared memory: all workers see them, a reload keeps them.
#pragma once

#include "module/nginx/shared_zone.hpp"
#include "module/policy/rate_limit_key.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::ngx {

// Looked through for every request while there are any.
inline constexpr std::size_t kBoostsMax = 256;
inline constexpr std::uint32_t kBoostFactorMax = 1'000;
inline constexpr std::int64_t kBoostTtlMsMax = std::int64_t{7} * 86'400 * 1'000;

struct Boost {
    std::string limit;
    std::optional<policy::KeyHash> key;  // none: every key
    std::uint32_t factor = 1;
    std::int64_t left_ms = 0;
};

class RateLimitBoosts final : public SharedZone {
  public:
    Status announce(ngx_conf_t* cf);

    // The one look of a request when nothing is boosted.
    bool any() const;
    // The largest factor that holds for the key now; 1: none does.
    std::uint32_t factor(std::string_view limit, const policy::KeyHash& key) const;

    // Replaces a boost of the same limit and key. False when there are too many.
    bool add(const Boost& boost);
    bool remove(std::string_view limit, const std::optional<policy::KeyHash>& key);
    std::vector<Boost> list() const;

  private:
    struct Row;
    struct Memory;

    void create(std::span<std::byte> memory, SharedZone* old) override;
    void keep(std::span<std::byte> memory) override;
    Row* find(std::string_view limit, const std::optional<policy::KeyHash>& key) const;

    Memory* memory_ = nullptr;
};

}  // namespace sallyport::ngx
