#include "module/policy/webhook_replay.hpp"

#include <algorithm>
#include <bit>
#include <new>

namespace sallyport::policy::webhook {
namespace {

// A busy sender is asked back soon: the other copy is nearly always done by then.
constexpr std::int64_t kBusyRetryMaxMs = 10'000;
// A full store empties by time alone; coming back at once would not help.
constexpr std::uint32_t kFullRetryS = 30;

// The length class: rounded up to four steps an octave of seconds.
std::uint8_t life_class_of(std::int64_t life_ms, std::size_t classes) {
    const auto seconds = static_cast<std::uint64_t>(std::max<std::int64_t>(life_ms, 0)) / 1000 + 1;
    const unsigned octave = static_cast<unsigned>(std::bit_width(seconds)) - 1;
    const unsigned step =
        octave < 2
            ? 0
            : static_cast<unsigned>((seconds - (std::uint64_t{1} << octave)) >> (octave - 2));
    return static_cast<std::uint8_t>(std::min<std::size_t>(octave * 4 + step, classes - 1));
}

}  // namespace

std::size_t ReplayTable::bytes_per_key() {
    return sizeof(Entry) + sizeof(std::uint32_t);
}

ReplayTable::Entry* ReplayTable::entries() {
    return reinterpret_cast<Entry*>(this + 1);
}

const ReplayTable::Entry* ReplayTable::entries() const {
    return reinterpret_cast<const Entry*>(this + 1);
}

std::uint32_t* ReplayTable::buckets() {
    return reinterpret_cast<std::uint32_t*>(entries() + capacity_);
}

ReplayTable* ReplayTable::create(void* memory, std::size_t bytes) {
    static_assert(sizeof(ReplayTable) % alignof(Entry) == 0);
    auto* table = new (memory) ReplayTable();
    const std::size_t room = bytes - sizeof(ReplayTable);
    // Buckets are a power of two, at most one for each entry.
    std::size_t buckets = 1;
    while (buckets * 2 * bytes_per_key() <= room) {
        buckets *= 2;
    }
    const std::size_t entries = (room - buckets * sizeof(std::uint32_t)) / sizeof(Entry);
    table->capacity_ = static_cast<std::uint32_t>(std::min<std::size_t>(entries, kNone - 1));
    table->bucket_mask_ = static_cast<std::uint32_t>(buckets - 1);
    table->queues_.fill({kNone, kNone});
    std::fill_n(table->buckets(), buckets, kNone);
    for (std::uint32_t i = table->capacity_; i-- > 0;) {
        Entry& entry = table->entries()[i];
        entry = {};
        entry.chain = table->free_;
        table->free_ = i;
    }
    return table;
}

std::uint32_t ReplayTable::find(const ReplayKey& key) {
    std::uint32_t i = buckets()[bucket_of(key)];
    while (i != kNone && !(entries()[i].key == key)) {
        i = entries()[i].chain;
    }
    return i;
}

void ReplayTable::enqueue(std::uint32_t index, std::int64_t life_ms) {
    Entry& entry = entries()[index];
    entry.life_class = life_class_of(life_ms, kClasses);
    Queue& queue = queues_[entry.life_class];
    entry.older = queue.newest;
    entry.newer = kNone;
    if (queue.newest != kNone) {
        entries()[queue.newest].newer = index;
    } else {
        queue.oldest = index;
    }
    queue.newest = index;
}

void ReplayTable::dequeue(std::uint32_t index) {
    const Entry& entry = entries()[index];
    Queue& queue = queues_[entry.life_class];
    (entry.older == kNone ? queue.oldest : entries()[entry.older].newer) = entry.newer;
    (entry.newer == kNone ? queue.newest : entries()[entry.newer].older) = entry.older;
}

void ReplayTable::put(std::uint32_t index, const ReplayKey& key) {
    std::uint32_t& bucket = buckets()[bucket_of(key)];
    entries()[index].key = key;
    entries()[index].chain = bucket;
    bucket = index;
    ++used_;
}

void ReplayTable::forget(std::uint32_t index) {
    Entry& entry = entries()[index];
    dequeue(index);
    std::uint32_t* link = &buckets()[bucket_of(entry.key)];
    while (*link != index) {
        link = &entries()[*link].chain;
    }
    *link = entry.chain;
    entry.state = State::free;
    entry.chain = free_;
    free_ = index;
    --used_;
}

// Frees up to `count_max` entries whose time is over, looking at the head of each queue.
void ReplayTable::reclaim(std::int64_t now_ms, std::size_t count_max) {
    for (Queue& queue : queues_) {
        while (count_max > 0 && queue.oldest != kNone &&
               entries()[queue.oldest].until_ms <= now_ms) {
            forget(queue.oldest);
            --count_max;
        }
    }
}

bool ReplayTable::make_room(std::size_t count, std::int64_t now_ms) {
    if (capacity_ - used_ < count) {
        reclaim(now_ms, count);
    }
    return capacity_ - used_ >= count;
}

std::uint32_t ReplayTable::take_free(std::int64_t now_ms) {
    if (!make_room(1, now_ms)) {
        return kNone;
    }
    const std::uint32_t index = free_;
    free_ = entries()[index].chain;
    return index;
}

Reservation ReplayTable::reserve(const ReplayKeys& keys, std::int64_t now_ms,
                                 std::int64_t lease_ms) {
    Reservation out;
    std::size_t missing = 0;
    for (std::size_t k = 0; k < keys.count; ++k) {
        const std::uint32_t index = find(keys.keys[k]);
        if (index == kNone) {
            ++missing;
            continue;
        }
        const Entry& entry = entries()[index];
        if (entry.until_ms <= now_ms) {
            forget(index);
            ++missing;
            continue;
        }
        // Done outweighs in flight: whoever finished first has delivered.
        if (entry.state == State::done) {
            out.answer = Reserved::duplicate;
        } else if (out.answer == Reserved::forward) {
            out.answer = Reserved::busy;
            out.lease_left_ms = entry.until_ms - now_ms;
        }
    }
    if (out.answer != Reserved::forward) {
        return out;
    }
    if (!make_room(missing, now_ms)) {
        out.answer = Reserved::full;
        return out;
    }
    out.token = static_cast<std::uint32_t>(next_token_++);
    for (std::size_t k = 0; k < keys.count; ++k) {
        if (find(keys.keys[k]) != kNone) {
            continue;  // the same key twice in one delivery
        }
        const std::uint32_t index = take_free(now_ms);
        put(index, keys.keys[k]);
        Entry& entry = entries()[index];
        entry.state = State::in_flight;
        entry.until_ms = now_ms + lease_ms;
        entry.token = out.token;
        enqueue(index, lease_ms);
    }
    return out;
}

void ReplayTable::commit(const ReplayKeys& keys, std::uint32_t token, std::int64_t now_ms,
                         std::int64_t ttl_ms) {
    for (std::size_t k = 0; k < keys.count; ++k) {
        std::uint32_t index = find(keys.keys[k]);
        if (index == kNone) {
            // Our lease had ended and its entry was reclaimed; the delivery is done all the same.
            index = take_free(now_ms);
            if (index == kNone) {
                continue;
            }
            put(index, keys.keys[k]);
        } else {
            dequeue(index);
        }
        Entry& entry = entries()[index];
        entry.state = State::done;
        entry.until_ms = now_ms + ttl_ms;
        entry.token = token;
        enqueue(index, ttl_ms);
    }
}

void ReplayTable::release(const ReplayKeys& keys, std::uint32_t token) {
    for (std::size_t k = 0; k < keys.count; ++k) {
        const std::uint32_t index = find(keys.keys[k]);
        if (index != kNone && entries()[index].state == State::in_flight &&
            entries()[index].token == token) {
            forget(index);
        }
    }
}

const ReplayTable* ReplayTable::look(std::span<const std::byte> memory) {
    if (memory.size() < sizeof(ReplayTable)) {
        return nullptr;
    }
    const auto* table = reinterpret_cast<const ReplayTable*>(memory.data());
    const std::size_t room = memory.size() - sizeof(ReplayTable);
    const std::size_t buckets = std::size_t{table->bucket_mask_} + 1;
    return buckets <= room / sizeof(std::uint32_t) &&
                   table->capacity_ <= (room - buckets * sizeof(std::uint32_t)) / sizeof(Entry)
               ? table
               : nullptr;
}

void ReplayTable::adopt(const ReplayTable& old, std::int64_t now_ms) {
    next_token_ = old.next_token_;
    for (std::uint32_t i = 0; i < old.capacity_ && free_ != kNone; ++i) {
        const Entry from = old.entries()[i];  // once: its owner may be another program
        if (from.state == State::free || from.until_ms <= now_ms || find(from.key) != kNone) {
            continue;
        }
        const std::uint32_t index = take_free(now_ms);
        put(index, from.key);
        Entry& entry = entries()[index];
        entry.state = from.state;
        entry.until_ms = from.until_ms;
        entry.token = from.token;
        enqueue(index, from.until_ms - now_ms);
    }
}

ReplayLife automatic_life(const Profile& profile) {
    constexpr std::int64_t kDayMs = 86'400'000;
    // What most providers repeat for, and what a copy that never grows stale is kept out for.
    constexpr std::int64_t kHorizonMs = 3 * kDayMs;
    constexpr std::int64_t kTimelessMs = 7 * kDayMs;
    // Two clocks take part: the sender's date and ours.
    constexpr std::int64_t kMarginMs = 60'000;
    const std::int64_t horizon =
        profile.retry_horizon_ms > 0 ? profile.retry_horizon_ms : kHorizonMs;
    if (!profile.timestamp || !profile.tolerance_ms || !profile.future_ms) {
        const std::int64_t life = std::max(kTimelessMs, horizon);
        return {life, life};
    }
    const std::int64_t fresh = *profile.tolerance_ms + *profile.future_ms + kMarginMs;
    return {std::max(fresh, horizon), fresh};
}

Decision replay_decision(const Reservation& reservation, std::uint16_t duplicate_status,
                         std::uint16_t busy_status) {
    switch (reservation.answer) {
        case Reserved::forward:
            return Decision::allow();
        case Reserved::duplicate:
            return duplicate_status < 300
                       ? Decision::answer(Reason::webhook_duplicate, duplicate_status)
                       : Decision::deny(Reason::webhook_duplicate, duplicate_status);
        case Reserved::busy: {
            const std::int64_t wait_ms = std::min(reservation.lease_left_ms, kBusyRetryMaxMs);
            const auto wait_s = static_cast<std::uint32_t>((wait_ms + 999) / 1000);
            return busy_status < 300
                       ? Decision::answer(Reason::webhook_in_flight, busy_status)
                       : Decision::deny(Reason::webhook_in_flight, busy_status, wait_s);
        }
        case Reserved::full:
            return Decision::deny(Reason::webhook_replay_store_full, 503, kFullRetryS);
    }
    return Decision::deny(Reason::internal_error, 500);
}

}  // namespace sallyport::policy::webhook
