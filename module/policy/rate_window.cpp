#include "module/policy/rate_window.hpp"

#include "common/units.hpp"

#include <algorithm>

namespace sallyport::policy {
namespace {

constexpr std::uint64_t kResolution = 7;
constexpr std::uint64_t kMsMask = (std::uint64_t{1} << 40) - 1;

std::uint64_t ms_of(std::int64_t ns) {
    return static_cast<std::uint64_t>(ns / kNsPerMs) & kMsMask;
}

std::size_t used_places(const WindowEntry& entry) {
    std::size_t count = 0;
    while (count < kWindowPlaces && entry.places[count].count != 0) {
        ++count;
    }
    return count;
}

void remove(WindowEntry& entry, std::size_t place) {
    std::copy(entry.places + place + 1, entry.places + kWindowPlaces, entry.places + place);
    entry.places[kWindowPlaces - 1] = {};
}

// Joins the two neighbours that lie closest together, the newest two excepted.
void make_room(WindowEntry& entry) {
    std::size_t best = 0;
    std::uint64_t best_gap = kMsMask;
    for (std::size_t i = 0; i + 2 < kWindowPlaces; ++i) {
        const std::uint64_t gap = entry.places[i + 1].last_ms - entry.places[i].last_ms;
        if (gap < best_gap) {
            best_gap = gap;
            best = i;
        }
    }
    const std::uint64_t count = entry.places[best].count + entry.places[best + 1].count;
    entry.places[best + 1].count = count & 0xffffffU;
    remove(entry, best);
}

}  // namespace

WindowStanding window_standing(const WindowEntry& entry, const WindowTerms& terms,
                               std::int64_t now_ns, std::uint64_t units) {
    const std::uint64_t now_ms = ms_of(now_ns);
    const std::uint64_t window_ms = ms_of(terms.window_ns);
    const auto counts = [&](const WindowEntry::Place& place) {
        return place.count != 0 && place.last_ms + window_ms > now_ms;
    };
    WindowStanding out;
    for (const WindowEntry::Place& place : entry.places) {
        out.used += counts(place) ? static_cast<std::uint32_t>(place.count) : 0;
    }
    std::uint64_t left = out.used;
    for (const WindowEntry::Place& place : entry.places) {
        if (!counts(place)) {
            continue;
        }
        out.next_ns = static_cast<std::int64_t>(place.last_ms + window_ms - now_ms) * kNsPerMs;
        left -= place.count;
        if (left + units <= terms.max) {
            break;
        }
    }
    return out;
}

WindowStanding window_take(WindowEntry& entry, const WindowTerms& terms, std::uint32_t units,
                           std::int64_t now_ns) {
    const std::uint64_t now_ms = ms_of(now_ns);
    const std::uint64_t window_ms = ms_of(terms.window_ns);
    while (entry.places[0].count != 0 && entry.places[0].last_ms + window_ms <= now_ms) {
        remove(entry, 0);
    }
    std::size_t count = used_places(entry);
    // The newest place goes on for as long as it stays within a seventh of the window.
    const bool same_ms = count > 0 && entry.places[count - 1].last_ms >= now_ms;
    const bool near = count > 1 && terms.max > kWindowPlaces &&
                      now_ms - entry.places[count - 2].last_ms < window_ms / kResolution;
    if (same_ms || near) {
        WindowEntry::Place& newest = entry.places[count - 1];
        newest.last_ms = std::max<std::uint64_t>(newest.last_ms, now_ms) & kMsMask;
        newest.count = (newest.count + units) & 0xffffffU;
    } else {
        if (count == kWindowPlaces) {
            make_room(entry);
            --count;
        }
        entry.places[count].last_ms = now_ms & kMsMask;
        entry.places[count].count = units & 0xffffffU;
    }
    entry.live_ns = std::max(entry.live_ns, now_ns + terms.window_ns);
    return window_standing(entry, terms, now_ns);
}

void window_give_back(WindowEntry& entry, std::uint32_t units) {
    for (std::size_t i = used_places(entry); i > 0 && units > 0; --i) {
        WindowEntry::Place& place = entry.places[i - 1];
        const auto taken = std::min<std::uint32_t>(units, static_cast<std::uint32_t>(place.count));
        place.count = (place.count - taken) & 0xffffffU;
        units -= taken;
    }
    // Places must stay without gaps.
    std::size_t kept = 0;
    for (const WindowEntry::Place place : entry.places) {
        if (place.count != 0) {
            entry.places[kept++] = place;
        }
    }
    std::fill(entry.places + kept, entry.places + kWindowPlaces, WindowEntry::Place{});
}

}  // namespace sallyport::policy
