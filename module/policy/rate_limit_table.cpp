#include "module/policy/rate_limit_table.hpp"

#include <algorithm>

namespace sallyport::policy {
namespace {

TableEntry* find_in(TableSet& set, const KeyHash& key) {
    for (TableEntry& entry : set.places) {
        if (entry.key == key) {
            return &entry;
        }
    }
    return nullptr;
}

struct Room {
    std::size_t free = 0;
    TableEntry* best = nullptr;  // the place with the earliest TAT
};

Room room_in(TableSet& set, std::int64_t now_ns) {
    Room room;
    for (TableEntry& entry : set.places) {
        if (entry.tat_ns <= now_ns) {
            ++room.free;
        }
        if (room.best == nullptr || entry.tat_ns < room.best->tat_ns) {
            room.best = &entry;
        }
    }
    return room;
}

}  // namespace

TableEntry* RateLimitTable::find(const KeyHash& key, std::int64_t now_ns) const {
    TableEntry* entry = find_in(set_of(key.low), key);
    if (entry == nullptr) {
        entry = find_in(set_of(key.high), key);
    }
    return entry != nullptr && entry->tat_ns > now_ns ? entry : nullptr;
}

TableEntry* RateLimitTable::take(const KeyHash& key, std::int64_t now_ns, bool& evicted) {
    TableSet& first = set_of(key.low);
    TableSet& second = set_of(key.high);
    TableEntry* entry = find_in(first, key);
    if (entry == nullptr) {
        entry = find_in(second, key);
    }
    if (entry == nullptr) {
        const Room one = room_in(first, now_ns);
        const Room two = room_in(second, now_ns);
        const bool in_second =
            one.free != two.free ? two.free > one.free : two.best->tat_ns < one.best->tat_ns;
        entry = in_second ? two.best : one.best;
        evicted = entry->tat_ns > now_ns;
        *entry = {key, now_ns};
    } else if (entry->tat_ns < now_ns) {
        entry->tat_ns = now_ns;
    }
    return entry;
}

void RateLimitTable::adopt(const RateLimitTable& other, std::int64_t now_ns) {
    for (const TableSet& set : other.sets_) {
        for (const TableEntry& entry : set.places) {
            if (entry.tat_ns > now_ns) {
                bool evicted = false;
                take(entry.key, now_ns, evicted)->tat_ns = entry.tat_ns;
            }
        }
    }
}

std::size_t RateLimitTable::live(std::int64_t now_ns) const {
    std::size_t count = 0;
    for (const TableSet& set : sets_) {
        for (const TableEntry& entry : set.places) {
            count += entry.tat_ns > now_ns ? 1 : 0;
        }
    }
    return count;
}

double RateLimitTable::fill(std::int64_t now_ns, std::size_t sets_max) const {
    const std::size_t looked = std::min(sets_.size(), sets_max);
    if (looked == 0) {
        return 0;
    }
    std::size_t live = 0;
    for (std::size_t i = 0; i < looked; ++i) {
        for (const TableEntry& entry : sets_[i * sets_.size() / looked].places) {
            live += entry.tat_ns > now_ns ? 1 : 0;
        }
    }
    return static_cast<double>(live) / static_cast<double>(looked * kSetPlaces);
}

}  // namespace sallyport::policy
