#include "module/policy/rate_lease.hpp"

#include <algorithm>

namespace sallyport::policy {
namespace {

std::int64_t slice_of(const LeaseTerms& terms) {
    return terms.ttl_ns / kLeaseSlices;
}

void stay(LeaseEntry& entry, std::int64_t until_ns) {
    entry.live_ns = std::max(entry.live_ns, until_ns);
}

void roll(LeaseEntry& entry, const LeaseTerms& terms, std::int64_t now_ns) {
    const std::int64_t passed_ns = now_ns - entry.slice_ns;
    const std::int64_t slice_ns = slice_of(terms);
    if (passed_ns < slice_ns) {
        return;
    }
    // A gap of more than a slice means that the demand before it tells nothing.
    entry.expected = passed_ns < 2 * slice_ns ? entry.demand : 0;
    entry.demand = 0;
    entry.slice_ns = now_ns;
}

std::uint32_t worth_having(const LeaseEntry& entry) {
    const std::uint32_t demand = std::max(entry.expected, entry.demand);
    return demand < kLeaseUnitsMin ? 0 : std::min(demand, kLeaseUnitsMax);
}

// Unit-time that is lost when two leases end together.
std::int64_t joint_loss(std::uint32_t a, std::int64_t a_ends_ns, std::uint32_t b,
                        std::int64_t b_ends_ns) {
    return a_ends_ns > b_ends_ns ? (a_ends_ns - b_ends_ns) * std::int64_t{a}
                                 : (b_ends_ns - a_ends_ns) * std::int64_t{b};
}

// What the store has said about the bucket. An empty one is not asked again before it can have a
// unit; waiting longer than that saves trips, and loses nothing while the bucket has room for what
// comes in meanwhile.
void hear(LeaseEntry& entry, const LeaseTerms& terms, std::int64_t ahead_ns, std::int64_t sent_ns,
          std::int64_t now_ns) {
    entry.tat_ns = std::max(entry.tat_ns, sent_ns + ahead_ns);
    entry.blocked_ns = 0;
    if (!terms.gcra.admits(ahead_ns)) {
        const std::int64_t retry_ns = ahead_ns + terms.gcra.interval_ns - terms.gcra.capacity_ns;
        const std::int64_t patient_ns = std::min(terms.ttl_ns, terms.gcra.capacity_ns / 4);
        entry.blocked_ns = std::max(sent_ns + retry_ns, now_ns + patient_ns);
    }
    stay(entry, std::max(entry.tat_ns, entry.blocked_ns));
}

}  // namespace

bool may_hold(const LeaseTerms& terms) {
    return terms.hold_ns > 0 &&
           terms.gcra.capacity_ns / kHoldParts >= kLeaseUnitsMin * terms.gcra.interval_ns;
}

[[gnu::hot]] LeaseLook look(LeaseEntry& entry, const LeaseTerms& terms, std::uint32_t units,
                            std::int64_t now_ns) {
    roll(entry, terms, now_ns);
    entry.demand = std::min(entry.demand + units, kLeaseUnitsMax);
    stay(entry, now_ns + terms.ttl_ns);
    const std::uint32_t usable = entry.usable(now_ns);
    const bool asking = (entry.flags & LeaseEntry::kAsking) != 0;
    const std::uint32_t want = asking ? 0 : worth_having(entry);
    if (usable >= units) {
        const bool low = (usable - units) * 2 < want && entry.blocked_ns <= now_ns;
        return {LeaseAnswer::admit, low ? want : 0, 0};
    }
    if (entry.blocked_ns > now_ns) {
        return {LeaseAnswer::refuse, 0, 0};
    }
    if (entry.blocked_ns + terms.ttl_ns > now_ns) {
        // One request asks whether the refused key may pass again; its answer is for all.
        entry.blocked_ns = now_ns + slice_of(terms);
        return {LeaseAnswer::ask, want, 0};
    }
    return {LeaseAnswer::ask, want, want > 0 || asking || !may_hold(terms) ? 0 : kHoldUnits};
}

[[gnu::hot]] void spend(LeaseEntry& entry, std::uint32_t units, std::int64_t now_ns) {
    for (int i = 0; i < 2; ++i) {
        if (entry.ends_ns[i] > now_ns) {
            const std::uint32_t taken = std::min(entry.units[i], units);
            entry.units[i] -= taken;
            units -= taken;
        }
    }
}

HeldPart take_held(LeaseEntry& entry, std::uint32_t workers, std::int64_t now_ns) {
    if ((entry.flags & LeaseEntry::kHolds) == 0 || entry.ends_ns[1] <= now_ns) {
        return {};
    }
    const std::uint32_t part = (entry.units[1] + workers - 1) / workers;
    entry.units[1] -= part;
    return {part, entry.ends_ns[1]};
}

void unspend(LeaseEntry& entry, const LeaseTerms& terms, std::uint32_t units, std::int64_t now_ns) {
    // To the older lease while it lives; when it has just ended the units may have been its own,
    // and end with it.
    const bool just_ended =
        entry.ends_ns[0] <= now_ns && entry.ends_ns[0] + slice_of(terms) > now_ns;
    const int i = entry.ends_ns[0] > now_ns ? 0 : 1;
    if (!just_ended && entry.ends_ns[i] > now_ns) {
        entry.units[i] += units;
    }
}

void asked(LeaseEntry& entry, const LeaseTerms&, std::int64_t) {
    entry.flags |= LeaseEntry::kAsking;
}

bool granted(LeaseEntry& entry, const LeaseTerms& terms, std::int64_t ahead_ns, std::uint32_t units,
             bool held, std::int64_t sent_ns, std::int64_t now_ns) {
    entry.flags &= ~LeaseEntry::kAsking;
    hear(entry, terms, ahead_ns, sent_ns, now_ns);
    const auto end_of = [&](std::int64_t life_ns) {
        return sent_ns + life_ns - life_ns / kLeaseGuardParts;
    };
    if (end_of(terms.ttl_ns) <= now_ns) {
        return false;
    }
    if (units == 0) {
        return true;
    }
    const std::int64_t ends_ns = end_of(held ? terms.hold_ns : terms.ttl_ns);
    if (!held) {
        stay(entry, ends_ns);  // a place in the table is not worth keeping for held units
    }
    if (entry.ends_ns[0] <= now_ns || entry.units[0] == 0) {
        entry.units[0] = entry.ends_ns[1] > now_ns ? entry.units[1] : 0;
        entry.ends_ns[0] = entry.ends_ns[1];
        entry.units[1] = 0;
        entry.ends_ns[1] = 0;
    }
    if (entry.units[1] > 0 && entry.ends_ns[1] > now_ns) {
        // Three at once: two of them end together, when the first of the two does. Which two, is
        // what loses least.
        const std::int64_t middle_ns = entry.ends_ns[1];
        if (joint_loss(entry.units[1], middle_ns, units, ends_ns) <
            joint_loss(entry.units[0], entry.ends_ns[0], entry.units[1], middle_ns)) {
            entry.units[1] += units;
            entry.ends_ns[1] = std::min(entry.ends_ns[1], ends_ns);
            entry.flags |= LeaseEntry::kMixed;
            return true;
        }
        entry.units[0] += entry.units[1];
        entry.ends_ns[0] = std::min(entry.ends_ns[0], entry.ends_ns[1]);
    }
    entry.units[1] = units;
    entry.ends_ns[1] = ends_ns;
    entry.flags = held ? LeaseEntry::kHolds : 0;
    return true;
}

void refused(LeaseEntry& entry, const LeaseTerms& terms, std::int64_t ahead_ns,
             std::int64_t sent_ns, std::int64_t now_ns) {
    entry.flags &= ~LeaseEntry::kAsking;
    hear(entry, terms, ahead_ns, sent_ns, now_ns);
}

void unanswered(LeaseEntry& entry) {
    entry.flags &= ~LeaseEntry::kAsking;
}

bool spend_alone(LeaseEntry& entry, const LeaseTerms& terms, std::int64_t units,
                 std::int64_t now_ns) {
    const std::int64_t ahead_ns =
        terms.gcra.ahead(entry.tat_ns, now_ns) + terms.gcra.interval_ns * units;
    if (ahead_ns > terms.gcra.capacity_ns) {
        return false;
    }
    entry.tat_ns = now_ns + ahead_ns;
    stay(entry, entry.tat_ns);
    return true;
}

std::uint32_t take_unused(LeaseEntry& entry, const LeaseTerms& terms, std::int64_t now_ns) {
    // Any request after the end of a slice begins another: nobody has come for a slice at least.
    if (now_ns - entry.slice_ns < 2 * slice_of(terms) || (entry.flags & LeaseEntry::kHolds) != 0) {
        return 0;  // what is held waits, and comes back by itself
    }
    // The older lease is too old to be worth a refund, and so is one of several ages.
    const bool worth = entry.ends_ns[1] > now_ns && (entry.flags & LeaseEntry::kMixed) == 0;
    const std::uint32_t units = worth ? entry.units[1] : 0;
    entry.units[0] = 0;
    entry.units[1] = 0;
    return units;
}

void Bucket::settle(std::int64_t hold_ns, std::int64_t now_ns) {
    const std::int64_t now = hold_ns > 0 ? now_ns / hold_ns : period;
    if (now <= period) {
        return;  // a clock that was put back charges later
    }
    tat_ns = before_ns > 0 ? std::max(tat_ns, (period + 1) * hold_ns) + before_ns : tat_ns;
    before_ns = held_ns;
    held_ns = 0;
    if (now > period + 1) {
        tat_ns = before_ns > 0 ? std::max(tat_ns, (period + 2) * hold_ns) + before_ns : tat_ns;
        before_ns = 0;
    }
    period = now;
}

BucketGrant grant(Bucket& bucket, const LeaseTerms& terms, std::int64_t need_ns,
                  std::int64_t extra_ns, bool hold, std::int64_t now_ns) {
    const Gcra& gcra = terms.gcra;
    bucket.settle(terms.hold_ns, now_ns);
    const std::int64_t ahead_ns = gcra.ahead(bucket.tat_ns, now_ns);
    const std::int64_t missing_ns = ahead_ns + bucket.all_held_ns() + need_ns;
    if (missing_ns > gcra.capacity_ns) {
        return {false, missing_ns - need_ns, 0, false};
    }
    std::int64_t most_ns = (gcra.capacity_ns - missing_ns) / 2;
    if (hold) {
        most_ns =
            missing_ns > gcra.capacity_ns / 4
                ? 0
                : std::max(gcra.capacity_ns / kHoldParts - bucket.all_held_ns(), std::int64_t{0});
    }
    const std::int64_t given_ns = std::min(extra_ns, most_ns) / gcra.interval_ns * gcra.interval_ns;
    bucket.tat_ns = now_ns + ahead_ns + need_ns + (hold ? 0 : given_ns);
    bucket.held_ns += hold ? given_ns : 0;
    return {true, missing_ns + given_ns, given_ns, hold};
}

std::int64_t refund(std::int64_t ahead_ns, std::int64_t refund_ns, std::int64_t age_ns,
                    std::int64_t ttl_ns) {
    if (age_ns < 0 || age_ns > ttl_ns || refund_ns <= age_ns) {
        return ahead_ns;
    }
    return std::max(ahead_ns - (refund_ns - age_ns), std::int64_t{0});
}

}  // namespace sallyport::policy
