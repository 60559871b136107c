// A worker's pocket: units that it took out of what its node holds of a key (rate_lease.hpp), so
// that the requests they are for need not look at memory that all workers share.
//
// A key that comes every few seconds is cold wherever it lies. In the table of all workers that is
// a wait of several hundred ns, a tenth of what a proxied request costs in all; a pocket is a
// small part of that table, private, and fits what the processor keeps. Nothing but units moves,
// and with them the time at which they end: the bound of the protocol stays as it is. What a pocket
// forgets (another key needs the place, the worker ends) is spent by nobody, and charged by the
// store when the time is over.
//
// Not thread-safe. Bounded: four places are looked at, ever.
#pragma once

#include "common/prefetch.hpp"
#include "module/policy/rate_limit_key.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace sallyport::policy {

class LeasePocket {
  public:
    // Memory that one key takes, bytes.
    static constexpr std::size_t kPlaceBytes = 16;
    static constexpr std::size_t kSetPlaces = 4;
    static constexpr std::size_t kSetBytes = kSetPlaces * kPlaceBytes;
    static constexpr std::uint32_t kUnitsMax = 255;

    // Units of a key, and what was known of its bucket when they were taken.
    struct Units {
        std::uint32_t count = 0;
        std::int64_t ends_ns = 0;  // kept to the millisecond: they end a little early
        std::int64_t tat_ns = 0;   // to a millionth of how far off it is; rather later
    };

    class Place {
      public:
        [[gnu::hot]] Units units() const;

      private:
        friend class LeasePocket;
        // The key's part that tells it from others (56 bits), and the count.
        std::uint64_t key_and_count;
        // The end in ms (40 bits), and how long before it the tat lies (24).
        std::uint64_t times;
    };

    // `memory`: zeroed, aligned to a cache line, a multiple of kSetBytes and not empty; outlives
    // this.
    explicit LeasePocket(std::span<std::byte> memory);

    // The key is about to be looked for.
    void prefetch(const KeyHash& key) const { sallyport::prefetch(&set_of(key), sizeof(Set)); }
    // The place of `key` with at least `count` units that have not ended; else null. Good until the
    // next put().
    [[gnu::hot]] Place* find(const KeyHash& key, std::uint32_t count, std::int64_t now_ns) const;
    // REQUIRES: the place was found with so many.
    static void spend(Place& place, std::uint32_t count) { place.key_and_count -= count; }
    // Puts units in; those beyond kUnitsMax are forgotten, and all of a bucket that is years
    // ahead. What lies there already ends with them when they end earlier.
    void put(const KeyHash& key, const Units& units, std::int64_t now_ns);
    // Gives back what was spent of units that ended at `ends_ns`, where they can still end no
    // later.
    void give_back(const KeyHash& key, std::uint32_t count, std::int64_t ends_ns,
                   std::int64_t now_ns) const;

  private:
    struct Set {
        Place places[kSetPlaces];
    };
    static_assert(sizeof(Place) == kPlaceBytes && sizeof(Set) == kSetBytes);

    Set& set_of(const KeyHash& key) const { return sets_[place_among(key.low, sets_.size())]; }
    Place* place_of(const KeyHash& key) const;
    static std::uint32_t count_of(const Place& place) {
        return static_cast<std::uint32_t>(place.key_and_count & kUnitsMax);
    }
    static std::int64_t end_ms(const Place& place) {
        return static_cast<std::int64_t>(place.times >> 24);
    }
    static bool lives(const Place& place, std::int64_t now_ns);

    std::span<Set> sets_;
};

}  // namespace sallyport::policy
