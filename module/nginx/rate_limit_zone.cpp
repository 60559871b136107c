#include "module/nginx/rate_limit_zone.hpp"

#include "common/crypto.hpp"
#include "module/nginx/guard.hpp"
#include "module/nginx/str.hpp"

#include <algorithm>
#include <cstring>
#include <new>

namespace sallyport::ngx {

using policy::RateLimitTable;
using policy::TableSet;

namespace {

constexpr std::uint64_t kMagic =
    0x53504c494d495431;  // "SPLIMIT1"; the zone's name ends in the same 1
constexpr std::int64_t kNsPerMs = 1'000'000;

}  // namespace

// At the start of the zone's one allocation; the sets follow at the next multiple of their
// alignment.
struct RateLimitZone::Header {
    std::uint64_t magic;
    policy::HashSecret secret;
    std::uint64_t set_count;
    std::atomic<std::uint64_t> evictions;

    static constexpr std::size_t kSetsOffset = 64;
    std::span<TableSet> sets() {
        auto* first = reinterpret_cast<TableSet*>(reinterpret_cast<char*>(this) + kSetsOffset);
        return {first, static_cast<std::size_t>(set_count)};
    }
};

std::int64_t monotonic_ns() {
    // Never 0: a TAT of 0 means that a place was never used.
    return (static_cast<std::int64_t>(ngx_current_msec) + 1) * kNsPerMs;
}

Status RateLimitZone::announce(ngx_conf_t* cf, const std::string& limit, std::uint64_t bytes) {
    static_assert(sizeof(Header) <= Header::kSetsOffset);
    static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
    static_assert(std::is_standard_layout_v<Header> && std::is_trivially_destructible_v<Header>);
    static_assert(std::is_trivially_copyable_v<TableSet>);

    ngx_str_t name = copy(cf->pool, "sallyport_limit_" + limit + "_v1");
    shm_zone_ = ngx_shared_memory_add(cf, &name, static_cast<std::size_t>(bytes),
                                      &ngx_http_sallyport_module);
    if (shm_zone_ == nullptr) {
        return Error{"the shared memory zone of limit \"" + limit +
                     "\" cannot be added; see the message above"};
    }
    shm_zone_->init = init;
    shm_zone_->data = this;
    return Done{};
}

ngx_slab_pool_t* RateLimitZone::pool() const {
    return reinterpret_cast<ngx_slab_pool_t*>(shm_zone_->shm.addr);
}

RateLimitTable RateLimitZone::table() const {
    return RateLimitTable(header_->sets());
}

// Runs in the master (and in `nginx -t`) once the memory is mapped. `previous` is the old
// configuration's zone when the memory is the same.
ngx_int_t RateLimitZone::init(ngx_shm_zone_t* zone, void* previous) noexcept {
    return guarded(zone->shm.log, "rate limit zone", ngx_int_t{NGX_ERROR}, [&]() -> ngx_int_t {
        auto& self = *static_cast<RateLimitZone*>(zone->data);
        if (previous == nullptr) {
            return self.create();
        }
        self.header_ = static_cast<Header*>(self.pool()->data);
        if (self.header_ == nullptr || self.header_->magic != kMagic) {
            ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                          "sallyport: zone \"%V\" has a foreign layout; restart nginx",
                          &zone->shm.name);
            return NGX_ERROR;
        }
        return NGX_OK;
    });
}

ngx_int_t RateLimitZone::create() {
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
    header_->set_count = (bytes - Header::kSetsOffset) / sizeof(TableSet);
    random_bytes(header_->secret.data(), header_->secret.size());
    adopt_old_size();
    header_->magic = kMagic;
    slab->data = header_;
    return NGX_OK;
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
            ngx_shmtx_lock(&old->pool()->mutex);
            table().adopt(old->table(), monotonic_ns());
            ngx_shmtx_unlock(&old->pool()->mutex);
            return;
        }
    }
}

policy::KeyHash RateLimitZone::hash(const policy::KeyParts& key) const {
    return policy::key_hash(header_->secret, key);
}

std::uint64_t RateLimitZone::evictions() const {
    return header_->evictions.load(std::memory_order_relaxed);
}

double RateLimitZone::fill() const {
    // 768 KiB of reading at most, without the lock: a torn look costs an estimate nothing.
    constexpr std::size_t kSampleSets = 4096;
    return table().fill(monotonic_ns(), kSampleSets);
}

std::int64_t RateLimitZone::peek(const policy::Gcra& limit, const policy::KeyHash& key,
                                 std::int64_t now_ns) const {
    ngx_shmtx_lock(&pool()->mutex);
    const policy::TableEntry* entry = table().find(key, now_ns);
    const std::int64_t ahead_ns = entry == nullptr ? 0 : limit.ahead(entry->tat_ns, now_ns);
    ngx_shmtx_unlock(&pool()->mutex);
    return ahead_ns;
}

// Holds the mutexes of several zones.
class ZoneLocks {
  public:
    explicit ZoneLocks(std::span<const LocalCheck> checks) : checks_(checks) {
        for (const LocalCheck& check : checks_) {
            ngx_shmtx_lock(&check.zone->pool()->mutex);
        }
    }
    ~ZoneLocks() {
        for (const LocalCheck& check : checks_) {
            ngx_shmtx_unlock(&check.zone->pool()->mutex);
        }
    }
    ZoneLocks(const ZoneLocks&) = delete;
    ZoneLocks& operator=(const ZoneLocks&) = delete;

    static const policy::TableEntry* find(const LocalCheck& check, std::int64_t now_ns) {
        return check.zone->table().find(check.key, now_ns);
    }
    static policy::TableEntry& take(const LocalCheck& check, std::int64_t now_ns) {
        bool evicted = false;
        policy::TableEntry* entry = check.zone->table().take(check.key, now_ns, evicted);
        if (evicted) {
            check.zone->header_->evictions.fetch_add(1, std::memory_order_relaxed);
        }
        return *entry;
    }

  private:
    std::span<const LocalCheck> checks_;
};

bool take_all(std::span<LocalCheck> checks, std::int64_t now_ns) {
    const ZoneLocks locks(checks);
    bool all = true;
    for (LocalCheck& check : checks) {
        const policy::TableEntry* entry = ZoneLocks::find(check, now_ns);
        check.ahead_ns = entry == nullptr ? 0 : check.limit->ahead(entry->tat_ns, now_ns);
        check.admits = check.limit->admits(check.ahead_ns);
        all = all && check.admits;
    }
    if (all) {
        for (LocalCheck& check : checks) {
            check.ahead_ns += check.limit->interval_ns;
            ZoneLocks::take(check, now_ns).tat_ns = now_ns + check.ahead_ns;
        }
    }
    return all;
}

void give_back(std::span<const LocalCheck> checks, std::int64_t now_ns) {
    const ZoneLocks locks(checks);
    for (const LocalCheck& check : checks) {
        if (ZoneLocks::find(check, now_ns) != nullptr) {
            policy::TableEntry& entry = ZoneLocks::take(check, now_ns);
            entry.tat_ns = std::max(entry.tat_ns - check.limit->interval_ns, now_ns);
        }
    }
}

void remember(const LocalCheck& check, std::int64_t now_ns) {
    const ZoneLocks locks(std::span(&check, 1));
    policy::TableEntry& entry = ZoneLocks::take(check, now_ns);
    // Answers to several workers may cross: the later state is the one that lies further ahead.
    entry.tat_ns = std::max(entry.tat_ns, now_ns + check.ahead_ns);
}

}  // namespace sallyport::ngx
