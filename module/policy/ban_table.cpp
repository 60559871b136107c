#include "module/policy/ban_table.hpp"

#include <algorithm>
#include <cstring>
#include <new>

namespace sallyport::policy {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kHeadBytes = 4 * kAlignment;
// Sets that one look for unheard entries takes: 640 KiB, some ten microseconds.
constexpr std::size_t kScanSets = 1024;
// A writer's change takes well under a microsecond; more tries than that wait for a dead one.
constexpr int kPeekTries = 4;
// How long a level is kept for a ban by hand that names no rule.
constexpr std::int64_t kNoMemory = 0;

void set_rule(BanEntry& entry, std::string_view rule) {
    const std::size_t size = std::min(rule.size(), kBanNameBytesMax);
    std::memset(entry.rule, 0, sizeof entry.rule);
    std::memcpy(entry.rule, rule.data(), size);
}

// The lower, the sooner an entry may give way.
std::int64_t value_of(const BanEntry& entry, std::int64_t now_ms) {
    if (!entry.worth_keeping(now_ms)) {
        return -1;
    }
    if (entry.allowed != 0) {
        return 2 * kBanForever;
    }
    // A ban that only is remembered is worth less than any that lives.
    return entry.banned(now_ms) ? entry.until_ms - now_ms + kBanForever / 2
                                : entry.forget_ms - now_ms;
}

}  // namespace

// Readers without the lock see an odd version, or two different ones, and look again. A writer that
// died in between left an odd one: the next writer makes it even.
class BanTable::Change {
  public:
    explicit Change(BanTable& table) : version_(table.version_) {
        version_.store(version_.load(std::memory_order_relaxed) | 1, std::memory_order_relaxed);
        std::atomic_thread_fence(std::memory_order_release);
    }
    ~Change() {
        version_.store(version_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    }
    Change(const Change&) = delete;
    Change& operator=(const Change&) = delete;

  private:
    std::atomic<std::uint64_t>& version_;
};

BanTable* BanTable::create(std::span<std::byte> memory, const HashSecret& secret) {
    static_assert(sizeof(BanEntry) == 80 && std::is_trivially_copyable_v<BanEntry>);
    static_assert(sizeof(Strikes) == 32 && sizeof(BanTable) <= kHeadBytes);
    static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
    auto* table = new (memory.data()) BanTable(secret);
    const std::size_t room = memory.size() - kHeadBytes;
    table->ban_set_count_ = room / 2 / sizeof(BanSet);
    table->strike_set_count_ = (room - table->ban_set_count_ * sizeof(BanSet)) / sizeof(StrikeSet);
    return table;
}

std::span<BanTable::BanSet> BanTable::ban_sets() const {
    auto* base = reinterpret_cast<char*>(const_cast<BanTable*>(this)) + kHeadBytes;
    return {reinterpret_cast<BanSet*>(base), static_cast<std::size_t>(ban_set_count_)};
}

std::span<BanTable::StrikeSet> BanTable::strike_sets() const {
    char* base = reinterpret_cast<char*>(ban_sets().data() + ban_set_count_);
    return {reinterpret_cast<StrikeSet*>(base), static_cast<std::size_t>(strike_set_count_)};
}

const BanTable* BanTable::look(std::span<const std::byte> memory) {
    if (memory.size() < kBytesMin) {
        return nullptr;
    }
    const auto* table = reinterpret_cast<const BanTable*>(memory.data());
    const std::size_t room = memory.size() - kHeadBytes;
    return table->ban_set_count_ <= room / sizeof(BanSet) &&
                   table->strike_set_count_ <=
                       (room - table->ban_set_count_ * sizeof(BanSet)) / sizeof(StrikeSet)
               ? table
               : nullptr;
}

void BanTable::adopt(const BanTable& other, std::int64_t now_ms) {
    secret_ = other.secret_;
    bans_made_ = other.bans_made_;
    evictions_ = other.evictions_;
    for (const BanSet& set : other.ban_sets()) {
        for (const BanEntry& shared : set.places) {
            const BanEntry entry = shared;  // once: its owner may be another program
            BanEntry* kept = entry.worth_keeping(now_ms) ? place(entry.subject, now_ms) : nullptr;
            if (kept != nullptr) {
                *kept = entry;
            }
        }
    }
    scan_left_ = ban_set_count_;
    latest_until_ms_.store(other.latest_until_ms_.load(std::memory_order_relaxed),
                           std::memory_order_relaxed);
}

KeyHash BanTable::hash(const BanSubject& subject, std::string_view rule) const {
    const char kind[2] = {static_cast<char>(subject.kind), static_cast<char>(subject.bits)};
    KeyParts parts;
    parts.add({reinterpret_cast<const char*>(subject.id.data()), subject.id.size()});
    parts.add({kind, sizeof kind});
    parts.add(rule);
    return key_hash(secret_, parts);
}

BanSubject BanTable::credential(std::string_view value) const {
    KeyParts parts;
    parts.add("credential");
    parts.add(value);
    const KeyHash hashed = key_hash(secret_, parts);
    BanSubject subject;
    subject.kind = BanKind::credential;
    std::memcpy(subject.id.data(), &hashed.low, 8);
    std::memcpy(subject.id.data() + 8, &hashed.high, 8);
    return subject;
}

const BanEntry* BanTable::find(const BanSubject& subject) const {
    const KeyHash key = hash(subject, {});
    for (const std::uint64_t half : {key.low, key.high}) {
        for (const BanEntry& entry : ban_sets()[place_among(half, ban_set_count_)].places) {
            if (entry.subject == subject) {
                return &entry;
            }
        }
    }
    return nullptr;
}

BanTable::Peek BanTable::peek(const BanSubject& subject, std::int64_t now_ms, BanEntry& out) const {
    if (!any(now_ms)) {
        return Peek::free;
    }
    for (int i = 0; i < kPeekTries; ++i) {
        const std::uint64_t before = version_.load(std::memory_order_acquire);
        if ((before & 1) != 0) {
            continue;
        }
        const BanEntry* found = find(subject);
        if (found != nullptr) {
            std::memcpy(&out, found, sizeof out);
        }
        std::atomic_thread_fence(std::memory_order_acquire);
        if (version_.load(std::memory_order_relaxed) == before) {
            return found != nullptr && out.banned(now_ms) ? Peek::banned : Peek::free;
        }
    }
    return Peek::unsure;
}

// The subject's entry, or the least of its sixteen places, emptied for it; null when all of them
// are allowances.
BanEntry* BanTable::place(const BanSubject& subject, std::int64_t now_ms) {
    const KeyHash key = hash(subject, {});
    BanEntry* least = nullptr;
    for (const std::uint64_t half : {key.low, key.high}) {
        for (BanEntry& entry : ban_sets()[place_among(half, ban_set_count_)].places) {
            if (entry.subject == subject) {
                return &entry;
            }
            if (least == nullptr || value_of(entry, now_ms) < value_of(*least, now_ms)) {
                least = &entry;
            }
        }
    }
    if (least->allowed != 0) {
        return nullptr;
    }
    evictions_ += least->subject.kind != BanKind::none && least->banned(now_ms) ? 1 : 0;
    *least = {};
    least->subject = subject;
    return least;
}

BanTable::Strikes& BanTable::strikes(const KeyHash& key, std::int64_t now_ms,
                                     std::int64_t within_ms) {
    Strikes* oldest = nullptr;
    for (const std::uint64_t half : {key.low, key.high}) {
        for (Strikes& entry : strike_sets()[place_among(half, strike_set_count_)].places) {
            if (entry.key == key) {
                // Workers read the clock at different moments: another one may be a little ahead.
                const std::int64_t age = std::max<std::int64_t>(now_ms - entry.start_ms, 0);
                if (age >= 2 * within_ms) {
                    entry = {key, now_ms, 0, 0};
                } else if (age >= within_ms) {
                    entry = {key, entry.start_ms + within_ms, 0, entry.current};
                }
                return entry;
            }
            if (oldest == nullptr || entry.start_ms < oldest->start_ms) {
                oldest = &entry;
            }
        }
    }
    *oldest = {key, now_ms, 0, 0};
    return *oldest;
}

const BanEntry* BanTable::strike(const BanRule& rule, const BanSubject& subject,
                                 std::int64_t now_ms, bool* counted) {
    const BanEntry* known = find(subject);
    const bool settled = known != nullptr && (known->allowed != 0 || known->banned(now_ms));
    if (counted != nullptr) {
        *counted = !settled;
    }
    if (settled) {
        return nullptr;  // nothing more to say about it
    }
    Strikes& seen = strikes(hash(subject, rule.name), now_ms, rule.within_ms);
    ++seen.current;
    // Of the window before, the share that still lies within the last `within_ms`.
    const std::int64_t left = rule.within_ms - std::max<std::int64_t>(now_ms - seen.start_ms, 0);
    const std::int64_t before = std::int64_t{seen.previous} * left / rule.within_ms;
    const std::int64_t count = before + seen.current;
    if (count < std::int64_t{rule.after}) {
        return nullptr;
    }
    seen.current = 0;
    seen.previous = 0;
    const unsigned level = known != nullptr && known->worth_keeping(now_ms) && known->lifted == 0
                               ? known->level + 1u
                               : 0u;
    const std::size_t step = std::min<std::size_t>(level, rule.ttl_ms.size() - 1);
    if (!ban(subject, rule.name, rule.ttl_ms[step], rule.remember_ms, level, now_ms)) {
        return nullptr;
    }
    auto* made = const_cast<BanEntry*>(find(subject));
    made->count = static_cast<std::uint32_t>(count);
    return made;
}

std::uint32_t BanTable::outcomes(const BanRule& rule, const BanSubject& subject,
                                 std::int64_t now_ms) const {
    const KeyHash key = hash(subject, rule.name);
    for (const std::uint64_t half : {key.low, key.high}) {
        for (const Strikes& seen : strike_sets()[place_among(half, strike_set_count_)].places) {
            if (seen.key != key) {
                continue;
            }
            const std::int64_t age = std::max<std::int64_t>(now_ms - seen.start_ms, 0);
            const auto share = [&](std::uint32_t count, std::int64_t gone) {
                return static_cast<std::uint32_t>(std::int64_t{count} * (rule.within_ms - gone) /
                                                  rule.within_ms);
            };
            return age >= 2 * rule.within_ms ? 0
                   : age >= rule.within_ms   ? share(seen.current, age - rule.within_ms)
                                             : share(seen.previous, age) + seen.current;
        }
    }
    return 0;
}

bool BanTable::ban(const BanSubject& subject, std::string_view rule, std::int64_t ttl_ms,
                   std::int64_t remember_ms, unsigned level, std::int64_t now_ms, bool by_hand) {
    const Change change(*this);
    BanEntry* entry = place(subject, now_ms);
    if (entry == nullptr) {
        return false;
    }
    *entry = {};
    entry->subject = subject;
    entry->by_hand = by_hand ? 1 : 0;
    entry->level = static_cast<std::uint8_t>(std::min(level, 255u));
    entry->since_ms = now_ms;
    entry->until_ms = ttl_ms >= kBanForever ? kBanForever : now_ms + ttl_ms;
    entry->forget_ms = entry->until_ms + std::max(remember_ms, kNoMemory);
    set_rule(*entry, rule);
    ++bans_made_;
    raise_latest(entry->until_ms);
    said(*entry);
    return true;
}

void BanTable::raise_latest(std::int64_t until_ms) {
    latest_until_ms_.store(std::max(latest_until_ms_.load(std::memory_order_relaxed), until_ms),
                           std::memory_order_relaxed);
}

void BanTable::said(BanEntry& entry) {
    if (shared_ != 0) {
        entry.unheard = 1;
        scan_left_ = ban_set_count_;
    }
}

bool BanTable::lift(const BanSubject& subject, std::int64_t now_ms) {
    auto* entry = const_cast<BanEntry*>(find(subject));
    const bool was = entry != nullptr && (entry->allowed != 0 || entry->banned(now_ms));
    if (entry == nullptr && shared_ == 0) {
        return false;
    }
    const Change change(*this);
    // The store may know more than this table, which is of fixed size.
    entry = entry == nullptr ? place(subject, now_ms) : entry;
    if (entry == nullptr) {
        return false;
    }
    *entry = {};
    if (shared_ != 0) {
        entry->subject = subject;
        entry->lifted = 1;
        entry->by_hand = 1;
        entry->since_ms = now_ms;
        entry->forget_ms = now_ms + kBanLiftedMemoryMs;
        said(*entry);
    }
    return was;
}

bool BanTable::allow(const BanSubject& subject, std::int64_t now_ms) {
    const Change change(*this);
    BanEntry* entry = place(subject, now_ms);
    if (entry == nullptr) {
        return false;
    }
    *entry = {};
    entry->subject = subject;
    entry->allowed = 1;
    entry->by_hand = 1;
    entry->since_ms = now_ms;
    said(*entry);
    return true;
}

BanWord BanEntry::word(std::int64_t now_ms) const {
    BanWord out;
    out.subject = subject;
    out.said = allowed != 0 ? BanSaid::allowed : lifted != 0 ? BanSaid::lifted : BanSaid::banned;
    out.by_hand = by_hand != 0;
    out.level = level;
    out.count = count;
    out.age_ms = std::max<std::int64_t>(now_ms - since_ms, 0);
    out.left_ms =
        until_ms >= kBanForever ? kBanForever : std::max<std::int64_t>(until_ms - now_ms, 0);
    out.memory_ms = allowed != 0 || forget_ms >= kBanForever
                        ? kBanForever
                        : std::max<std::int64_t>(forget_ms - now_ms, 0);
    out.rule = rule_name();
    return out;
}

std::vector<BanEntry> BanTable::unheard(std::size_t max, std::int64_t now_ms) {
    std::vector<BanEntry> out;
    out.reserve(max);
    const std::span<BanSet> sets = ban_sets();
    for (std::size_t i = 0; i < kScanSets && scan_left_ > 0; ++i, --scan_left_) {
        scan_from_ = scan_from_ < sets.size() ? scan_from_ : 0;
        for (const BanEntry& entry : sets[scan_from_].places) {
            if (entry.unheard == 0 || !entry.worth_keeping(now_ms)) {
                continue;
            }
            if (out.size() == max) {
                return out;  // this set is looked at again
            }
            out.push_back(entry);
        }
        ++scan_from_;
    }
    return out;
}

void BanTable::heard(std::span<const BanEntry> entries) {
    const Change change(*this);
    for (const BanEntry& entry : entries) {
        auto* here = const_cast<BanEntry*>(find(entry.subject));
        if (here != nullptr && here->since_ms == entry.since_ms && here->allowed == entry.allowed &&
            here->lifted == entry.lifted) {
            here->unheard = 0;
        }
    }
}

bool BanTable::take(const BanWord& word, std::int64_t now_ms) {
    auto* entry = const_cast<BanEntry*>(find(word.subject));
    const std::int64_t since_ms = now_ms - word.age_ms;
    if (entry != nullptr && entry->unheard != 0 && entry->since_ms > since_ms) {
        return false;
    }
    const bool was_banned = entry != nullptr && entry->banned(now_ms);
    const Change change(*this);
    if (word.said == BanSaid::lifted) {
        if (entry != nullptr) {
            *entry = {};
        }
        return false;
    }
    entry = entry == nullptr ? place(word.subject, now_ms) : entry;
    if (entry == nullptr) {
        return false;
    }
    *entry = {};
    entry->subject = word.subject;
    entry->allowed = word.said == BanSaid::allowed ? 1 : 0;
    entry->by_hand = word.by_hand ? 1 : 0;
    entry->level = word.level;
    entry->count = word.count;
    entry->since_ms = since_ms;
    if (entry->allowed != 0) {
        return false;
    }
    entry->until_ms = word.left_ms >= kBanForever ? kBanForever : now_ms + word.left_ms;
    entry->forget_ms = word.memory_ms >= kBanForever ? entry->until_ms : now_ms + word.memory_ms;
    set_rule(*entry, word.rule);
    raise_latest(entry->until_ms);
    const bool banned = entry->banned(now_ms) && !was_banned;
    bans_made_ += banned ? 1 : 0;
    return banned;
}

void BanTable::hear(std::string_view epoch, std::string_view number, std::int64_t now_ms) {
    if (epoch.size() >= sizeof epoch_ || number.size() >= sizeof number_) {
        return;
    }
    if (epoch != epoch_) {
        const Change change(*this);
        for (BanSet& set : ban_sets()) {
            for (BanEntry& entry : set.places) {
                if (entry.worth_keeping(now_ms)) {
                    entry.unheard = 1;
                }
            }
        }
        scan_left_ = ban_set_count_;
    }
    std::memset(epoch_, 0, sizeof epoch_);
    std::memcpy(epoch_, epoch.data(), epoch.size());
    std::memset(number_, 0, sizeof number_);
    std::memcpy(number_, number.data(), number.size());
}

bool BanTable::take_turn(std::int64_t now_ms, std::int64_t every_ms) {
    std::int64_t next = next_turn_ms_.load(std::memory_order_relaxed);
    return now_ms >= next && next_turn_ms_.compare_exchange_strong(next, now_ms + every_ms,
                                                                   std::memory_order_relaxed);
}

}  // namespace sallyport::policy
