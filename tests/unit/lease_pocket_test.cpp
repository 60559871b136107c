#include "module/policy/lease_pocket.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdlib>
#include <vector>

namespace sallyport::policy {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kNow = 5'000'000 * kMs;

class Pocket : public testing::Test {
  protected:
    // A key of the given set, told from others by `which`.
    static KeyHash key(std::uint64_t set, std::uint64_t which) {
        return {set << 62, (which + 1) << 8 | 0x5a};
    }
    std::uint32_t count(const KeyHash& key, std::int64_t now_ns = kNow) const {
        const LeasePocket::Place* place = pocket_.find(key, 1, now_ns);
        return place == nullptr ? 0 : place->units().count;
    }

    alignas(LeasePocket::kSetBytes) std::byte memory_[4 * LeasePocket::kSetBytes] = {};
    LeasePocket pocket_{memory_};
};

TEST_F(Pocket, GivesWhatWasPutInUntilItEnds) {
    const KeyHash a = key(1, 1);
    EXPECT_EQ(pocket_.find(a, 1, kNow), nullptr);
    pocket_.put(a, {3, kNow + 100 * kMs + 999'999, kNow + 7 * kMs}, kNow);
    EXPECT_EQ(pocket_.find(a, 4, kNow), nullptr) << "not so many";
    EXPECT_EQ(pocket_.find(key(1, 2), 1, kNow), nullptr) << "another key";
    LeasePocket::Place* place = pocket_.find(a, 2, kNow);
    ASSERT_NE(place, nullptr);
    const LeasePocket::Units units = place->units();
    EXPECT_EQ(units.count, 3u);
    EXPECT_EQ(units.ends_ns, kNow + 100 * kMs) << "never later than they end";
    EXPECT_GE(units.tat_ns, kNow + 7 * kMs) << "never better than it was";
    EXPECT_LE(units.tat_ns, kNow + 7 * kMs + (1 << 16));
    LeasePocket::spend(*place, 2);
    EXPECT_EQ(count(a), 1u);
    EXPECT_EQ(count(a, kNow + 99 * kMs), 1u);
    EXPECT_EQ(count(a, kNow + 100 * kMs), 0u);
}

TEST_F(Pocket, TimesFarAwayAreKeptOrNotAtAll) {
    const std::int64_t ends_ns = kNow + 100 * kMs;
    // A bucket that was full long ago is full.
    pocket_.put(key(0, 1), {1, ends_ns, 1}, kNow);
    ASSERT_EQ(count(key(0, 1)), 1u);
    EXPECT_LT(pocket_.find(key(0, 1), 1, kNow)->units().tat_ns, kNow);
    // One that is ahead by seconds, hours, days and years: later rather than earlier.
    for (const std::int64_t ahead_ms :
         std::initializer_list<std::int64_t>{-60'000'000'000, -500'000, -1, 0, 1, 90, 68'719,
                                             68'720, 3'600'000, 86'400'000, 90'000'000'000}) {
        pocket_.put(key(0, 3), {1, ends_ns, ends_ns + ahead_ms * kMs}, kNow);
        ASSERT_GE(count(key(0, 3)), 1u) << ahead_ms;
        const std::int64_t tat_ns = pocket_.find(key(0, 3), 1, kNow)->units().tat_ns;
        EXPECT_GE(tat_ns, ends_ns + ahead_ms * kMs) << ahead_ms;
        EXPECT_LE(tat_ns, ends_ns + ahead_ms * kMs + (1 << 16) + std::abs(ahead_ms) * kMs / 100'000)
            << ahead_ms;
    }
    pocket_.put(key(0, 2), {1, ends_ns, ends_ns + 200'000'000'000 * kMs}, kNow);
    EXPECT_EQ(count(key(0, 2)), 0u) << "no limit is ahead by six years";
    // What has ended, what is none, and times that no clock shows.
    pocket_.put(key(1, 1), {1, kNow, 0}, kNow);
    pocket_.put(key(1, 2), {0, ends_ns, 0}, kNow);
    pocket_.put(key(1, 3), {1, -1, -5}, -kNow);
    EXPECT_EQ(count(key(1, 1)) + count(key(1, 2)) + count(key(1, 3)) + count(key(1, 3), -kNow), 0u);
}

TEST_F(Pocket, UnitsThatLieTogetherEndTogether) {
    const KeyHash a = key(2, 1);
    pocket_.put(a, {200, kNow + 50 * kMs, kNow}, kNow);
    pocket_.put(a, {100, kNow + 90 * kMs, kNow + 5 * kMs}, kNow);
    EXPECT_EQ(count(a), LeasePocket::kUnitsMax);
    EXPECT_EQ(pocket_.find(a, 1, kNow)->units().ends_ns, kNow + 50 * kMs);
    EXPECT_GE(pocket_.find(a, 1, kNow)->units().tat_ns, kNow + 5 * kMs);
    EXPECT_EQ(count(a, kNow + 50 * kMs), 0u);
    // What has ended makes no later unit end.
    pocket_.put(a, {7, kNow + 200 * kMs, kNow}, kNow + 60 * kMs);
    EXPECT_EQ(count(a, kNow + 150 * kMs), 7u);
}

TEST_F(Pocket, GivesBackOnlyWhatEndsNoLater) {
    const KeyHash a = key(3, 1);
    pocket_.put(a, {1, kNow + 50 * kMs, kNow}, kNow);
    LeasePocket::spend(*pocket_.find(a, 1, kNow), 1);
    EXPECT_EQ(count(a), 0u);
    pocket_.give_back(a, 1, kNow + 50 * kMs, kNow);
    EXPECT_EQ(count(a), 1u);
    // Meanwhile others lie there, which end later: a unit must not live on with them.
    LeasePocket::spend(*pocket_.find(a, 1, kNow), 1);
    pocket_.put(a, {2, kNow + 500 * kMs, kNow}, kNow);
    pocket_.give_back(a, 1, kNow + 50 * kMs, kNow);
    EXPECT_EQ(count(a), 2u);
    pocket_.give_back(a, 254, kNow + 500 * kMs, kNow);
    EXPECT_EQ(count(a), 2u) << "more than a place can say";
    pocket_.give_back(key(3, 2), 1, kNow + 500 * kMs, kNow);
    EXPECT_EQ(count(key(3, 2)), 0u);
    pocket_.give_back(a, 1, kNow + 500 * kMs, kNow + 500 * kMs);
    EXPECT_EQ(count(a, kNow + 499 * kMs), 2u);
}

// A full set gives up what is worth least: what has ended, then the fewest units.
TEST_F(Pocket, AFullSetForgetsTheLeast) {
    const std::int64_t ends_ns = kNow + 50 * kMs;
    for (std::uint32_t i = 0; i < 4; ++i) {
        pocket_.put(key(1, i), {10 - i, i == 1 ? kNow + kMs : ends_ns, kNow}, kNow);
    }
    pocket_.put(key(1, 7), {5, ends_ns, kNow}, kNow + 2 * kMs);
    EXPECT_EQ(count(key(1, 1)), 0u) << "had ended";
    pocket_.put(key(1, 8), {9, ends_ns, kNow}, kNow + 2 * kMs);
    EXPECT_EQ(count(key(1, 7)), 0u) << "had the fewest";
    EXPECT_EQ(count(key(1, 8)), 9u);
    EXPECT_EQ(count(key(1, 0)), 10u);
    EXPECT_EQ(count(key(2, 0)), 0u);
}

}  // namespace
}  // namespace sallyport::policy
