#include "module/policy/rate_window.hpp"

#include "module/policy/rate_concurrency.hpp"
#include "module/policy/rate_lease.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace sallyport::policy {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kS = 1'000 * kMs;

bool pass(WindowEntry& entry, const WindowTerms& terms, std::int64_t now_ns,
          std::uint32_t units = 1) {
    if (window_standing(entry, terms, now_ns).used + units > terms.max) {
        return false;
    }
    window_take(entry, terms, units, now_ns);
    return true;
}

TEST(RateWindow, AFewRequestsAreRememberedExactly) {
    const WindowTerms terms{3, 900 * kS};
    WindowEntry entry = WindowEntry::fresh({1, 2}, kS);
    EXPECT_TRUE(pass(entry, terms, 10 * kS));
    EXPECT_TRUE(pass(entry, terms, 20 * kS));
    EXPECT_TRUE(pass(entry, terms, 30 * kS));
    EXPECT_FALSE(pass(entry, terms, 40 * kS));
    EXPECT_EQ(window_standing(entry, terms, 40 * kS).next_ns, 870 * kS);
    EXPECT_FALSE(pass(entry, terms, 909 * kS + 999 * kMs));
    EXPECT_TRUE(pass(entry, terms, 910 * kS));
    EXPECT_FALSE(pass(entry, terms, 919 * kS));
    EXPECT_TRUE(pass(entry, terms, 920 * kS));
    EXPECT_EQ(entry.live_until_ns(), 920 * kS + 900 * kS);
}

TEST(RateWindow, WhatNeedsMoreRoomWaitsForAllOfIt) {
    const WindowTerms terms{4, 900 * kS};
    WindowEntry entry = WindowEntry::fresh({1, 2}, kS);
    EXPECT_EQ(window_standing(entry, terms, 5 * kS, 4).next_ns, 0);
    EXPECT_TRUE(pass(entry, terms, 10 * kS, 1));
    EXPECT_TRUE(pass(entry, terms, 20 * kS, 2));
    EXPECT_TRUE(pass(entry, terms, 30 * kS, 1));
    const auto until = [&](std::uint64_t units) {
        return window_standing(entry, terms, 40 * kS, units).next_ns;
    };
    EXPECT_EQ(until(0), 870 * kS);
    EXPECT_EQ(until(1), 870 * kS);
    EXPECT_EQ(until(2), 880 * kS);
    EXPECT_EQ(until(3), 880 * kS);
    EXPECT_EQ(until(4), 890 * kS);
    EXPECT_EQ(until(5), 890 * kS) << "never; then the window is empty";
    // And it is true: the millisecond before is too early.
    WindowEntry early = entry;
    EXPECT_FALSE(pass(early, terms, 920 * kS - kMs, 2));
    EXPECT_TRUE(pass(entry, terms, 920 * kS, 2));
}

TEST(RateWindow, NoWindowSeesMoreThanMaxAndFewArriveLate) {
    std::mt19937_64 random(3);
    for (int round = 0; round < 300; ++round) {
        const WindowTerms terms{static_cast<std::uint32_t>(1 + random() % 200),
                                static_cast<std::int64_t>(1 + random() % 60) * kS};
        WindowEntry entry = WindowEntry::fresh({1, 2}, kS);
        std::deque<std::pair<std::int64_t, std::uint32_t>> passed;
        const std::int64_t mean_ns = terms.window_ns / terms.max / (1 + random() % 3) + 1;
        std::uint64_t in_window = 0;
        std::int64_t now_ns = kS;
        std::uint64_t admitted = 0;
        for (int i = 0; i < 2'000; ++i) {
            // Bursts and pauses.
            const std::uint64_t jump = random() % 50 == 0 ? 20 : random() % 3;
            now_ns += static_cast<std::int64_t>(jump) * mean_ns / kMs * kMs;
            const auto units = std::min(static_cast<std::uint32_t>(1 + random() % 3), terms.max);
            while (!passed.empty() && passed.front().first + terms.window_ns <= now_ns) {
                in_window -= passed.front().second;
                passed.pop_front();
            }
            if (pass(entry, terms, now_ns, units)) {
                passed.emplace_back(now_ns, units);
                in_window += units;
                admitted += units;
                ASSERT_LE(in_window, terms.max) << round << ", request " << i;
            }
        }
        EXPECT_GT(admitted, terms.max) << "the window never comes free: " << round;
    }
}

TEST(RateWindow, UnitsGivenBackCanBeTakenAgain) {
    const WindowTerms terms{20, 60 * kS};
    WindowEntry entry = WindowEntry::fresh({1, 2}, kS);
    for (int i = 0; i < 20; ++i) {
        EXPECT_TRUE(pass(entry, terms, kS + i * kS));
    }
    EXPECT_FALSE(pass(entry, terms, 21 * kS));
    window_give_back(entry, 5);
    EXPECT_EQ(window_standing(entry, terms, 21 * kS).used, 15u);
    EXPECT_TRUE(pass(entry, terms, 21 * kS, 5));
    window_give_back(entry, 1'000);
    EXPECT_EQ(window_standing(entry, terms, 21 * kS).used, 0u);
    EXPECT_TRUE(pass(entry, terms, 22 * kS, 20));
}

TEST(RateConcurrency, ALaneIsClearedWithoutTheOthers) {
    ConcurrencyEntry entry = ConcurrencyEntry::fresh({1, 2}, kS);
    entry.acquire(0);
    entry.acquire(3);
    entry.acquire(3);
    EXPECT_EQ(entry.held(), 3u);
    EXPECT_GT(entry.live_until_ns(), 1'000'000 * kS);
    entry.clear(3, 2 * kS);
    EXPECT_EQ(entry.held(), 1u);
    entry.release(3, 3 * kS);
    EXPECT_EQ(entry.held(), 1u);
    entry.release(0, 3 * kS);
    EXPECT_EQ(entry.held(), 0u);
    EXPECT_EQ(entry.live_until_ns(), 3 * kS);
}

TEST(KeyTable, AKeyTakesAtMost96BytesWhateverTheLimit) {
    static_assert(sizeof(TableEntry) <= kBytesPerKeyMax);
    static_assert(kBytesPerKeyMax == 96);
    EXPECT_LE(sizeof(TableSetOf<TableEntry>), kSetPlaces * kBytesPerKeyMax);
    EXPECT_LE(sizeof(TableSetOf<WindowEntry>), kSetPlaces * kBytesPerKeyMax);
    EXPECT_LE(sizeof(TableSetOf<LeaseEntry>), kSetPlaces * kBytesPerKeyMax);
    EXPECT_LE(sizeof(TableSetOf<ConcurrencyEntry>), kSetPlaces * kBytesPerKeyMax);
}

}  // namespace
}  // namespace sallyport::policy
