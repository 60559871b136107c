// A set that is replaced while others read it, in memory that processes share.
//
// Two slots: the published image lies in one, the next is written into the other and then published
// with one store. Readers neither lock nor wait nor announce themselves. A slot is written again
// only for the version after the next; a reader that slept through all of that notices it by the
// control words and looks again in the version of the day. So the old image's memory is free as
// soon as the new one is published.
//
// Memory: one control block, then two slots of equal size. All processes may map it at different
// addresses. There is one writer at a time; who that is, is its owner's matter.
#pragma once

#include "module/policy/ip_set.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace sallyport::policy {

class IpSetSlots {
  public:
    // A page, so that slots begin at pages and their memory can be given back.
    static constexpr std::size_t kControlBytes = 4096;

    static std::size_t memory_bytes(std::size_t slot_bytes) {
        return kControlBytes + 2 * slot_bytes;
    }
    // `memory` is zeroed at first and aligned to 64; a slot's size is a multiple of kControlBytes.
    // An empty set until something is published.
    explicit IpSetSlots(std::span<std::byte> memory);

    bool contains(const IpAddress& address) const;
    // Counts publications; 0: none yet.
    std::uint64_t version() const { return control().published.load(std::memory_order_acquire); }
    // What the writer says of the published set.
    std::uint64_t blocks() const { return control().blocks.load(std::memory_order_relaxed); }
    std::size_t slot_bytes() const { return slot_bytes_; }

    // For the writer. False, and nothing changes, when the image is larger than a slot.
    bool publish(const IpSetImage& image, std::uint64_t blocks);
    // Publishes what another's slots hold, in other memory, while its writer may go on. False when
    // they hold nothing, or more than a slot takes.
    bool adopt(const IpSetSlots& other);
    // The slot that holds no published image. Readers that still look at it will look again.
    std::span<std::byte> retire();

    // Small numbers beside the set, for its owner: requests of other processes, times, counts.
    static constexpr std::size_t kNotes = 8;
    std::atomic<std::uint64_t>& note(std::size_t i) const { return control().notes[i]; }

  private:
    struct Control {
        std::atomic<std::uint64_t> published;
        std::atomic<std::uint64_t> writing;  // the version whose slot may be changing
        std::atomic<std::uint64_t> blocks;
        std::atomic<std::uint64_t> notes[kNotes];
    };

    Control& control() const { return *reinterpret_cast<Control*>(memory_.data()); }
    std::span<std::byte> slot(std::uint64_t version) const {
        return memory_.subspan(kControlBytes + (version & 1) * slot_bytes_, slot_bytes_);
    }
    void begin_writing(std::uint64_t version);
    // Nothing for version 0.
    void look_at(std::uint64_t version) const;

    std::span<std::byte> memory_;
    std::size_t slot_bytes_;
    // The view of one version, kept between look-ups. A process has one thread.
    mutable std::uint64_t seen_ = 0;
    mutable IpSetView view_;
};

}  // namespace sallyport::policy
