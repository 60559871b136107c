// What the gateway has done, in shared memory: all workers count in it, a reload keeps it. Nothing
// is counted unless some location has sallyport_control. One relaxed addition an event, on a cache
// line that few workers share; readers add the lines up.
#pragma once

#include "common/result.hpp"
#include "module/nginx/request.hpp"
#include "module/policy/metrics.hpp"

#include <array>
#include <cstdint>

namespace sallyport::ngx {

// Monotonic, read now rather than when nginx's loop last woke: for latencies only.
std::int64_t precise_ns();

class Counters {
  public:
    // Announces the zone to nginx; the memory comes after the configuration was read.
    // REQUIRES: lives as long as the configuration (its pool).
    Status announce(ngx_conf_t* cf);
    // From now on this process counts here; null: nowhere.
    static void use(Counters* counters);
    // Where this process counts; null: nowhere.
    static Counters* active() { return active_; }

    // The log phase of a main request.
    void count(ngx_http_request_t* r) const;
    // How long a store took to answer a feature, and whether it did.
    void count_store(FeatureId feature, std::int64_t ns, bool answered) const;

    void report(policy::Metrics& out) const;
    std::int64_t started_ms() const;
    std::int64_t loaded_ms() const;    // when this configuration was read
    std::uint64_t generation() const;  // how many configurations were read, this one included

  private:
    struct Memory;
    struct Stripe;

    static ngx_int_t init(ngx_shm_zone_t* zone, void* previous) noexcept;
    Stripe& stripe() const;
    void report_stores(policy::Metrics& out) const;
    template <typename Pick>
    std::uint64_t sum(Pick&& pick) const;

    static inline Counters* active_ = nullptr;
    ngx_shm_zone_t* zone_ = nullptr;
    Memory* memory_ = nullptr;
};

}  // namespace sallyport::ngx
