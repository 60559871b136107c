#include "module/nginx/rate_limit_boosts.hpp"

#include "common/limits.hpp"
#include "common/units.hpp"
#include "module/nginx/rate_limit_zone.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>
#include <type_traits>

namespace sallyport::ngx {
namespace {

constexpr std::uint64_t kZoneBytes = 64 * 1024;
// "SPBOOST1"
constexpr std::uint64_t kBoostMagic = 0x5350424f4f535431;

}  // namespace

struct RateLimitBoosts::Row {
    std::int64_t until_ns;  // 0: unused
    policy::KeyHash key;
    std::uint32_t factor;
    bool whole;
    char limit[limits::kNameBytesMax + 1];

    std::string_view name() const { return limit; }
    bool lives(std::int64_t now_ns) const { return until_ns > now_ns; }
};

struct RateLimitBoosts::Memory {
    std::atomic<std::uint32_t> used;  // rows, ended ones included until somebody looks
    Row rows[kBoostsMax];
};

Status RateLimitBoosts::announce(ngx_conf_t* cf) {
    static_assert(sizeof(Memory) < kZoneBytes - 32 * 1024);
    static_assert(std::is_trivially_copyable_v<Row>);
    return SharedZone::announce(
        cf, {"sallyport-limit-boosts-v1", kZoneBytes, kBoostMagic, "the boosts of rate limits"});
}

void RateLimitBoosts::create(std::span<std::byte> memory, SharedZone*) {
    memory_ = new (memory.data()) Memory{};
}

void RateLimitBoosts::keep(std::span<std::byte> memory) {
    memory_ = reinterpret_cast<Memory*>(memory.data());
}

bool RateLimitBoosts::any() const {
    return memory_ != nullptr && memory_->used.load(std::memory_order_relaxed) != 0;
}

RateLimitBoosts::Row* RateLimitBoosts::find(std::string_view limit,
                                            const std::optional<policy::KeyHash>& key) const {
    for (Row& row : memory_->rows) {
        if (row.until_ns != 0 && row.name() == limit && row.whole == !key &&
            (!key || row.key == *key)) {
            return &row;
        }
    }
    return nullptr;
}

std::uint32_t RateLimitBoosts::factor(std::string_view limit, const policy::KeyHash& key) const {
    const std::int64_t now_ns = monotonic_ns();
    const Lock lock(*this);
    std::uint32_t out = 1;
    for (Row& row : memory_->rows) {
        if (row.until_ns == 0) {
            continue;
        }
        if (!row.lives(now_ns)) {
            row.until_ns = 0;
            memory_->used.fetch_sub(1);
        } else if (row.name() == limit && (row.whole || row.key == key)) {
            out = std::max(out, row.factor);
        }
    }
    return out;
}

bool RateLimitBoosts::add(const Boost& boost) {
    const std::int64_t now_ns = monotonic_ns();
    const Lock lock(*this);
    Row* row = find(boost.limit, boost.key);
    if (row == nullptr) {
        const auto free = std::find_if(std::begin(memory_->rows), std::end(memory_->rows),
                                       [&](const Row& one) { return !one.lives(now_ns); });
        if (free == std::end(memory_->rows)) {
            return false;
        }
        row = free;
        if (row->until_ns == 0) {
            memory_->used.fetch_add(1);
        }
    }
    *row = Row{};
    row->until_ns = now_ns + boost.left_ms * kNsPerMs;
    row->whole = !boost.key;
    row->key = boost.key.value_or(policy::KeyHash{});
    row->factor = boost.factor;
    std::memcpy(row->limit, boost.limit.data(),
                std::min(boost.limit.size(), limits::kNameBytesMax));
    return true;
}

bool RateLimitBoosts::remove(std::string_view limit, const std::optional<policy::KeyHash>& key) {
    const std::int64_t now_ns = monotonic_ns();
    const Lock lock(*this);
    Row* row = find(limit, key);
    if (row == nullptr) {
        return false;
    }
    const bool lived = row->lives(now_ns);
    row->until_ns = 0;
    memory_->used.fetch_sub(1);
    return lived;
}

std::vector<Boost> RateLimitBoosts::list() const {
    const std::int64_t now_ns = monotonic_ns();
    std::vector<Boost> out;
    out.reserve(kBoostsMax);  // nothing is allocated under the lock
    std::vector<Row> rows(kBoostsMax);
    {
        const Lock lock(*this);
        std::copy(std::begin(memory_->rows), std::end(memory_->rows), rows.begin());
    }
    for (const Row& row : rows) {
        if (row.lives(now_ns)) {
            out.push_back({std::string(row.name()),
                           row.whole ? std::nullopt : std::optional(row.key), row.factor,
                           (row.until_ns - now_ns) / kNsPerMs});
        }
    }
    return out;
}

}  // namespace sallyport::ngx
