#include "module/nginx/private_memory.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <utility>

namespace sallyport::ngx {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

}  // namespace

PrivateMemory::PrivateMemory(std::size_t bytes) {
    // Huge pages lie at multiples of their size, which the system does not promise.
    const bool huge = bytes >= kHugePage;
    const std::size_t size = huge ? bytes + kHugePage : bytes;
    void* at = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
        return;
    }
    mapped_ = {static_cast<std::byte*>(at), size};
    const std::size_t into = reinterpret_cast<std::uintptr_t>(at) % kHugePage;
    memory_ = mapped_.subspan(huge && into != 0 ? kHugePage - into : 0, bytes);
    if (huge) {
        // Refused where the system has none: small pages do as well.
        (void)madvise(memory_.data(), memory_.size(), MADV_HUGEPAGE);
    }
}

PrivateMemory::~PrivateMemory() {
    if (!mapped_.empty()) {
        (void)munmap(mapped_.data(), mapped_.size());
    }
}

PrivateMemory::PrivateMemory(PrivateMemory&& other) noexcept
    : mapped_(std::exchange(other.mapped_, {})), memory_(std::exchange(other.memory_, {})) {}

PrivateMemory& PrivateMemory::operator=(PrivateMemory&& other) noexcept {
    std::swap(mapped_, other.mapped_);
    std::swap(memory_, other.memory_);
    return *this;
}

}  // namespace sallyport::ngx
