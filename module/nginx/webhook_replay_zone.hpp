// The replay table in nginx shared memory: all workers see it and a reload keeps it, also when the
// zone's size changes. Locks are nginx's own, which the master releases when a worker dies. Nothing
// is allocated or logged under a lock.
#pragma once

#include "common/crypto.hpp"
#include "common/result.hpp"
#include "module/nginx/ngx.hpp"
#include "module/policy/webhook_replay.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace sallyport::ngx {

class WebhookReplayZone {
  public:
    // Announces the zone to nginx; the memory comes after the configuration was read.
    // REQUIRES: lives as long as the configuration (its pool).
    Status announce(ngx_conf_t* cf, const std::string& name, std::uint64_t bytes);

    const std::string& name() const { return name_; }
    std::uint64_t bytes() const { return bytes_; }
    // The share of places in use, 0 to 1.
    double fill() const;

    policy::webhook::ReplayKeys keys(const policy::webhook::ReplayIdentity& identity,
                                     std::string_view scope) const;
    policy::webhook::Reservation reserve(const policy::webhook::ReplayKeys& keys,
                                         std::int64_t lease_ms);
    void commit(const policy::webhook::ReplayKeys& keys, std::uint32_t token, std::int64_t ttl_ms);
    void release(const policy::webhook::ReplayKeys& keys, std::uint32_t token);

  private:
    struct Header;
    class Lock;

    static ngx_int_t init(ngx_shm_zone_t* zone, void* previous) noexcept;
    ngx_int_t create();
    void adopt_old_size();
    void use(Header* header);
    ngx_slab_pool_t* pool() const;

    std::string name_;
    std::uint64_t bytes_ = 0;
    ngx_shm_zone_t* shm_zone_ = nullptr;
    Header* header_ = nullptr;
    std::optional<HmacKey> key_;
};

}  // namespace sallyport::ngx
