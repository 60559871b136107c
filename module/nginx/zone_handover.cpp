#include "module/nginx/zone_handover.hpp"

#include "common/bytes.hpp"
#include "module/nginx/str.hpp"

#include <dirent.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <map>
#include <string>
#include <utility>

namespace sallyport::ngx {
namespace {

// What the kernel calls a memory file in /proc/self/fd, and what ours are called.
constexpr std::string_view kLinkHead = "/memfd:";
constexpr std::string_view kLinkTail = " (deleted)";
constexpr std::string_view kNameHead = "sallyport:";

using Inherited = std::map<std::string, int, std::less<>>;

// Of our memory files among the open descriptors, the zones' names.
Inherited scan_descriptors() {
    Inherited out;
    DIR* folder = ::opendir("/proc/self/fd");
    if (folder == nullptr) {
        return out;
    }
    while (const dirent* entry = ::readdir(folder)) {
        std::array<char, 512> link{};
        const std::string path = std::string("/proc/self/fd/") + entry->d_name;
        const ssize_t size = ::readlink(path.c_str(), link.data(), link.size());
        std::string_view name(link.data(), size < 0 ? 0 : static_cast<std::size_t>(size));
        if (!name.starts_with(kLinkHead) || !name.ends_with(kLinkTail)) {
            continue;
        }
        name.remove_prefix(kLinkHead.size());
        name.remove_suffix(kLinkTail.size());
        if (name.starts_with(kNameHead)) {
            name.remove_prefix(kNameHead.size());
            const auto number = parse_u64(entry->d_name);
            out.emplace(name, number ? static_cast<int>(*number) : -1);
        }
    }
    ::closedir(folder);
    return out;
}

// Looked up before this program has made a memory file of its own, once: nginx tells a new program
// the listening sockets in NGINX, and no other.
Inherited& inherited() {
    static Inherited all = std::getenv("NGINX") == nullptr ? Inherited{} : scan_descriptors();
    return all;
}

bool write_all(int fd, const u_char* data, std::size_t size) {
    std::size_t done = 0;
    while (done < size) {
        const ssize_t wrote = ::pwrite(fd, data + done, size - done, static_cast<off_t>(done));
        if (wrote <= 0) {
            return false;
        }
        done += static_cast<std::size_t>(wrote);
    }
    return true;
}

}  // namespace

ZoneHandover::~ZoneHandover() {
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

bool ZoneHandover::put_on_file(ngx_shm_zone_t& zone) {
    inherited();
    const std::string name = std::string(kNameHead) + std::string(view(zone.shm.name));
    const int fd = ::memfd_create(name.c_str(), 0);  // stays open over exec: that is the point
    if (fd < 0) {
        return true;
    }
    const auto* slab = reinterpret_cast<const ngx_slab_pool_t*>(zone.shm.addr);
    const std::size_t used = static_cast<std::size_t>(slab->start - zone.shm.addr);
    if (::ftruncate(fd, static_cast<off_t>(zone.shm.size)) != 0 ||
        !write_all(fd, zone.shm.addr, used)) {
        ::close(fd);
        return true;
    }
    void* mapped =
        ::mmap(zone.shm.addr, zone.shm.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
    if (mapped == MAP_FAILED) {
        ::close(fd);
        return false;
    }
    fd_ = fd;
    return true;
}

void ZoneHandover::take_over(ZoneHandover& before) {
    std::swap(fd_, before.fd_);
}

std::optional<InheritedZone> InheritedZone::find(std::string_view name) {
    const auto found = inherited().find(name);
    if (found == inherited().end()) {
        return std::nullopt;
    }
    const int fd = found->second;
    inherited().erase(found);
    InheritedZone out;
    struct stat info {};
    if (::fstat(fd, &info) == 0 &&
        static_cast<std::size_t>(info.st_size) > sizeof(ngx_slab_pool_t)) {
        out.bytes_ = static_cast<std::size_t>(info.st_size);
        void* mapped = ::mmap(nullptr, out.bytes_, PROT_READ, MAP_SHARED, fd, 0);
        out.mapped_ = mapped == MAP_FAILED ? nullptr : mapped;
    }
    ::close(fd);
    if (out.mapped_ == nullptr) {
        return std::nullopt;
    }
    // Its pointers are the other program's: only how far they are apart means something here.
    const auto* slab = static_cast<const ngx_slab_pool_t*>(out.mapped_);
    const std::size_t at = static_cast<std::size_t>(static_cast<const u_char*>(slab->data) -
                                                    static_cast<const u_char*>(slab->addr));
    if (slab->data != nullptr && at < out.bytes_) {
        out.data_ = {static_cast<const std::byte*>(out.mapped_) + at, out.bytes_ - at};
    }
    return out;
}

InheritedZone::InheritedZone(InheritedZone&& other) noexcept
    : mapped_(std::exchange(other.mapped_, nullptr)), bytes_(other.bytes_), data_(other.data_) {}

InheritedZone::~InheritedZone() {
    if (mapped_ != nullptr) {
        ::munmap(mapped_, bytes_);
    }
}

void forget_inherited_zones() {
    for (const auto& [name, fd] : inherited()) {
        ::close(fd);
    }
    inherited().clear();
}

}  // namespace sallyport::ngx
