// The table of bans and of what leads to them, in memory that somebody else owns (shared memory, in
// the gateway) and, for everything but `peek`, locks.
//
// Fixed size, no pointers: processes may map it at different addresses. Two parts, so that a flood
// of counters cannot push out a ban. In each, a key lives in one of two sets of eight places; when
// all sixteen are taken, the one that says least gives way: an old count, a forgotten ban, the ban
// that ends first. A permanent allow is never given up for anything else.
//
// A table that nodes share through a store (`share`) also knows what the store has not heard yet,
// and remembers for a while what was lifted, so that others hear of it.
#pragma once

#include "module/policy/ban.hpp"
#include "module/policy/ban_word.hpp"
#include "module/policy/rate_limit_key.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace sallyport::policy {

// How long a shared table remembers that a ban or an allowance was lifted: longer than a node is
// likely to be cut off.
inline constexpr std::int64_t kBanLiftedMemoryMs = 86'400'000;

// A ban without an end. Far enough from the largest number to be added to.
inline constexpr std::int64_t kBanForever = std::int64_t{1} << 61;

struct BanEntry {
    BanSubject subject;            // kind none: a free place
    std::uint8_t level = 0;        // how many bans came before this one
    std::uint8_t allowed : 1 = 0;  // never to be banned
    std::uint8_t lifted : 1 = 0;   // free again; only in a shared table
    std::uint8_t by_hand : 1 = 0;  // an operator's word
    std::uint8_t unheard : 1 = 0;  // the store has not heard it
    std::uint32_t count = 0;       // what led to the last ban
    std::int64_t since_ms = 0;
    std::int64_t until_ms = 0;  // the ban's end; kBanForever: none
    std::int64_t forget_ms = 0;
    char rule[kBanNameBytesMax + 1] = {};

    std::string_view rule_name() const { return rule; }
    BanWord word(std::int64_t now_ms) const;
    bool banned(std::int64_t now_ms) const { return allowed == 0 && now_ms < until_ms; }
    bool worth_keeping(std::int64_t now_ms) const {
        return subject.kind != BanKind::none && (allowed != 0 || now_ms < forget_ms);
    }
};

class BanTable {
  public:
    static constexpr std::size_t kBytesMin = 32 * 1024;

    // Lays the table out in zeroed `memory`. REQUIRES: at least kBytesMin, aligned to 64.
    static BanTable* create(std::span<std::byte> memory, const HashSecret& secret);
    // A table that another program laid out; null when `memory` holds none.
    static const BanTable* look(std::span<const std::byte> memory);
    // Takes over bans, allowances and the secret of a table of another size.
    void adopt(const BanTable& other, std::int64_t now_ms);

    BanSubject credential(std::string_view value) const;

    // Whether any ban may hold: mostly none does, and then nobody has to be looked for.
    bool any(std::int64_t now_ms) const {
        return now_ms < latest_until_ms_.load(std::memory_order_relaxed);
    }

    enum class Peek { free, banned, unsure };
    // Without the lock: what a request asks. `unsure` when a writer was in the way: ask `find`
    // under the lock. `out` is the ban.
    Peek peek(const BanSubject& subject, std::int64_t now_ms, BanEntry& out) const;

    const BanEntry* find(const BanSubject& subject) const;
    // Counts one outcome under a rule; the ban when that made one. `counted`: whether there was
    // anything to count (not so for who is banned or allowed already).
    const BanEntry* strike(const BanRule& rule, const BanSubject& subject, std::int64_t now_ms,
                           bool* counted = nullptr);
    // How many outcomes of the subject stand against it under a rule now.
    std::uint32_t outcomes(const BanRule& rule, const BanSubject& subject,
                           std::int64_t now_ms) const;
    // `level` counts earlier bans. False when every place that the subject may take holds an
    // allowance.
    bool ban(const BanSubject& subject, std::string_view rule, std::int64_t ttl_ms,
             std::int64_t remember_ms, unsigned level, std::int64_t now_ms, bool by_hand = false);
    // Ends a ban or an allowance and forgets what led to it. False when there was none.
    bool lift(const BanSubject& subject, std::int64_t now_ms);
    // Never to be banned, until lifted. False as above.
    bool allow(const BanSubject& subject, std::int64_t now_ms);

    // Whether nodes share this table's bans from now on.
    void share(bool on) { shared_ = on ? 1 : 0; }
    // Entries that the store has not heard, at most `max`; looks at a part of a large table only,
    // and at the next part the next time.
    std::vector<BanEntry> unheard(std::size_t max, std::int64_t now_ms);
    // The store has heard these; what has changed since stays unheard.
    void heard(std::span<const BanEntry> entries);
    // Another node's word. Ours stays when it is later and the store will hear of it. True when it
    // bans somebody who was not banned here.
    bool take(const BanWord& word, std::int64_t now_ms);
    // How much of the store's news this node has heard. Another epoch is a store that has lost its
    // memory: everything is to be told anew.
    std::string_view epoch() const { return epoch_; }
    std::string_view number() const { return number_; }
    void hear(std::string_view epoch, std::string_view number, std::int64_t now_ms);
    // True for one worker in each `every_ms`.
    bool take_turn(std::int64_t now_ms, std::int64_t every_ms);

    template <typename F>  // F(const BanEntry&), for live bans, remembered ones and allowances
    void each(std::int64_t now_ms, F&& visit) const {
        for (const BanSet& set : ban_sets()) {
            for (const BanEntry& entry : set.places) {
                if (entry.worth_keeping(now_ms) && entry.lifted == 0) {
                    visit(entry);
                }
            }
        }
    }
    std::size_t ban_places() const { return ban_set_count_ * kPlaces; }
    std::uint64_t bans_made() const { return bans_made_; }
    // Live bans that had to give way.
    std::uint64_t evictions() const { return evictions_; }

  private:
    static constexpr std::size_t kPlaces = 8;
    struct BanSet {
        BanEntry places[kPlaces];
    };
    struct Strikes {
        KeyHash key;
        std::int64_t start_ms;
        std::uint32_t current;   // in the window that started then
        std::uint32_t previous;  // in the one before
    };
    struct StrikeSet {
        Strikes places[kPlaces];
    };
    // Marks the bans as changing while it lives, for `peek`.
    class Change;

    explicit BanTable(const HashSecret& secret) : secret_(secret) {}
    std::span<BanSet> ban_sets() const;
    std::span<StrikeSet> strike_sets() const;
    KeyHash hash(const BanSubject& subject, std::string_view rule) const;
    BanEntry* place(const BanSubject& subject, std::int64_t now_ms);
    void said(BanEntry& entry);
    void raise_latest(std::int64_t until_ms);
    Strikes& strikes(const KeyHash& key, std::int64_t now_ms, std::int64_t within_ms);

    HashSecret secret_;
    std::uint64_t ban_set_count_ = 0;
    std::uint64_t strike_set_count_ = 0;
    std::uint64_t bans_made_ = 0;
    std::uint64_t evictions_ = 0;
    std::atomic<std::uint64_t> version_{0};         // odd while bans change
    std::atomic<std::int64_t> latest_until_ms_{0};  // no ban lives behind it
    std::atomic<std::int64_t> next_turn_ms_{0};
    std::uint64_t scan_from_ = 0;  // of unheard(), a set
    std::uint64_t scan_left_ = 0;  // sets that may hold something unheard
    std::uint8_t shared_ = 0;
    char epoch_[71] = {};
    char number_[24] = {};
};

}  // namespace sallyport::policy
