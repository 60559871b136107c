// Shared memory that survives a binary upgrade: the nginx that `kill -USR2` starts finds in its
// zones what the old one had counted by then.
//
// nginx maps zones without a name, and a new program cannot see them. The master therefore puts a
// zone's pages onto a memory file (memfd), whose descriptor the new program inherits and knows by
// its name. It copies from there: the two programs use different locks, so they never share memory.
// What the old workers still count afterwards, while they finish their requests, the new ones do
// not see.
#pragma once

#include "module/nginx/ngx.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace sallyport::ngx {

class ZoneHandover {
  public:
    ZoneHandover() = default;
    ~ZoneHandover();
    ZoneHandover(const ZoneHandover&) = delete;
    ZoneHandover& operator=(const ZoneHandover&) = delete;

    // REQUIRES: nginx has just set the zone up and nothing is allocated in it. Without a memory
    // file the zone works as before and is not handed over. False when the zone's memory is lost.
    [[nodiscard]] bool put_on_file(ngx_shm_zone_t& zone);
    // The same zone in a new configuration.
    void take_over(ZoneHandover& before);

  private:
    int fd_ = -1;
};

// A zone of the program before this one, as it is at this moment; nobody holds its lock.
class InheritedZone {
  public:
    // Nothing unless nginx was started by the program before, which had a zone of this name.
    static std::optional<InheritedZone> find(std::string_view name);
    InheritedZone(InheritedZone&& other) noexcept;
    InheritedZone& operator=(InheritedZone&&) = delete;
    ~InheritedZone();

    // From where the slab's `data` points to its end; empty when that is not within the zone.
    std::span<const std::byte> data() const { return data_; }

  private:
    InheritedZone() = default;

    void* mapped_ = nullptr;
    std::size_t bytes_ = 0;
    std::span<const std::byte> data_{};
};

// Lets go of what nobody has asked for: zones that the new configuration does not have.
void forget_inherited_zones();

}  // namespace sallyport::ngx
