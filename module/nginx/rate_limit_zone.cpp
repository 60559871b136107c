#include "module/nginx/rate_limit_zone.hpp"

#include "common/crypto.hpp"
#include "module/nginx/guard.hpp"
#include "module/nginx/rate_limit_entry.hpp"
#include "module/nginx/str.hpp"

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

// "SPLIMIT2"; the zone's name ends in the same 2.
constexpr std::uint64_t kMagic = 0x53504c494d495432;
constexpr std::int64_t kNsPerMs = 1'000'000;

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

// At the start of the zone's one allocation; the sets follow at kSetsOffset.
struct RateLimitZone::Header {
    std::uint64_t magic;
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

std::int64_t monotonic_ns() {
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
    const std::string text =
        "sallyport_limit_" + spec.name + "_" + std::string(layout_word(spec)) + "_v2";
    ngx_str_t name = copy(cf->pool, text);
    shm_zone_ = ngx_shared_memory_add(cf, &name, static_cast<std::size_t>(spec.zone_bytes),
                                      &ngx_http_sallyport_module);
    if (shm_zone_ == nullptr) {
        return Error{"the shared memory zone of limit \"" + spec.name +
                     "\" cannot be added; see the message above"};
    }
    shm_zone_->init = init;
    shm_zone_->data = this;
    return Done{};
}

std::size_t RateLimitZone::set_bytes() const {
    return of_kind(*spec_, []<typename Entry>() { return sizeof(policy::TableSetOf<Entry>); });
}

// Runs in the master (and in `nginx -t`) once the memory is mapped. `previous` is the old
// configuration's zone when the memory is the same.
ngx_int_t RateLimitZone::init(ngx_shm_zone_t* zone, void* previous) noexcept {
    return guarded(zone->shm.log, "rate limit zone", ngx_int_t{NGX_ERROR}, [&]() -> ngx_int_t {
        auto& self = *static_cast<RateLimitZone*>(zone->data);
        if (previous == nullptr) {
            return self.create();
        }
        self.handover_.take_over(static_cast<RateLimitZone*>(previous)->handover_);
        self.header_ = static_cast<Header*>(self.pool()->data);
        if (self.header_ == nullptr || self.header_->magic != kMagic) {
            ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                          "sallyport: zone \"%V\" has a foreign layout; restart nginx",
                          &zone->shm.name);
            return NGX_ERROR;
        }
        self.first_set_ = reinterpret_cast<char*>(self.header_) + Header::kSetsOffset;
        self.set_count_ = static_cast<std::size_t>(self.header_->set_count);
        return NGX_OK;
    });
}

ngx_int_t RateLimitZone::create() {
    if (!ngx_test_config && !handover_.put_on_file(*shm_zone_)) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone_->shm.log, ngx_errno,
                      "sallyport: zone \"%V\" cannot be mapped", &shm_zone_->shm.name);
        return NGX_ERROR;
    }
    ngx_slab_pool_t* slab = pool();
    slab->log_nomem = 0;
    // One allocation of whole pages: everything the slab has left.
    const std::size_t bytes = slab->pfree * ngx_pagesize;
    auto* memory = static_cast<char*>(ngx_slab_alloc(slab, bytes));
    if (memory == nullptr) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone_->shm.log, 0,
                      "sallyport: zone \"%V\" is too small; raise zone_size", &shm_zone_->shm.name);
        return NGX_ERROR;
    }
    std::memset(memory, 0, bytes);
    header_ = new (memory) Header{};
    header_->set_count = (bytes - Header::kSetsOffset) / set_bytes();
    first_set_ = memory + Header::kSetsOffset;
    set_count_ = static_cast<std::size_t>(header_->set_count);
    random_bytes(header_->secret.data(), header_->secret.size());
    adopt_old_size();
    adopt_inherited();
    header_->magic = kMagic;
    slab->data = header_;
    return NGX_OK;
}

template <typename Entry>
void RateLimitZone::adopt_table(const RateLimitZone& old) {
    const ZoneLock lock(old);
    auto own = table<Entry>();
    own.adopt(old.table<Entry>(), monotonic_ns());
}

// After a reload with another zone_size: the running cycle still has the zone of this name.
void RateLimitZone::adopt_old_size() {
    auto* running = const_cast<ngx_cycle_t*>(ngx_cycle);
    if (running == nullptr || ngx_test_config) {
        return;
    }
    for (ngx_list_part_t* part = &running->shared_memory.part; part != nullptr; part = part->next) {
        auto* zones = static_cast<ngx_shm_zone_t*>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; ++i) {
            if (zones[i].tag != shm_zone_->tag || &zones[i] == shm_zone_ ||
                view(zones[i].shm.name) != view(shm_zone_->shm.name)) {
                continue;
            }
            const auto* old = static_cast<const RateLimitZone*>(zones[i].data);
            if (old == nullptr || old->header_ == nullptr || old->header_->magic != kMagic) {
                return;
            }
            header_->secret = old->header_->secret;
            of_kind(*spec_, [&]<typename Entry>() { adopt_table<Entry>(*old); });
            header_->share = old->header_->share.load();
            header_->baseline_us = old->header_->baseline_us.load();
            for (std::size_t lane = 0; lane < policy::kHolderLanes; ++lane) {
                header_->holders[lane] = old->header_->holders[lane].load();
            }
            return;
        }
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
                entry.asking = 0;
            }
        }
    }
    auto own = table<Entry>();
    own.adopt(policy::KeyTable<Entry>(copied), monotonic_ns());
}

// After a binary upgrade: what the program before had counted.
void RateLimitZone::adopt_inherited() {
    if (ngx_test_config) {
        return;
    }
    const auto before = InheritedZone::find(view(shm_zone_->shm.name));
    if (!before || before->data().size() < Header::kSetsOffset) {
        return;
    }
    const auto& old = *reinterpret_cast<const Header*>(before->data().data());
    if (old.magic != kMagic) {
        return;
    }
    header_->secret = old.secret;
    of_kind(*spec_, [&]<typename Entry>() {
        adopt_sets<Entry>(before->data().subspan(Header::kSetsOffset),
                          static_cast<std::size_t>(old.set_count));
    });
    header_->share = old.share.load();
    header_->baseline_us = old.baseline_us.load();
    for (std::size_t lane = 0; lane < policy::kHolderLanes; ++lane) {
        header_->holders[lane] = old.holders[lane].load();
    }
    ngx_log_error(NGX_LOG_NOTICE, shm_zone_->shm.log, 0,
                  "sallyport: zone \"%V\" goes on with the counts of the program before",
                  &shm_zone_->shm.name);
}

policy::KeyHash RateLimitZone::hash(const policy::KeyParts& key) const {
    return policy::key_hash(header_->secret, key);
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
