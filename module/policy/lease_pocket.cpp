#include "module/policy/lease_pocket.hpp"

#include "common/units.hpp"

#include <algorithm>
#include <optional>

namespace sallyport::policy {
namespace {

constexpr std::uint64_t kCountMask = LeasePocket::kUnitsMax;
constexpr std::int64_t kEndMax = (std::int64_t{1} << 40) - 1;

// A span of up to four years either way in 24 bits: 21 of it with its sign, in units of 2^16, 2^19,
// … 2^37 ns, and which of these. Rounded down.
constexpr int kSpanBits = 21;
constexpr std::int64_t kSpanMax = (1 << (kSpanBits - 1)) - 1;
constexpr std::uint64_t kSpanMask = (1U << kSpanBits) - 1;
constexpr int shift_of(std::uint64_t scale) {
    return 16 + 3 * static_cast<int>(scale);
}

// Nothing for what is longer.
std::optional<std::uint64_t> pack_span(std::int64_t ns) {
    for (std::uint64_t scale = 0; scale < 8; ++scale) {
        const std::int64_t span = ns >> shift_of(scale);
        if (span >= -kSpanMax && span <= kSpanMax) {
            return scale << kSpanBits | (static_cast<std::uint64_t>(span) & kSpanMask);
        }
    }
    return std::nullopt;
}

std::int64_t unpack_span(std::uint64_t packed) {
    // The sign is that of the upper bit.
    const auto span =
        static_cast<std::int64_t>((packed & kSpanMask) << (64 - kSpanBits)) >> (64 - kSpanBits);
    return span * (std::int64_t{1} << shift_of(packed >> kSpanBits & 7));
}

std::uint64_t tag_of(const KeyHash& key) {
    return key.high & ~kCountMask;
}

}  // namespace

LeasePocket::LeasePocket(std::span<std::byte> memory)
    : sets_(reinterpret_cast<Set*>(memory.data()), memory.size() / sizeof(Set)) {}

[[gnu::hot]] LeasePocket::Place* LeasePocket::place_of(const KeyHash& key) const {
    for (Place& place : set_of(key).places) {
        if ((place.key_and_count & ~kCountMask) == tag_of(key)) {
            return &place;
        }
    }
    return nullptr;
}

bool LeasePocket::lives(const Place& place, std::int64_t now_ns) {
    return count_of(place) > 0 && end_ms(place) * kNsPerMs > now_ns;
}

LeasePocket::Units LeasePocket::Place::units() const {
    const std::int64_t ends_ns = end_ms(*this) * kNsPerMs;
    return {count_of(*this), ends_ns, ends_ns - unpack_span(times)};
}

[[gnu::hot]] LeasePocket::Place* LeasePocket::find(const KeyHash& key, std::uint32_t count,
                                                   std::int64_t now_ns) const {
    Place* place = place_of(key);
    return place != nullptr && count_of(*place) >= count && lives(*place, now_ns) ? place : nullptr;
}

void LeasePocket::put(const KeyHash& key, const Units& units, std::int64_t now_ns) {
    Place* place = place_of(key);
    const bool joins = place != nullptr && lives(*place, now_ns);
    const std::int64_t own_end = units.ends_ns / kNsPerMs;
    const std::int64_t end = joins ? std::min(own_end, end_ms(*place)) : own_end;
    const auto behind = pack_span(end * kNsPerMs - units.tat_ns);
    if (units.count == 0 || end <= 0 || end > kEndMax || end * kNsPerMs <= now_ns || !behind) {
        return;
    }
    if (place == nullptr) {
        Set& set = set_of(key);
        place = std::min_element(std::begin(set.places), std::end(set.places),
                                 [now_ns](const Place& a, const Place& b) {
                                     const auto worth = [now_ns](const Place& one) {
                                         return lives(one, now_ns) ? count_of(one) : 0;
                                     };
                                     return worth(a) < worth(b);
                                 });
        *place = {};
    }
    const std::uint32_t count = std::min(units.count, kUnitsMax);
    const std::uint32_t sum = joins ? std::min(count_of(*place) + count, kUnitsMax) : count;
    place->key_and_count = tag_of(key) | sum;
    place->times = static_cast<std::uint64_t>(end) << 24 | *behind;
}

void LeasePocket::give_back(const KeyHash& key, std::uint32_t count, std::int64_t ends_ns,
                            std::int64_t now_ns) const {
    Place* place = place_of(key);
    const std::int64_t end_ns = place == nullptr ? 0 : end_ms(*place) * kNsPerMs;
    if (end_ns > now_ns && end_ns <= ends_ns && count_of(*place) + count <= kUnitsMax) {
        place->key_and_count += count;
    }
}

}  // namespace sallyport::policy
