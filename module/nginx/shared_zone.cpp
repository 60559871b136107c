#include "module/nginx/shared_zone.hpp"

#include "module/nginx/guard.hpp"
#include "module/nginx/str.hpp"

#include <cstring>
#include <new>

namespace sallyport::ngx {

// At the start of the allocation; the owner's memory follows.
struct alignas(64) SharedZone::Header {
    std::uint64_t magic;
    std::uint64_t bytes;  // the owner's

    std::span<std::byte> memory() {
        return {reinterpret_cast<std::byte*>(this + 1), static_cast<std::size_t>(bytes)};
    }
};

SharedZone::Lock::Lock(const SharedZone& zone) : slab_(zone.slab()) {
    ngx_shmtx_lock(&slab_->mutex);
}
SharedZone::Lock::~Lock() {
    ngx_shmtx_unlock(&slab_->mutex);
}

Status SharedZone::announce(ngx_conf_t* cf, const Layout& layout) {
    static_assert(sizeof(Header) == 64 && std::is_trivially_destructible_v<Header>);
    magic_ = layout.magic;
    ngx_str_t name = copy(cf->pool, layout.name);
    zone_ = ngx_shared_memory_add(cf, &name, static_cast<std::size_t>(layout.bytes),
                                  &ngx_http_sallyport_module);
    if (zone_ == nullptr) {
        return Error{"the shared memory of " + layout.what +
                     " cannot be added; see the message above"};
    }
    zone_->init = init;
    zone_->data = this;
    return Done{};
}

ngx_shmtx_t* SharedZone::lock_word() const {
    return &slab()->mutex;
}

bool SharedZone::inherit(std::span<const std::byte>) {
    return false;
}

ngx_slab_pool_t* SharedZone::slab() const {
    return reinterpret_cast<ngx_slab_pool_t*>(zone_->shm.addr);
}

// Runs in the master (and in `nginx -t`) once the memory is mapped. `previous` is the old
// configuration's zone when the memory is the same.
ngx_int_t SharedZone::init(ngx_shm_zone_t* zone, void* previous) noexcept {
    return guarded(zone->shm.log, "shared memory zone", ngx_int_t{NGX_ERROR}, [&]() -> ngx_int_t {
        auto& self = *static_cast<SharedZone*>(zone->data);
        if (previous == nullptr) {
            return self.make();
        }
        self.handover_.take_over(static_cast<SharedZone*>(previous)->handover_);
        return self.use(static_cast<Header*>(self.slab()->data));
    });
}

ngx_int_t SharedZone::use(Header* header) {
    if (header == nullptr || header->magic != magic_) {
        ngx_log_error(NGX_LOG_EMERG, zone_->shm.log, 0,
                      "sallyport: zone \"%V\" has a foreign layout; restart nginx",
                      &zone_->shm.name);
        return NGX_ERROR;
    }
    keep(header->memory());
    ready_ = true;
    return NGX_OK;
}

ngx_int_t SharedZone::make() {
    if (!ngx_test_config && !handover_.put_on_file(*zone_)) {
        ngx_log_error(NGX_LOG_EMERG, zone_->shm.log, ngx_errno,
                      "sallyport: zone \"%V\" cannot be mapped", &zone_->shm.name);
        return NGX_ERROR;
    }
    ngx_slab_pool_t* pool = slab();
    pool->log_nomem = 0;
    // One allocation of whole pages: everything the slab has left.
    const std::size_t bytes = pool->pfree * ngx_pagesize;
    void* memory = bytes > sizeof(Header) ? ngx_slab_alloc(pool, bytes) : nullptr;
    if (memory == nullptr) {
        ngx_log_error(NGX_LOG_EMERG, zone_->shm.log, 0,
                      "sallyport: zone \"%V\" is too small; raise its size", &zone_->shm.name);
        return NGX_ERROR;
    }
    std::memset(memory, 0, bytes);
    auto* header = new (memory) Header{};
    header->bytes = bytes - sizeof(Header);
    SharedZone* old = running_zone();
    if (old == nullptr) {
        create(header->memory(), nullptr);
    } else {
        const Lock lock(*old);
        create(header->memory(), old);
    }
    take_inherited();
    header->magic = magic_;
    pool->data = header;
    ready_ = true;
    return NGX_OK;
}

// After a binary upgrade.
void SharedZone::take_inherited() {
    if (ngx_test_config) {
        return;
    }
    const auto before = InheritedZone::find(view(zone_->shm.name));
    if (!before || before->data().size() < sizeof(Header)) {
        return;
    }
    Header header;
    std::memcpy(&header, before->data().data(), sizeof(header));
    const std::span<const std::byte> memory = before->data().subspan(sizeof(Header));
    if (header.magic != magic_ || header.bytes > memory.size() ||
        !inherit(memory.first(static_cast<std::size_t>(header.bytes)))) {
        return;
    }
    ngx_log_error(NGX_LOG_NOTICE, zone_->shm.log, 0,
                  "sallyport: zone \"%V\" goes on with what the program before knew",
                  &zone_->shm.name);
}

// After a reload with another size: the running cycle still has the zone of this name.
SharedZone* SharedZone::running_zone() const {
    auto* running = const_cast<ngx_cycle_t*>(ngx_cycle);
    if (running == nullptr || ngx_test_config) {
        return nullptr;
    }
    for (ngx_list_part_t* part = &running->shared_memory.part; part != nullptr; part = part->next) {
        auto* zones = static_cast<ngx_shm_zone_t*>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; ++i) {
            if (zones[i].tag != zone_->tag || &zones[i] == zone_ ||
                view(zones[i].shm.name) != view(zone_->shm.name)) {
                continue;
            }
            auto* old = static_cast<SharedZone*>(zones[i].data);
            return old != nullptr && old->ready_ && old->magic_ == magic_ ? old : nullptr;
        }
    }
    return nullptr;
}

}  // namespace sallyport::ngx
