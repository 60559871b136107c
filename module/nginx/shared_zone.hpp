// Shared memory of a feature: announced while the configuration is read, laid out by the master,
// kept over reloads (refilled when its size changed) and over binary upgrades (the new program
// copies what the old one has, see zone_handover.hpp), one lock.
//
// A zone is one allocation of whole pages. A new layout needs a new zone name, so that two
// generations of workers never read each other's memory; the magic number is checked all the same.
// The lock is nginx's own, which the master releases when a worker dies. Nothing is logged under
// it.
#pragma once

#include "common/result.hpp"
#include "module/nginx/ngx.hpp"
#include "module/nginx/zone_handover.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace sallyport::ngx {

class SharedZone {
  public:
    SharedZone() = default;
    SharedZone(const SharedZone&) = delete;
    SharedZone& operator=(const SharedZone&) = delete;

    class Lock {
      public:
        explicit Lock(const SharedZone& zone);
        ~Lock();
        Lock(const Lock&) = delete;
        Lock& operator=(const Lock&) = delete;

      private:
        ngx_slab_pool_t* slab_;
    };

  protected:
    ~SharedZone() = default;

    struct Layout {
        std::string name;  // of the zone; ends in the layout's version
        std::uint64_t bytes = 0;
        std::uint64_t magic = 0;
        std::string what;  // for messages: what it holds and whose it is
    };
    // REQUIRES: this object lives as long as the configuration (its pool).
    Status announce(ngx_conf_t* cf, const Layout& layout);

    // New memory, zeroed, aligned to 64 bytes. `old` is the running configuration's zone of this
    // name in another size, to take over from, or null; it is locked.
    virtual void create(std::span<std::byte> memory, SharedZone* old) = 0;
    // The memory that `create` filled before the reload.
    virtual void keep(std::span<std::byte> memory) = 0;
    // After `create`: the memory of the program before this one, in the same layout and perhaps
    // another size. Its workers still write there, under a lock that is not ours: read what is
    // needed once, and believe no number without looking. False when it says nothing.
    virtual bool inherit(std::span<const std::byte> memory);

    ngx_shmtx_t* lock_word() const;

  private:
    struct Header;

    static ngx_int_t init(ngx_shm_zone_t* zone, void* previous) noexcept;
    ngx_int_t make();
    ngx_int_t use(Header* header);
    SharedZone* running_zone() const;
    void take_inherited();
    ngx_slab_pool_t* slab() const;

    ngx_shm_zone_t* zone_ = nullptr;
    ZoneHandover handover_;
    std::uint64_t magic_ = 0;
    bool ready_ = false;
};

}  // namespace sallyport::ngx
