// A table of keys' states in memory that somebody else owns and locks (shared memory, in the
// gateway).
//
// Fixed size, no pointers, nothing but plain integers: processes may map it at different addresses.
// A key lives in one of two sets of eight places. Work is bounded: sixteen places are looked at,
// ever. An entry whose time has passed says what no entry says ("nothing is used"), so it is free
// space. When all sixteen are live, the one nearest to its end is given up: it loses the least, and
// the keys that are being refused stay.
#pragma once

#include "common/prefetch.hpp"
#include "module/policy/rate_limit_key.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace sallyport::policy {

// Shared memory that one key may take, whatever the kind of limit.
inline constexpr std::size_t kBytesPerKeyMax = 96;

struct TableEntry {
    KeyHash key;
    std::int64_t tat_ns;  // 0: never used

    std::int64_t live_until_ns() const { return tat_ns; }
    static TableEntry fresh(const KeyHash& key, std::int64_t now_ns) { return {key, now_ns}; }
    void revive(std::int64_t now_ns) { tat_ns = now_ns; }
};

inline constexpr std::size_t kSetPlaces = 8;

template <typename Entry>
struct alignas(kCacheLine) TableSetOf {
    Entry places[kSetPlaces];
};
using TableSet = TableSetOf<TableEntry>;
static_assert(sizeof(TableSet) == 192, "three cache lines, 24 bytes a key");

template <typename Entry>
class KeyTable {
  public:
    using Set = TableSetOf<Entry>;
    static_assert(sizeof(Set) <= kSetPlaces * kBytesPerKeyMax);

    explicit KeyTable(std::span<Set> sets) : sets_(sets) {}

    // The entry of `key`; null when it has none or its time has passed.
    Entry* find(const KeyHash& key, std::int64_t now_ns) const {
        Entry* entry = place_of(key);
        return entry != nullptr && entry->live_until_ns() > now_ns ? entry : nullptr;
    }

    // The entry of `key` is about to be looked for: the first places that it may lie in, and mostly
    // does, are on their way from memory meanwhile.
    void prefetch(const KeyHash& key) const {
        sallyport::prefetch(&set_of(key.low), 2 * kCacheLine);
    }

    // The entry of `key`, made when there was none (live until now_ns). `evicted` is set when a
    // live entry of another key had to give way.
    Entry* take(const KeyHash& key, std::int64_t now_ns, bool& evicted) {
        Entry* entry = place_of(key);
        if (entry != nullptr) {
            if (entry->live_until_ns() < now_ns) {
                entry->revive(now_ns);
            }
            return entry;
        }
        const Room one = room_in(set_of(key.low), now_ns);
        const Room two = room_in(set_of(key.high), now_ns);
        const bool in_second = one.free != two.free
                                   ? two.free > one.free
                                   : two.best->live_until_ns() < one.best->live_until_ns();
        entry = in_second ? two.best : one.best;
        evicted = entry->live_until_ns() > now_ns;
        *entry = Entry::fresh(key, now_ns);
        return entry;
    }

    // Takes over the live entries of `other`, for a table of a new size.
    void adopt(const KeyTable& other, std::int64_t now_ns) {
        other.each_live(now_ns, [&](const Entry& entry) {
            bool evicted = false;
            *take(entry.key, now_ns, evicted) = entry;
        });
    }

    template <typename Visit>
    void each_live(std::int64_t now_ns, Visit&& visit) const {
        for (Set& set : sets_) {
            for (Entry& entry : set.places) {
                if (entry.live_until_ns() > now_ns) {
                    visit(entry);
                }
            }
        }
    }

    std::size_t live(std::int64_t now_ns) const {
        std::size_t count = 0;
        each_live(now_ns, [&](const Entry&) { ++count; });
        return count;
    }
    // Calls visit(copy of entry) for live entries of at most `sets_max` sets spread over the table.
    // Without the lock an entry may be torn: for a look, not for a decision.
    template <typename Visit>
    void sample(std::int64_t now_ns, std::size_t sets_max, Visit&& visit) const {
        const std::size_t looked = sets_.size() < sets_max ? sets_.size() : sets_max;
        for (std::size_t i = 0; i < looked; ++i) {
            for (const Entry& place : sets_[i * sets_.size() / looked].places) {
                const Entry entry = place;
                if (entry.live_until_ns() > now_ns) {
                    visit(entry);
                }
            }
        }
    }

    // The share of live places, 0 to 1, from at most `sets_max` sets spread over the table.
    double fill(std::int64_t now_ns, std::size_t sets_max) const {
        const std::size_t looked = sets_.size() < sets_max ? sets_.size() : sets_max;
        if (looked == 0) {
            return 0;
        }
        std::size_t live = 0;
        for (std::size_t i = 0; i < looked; ++i) {
            for (const Entry& entry : sets_[i * sets_.size() / looked].places) {
                live += entry.live_until_ns() > now_ns ? 1U : 0U;
            }
        }
        return static_cast<double>(live) / static_cast<double>(looked * kSetPlaces);
    }
    std::size_t places() const { return sets_.size() * kSetPlaces; }

  private:
    struct Room {
        std::size_t free = 0;
        Entry* best = nullptr;  // the place that ends first
    };

    static Room room_in(Set& set, std::int64_t now_ns) {
        Room room;
        for (Entry& entry : set.places) {
            if (entry.live_until_ns() <= now_ns) {
                ++room.free;
            }
            if (room.best == nullptr || entry.live_until_ns() < room.best->live_until_ns()) {
                room.best = &entry;
            }
        }
        return room;
    }

    Entry* place_of(const KeyHash& key) const {
        for (const std::uint64_t half : {key.low, key.high}) {
            for (Entry& entry : set_of(half).places) {
                if (entry.key == key) {
                    return &entry;
                }
            }
        }
        return nullptr;
    }

    Set& set_of(std::uint64_t half) const { return sets_[place_among(half, sets_.size())]; }

    std::span<Set> sets_;
};

using RateLimitTable = KeyTable<TableEntry>;

}  // namespace sallyport::policy
