#include "module/policy/rate_limit.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace sallyport::policy {
namespace {

constexpr std::int64_t kS = 1'000'000'000;

// The bucket of one key, as a store keeps it.
struct Bucket {
    Gcra limit;
    std::int64_t tat_ns = 0;

    bool take(std::int64_t now_ns) {
        const std::int64_t ahead_ns = limit.ahead(tat_ns, now_ns);
        if (!limit.admits(ahead_ns)) {
            return false;
        }
        tat_ns = now_ns + ahead_ns + limit.interval_ns;
        return true;
    }
};

TEST(Gcra, BurstPassesAtOnceAndRefillsAtTheRate) {
    Bucket bucket{Gcra::make(100, 60 * kS, 20)};
    for (int i = 0; i < 20; ++i) {
        EXPECT_TRUE(bucket.take(kS)) << i;
    }
    EXPECT_FALSE(bucket.take(kS));
    EXPECT_FALSE(bucket.take(kS + 600'000'000 - 1));
    EXPECT_TRUE(bucket.take(kS + 600'000'000));
    EXPECT_FALSE(bucket.take(kS + 600'000'000));
}

TEST(Gcra, ARefusalConsumesNothing) {
    Bucket bucket{Gcra::make(1, kS, 1)};
    EXPECT_TRUE(bucket.take(0));
    for (int i = 1; i < 1000; ++i) {
        EXPECT_FALSE(bucket.take(i * (kS / 1000)));
    }
    EXPECT_TRUE(bucket.take(kS));
}

TEST(Gcra, RatesThatDoNotDivideTheirPeriodNeverAdmitMore) {
    EXPECT_EQ(Gcra::make(7, 60 * kS, 1).interval_ns, 8'571'428'572);
    EXPECT_EQ(Gcra::make(1'000'000, kS, 1).interval_ns, 1000);
}

TEST(Gcra, WhatIsAheadStaysWithinTheBucket) {
    const Gcra limit = Gcra::make(10, kS, 5);
    EXPECT_EQ(limit.ahead(100, 200), 0);
    EXPECT_EQ(limit.ahead(300, 200), 100);
    // Written when the limit was larger, or before the clock went back: at most an empty bucket.
    EXPECT_EQ(limit.ahead(1000 * kS, 0), limit.capacity_ns);
}

// The promise: in any window no more than burst + rate x window pass.
TEST(Gcra, BoundHoldsInEveryWindow) {
    std::mt19937_64 random(7);
    for (int round = 0; round < 50; ++round) {
        const std::uint64_t count = 1 + random() % 200;
        const std::uint64_t burst = 1 + random() % 50;
        Bucket bucket{Gcra::make(count, 10 * kS, burst)};
        std::vector<std::int64_t> passed;
        std::int64_t now = kS;
        for (int i = 0; i < 2000; ++i) {
            now +=
                static_cast<std::int64_t>(random() % (30 * kS / static_cast<std::int64_t>(count)));
            for (std::uint64_t n = random() % 4; n > 0; --n) {
                if (bucket.take(now)) {
                    passed.push_back(now);
                }
            }
        }
        for (std::size_t i = 0; i < passed.size(); ++i) {
            for (std::size_t j = i; j < passed.size(); j += 7) {
                const long double window = static_cast<long double>(passed[j] - passed[i]) / kS;
                const long double bound = static_cast<long double>(burst) +
                                          window * static_cast<long double>(count) / 10 + 1e-6L;
                ASSERT_LE(static_cast<long double>(j - i + 1), bound) << round;
            }
        }
    }
}

struct StandingCase {
    std::int64_t ahead_ns;
    Standing expected;
};

TEST(Standing, TellsRemainingAndTimesRoundedUp) {
    const Gcra limit = Gcra::make(100, 60 * kS, 20);  // 600 ms a unit
    const StandingCase cases[] = {
        {0, {20, 0, 0, 0}},
        {1, {19, 1, 1, 0}},
        {600'000'000, {19, 1, 1, 0}},
        {6 * kS, {10, 1, 6, 0}},
        {11'400'000'000, {1, 1, 12, 0}},
        {11'400'000'001, {0, 1, 12, 1}},
        {12 * kS, {0, 1, 12, 1}},
    };
    for (const StandingCase& one : cases) {
        const Standing got = standing(limit, one.ahead_ns);
        EXPECT_EQ(got.remaining, one.expected.remaining) << one.ahead_ns;
        EXPECT_EQ(got.next_s, one.expected.next_s) << one.ahead_ns;
        EXPECT_EQ(got.full_s, one.expected.full_s) << one.ahead_ns;
        EXPECT_EQ(got.retry_after_s, one.expected.retry_after_s) << one.ahead_ns;
    }
}

TEST(Standing, RetryAfterIsWhenOneRequestReallyPasses) {
    const Gcra limit = Gcra::make(2, 60 * kS, 1);
    for (std::int64_t ahead = 1; ahead <= limit.capacity_ns; ahead += 1'234'567'891) {
        const Standing got = standing(limit, ahead);
        ASSERT_GE(got.retry_after_s, 1u);
        EXPECT_TRUE(limit.admits(limit.ahead(ahead, got.retry_after_s * kS))) << ahead;
        if (got.retry_after_s > 1) {
            EXPECT_FALSE(limit.admits(limit.ahead(ahead, (got.retry_after_s - 1) * kS))) << ahead;
        }
    }
}

TEST(Refusal, WaitsForEveryRefusingLimit) {
    const Standing refusing[] = {{0, 3, 9, 3}, {0, 40, 90, 40}, {0, 1, 1, 1}};
    const Decision decision = refusal(refusing);
    EXPECT_EQ(decision.verdict, Verdict::deny);
    EXPECT_EQ(decision.reason, Reason::rate_limited);
    EXPECT_EQ(decision.status, 429);
    EXPECT_EQ(decision.retry_after_s, 40u);
}

}  // namespace
}  // namespace sallyport::policy
