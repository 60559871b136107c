#include "module/policy/rate_lease.hpp"

#include <algorithm>

namespace sallyport::policy {
namespace {

constexpr std::uint32_t kAsking = 1;

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
    entry.asking &= kAsking;
}

std::uint32_t worth_having(const LeaseEntry& entry) {
    const std::uint32_t demand = std::max(entry.expected, entry.demand);
    return demand < kLeaseUnitsMin ? 0 : std::min(demand, kLeaseUnitsMax);
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

LeaseLook look(LeaseEntry& entry, const LeaseTerms& terms, std::uint32_t units,
               std::int64_t now_ns) {
    roll(entry, terms, now_ns);
    entry.demand = std::min(entry.demand + units, kLeaseUnitsMax);
    stay(entry, now_ns + terms.ttl_ns);
    const std::uint32_t usable = entry.usable(now_ns);
    const std::uint32_t want = (entry.asking & kAsking) != 0 ? 0 : worth_having(entry);
    if (usable >= units) {
        const bool low = (usable - units) * 2 < want && entry.blocked_ns <= now_ns;
        return {LeaseAnswer::admit, low ? want : 0};
    }
    if (entry.blocked_ns > now_ns) {
        return {LeaseAnswer::refuse, 0};
    }
    if (entry.blocked_ns + terms.ttl_ns > now_ns) {
        // One request asks whether the refused key may pass again; its answer is for all.
        entry.blocked_ns = now_ns + slice_of(terms);
    }
    return {LeaseAnswer::ask, want};
}

void spend(LeaseEntry& entry, std::uint32_t units, std::int64_t now_ns) {
    for (int i = 0; i < 2; ++i) {
        if (entry.ends_ns[i] > now_ns) {
            const std::uint32_t taken = std::min(entry.units[i], units);
            entry.units[i] -= taken;
            units -= taken;
        }
    }
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
    entry.asking |= kAsking;
}

bool granted(LeaseEntry& entry, const LeaseTerms& terms, std::int64_t ahead_ns, std::uint32_t units,
             std::int64_t sent_ns, std::int64_t now_ns) {
    entry.asking &= ~kAsking;
    hear(entry, terms, ahead_ns, sent_ns, now_ns);
    const std::int64_t ends_ns = sent_ns + terms.ttl_ns - terms.ttl_ns / kLeaseGuardParts;
    if (ends_ns <= now_ns) {
        return false;
    }
    if (units == 0) {
        return true;
    }
    stay(entry, ends_ns);
    if (entry.ends_ns[0] <= now_ns || entry.units[0] == 0) {
        entry.units[0] = entry.ends_ns[1] > now_ns ? entry.units[1] : 0;
        entry.ends_ns[0] = entry.ends_ns[1];
        entry.units[1] = 0;
        entry.ends_ns[1] = 0;
    }
    if (entry.units[1] > 0 && entry.ends_ns[1] > now_ns) {
        // Three at once: the two older ones end together, when the first of them does.
        entry.units[0] += entry.units[1];
        entry.ends_ns[0] = std::min(entry.ends_ns[0], entry.ends_ns[1]);
    }
    entry.units[1] = units;
    entry.ends_ns[1] = ends_ns;
    return true;
}

void refused(LeaseEntry& entry, const LeaseTerms& terms, std::int64_t ahead_ns,
             std::int64_t sent_ns, std::int64_t now_ns) {
    entry.asking &= ~kAsking;
    hear(entry, terms, ahead_ns, sent_ns, now_ns);
}

void unanswered(LeaseEntry& entry) {
    entry.asking &= ~kAsking;
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
    if (now_ns - entry.slice_ns < 2 * slice_of(terms)) {
        return 0;
    }
    // The older lease is too old to be worth a refund.
    const std::uint32_t units = entry.ends_ns[1] > now_ns ? entry.units[1] : 0;
    entry.units[0] = 0;
    entry.units[1] = 0;
    return units;
}

BucketGrant grant(const Gcra& gcra, std::int64_t ahead_ns, std::int64_t need_ns,
                  std::int64_t extra_ns) {
    if (ahead_ns + need_ns > gcra.capacity_ns) {
        return {false, ahead_ns, 0};
    }
    const std::int64_t half_ns = (gcra.capacity_ns - ahead_ns - need_ns) / 2;
    const std::int64_t given_ns = std::min(extra_ns, half_ns) / gcra.interval_ns * gcra.interval_ns;
    return {true, ahead_ns + need_ns + given_ns, given_ns};
}

std::int64_t refund(std::int64_t ahead_ns, std::int64_t refund_ns, std::int64_t age_ns,
                    std::int64_t ttl_ns) {
    if (age_ns < 0 || age_ns > ttl_ns || refund_ns <= age_ns) {
        return ahead_ns;
    }
    return std::max(ahead_ns - (refund_ns - age_ns), std::int64_t{0});
}

}  // namespace sallyport::policy
