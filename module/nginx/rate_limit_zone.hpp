// The table of one limit in nginx shared memory: all workers count in it, a reload keeps it.
//
// A zone that changes its size is refilled from the old one; a new layout has a new zone name, so
// that two generations of workers never read each other's memory. Locks are nginx's own, which the
// master releases when a worker dies. Nothing is allocated or logged under a lock.
#pragma once

#include "common/result.hpp"
#include "module/nginx/ngx.hpp"
#include "module/policy/rate_limit.hpp"
#include "module/policy/rate_limit_table.hpp"

#include <atomic>
#include <cstdint>
#include <span>
#include <string>

namespace sallyport::ngx {

class RateLimitZone {
  public:
    // Announces the zone to nginx; the memory comes after the configuration was read.
    // REQUIRES: lives as long as the configuration (its pool).
    Status announce(ngx_conf_t* cf, const std::string& limit, std::uint64_t bytes);

    policy::KeyHash hash(const policy::KeyParts& key) const;

    // How far a key's TAT lies ahead; consumes nothing.
    std::int64_t peek(const policy::Gcra& limit, const policy::KeyHash& key,
                      std::int64_t now_ns) const;

    // Live keys that had to give way since the zone was made.
    std::uint64_t evictions() const;
    // The share of places with live keys, 0 to 1; of a large table an estimate.
    double fill() const;

  private:
    friend class ZoneLocks;
    struct Header;

    static ngx_int_t init(ngx_shm_zone_t* zone, void* previous) noexcept;
    ngx_int_t create();
    void adopt_old_size();
    ngx_slab_pool_t* pool() const;
    policy::RateLimitTable table() const;

    ngx_shm_zone_t* shm_zone_ = nullptr;
    Header* header_ = nullptr;
};

// One limit of a request, to be counted in its zone.
struct LocalCheck {
    RateLimitZone* zone = nullptr;
    const policy::Gcra* limit = nullptr;
    policy::KeyHash key;
    std::int64_t ahead_ns = 0;  // result: as the decision left it
    bool admits = false;        // result: this limit alone would let the request pass
};

// Checks all, then consumes from all or from none. Locks the zones in the order given, which must
// be the same for every request (declaration order). True when all admit.
bool take_all(std::span<LocalCheck> checks, std::int64_t now_ns);

// Gives back what take_all took for a request that was refused elsewhere.
void give_back(std::span<const LocalCheck> checks, std::int64_t now_ns);

// Records what a shared store said about a key, so that counting goes on from there without it.
void remember(const LocalCheck& check, std::int64_t now_ns);

// Monotonic, the same in all workers, as nginx's loop last read it.
std::int64_t monotonic_ns();

}  // namespace sallyport::ngx
