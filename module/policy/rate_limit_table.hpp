// A table of TATs in memory that somebody else owns and locks (shared memory, in the gateway).
//
// Fixed size, no pointers, nothing but plain integers: processes may map it at different addresses.
// A key lives in one of two sets of eight places. Work is bounded: sixteen places are looked at,
// ever. An entry whose TAT has passed says what no entry says ("the bucket is full"), so it is free
// space. When all sixteen are live, the one nearest to full is given up: it loses the least, and
// the keys that are being refused stay.
#pragma once

#include "module/policy/rate_limit_key.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace sallyport::policy {

struct TableEntry {
    KeyHash key;
    std::int64_t tat_ns;  // 0: never used
};

inline constexpr std::size_t kSetPlaces = 8;

struct alignas(64) TableSet {
    TableEntry places[kSetPlaces];
};
static_assert(sizeof(TableSet) == 192, "three cache lines, 24 bytes a key");

class RateLimitTable {
  public:
    explicit RateLimitTable(std::span<TableSet> sets) : sets_(sets) {}

    // The entry of `key`; null when it has none or its TAT has passed.
    TableEntry* find(const KeyHash& key, std::int64_t now_ns) const;

    // The entry of `key`, made when there was none (with tat_ns == now_ns). `evicted` is set when a
    // live entry of another key had to give way.
    TableEntry* take(const KeyHash& key, std::int64_t now_ns, bool& evicted);

    // Takes over the live entries of `other`, for a table of a new size.
    void adopt(const RateLimitTable& other, std::int64_t now_ns);

    std::size_t live(std::int64_t now_ns) const;
    // The share of live places, 0 to 1, from at most `sets_max` sets spread over the table.
    double fill(std::int64_t now_ns, std::size_t sets_max) const;
    std::size_t places() const { return sets_.size() * kSetPlaces; }

  private:
    // Which set half of the hash names: multiplication instead of division.
    TableSet& set_of(std::uint64_t half) const {
        __extension__ using Wide = unsigned __int128;
        return sets_[static_cast<std::size_t>((Wide{half} * sets_.size()) >> 64)];
    }

    std::span<TableSet> sets_;
};

}  // namespace sallyport::policy
