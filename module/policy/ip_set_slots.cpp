#include "module/policy/ip_set_slots.hpp"

#include <cstring>

namespace sallyport::policy {

IpSetSlots::IpSetSlots(std::span<std::byte> memory)
    : memory_(memory), slot_bytes_((memory.size() - kControlBytes) / 2) {
    static_assert(sizeof(Control) <= kControlBytes);
    static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
    static_assert(std::is_trivially_destructible_v<Control>);
}

// Out of line: nearly every look-up is in the version of the one before.
[[gnu::noinline]] void IpSetSlots::look_at(std::uint64_t version) const {
    view_ = version == 0 ? IpSetView() : IpSetView::open(slot(version)).value_or(IpSetView());
    seen_ = version;
}

[[gnu::hot]] bool IpSetSlots::contains(const IpAddress& address) const {
    while (true) {
        const std::uint64_t version = control().published.load(std::memory_order_acquire);
        if (version != seen_) {
            look_at(version);
        }
        const bool found = view_.contains(address);
        std::atomic_thread_fence(std::memory_order_acquire);
        // `version + 1` goes into the other slot; anything later may have changed this one.
        if (control().writing.load(std::memory_order_relaxed) <= version + 1) {
            return found;
        }
        look_at(0);
    }
}

void IpSetSlots::begin_writing(std::uint64_t version) {
    control().writing.store(version, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
}

bool IpSetSlots::publish(const IpSetImage& image, std::uint64_t blocks) {
    if (image.bytes() > slot_bytes_) {
        return false;
    }
    const std::uint64_t next = version() + 1;
    begin_writing(next);
    image.write(slot(next));
    control().blocks.store(blocks, std::memory_order_relaxed);
    control().published.store(next, std::memory_order_release);
    return true;
}

bool IpSetSlots::adopt(const IpSetSlots& other) {
    while (true) {
        const std::uint64_t version = other.version();
        const std::size_t bytes = IpSetView::bytes_of(other.slot(version));
        if (version == 0 || bytes == 0 || bytes > slot_bytes_ || bytes > other.slot_bytes_) {
            return false;
        }
        const std::uint64_t next = this->version() + 1;
        begin_writing(next);
        std::memcpy(slot(next).data(), other.slot(version).data(), bytes);
        const std::uint64_t blocks = other.blocks();
        std::atomic_thread_fence(std::memory_order_acquire);
        if (other.control().writing.load(std::memory_order_relaxed) > version + 1) {
            continue;  // it changed while it was copied
        }
        control().blocks.store(blocks, std::memory_order_relaxed);
        control().published.store(next, std::memory_order_release);
        return true;
    }
}

std::span<std::byte> IpSetSlots::retire() {
    const std::uint64_t next = version() + 1;
    begin_writing(next);
    return slot(next);
}

}  // namespace sallyport::policy
