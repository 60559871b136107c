// The lease protocol, a node's side and the store's: how a node spends units that it took from the
// one true bucket beforehand, and never more than the bucket had.
//
// A node asks the store for units (LeaseAsk), spends them from memory (spend()), asks for more
// ahead of need and gives back what it does not use (take_unused()). What makes the bound exact:
//
//   1. Units leave the bucket before they are spent.
//   2. A lease's life starts when the node sends the question, and ends lease_ttl later. That holds
//      for the unit which the waiting request needs as well.
//   3. A refund is worth its units less what the bucket refilled since the grant: a full bucket and
//      a full lease never add up. A late refund is worth nothing, and each counts once.
//   4. A refusal consumes nothing. The store's clock decides, never a node's.
//
// Thus every unit spent in a window [a, b] was granted in [a - ttl, b], where the bucket and the
// refundable part of older leases together held at most `burst`: no more than
// burst + rate x (window + lease_ttl) units pass, whatever the number of nodes.
//
// A key with few requests would ask for each of them: a lease ends before the next one comes. It
// may *hold* a few units for much longer (hold_ns) instead, as long as the bucket is far from
// empty:
//
//   5. Held units are not charged when they are granted. While somebody may spend them they are
//      kept out of the bucket, beside what has been charged; when their time is over they are
//      charged, spent or not. They never take more than a small share of the bucket.
//
// What the bucket has, charged and held together, then only falls by refilling: by it, every unit
// that is outstanding when a window begins is still missing from the bucket, but for what refilled
// within one ttl, and the bound stays as it is.
//
// Workers of a node may carry held units in pockets of their own (lease_pocket.hpp): moving a unit
// changes neither that it was granted nor when it ends.
//
// Scarce keys ask for every request. Pure: the gateway and the simulation in tests/ run the same
// code.
#pragma once

#include "module/policy/rate_limit.hpp"
#include "module/policy/rate_limit_table.hpp"

#include <cstdint>

namespace sallyport::policy {

struct LeaseTerms {
    Gcra gcra;
    std::int64_t ttl_ns = 0;
    std::int64_t hold_ns = 0;  // 0: nothing is held
};

// A node's clock may run slower than the store's, and its event loop reads it late: it stops
// spending this part of lease_ttl early.
inline constexpr std::int64_t kLeaseGuardParts = 32;
// Demand is measured, and leases are sized, in quarters of lease_ttl.
inline constexpr std::int64_t kLeaseSlices = 4;
// With fewer requests in a slice than this a lease saves nothing.
inline constexpr std::uint32_t kLeaseUnitsMin = 2;
inline constexpr std::uint32_t kLeaseUnitsMax = 1'000'000;
// A node asks for so many units of a key to hold.
inline constexpr std::uint32_t kHoldUnits = 32;
// For how long: clients who come every few seconds are what it is for. Redis knows a key twice as
// long at most, and then until the bucket is full.
inline constexpr std::int64_t kLeaseHoldNs = 120'000'000'000;
// All nodes together hold this part of the bucket at most, and only while no more than a quarter of
// it is missing.
inline constexpr std::int64_t kHoldParts = 32;

// Where even the least is more than may be held, nothing is.
bool may_hold(const LeaseTerms& terms);

// What a node knows of a key.
struct LeaseEntry {
    KeyHash key;
    std::int64_t live_ns;     // when nothing of this matters any more
    std::int64_t tat_ns;      // the bucket as last heard of, at the earliest it could have been so
    std::int64_t blocked_ns;  // refused until then without asking
    std::int64_t ends_ns[2];  // of the older and the newer lease
    std::int64_t slice_ns;    // when the present slice began
    std::uint32_t units[2];
    std::uint32_t demand;    // units asked of this node in the present slice
    std::uint32_t expected;  // in the one before
    std::uint32_t flags;

    std::int64_t live_until_ns() const { return live_ns; }
    static LeaseEntry fresh(const KeyHash& key, std::int64_t now_ns) {
        LeaseEntry entry{};
        entry.key = key;
        entry.live_ns = now_ns;
        entry.slice_ns = now_ns;
        return entry;
    }
    // What was nobody's for a while may still hold units: they outlive its claim to the place.
    void revive(std::int64_t now_ns) {
        live_ns = now_ns;
        blocked_ns = 0;
        flags &= kHolds;
    }

    static constexpr std::uint32_t kAsking = 1;  // a question for more is under way
    static constexpr std::uint32_t kHolds = 2;   // the newer lease is held
    static constexpr std::uint32_t kMixed = 4;   // the newer lease is two that were granted apart

    std::uint32_t usable(std::int64_t now_ns) const {
        return (ends_ns[0] > now_ns ? units[0] : 0) + (ends_ns[1] > now_ns ? units[1] : 0);
    }
};
static_assert(sizeof(LeaseEntry) <= kBytesPerKeyMax);

enum class LeaseAnswer : std::uint8_t { admit, refuse, ask };

struct LeaseLook {
    LeaseAnswer answer = LeaseAnswer::ask;
    // Units worth having beyond those needed now, to be asked for with this request (ask) or in the
    // background (admit). 0: none.
    std::uint32_t want = 0;
    // Units worth holding beyond those needed now; only with `ask`, and never beside `want`.
    std::uint32_t hold = 0;
};

// Notes the demand and says what would happen; consumes nothing.
LeaseLook look(LeaseEntry& entry, const LeaseTerms& terms, std::uint32_t units,
               std::int64_t now_ns);
// REQUIRES: look() has said admit, at this time.
void spend(LeaseEntry& entry, std::uint32_t units, std::int64_t now_ns);
// Gives units back to the lease they came from, for a request that another limit refused.
void unspend(LeaseEntry& entry, const LeaseTerms& terms, std::uint32_t units, std::int64_t now_ns);

// A worker's part of what the entry holds, which leaves it: `workers` share an entry, and each
// takes of what is left. Nothing when it holds nothing.
struct HeldPart {
    std::uint32_t units = 0;
    std::int64_t ends_ns = 0;
};
HeldPart take_held(LeaseEntry& entry, std::uint32_t workers, std::int64_t now_ns);

// The question was sent, with `want` above zero.
void asked(LeaseEntry& entry, const LeaseTerms& terms, std::int64_t now_ns);
// The answer: how far the bucket is ahead after it, and how many units beyond the need it granted.
// `sent_ns` is when the question was sent. False when the answer comes so late that what it granted
// must not be spent any more, the unit that was needed at once included.
// `held`: whether the units are to be held.
[[nodiscard]] bool granted(LeaseEntry& entry, const LeaseTerms& terms, std::int64_t ahead_ns,
                           std::uint32_t units, bool held, std::int64_t sent_ns,
                           std::int64_t now_ns);
// The store has refused.
void refused(LeaseEntry& entry, const LeaseTerms& terms, std::int64_t ahead_ns,
             std::int64_t sent_ns, std::int64_t now_ns);
// No answer within the budget.
void unanswered(LeaseEntry& entry);
// While the store is gone: spends from the bucket as it was last heard of. `units` is what the
// request costs times the nodes that share the limit.
bool spend_alone(LeaseEntry& entry, const LeaseTerms& terms, std::int64_t units,
                 std::int64_t now_ns);

// To be called once a slice for each key with a lease: the units that nobody seems to want any
// more, which the entry loses. They go back to the store as a refund.
std::uint32_t take_unused(LeaseEntry& entry, const LeaseTerms& terms, std::int64_t now_ns);

// --- The store's side; the Lua scripts compute the same. ---

// Held units are accounted by periods of hold_ns: what is granted in one is spent by the end of the
// next, and charged then.
struct Bucket {
    std::int64_t tat_ns = 0;
    std::int64_t period = 0;
    std::int64_t held_ns = 0;    // granted in `period`
    std::int64_t before_ns = 0;  // in the one before

    std::int64_t all_held_ns() const { return held_ns + before_ns; }
    // Charges what was held too long ago. `hold_ns` 0: nothing is held.
    void settle(std::int64_t hold_ns, std::int64_t now_ns);
};

struct BucketGrant {
    bool allowed = false;
    std::int64_t ahead_ns = 0;  // after it, with what is held
    std::int64_t extra_ns = 0;  // granted beyond the need
    bool held = false;          // `extra_ns` is
};
// `need_ns` may be 0 (a lease ahead of need). Of what is left after the need at most half is
// leased.
BucketGrant grant(Bucket& bucket, const LeaseTerms& terms, std::int64_t need_ns,
                  std::int64_t extra_ns, bool hold, std::int64_t now_ns);
// How far the bucket is ahead after `refund_ns` of a grant of `age_ns` ago came back.
std::int64_t refund(std::int64_t ahead_ns, std::int64_t refund_ns, std::int64_t age_ns,
                    std::int64_t ttl_ns);

}  // namespace sallyport::policy
