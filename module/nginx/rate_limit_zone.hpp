// The table of one limit in nginx shared memory: all workers count in it, a reload keeps it.
//
// A zone that changes its size is refilled from the old one, and a new binary's (USR2) from the old
// binary's; another kind of limit has another zone. Nothing is allocated or logged under a lock.
#pragma once

#include "common/result.hpp"
#include "module/nginx/private_memory.hpp"
#include "module/nginx/shared_zone.hpp"
#include "module/policy/lease_pocket.hpp"
#include "module/policy/rate_concurrency.hpp"
#include "module/policy/rate_lease.hpp"
#include "module/policy/rate_limit.hpp"
#include "module/policy/rate_limit_spec.hpp"
#include "module/policy/rate_limit_table.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace sallyport::ngx {

class RateLimitZone final : public SharedZone {
  public:
    // REQUIRES: `spec` and this live as long as the configuration (its pool).
    Status announce(ngx_conf_t* cf, const policy::LimitSpec& spec);

    policy::KeyHash hash(const policy::KeyParts& key) const;

    // Live keys that had to give way since the zone was made.
    std::uint64_t evictions() const;
    // Keys that it has room for.
    std::size_t places() const { return set_count_ * policy::kSetPlaces; }
    // The share of places with live keys, 0 to 1; of a large table an estimate.
    double fill() const;

    // A look at one key, or at the keys that have used most (at most `count`, from a bounded
    // sample).
    struct Usage {
        policy::KeyHash key;
        policy::Measure measure;
    };
    Usage usage(const policy::KeyHash& key) const;
    std::vector<Usage> top(std::size_t count) const;

    // What workers see of the upstream, for adaptive limits: the share of the rate that is given
    // now, and the answers since it was last looked at.
    void observe(std::int64_t latency_us, bool failed);
    policy::AdaptiveState adaptive() const;
    std::uint32_t share() const;
    // Looks, once a kAdaptEveryMs, whichever worker comes first.
    void adapt_when_due(std::int64_t now_ms);

    // What a key has used of its bucket becomes a `factor`th: for a key whose units are about to
    // cost so much less. Returns the ns that came back.
    std::int64_t ease(const policy::KeyHash& key, std::uint32_t factor);

    // Concurrency: the lane of this process, claimed on first use. Lanes of processes that have
    // died are cleared and free again.
    std::size_t lane();
    void release_dead();

    // Calls visit(entry) with the entry of `key` (made when there is none), under the lock.
    template <typename Entry, typename Visit>
    auto with_entry(const policy::KeyHash& key, std::int64_t now_ns, Visit&& visit);
    // The same for an entry that is there; does nothing when there is none.
    template <typename Entry, typename Visit>
    void if_entry(const policy::KeyHash& key, std::int64_t now_ns, Visit&& visit);

    ngx_shmtx_t* mutex() const { return lock_word(); }
    template <typename Entry>
    policy::KeyTable<Entry> table() const {
        return policy::KeyTable<Entry>(sets<Entry>());
    }
    // The key is about to be looked for.
    void prefetch(const policy::KeyHash& key) const;

    // A worker begins: it gets a pocket where keys may hold units (policy/lease_pocket.hpp).
    // `workers` share the zone.
    void make_pocket(std::uint32_t workers);
    // This worker's; null without one.
    policy::LeasePocket* pocket() const { return pocket_.get(); }
    std::uint32_t workers() const { return workers_; }
    // Shared memory and all pockets, for each key that the table has room for.
    double bytes_per_key() const;
    // REQUIRES: the lock is held.
    template <typename Entry>
    Entry& take(const policy::KeyHash& key, std::int64_t now_ns) {
        bool evicted = false;
        Entry* entry = table<Entry>().take(key, now_ns, evicted);
        if (evicted) {
            note_eviction();
        }
        return *entry;
    }

    const policy::LimitSpec& spec() const { return *spec_; }

  private:
    struct Header;

    void create(std::span<std::byte> memory, SharedZone* old) override;
    void keep(std::span<std::byte> memory) override;
    bool inherit(std::span<const std::byte> memory) override;
    void use(std::span<std::byte> memory);
    void adopt_header(const Header& old);
    template <typename Entry>
    void adopt_sets(std::span<const std::byte> sets, std::size_t count);
    std::size_t set_bytes() const;
    void note_eviction();
    template <typename Entry>
    std::span<policy::TableSetOf<Entry>> sets() const {
        return {static_cast<policy::TableSetOf<Entry>*>(first_set_), set_count_};
    }

    const policy::LimitSpec* spec_ = nullptr;
    Header* header_ = nullptr;
    void* first_set_ = nullptr;
    std::size_t set_count_ = 0;
    std::uint32_t workers_ = 1;
    PrivateMemory pocket_memory_;
    std::unique_ptr<policy::LeasePocket> pocket_;
};

class ZoneLock {
  public:
    explicit ZoneLock(const RateLimitZone& zone) : mutex_(zone.mutex()) { ngx_shmtx_lock(mutex_); }
    ~ZoneLock() { ngx_shmtx_unlock(mutex_); }
    ZoneLock(const ZoneLock&) = delete;
    ZoneLock& operator=(const ZoneLock&) = delete;

  private:
    ngx_shmtx_t* mutex_;
};

template <typename Entry, typename Visit>
auto RateLimitZone::with_entry(const policy::KeyHash& key, std::int64_t now_ns, Visit&& visit) {
    const ZoneLock lock(*this);
    return visit(take<Entry>(key, now_ns));
}

template <typename Entry, typename Visit>
void RateLimitZone::if_entry(const policy::KeyHash& key, std::int64_t now_ns, Visit&& visit) {
    const ZoneLock lock(*this);
    if (Entry* entry = table<Entry>().find(key, now_ns)) {
        visit(*entry);
    }
}

// One limit of a request, to be counted in its zone.
struct LocalCheck {
    enum class Answer : std::uint8_t { admits, refuses, asks };

    RateLimitZone* zone = nullptr;
    policy::KeyHash key{};
    std::uint32_t units = 1;
    const policy::LimitTerms* terms = nullptr;  // outlives the check
    std::int64_t reserve = 0;                   // see policy::Ask
    // The store is gone: this node goes on alone, with the limit divided by the nodes that share
    // it.
    bool alone = false;
    std::uint32_t share = 1;
    policy::TableEntry* bucket = nullptr;  // the key's, while take_all() holds the locks
    policy::HeldPart held{};               // what take_all() moves into the worker's pocket
    // Of units that were taken from the pocket: when they end. 0: they were not.
    std::int64_t pocket_ends_ns = 0;
    // Results.
    Answer answer = Answer::admits;
    std::uint32_t want = 0;     // units to lease from the store
    std::uint32_t hold = 0;     // units to hold
    policy::Measure measure{};  // as the decision left it
};

// Checks all, then consumes from those that admit, unless one refuses. Locks the zones in the order
// given, which must be the same for every request (declaration order). False when one refuses.
bool take_all(std::span<LocalCheck> checks, std::int64_t now_ns);

// Gives back what take_all took for a request that was refused elsewhere.
void give_back(std::span<const LocalCheck> checks, std::int64_t now_ns);

// Takes what a response has cost beyond the units that were taken before it: as much of it as there
// is. The measure is as it leaves the key.
void charge(LocalCheck& check, std::int64_t units, std::int64_t now_ns);

// Records what a shared store said about a key (strict rates and windows), so that counting goes on
// from there without it.
void remember(const LocalCheck& check, std::int64_t now_ns);
// How far ahead a bucket was when last heard of.
std::int64_t known_ahead(const LocalCheck& check, std::int64_t now_ns);

// Monotonic, the same in all workers, as nginx's loop last read it.
std::int64_t monotonic_ns();

}  // namespace sallyport::ngx
