#include "module/nginx/webhook_replay_zone.hpp"

#include "common/secret.hpp"
#include "module/nginx/guard.hpp"
#include "module/nginx/str.hpp"

#include <array>
#include <new>

namespace sallyport::ngx {

using policy::webhook::ReplayIdentity;
using policy::webhook::ReplayKeys;
using policy::webhook::ReplayTable;
using policy::webhook::Reservation;

namespace {

// "SPREPLY1"; the zone's name ends in the same 1: a new layout gets a new zone, so that two
// generations of workers never read each other's memory.
constexpr std::uint64_t kMagic = 0x53505245504c5931;

// Monotonic and the same in all workers, as nginx's loop last read it.
std::int64_t clock_ms() {
    return static_cast<std::int64_t>(ngx_current_msec);
}

}  // namespace

// At the start of the zone's one allocation; the table follows.
struct WebhookReplayZone::Header {
    std::uint64_t magic;
    std::array<std::uint8_t, 32> secret;
    ReplayTable* table() {
        return reinterpret_cast<ReplayTable*>(reinterpret_cast<char*>(this) + kTableOffset);
    }
    static constexpr std::size_t kTableOffset = 64;
};

class WebhookReplayZone::Lock {
  public:
    explicit Lock(ngx_slab_pool_t* slab) : mutex_(&slab->mutex) { ngx_shmtx_lock(mutex_); }
    ~Lock() { ngx_shmtx_unlock(mutex_); }
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;

  private:
    ngx_shmtx_t* mutex_;
};

Status WebhookReplayZone::announce(ngx_conf_t* cf, const std::string& name, std::uint64_t bytes) {
    static_assert(sizeof(Header) <= Header::kTableOffset);
    static_assert(std::is_standard_layout_v<Header> && std::is_trivially_destructible_v<Header>);
    name_ = name;
    bytes_ = bytes;
    ngx_str_t zone_name = copy(cf->pool, "sallyport_webhook_" + name + "_v1");
    shm_zone_ = ngx_shared_memory_add(cf, &zone_name, static_cast<std::size_t>(bytes),
                                      &ngx_http_sallyport_module);
    if (shm_zone_ == nullptr) {
        return Error{"the shared memory zone \"" + name +
                     "\" cannot be added; see the message above"};
    }
    shm_zone_->init = init;
    shm_zone_->data = this;
    return Done{};
}

ngx_slab_pool_t* WebhookReplayZone::pool() const {
    return reinterpret_cast<ngx_slab_pool_t*>(shm_zone_->shm.addr);
}

// Runs in the master (and in `nginx -t`) once the memory is mapped. `previous` is the old
// configuration's zone when the memory is the same.
ngx_int_t WebhookReplayZone::init(ngx_shm_zone_t* zone, void* previous) noexcept {
    return guarded(zone->shm.log, "webhook replay zone", ngx_int_t{NGX_ERROR}, [&]() -> ngx_int_t {
        auto& self = *static_cast<WebhookReplayZone*>(zone->data);
        if (previous == nullptr) {
            return self.create();
        }
        auto* header = static_cast<Header*>(self.pool()->data);
        if (header == nullptr || header->magic != kMagic) {
            ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                          "sallyport: zone \"%V\" has a foreign layout; restart nginx",
                          &zone->shm.name);
            return NGX_ERROR;
        }
        self.use(header);
        return NGX_OK;
    });
}

ngx_int_t WebhookReplayZone::create() {
    ngx_slab_pool_t* slab = pool();
    slab->log_nomem = 0;
    // One allocation of whole pages: everything the slab has left.
    const std::size_t bytes = slab->pfree * ngx_pagesize;
    void* memory = ngx_slab_alloc(slab, bytes);
    if (memory == nullptr) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone_->shm.log, 0,
                      "sallyport: zone \"%V\" is too small; raise its size", &shm_zone_->shm.name);
        return NGX_ERROR;
    }
    auto* header = new (memory) Header{};
    random_bytes(header->secret.data(), header->secret.size());
    ReplayTable::create(header->table(), bytes - Header::kTableOffset);
    use(header);
    adopt_old_size();
    header->magic = kMagic;
    slab->data = header;
    return NGX_OK;
}

void WebhookReplayZone::use(Header* header) {
    header_ = header;
    key_.reset();
    key_.emplace(DigestAlgorithm::sha256,
                 std::string_view(reinterpret_cast<const char*>(header->secret.data()),
                                  header->secret.size()));
}

// After a reload with another size: the running cycle still has the zone of this name.
void WebhookReplayZone::adopt_old_size() {
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
            const auto* old = static_cast<const WebhookReplayZone*>(zones[i].data);
            if (old == nullptr || old->header_ == nullptr || old->header_->magic != kMagic) {
                return;
            }
            header_->secret = old->header_->secret;
            use(header_);
            const Lock lock(old->pool());
            header_->table()->adopt(*old->header_->table(), clock_ms());
            return;
        }
    }
}

ReplayKeys WebhookReplayZone::keys(const ReplayIdentity& identity, std::string_view scope) const {
    return policy::webhook::make_replay_keys(identity, scope, *key_);
}

Reservation WebhookReplayZone::reserve(const ReplayKeys& keys, std::int64_t lease_ms) {
    const Lock lock(pool());
    return header_->table()->reserve(keys, clock_ms(), lease_ms);
}

void WebhookReplayZone::commit(const ReplayKeys& keys, std::uint32_t token, std::int64_t ttl_ms) {
    const Lock lock(pool());
    header_->table()->commit(keys, token, clock_ms(), ttl_ms);
}

void WebhookReplayZone::release(const ReplayKeys& keys, std::uint32_t token) {
    const Lock lock(pool());
    header_->table()->release(keys, token);
}

double WebhookReplayZone::fill() const {
    const ReplayTable& table = *header_->table();
    return static_cast<double>(table.used()) / static_cast<double>(table.capacity());
}

}  // namespace sallyport::ngx
