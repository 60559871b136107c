// Counting in shared memory: the limits of a request together, or none.
#include "module/nginx/rate_limit_zone.hpp"
#include "module/store/rate_limit_commands.hpp"

#include <algorithm>
#include <array>

namespace sallyport::ngx {
namespace {

using policy::ConcurrencyEntry;
using policy::LeaseEntry;
using policy::LeasePocket;
using policy::LimitKind;
using policy::TableEntry;
using policy::WindowEntry;
using Answer = LocalCheck::Answer;

// Holds the locks of several zones.
class ZoneLocks {
  public:
    explicit ZoneLocks(std::span<const LocalCheck> checks) : checks_(checks) {
        for (const LocalCheck& check : checks_) {
            ngx_shmtx_lock(check.zone->mutex());
        }
    }
    ~ZoneLocks() {
        for (const LocalCheck& check : checks_) {
            ngx_shmtx_unlock(check.zone->mutex());
        }
    }
    ZoneLocks(const ZoneLocks&) = delete;
    ZoneLocks& operator=(const ZoneLocks&) = delete;

  private:
    std::span<const LocalCheck> checks_;
};

// A node alone may give a part of the limit: its units weigh more.
std::int64_t weight(const LocalCheck& check) {
    return std::int64_t{check.units} * check.share;
}

void answer(LocalCheck& check, bool admits) {
    check.answer = admits ? Answer::admits : Answer::refuses;
}

[[gnu::hot]] void look_at_rate(LocalCheck& check, std::int64_t now_ns) {
    const policy::Gcra& gcra = check.terms->gcra;
    TableEntry* entry = check.zone->table<TableEntry>().find(check.key, now_ns);
    check.bucket = entry;
    check.measure.used = entry == nullptr ? 0 : gcra.ahead(entry->tat_ns, now_ns);
    answer(check, check.measure.used + gcra.interval_ns * weight(check) + check.reserve <=
                      gcra.capacity_ns);
}

[[gnu::hot]] void look_at_lease(LocalCheck& check, std::int64_t now_ns) {
    const policy::Gcra& gcra = check.terms->gcra;
    const policy::LeaseTerms terms = check.zone->spec().lease_terms(*check.terms);
    LeaseEntry& entry = check.zone->take<LeaseEntry>(check.key, now_ns);
    if (check.alone) {
        LeaseEntry trial = entry;
        answer(check, policy::spend_alone(trial, terms, weight(check), now_ns));
        check.measure.used = gcra.ahead(entry.tat_ns, now_ns);
        return;
    }
    const policy::LeaseLook seen = policy::look(entry, terms, check.units, now_ns);
    check.want = seen.want;
    check.hold = seen.hold;
    check.measure.used = gcra.ahead(entry.tat_ns, now_ns);
    check.answer = seen.answer == policy::LeaseAnswer::admit    ? Answer::admits
                   : seen.answer == policy::LeaseAnswer::refuse ? Answer::refuses
                                                                : Answer::asks;
    if (check.answer == Answer::refuses) {
        // Whatever is left elsewhere, this node has nothing to give before then.
        const std::int64_t wait_ns = entry.blocked_ns - now_ns;
        check.measure.used = std::clamp(gcra.capacity_ns - gcra.interval_ns + wait_ns,
                                        check.measure.used, gcra.capacity_ns);
    }
}

void look_at_window(LocalCheck& check, std::int64_t now_ns) {
    const policy::WindowTerms& terms = check.terms->window;
    check.measure = {};
    if (const auto* entry = check.zone->table<WindowEntry>().find(check.key, now_ns)) {
        const auto wanted = static_cast<std::uint64_t>(weight(check) + check.reserve);
        const policy::WindowStanding now = policy::window_standing(*entry, terms, now_ns, wanted);
        check.measure = {now.used, now.next_ns};
    }
    answer(check, check.measure.used + weight(check) + check.reserve <= terms.max);
}

void look_at_concurrent(LocalCheck& check, std::int64_t now_ns) {
    const auto* entry = check.zone->table<ConcurrencyEntry>().find(check.key, now_ns);
    check.measure.used = entry == nullptr ? 0 : entry->held();
    answer(check,
           (check.measure.used + 1) * check.share + check.reserve <= check.terms->concurrent);
}

[[gnu::hot]] void look_at(LocalCheck& check, std::int64_t now_ns) {
    switch (check.zone->spec().kind) {
        case LimitKind::rate:
            return check.zone->spec().leases() ? look_at_lease(check, now_ns)
                                               : look_at_rate(check, now_ns);
        case LimitKind::window:
            return look_at_window(check, now_ns);
        case LimitKind::concurrent:
            return look_at_concurrent(check, now_ns);
    }
}

[[gnu::hot]] void consume(LocalCheck& check, std::int64_t now_ns) {
    RateLimitZone& zone = *check.zone;
    switch (zone.spec().kind) {
        case LimitKind::rate:
            if (zone.spec().leases() && check.alone) {
                policy::spend_alone(zone.take<LeaseEntry>(check.key, now_ns),
                                    zone.spec().lease_terms(*check.terms), weight(check), now_ns);
                return;
            }
            if (zone.spec().leases()) {
                LeaseEntry& entry = zone.take<LeaseEntry>(check.key, now_ns);
                policy::spend(entry, check.units, now_ns);
                if (zone.pocket() != nullptr) {
                    check.held = policy::take_held(entry, zone.workers(), now_ns);
                }
                return;
            }
            check.measure.used += check.terms->gcra.interval_ns * weight(check);
            (check.bucket != nullptr ? *check.bucket : zone.take<TableEntry>(check.key, now_ns))
                .tat_ns = now_ns + check.measure.used;
            return;
        case LimitKind::window: {
            const policy::WindowStanding now =
                policy::window_take(zone.take<WindowEntry>(check.key, now_ns), check.terms->window,
                                    static_cast<std::uint32_t>(weight(check)), now_ns);
            check.measure = {now.used, now.next_ns};
            return;
        }
        case LimitKind::concurrent:
            zone.take<ConcurrencyEntry>(check.key, now_ns).acquire(zone.lane());
            ++check.measure.used;
            return;
    }
}

void return_units(const LocalCheck& check, std::int64_t now_ns) {
    RateLimitZone& zone = *check.zone;
    if (check.pocket_ends_ns != 0) {
        zone.pocket()->give_back(check.key, check.units, check.pocket_ends_ns, now_ns);
        return;
    }
    const policy::LimitSpec& spec = zone.spec();
    switch (spec.kind) {
        case LimitKind::rate:
            if (spec.leases()) {
                zone.if_entry<LeaseEntry>(check.key, now_ns, [&](LeaseEntry& entry) {
                    if (check.alone) {
                        entry.tat_ns -= check.terms->gcra.interval_ns * weight(check);
                        return;
                    }
                    policy::unspend(entry, spec.lease_terms(*check.terms), check.units, now_ns);
                });
                return;
            }
            zone.if_entry<TableEntry>(check.key, now_ns, [&](TableEntry& entry) {
                entry.tat_ns =
                    std::max(entry.tat_ns - check.terms->gcra.interval_ns * weight(check), now_ns);
            });
            return;
        case LimitKind::window:
            zone.if_entry<WindowEntry>(check.key, now_ns, [&](WindowEntry& entry) {
                policy::window_give_back(entry, static_cast<std::uint32_t>(weight(check)));
            });
            return;
        case LimitKind::concurrent:
            zone.if_entry<ConcurrencyEntry>(check.key, now_ns, [&](ConcurrencyEntry& entry) {
                entry.release(zone.lane(), now_ns);
            });
            return;
    }
}

// Where this worker has units for all of them in its pockets, nobody else is asked.
[[gnu::hot, gnu::noinline]] bool take_from_pockets(std::span<LocalCheck> checks,
                                                   std::int64_t now_ns) {
    std::array<LeasePocket::Place*, store::kLimitsPerRequestMax> places;
    for (std::size_t i = 0; i < checks.size(); ++i) {
        const LeasePocket* pocket = checks[i].alone ? nullptr : checks[i].zone->pocket();
        places[i] =
            pocket == nullptr ? nullptr : pocket->find(checks[i].key, checks[i].units, now_ns);
        if (places[i] == nullptr) {
            return false;
        }
    }
    for (std::size_t i = 0; i < checks.size(); ++i) {
        LocalCheck& check = checks[i];
        const LeasePocket::Units units = places[i]->units();
        LeasePocket::spend(*places[i], check.units);
        check.pocket_ends_ns = units.ends_ns;
        check.measure.used = check.terms->gcra.ahead(units.tat_ns, now_ns);
        check.answer = Answer::admits;
    }
    return true;
}

bool take_from_zones(std::span<LocalCheck> checks, std::int64_t now_ns) {
    const ZoneLocks locks(checks);
    bool all = true;
    for (LocalCheck& check : checks) {
        look_at(check, now_ns);
        all = all && check.answer != Answer::refuses;
    }
    if (all) {
        for (LocalCheck& check : checks) {
            if (check.answer == Answer::admits) {
                consume(check, now_ns);
            }
        }
    }
    return all;
}

[[gnu::noinline]] void fill_pockets(std::span<const LocalCheck> checks, std::int64_t now_ns) {
    for (const LocalCheck& check : checks) {
        if (check.held.units > 0) {
            check.zone->pocket()->put(
                check.key, {check.held.units, check.held.ends_ns, now_ns + check.measure.used},
                now_ns);
        }
    }
}

}  // namespace

[[gnu::hot]] bool take_all(std::span<LocalCheck> checks, std::int64_t now_ns) {
    bool pockets = false;
    for (const LocalCheck& check : checks) {
        pockets = pockets || check.zone->pocket() != nullptr;
    }
    if (pockets && take_from_pockets(checks, now_ns)) {
        return true;
    }
    const bool all = take_from_zones(checks, now_ns);
    if (pockets) {
        fill_pockets(checks, now_ns);
    }
    return all;
}

void give_back(std::span<const LocalCheck> checks, std::int64_t now_ns) {
    for (const LocalCheck& check : checks) {
        if (check.answer == Answer::admits) {
            return_units(check, now_ns);
        }
    }
}

namespace {

void charge_bucket(LocalCheck& check, std::int64_t& tat_ns, std::int64_t& live_ns,
                   std::int64_t units, std::int64_t now_ns) {
    const policy::Gcra& gcra = check.terms->gcra;
    const std::int64_t ahead_ns = gcra.ahead(tat_ns, now_ns) + gcra.interval_ns * units;
    check.measure.used = std::min(ahead_ns, gcra.capacity_ns);
    tat_ns = now_ns + check.measure.used;
    live_ns = std::max(live_ns, tat_ns);
}

void charge_window(LocalCheck& check, WindowEntry& entry, std::int64_t units, std::int64_t now_ns) {
    const policy::WindowTerms& terms = check.terms->window;
    const policy::WindowStanding before = policy::window_standing(entry, terms, now_ns);
    if (before.used < terms.max) {
        policy::window_take(
            entry, terms,
            static_cast<std::uint32_t>(std::min<std::int64_t>(units, terms.max - before.used)),
            now_ns);
    }
    const policy::WindowStanding now = policy::window_standing(entry, terms, now_ns);
    check.measure = {now.used, now.next_ns};
}

}  // namespace

std::int64_t RateLimitZone::ease(const policy::KeyHash& key, std::uint32_t factor) {
    const std::int64_t now_ns = monotonic_ns();
    std::int64_t back_ns = 0;
    const auto ease_tat = [&](std::int64_t& tat_ns) {
        const std::int64_t ahead_ns = spec_->gcra.ahead(tat_ns, now_ns);
        back_ns = ahead_ns - ahead_ns / factor;
        tat_ns = now_ns + ahead_ns - back_ns;
    };
    if (spec_->leases()) {
        if_entry<LeaseEntry>(key, now_ns, [&](LeaseEntry& entry) {
            ease_tat(entry.tat_ns);
            entry.blocked_ns = 0;
        });
    } else {
        if_entry<TableEntry>(key, now_ns, [&](TableEntry& entry) { ease_tat(entry.tat_ns); });
    }
    return back_ns;
}

void charge(LocalCheck& check, std::int64_t units, std::int64_t now_ns) {
    RateLimitZone& zone = *check.zone;
    switch (zone.spec().kind) {
        case LimitKind::rate:
            if (zone.spec().leases()) {
                zone.with_entry<LeaseEntry>(check.key, now_ns, [&](LeaseEntry& entry) {
                    charge_bucket(check, entry.tat_ns, entry.live_ns, units, now_ns);
                });
                return;
            }
            zone.with_entry<TableEntry>(check.key, now_ns, [&](TableEntry& entry) {
                charge_bucket(check, entry.tat_ns, entry.tat_ns, units, now_ns);
            });
            return;
        case LimitKind::window:
            zone.with_entry<WindowEntry>(check.key, now_ns, [&](WindowEntry& entry) {
                charge_window(check, entry, units, now_ns);
            });
            return;
        case LimitKind::concurrent:
            return;  // a slot has no price
    }
}

[[gnu::hot]] void remember(const LocalCheck& check, std::int64_t now_ns) {
    RateLimitZone& zone = *check.zone;
    const std::int64_t used = check.measure.used;
    switch (zone.spec().kind) {
        case LimitKind::rate:
            // Answers to several workers may cross: the later state is the one further ahead.
            zone.with_entry<TableEntry>(check.key, now_ns, [&](TableEntry& entry) {
                entry.tat_ns = std::max(entry.tat_ns, now_ns + used);
            });
            return;
        case LimitKind::window:
            zone.with_entry<WindowEntry>(check.key, now_ns, [&](WindowEntry& entry) {
                const policy::WindowTerms& terms = check.terms->window;
                const auto known = policy::window_standing(entry, terms, now_ns).used;
                if (used > known) {
                    policy::window_take(entry, terms, static_cast<std::uint32_t>(used - known),
                                        now_ns);
                }
            });
            return;
        case LimitKind::concurrent:
            return;  // what this node holds it counts itself
    }
}

std::int64_t known_ahead(const LocalCheck& check, std::int64_t now_ns) {
    const policy::LimitSpec& spec = check.zone->spec();
    std::int64_t tat_ns = 0;
    if (spec.kind != LimitKind::rate) {
        return 0;
    }
    if (spec.leases()) {
        check.zone->if_entry<LeaseEntry>(check.key, now_ns,
                                         [&](LeaseEntry& entry) { tat_ns = entry.tat_ns; });
    } else {
        check.zone->if_entry<TableEntry>(check.key, now_ns,
                                         [&](TableEntry& entry) { tat_ns = entry.tat_ns; });
    }
    return check.terms->gcra.ahead(tat_ns, now_ns);
}

}  // namespace sallyport::ngx
