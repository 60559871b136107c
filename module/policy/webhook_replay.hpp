// Which deliveries were seen: absent -> in flight (a lease) -> done, and back to absent on failure.
//
// A provider repeats a delivery that got no 2xx, with the same identity an attacker's copy has. So
// a verified delivery is first only reserved; it becomes done when the upstream has said 2xx, and
// is released when it failed. A copy meanwhile is told to come again, a copy afterwards is a
// duplicate. What was left in flight by a dying worker is free again when its lease ends.
//
// The table is a fixed layout in memory that somebody else owns (shared by processes, kept over
// reloads): no pointers, no allocation, bounded; entries that still matter are never thrown out.
// The caller holds a lock around each call and passes the time, in milliseconds of a clock that
// does not jump.
#pragma once

#include "module/policy/decision.hpp"
#include "module/policy/webhook_profile.hpp"
#include "module/policy/webhook_replay_key.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace sallyport::policy::webhook {

enum class Reserved : std::uint8_t {
    forward,    // reserved for this request
    busy,       // another copy is in flight
    duplicate,  // done before
    full,       // no room, and everything in the table still matters
};

struct Reservation {
    Reserved answer = Reserved::forward;
    std::uint32_t token = 0;         // names this reservation in commit and release
    std::int64_t lease_left_ms = 0;  // busy: how long the other copy may still take
};

class ReplayTable {
  public:
    // Bytes one remembered key takes, its share of the index included.
    static std::size_t bytes_per_key();
    // Formats `memory` (aligned to 8). REQUIRES: room for at least one key.
    static ReplayTable* create(void* memory, std::size_t bytes);

    // All keys of one delivery together: reserved all or none.
    Reservation reserve(const ReplayKeys& keys, std::int64_t now_ms, std::int64_t lease_ms);
    // The upstream accepted the delivery: remembered for `ttl_ms`.
    void commit(const ReplayKeys& keys, std::uint32_t token, std::int64_t now_ms,
                std::int64_t ttl_ms);
    // The upstream did not: forgotten, unless somebody else has it by now.
    void release(const ReplayKeys& keys, std::uint32_t token);

    // A table that another program formatted; null when `memory` holds none.
    static const ReplayTable* look(std::span<const std::byte> memory);
    // Takes over what `old` still remembers, as far as there is room; for a table of another size.
    void adopt(const ReplayTable& old, std::int64_t now_ms);

    std::uint32_t capacity() const { return capacity_; }
    std::uint32_t used() const { return used_; }

  private:
    static constexpr std::uint32_t kNone = 0xffffffff;
    // Entries are queued by about how long they live, so that the head of a queue is about the
    // first of it to end: four steps an octave from one second to more than ten years.
    static constexpr std::size_t kClasses = 128;

    enum class State : std::uint8_t { free, in_flight, done };
    struct Entry {
        ReplayKey key;
        std::int64_t until_ms;  // end of the lease or of the memory
        std::uint32_t token;
        std::uint32_t chain;  // next in the bucket, or in the free list
        std::uint32_t older;  // neighbours in the class's queue
        std::uint32_t newer;
        State state;
        std::uint8_t life_class;
        std::uint8_t pad[6];
    };
    struct Queue {
        std::uint32_t oldest;
        std::uint32_t newest;
    };

    Entry* entries();
    const Entry* entries() const;
    std::uint32_t* buckets();
    std::uint32_t bucket_of(const ReplayKey& key) const {
        return static_cast<std::uint32_t>(key.low) & bucket_mask_;
    }
    std::uint32_t find(const ReplayKey& key);
    std::uint32_t take_free(std::int64_t now_ms);
    void put(std::uint32_t index, const ReplayKey& key);
    void enqueue(std::uint32_t index, std::int64_t life_ms);
    void dequeue(std::uint32_t index);
    void forget(std::uint32_t index);
    void reclaim(std::int64_t now_ms, std::size_t count_max);
    bool make_room(std::size_t count, std::int64_t now_ms);

    std::uint32_t capacity_ = 0;
    std::uint32_t used_ = 0;
    std::uint32_t bucket_mask_ = 0;
    std::uint32_t free_ = kNone;
    std::uint64_t next_token_ = 1;
    std::array<Queue, kClasses> queues_{};
};
static_assert(std::is_standard_layout_v<ReplayTable> &&
              std::is_trivially_destructible_v<ReplayTable>);

// How long a delivery is remembered once it is done, in milliseconds, by what it is recognised:
// - its identifier: as long as the provider may repeat it, and as long as a copy would be fresh;
// - its signature under a signed timestamp: as long as a copy would be fresh; a repetition by the
//   provider is signed anew;
// - its signature without a timestamp: a copy never grows stale, so this is the whole protection.
struct ReplayLife {
    std::int64_t id_ms = 0;
    std::int64_t signature_ms = 0;
};
ReplayLife automatic_life(const Profile& profile);

// What the client is told. `duplicate_status` and `busy_status` are the operator's; a status of 2xx
// for a busy delivery is for senders that never repeat anything.
Decision replay_decision(const Reservation& reservation, std::uint16_t duplicate_status,
                         std::uint16_t busy_status);

}  // namespace sallyport::policy::webhook
