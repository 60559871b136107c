#include "module/nginx/webhook_replay_zone.hpp"

#include <array>
#include <cstring>
#include <new>

namespace sallyport::ngx {

using policy::webhook::ReplayIdentity;
using policy::webhook::ReplayKeys;
using policy::webhook::ReplayTable;
using policy::webhook::Reservation;

namespace {

// "SPREPLY2"; the zone's name ends in the same 2.
constexpr std::uint64_t kReplayMagic = 0x53505245504c5932;

// Monotonic and the same in all workers, as nginx's loop last read it.
std::int64_t clock_ms() {
    return static_cast<std::int64_t>(ngx_current_msec);
}

}  // namespace

// At the start of the zone's memory; the table follows.
struct WebhookReplayZone::Header {
    std::array<std::uint8_t, 32> secret;

    static constexpr std::size_t kTableOffset = 64;

    HmacKey key() const {
        return HmacKey(DigestAlgorithm::sha256,
                       {reinterpret_cast<const char*>(secret.data()), secret.size()});
    }
};

Status WebhookReplayZone::announce(ngx_conf_t* cf, const std::string& name, std::uint64_t bytes) {
    static_assert(sizeof(Header) <= Header::kTableOffset);
    static_assert(std::is_standard_layout_v<Header> && std::is_trivially_destructible_v<Header>);
    name_ = name;
    bytes_ = bytes;
    return SharedZone::announce(cf, {.name = "sallyport_webhook_" + name + "_v2",
                                     .bytes = bytes,
                                     .magic = kReplayMagic,
                                     .what = "the deliveries in \"" + name + "\""});
}

ReplayTable& WebhookReplayZone::table() const {
    return *reinterpret_cast<ReplayTable*>(reinterpret_cast<std::byte*>(header_) +
                                           Header::kTableOffset);
}

void WebhookReplayZone::create(std::span<std::byte> memory, SharedZone* old) {
    header_ = new (memory.data()) Header{};
    ReplayTable::create(memory.data() + Header::kTableOffset, memory.size() - Header::kTableOffset);
    if (old == nullptr) {
        random_bytes(header_->secret.data(), header_->secret.size());
    } else {
        const auto& before = *static_cast<const WebhookReplayZone*>(old);
        header_->secret = before.header_->secret;
        table().adopt(before.table(), clock_ms());
    }
    key_.emplace(header_->key());
}

void WebhookReplayZone::keep(std::span<std::byte> memory) {
    header_ = reinterpret_cast<Header*>(memory.data());
    key_.emplace(header_->key());
}

bool WebhookReplayZone::inherit(std::span<const std::byte> memory) {
    if (memory.size() < Header::kTableOffset) {
        return false;
    }
    const ReplayTable* before = ReplayTable::look(memory.subspan(Header::kTableOffset));
    if (before == nullptr) {
        return false;
    }
    std::memcpy(header_, memory.data(), sizeof(Header));
    key_.emplace(header_->key());
    table().adopt(*before, clock_ms());
    return true;
}

ReplayKeys WebhookReplayZone::keys(const ReplayIdentity& identity, std::string_view scope) const {
    return policy::webhook::make_replay_keys(identity, scope, *key_);
}

Reservation WebhookReplayZone::reserve(const ReplayKeys& keys, std::int64_t lease_ms) {
    const Lock lock(*this);
    return table().reserve(keys, clock_ms(), lease_ms);
}

void WebhookReplayZone::commit(const ReplayKeys& keys, std::uint32_t token, std::int64_t ttl_ms) {
    const Lock lock(*this);
    table().commit(keys, token, clock_ms(), ttl_ms);
}

void WebhookReplayZone::release(const ReplayKeys& keys, std::uint32_t token) {
    const Lock lock(*this);
    table().release(keys, token);
}

double WebhookReplayZone::fill() const {
    return static_cast<double>(table().used()) / static_cast<double>(table().capacity());
}

}  // namespace sallyport::ngx
