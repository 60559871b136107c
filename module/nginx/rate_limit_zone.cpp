#include "module/nginx/rate_limit_zone.hpp"

#include "common/crypto.hpp"
#include "common/units.hpp"
#include "module/nginx/rate_limit_entry.hpp"

#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

namespace sallyport::ngx {

using policy::ConcurrencyEntry;
using policy::LeaseEntry;
using policy::LimitKind;
using policy::WindowEntry;

namespace {

// "SPLIMIT3"; the zone's name ends in the same 3.
constexpr std::uint64_t kLimitMagic = 0x53504c494d495433;

std::string_view layout_word(const policy::LimitSpec& spec) {
    switch (spec.kind) {
        case LimitKind::rate:
            return spec.leases() ? "lease" : "rate";
        case LimitKind::window:
            return "window";
        case LimitKind::concurrent:
            return "concurrent";
    }
    return {};
}

}  // namespace

// At the start of the zone's memory; the sets follow at kSetsOffset.
struct RateLimitZone::Header {
    policy::HashSecret secret;
    std::uint64_t set_count;
    std::atomic<std::uint64_t> evictions;
    std::atomic<std::int32_t> holders[policy::kHolderLanes];  // process ids; 0: free
    // Of an adaptive limit.
    std::atomic<std::uint32_t> share;  // 0: not adapted yet, the whole
    std::atomic<std::uint32_t> baseline_us;
    std::atomic<std::uint32_t> answers;
    std::atomic<std::uint32_t> failures;
    std::atomic<std::uint64_t> latency_us;
    std::atomic<std::int64_t> adapted_ms;

    static constexpr std::size_t kSetsOffset = 256;
};

[[gnu::hot]] std::int64_t monotonic_ns() {
    // Never 0: a TAT of 0 means that a place was never used.
    return (static_cast<std::int64_t>(ngx_current_msec) + 1) * kNsPerMs;
}

Status RateLimitZone::announce(ngx_conf_t* cf, const policy::LimitSpec& spec) {
    static_assert(sizeof(Header) <= Header::kSetsOffset);
    static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
    static_assert(std::is_standard_layout_v<Header> && std::is_trivially_destructible_v<Header>);
    static_assert(std::is_trivially_copyable_v<WindowEntry>);
    static_assert(std::is_trivially_copyable_v<LeaseEntry>);

    spec_ = &spec;
    return SharedZone::announce(
        cf, {.name = "sallyport_limit_" + spec.name + "_" + std::string(layout_word(spec)) + "_v3",
             .bytes = spec.zone_bytes,
             .magic = kLimitMagic,
             .what = "the limit \"" + spec.name + "\""});
}

std::size_t RateLimitZone::set_bytes() const {
    return of_kind(*spec_, []<typename Entry>() { return sizeof(policy::TableSetOf<Entry>); });
}

void RateLimitZone::use(std::span<std::byte> memory) {
    header_ = reinterpret_cast<Header*>(memory.data());
    first_set_ = memory.data() + Header::kSetsOffset;
    set_count_ = static_cast<std::size_t>(header_->set_count);
}

void RateLimitZone::create(std::span<std::byte> memory, SharedZone* old) {
    auto* header = new (memory.data()) Header{};
    header->set_count = (memory.size() - Header::kSetsOffset) / set_bytes();
    use(memory);
    if (old == nullptr) {
        random_bytes(header_->secret.data(), header_->secret.size());
        return;
    }
    const auto& before = *static_cast<const RateLimitZone*>(old);
    adopt_header(*before.header_);
    of_kind(*spec_, [&]<typename Entry>() {
        auto own = table<Entry>();
        own.adopt(before.table<Entry>(), monotonic_ns());
    });
}

void RateLimitZone::keep(std::span<std::byte> memory) {
    use(memory);
}

void RateLimitZone::adopt_header(const Header& old) {
    header_->secret = old.secret;
    header_->share = old.share.load();
    header_->baseline_us = old.baseline_us.load();
    for (std::size_t lane = 0; lane < policy::kHolderLanes; ++lane) {
        header_->holders[lane] = old.holders[lane].load();
    }
}

template <typename Entry>
void RateLimitZone::adopt_sets(std::span<const std::byte> sets, std::size_t count) {
    using Set = policy::TableSetOf<Entry>;
    // A copy: the old program goes on writing.
    std::vector<Set> copied(std::min(count, sets.size() / sizeof(Set)));
    std::memcpy(copied.data(), sets.data(), copied.size() * sizeof(Set));
    if constexpr (std::is_same_v<Entry, LeaseEntry>) {
        // The old workers go on spending what they have leased.
        for (Set& set : copied) {
            for (LeaseEntry& entry : set.places) {
                entry.units[0] = 0;
                entry.units[1] = 0;
                entry.flags = 0;
            }
        }
    }
    auto own = table<Entry>();
    own.adopt(policy::KeyTable<Entry>(copied), monotonic_ns());
}

bool RateLimitZone::inherit(std::span<const std::byte> memory) {
    if (memory.size() < Header::kSetsOffset) {
        return false;
    }
    const auto& old = *reinterpret_cast<const Header*>(memory.data());
    adopt_header(old);
    of_kind(*spec_, [&]<typename Entry>() {
        adopt_sets<Entry>(memory.subspan(Header::kSetsOffset),
                          static_cast<std::size_t>(old.set_count));
    });
    return true;
}

[[gnu::hot]] policy::KeyHash RateLimitZone::hash(const policy::KeyParts& key) const {
    return policy::key_hash(header_->secret, key);
}

namespace {

// All pockets together take a sixteenth of what the table takes, but each has room for some keys.
std::size_t pocket_bytes(const policy::LimitSpec& spec, std::uint32_t workers) {
    constexpr std::size_t kBytesMin = 4096;
    const std::size_t bytes = static_cast<std::size_t>(spec.zone_bytes) / 16 / workers;
    return std::max(bytes, kBytesMin) / policy::LeasePocket::kSetBytes *
           policy::LeasePocket::kSetBytes;
}

bool needs_pocket(const policy::LimitSpec& spec) {
    return spec.leases() && policy::may_hold(spec.lease_terms());
}

}  // namespace

void RateLimitZone::make_pocket(std::uint32_t workers) {
    workers_ = workers;
    pocket_.reset();
    if (!needs_pocket(*spec_)) {
        return;
    }
    pocket_memory_ = PrivateMemory(pocket_bytes(*spec_, workers));
    if (!pocket_memory_.get().empty()) {
        pocket_ = std::make_unique<policy::LeasePocket>(pocket_memory_.get());
    }
}

double RateLimitZone::bytes_per_key() const {
    const std::size_t pockets =
        needs_pocket(*spec_) ? pocket_bytes(*spec_, workers_) * workers_ : 0;
    return static_cast<double>(spec_->zone_bytes + pockets) / static_cast<double>(places());
}

[[gnu::hot]] void RateLimitZone::prefetch(const policy::KeyHash& key) const {
    if (pocket_ != nullptr) {
        pocket_->prefetch(key);
        return;
    }
    of_kind(*spec_, [&]<typename Entry>() { table<Entry>().prefetch(key); });
}

std::uint64_t RateLimitZone::evictions() const {
    return header_->evictions.load(std::memory_order_relaxed);
}

double RateLimitZone::fill() const {
    // 3 MiB of reading at most, without the lock: a torn look costs an estimate nothing.
    constexpr std::size_t kSampleSets = 4096;
    return of_kind(
        *spec_, [&]<typename Entry>() { return table<Entry>().fill(monotonic_ns(), kSampleSets); });
}

void RateLimitZone::note_eviction() {
    header_->evictions.fetch_add(1, std::memory_order_relaxed);
}

void RateLimitZone::observe(std::int64_t latency_us, bool failed) {
    header_->latency_us.fetch_add(static_cast<std::uint64_t>(std::max<std::int64_t>(latency_us, 0)),
                                  std::memory_order_relaxed);
    header_->failures.fetch_add(failed ? 1 : 0, std::memory_order_relaxed);
    header_->answers.fetch_add(1, std::memory_order_relaxed);
}

std::uint32_t RateLimitZone::share() const {
    const std::uint32_t share = header_->share.load(std::memory_order_relaxed);
    return share == 0 ? policy::kWhole : share;
}

policy::AdaptiveState RateLimitZone::adaptive() const {
    return {share(), header_->baseline_us.load(std::memory_order_relaxed)};
}

void RateLimitZone::adapt_when_due(std::int64_t now_ms) {
    std::int64_t last_ms = header_->adapted_ms.load();
    if (now_ms - last_ms < policy::kAdaptEveryMs ||
        !header_->adapted_ms.compare_exchange_strong(last_ms, now_ms)) {
        return;  // another worker looks
    }
    // What is added meanwhile counts for the next look: an estimate may be off by an answer.
    const policy::AdaptiveWindow window{header_->answers.load(), header_->failures.load(),
                                        header_->latency_us.load()};
    if (!window.tells()) {
        return;
    }
    header_->answers.fetch_sub(window.answers);
    header_->failures.fetch_sub(window.failures);
    header_->latency_us.fetch_sub(window.latency_us);
    const policy::AdaptiveState next = policy::adapt(adaptive(), spec_->adaptive, window);
    header_->share.store(next.share, std::memory_order_relaxed);
    header_->baseline_us.store(next.baseline_us, std::memory_order_relaxed);
}

std::size_t RateLimitZone::lane() {
    const auto self = static_cast<std::int32_t>(ngx_pid);
    for (std::size_t i = 0; i < policy::kHolderLanes; ++i) {
        if (header_->holders[i].load(std::memory_order_relaxed) == self) {
            return i;
        }
    }
    for (std::size_t i = 0; i + 1 < policy::kHolderLanes; ++i) {
        std::int32_t nobody = 0;
        if (header_->holders[i].compare_exchange_strong(nobody, self)) {
            return i;
        }
    }
    return policy::kHolderLanes - 1;  // shared, and never cleared
}

void RateLimitZone::release_dead() {
    for (std::size_t i = 0; i + 1 < policy::kHolderLanes; ++i) {
        const std::int32_t holder = header_->holders[i].load(std::memory_order_relaxed);
        if (holder == 0 || ::kill(holder, 0) == 0 || errno != ESRCH) {
            continue;
        }
        const ZoneLock lock(*this);
        if (header_->holders[i].load(std::memory_order_relaxed) != holder) {
            continue;
        }
        const std::int64_t now_ns = monotonic_ns();
        table<ConcurrencyEntry>().each_live(
            now_ns, [&](ConcurrencyEntry& entry) { entry.clear(i, now_ns); });
        header_->holders[i].store(0, std::memory_order_relaxed);
    }
}

}  // namespace sallyport::ngx
