// The replay table in nginx shared memory: all workers see it; a reload keeps it, also when the
// zone's size changes, and a binary upgrade goes on with what was remembered by then. Nothing is
// allocated or logged under its lock.
#pragma once

#include "common/crypto.hpp"
#include "module/nginx/shared_zone.hpp"
#include "module/policy/webhook_replay.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace sallyport::ngx {

class WebhookReplayZone final : public SharedZone {
  public:
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

    void create(std::span<std::byte> memory, SharedZone* old) override;
    void keep(std::span<std::byte> memory) override;
    bool inherit(std::span<const std::byte> memory) override;
    policy::webhook::ReplayTable& table() const;

    std::string name_;
    std::uint64_t bytes_ = 0;
    Header* header_ = nullptr;
    std::optional<HmacKey> key_;  // of the header's secret
};

}  // namespace sallyport::ngx
