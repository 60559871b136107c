#include "module/policy/rate_limit_table.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace sallyport::policy {
namespace {

class RateLimitTableTest : public testing::Test {
  protected:
    // Takes `key` and lets it stay live for `life_ns` from `now_ns`.
    bool put(RateLimitTable& table, KeyHash key, std::int64_t now_ns, std::int64_t life_ns) {
        bool evicted = false;
        table.take(key, now_ns, evicted)->tat_ns = now_ns + life_ns;
        return evicted;
    }
    KeyHash random_key() { return {random_(), random_()}; }

    std::mt19937_64 random_{11};
};

TEST_F(RateLimitTableTest, FindsWhatWasTakenUntilItsTimeHasPassed) {
    std::vector<TableSet> sets(4);
    RateLimitTable table(sets);
    const KeyHash key = random_key();
    EXPECT_EQ(table.find(key, 1), nullptr);
    EXPECT_FALSE(put(table, key, 1, 100));
    ASSERT_NE(table.find(key, 100), nullptr);
    EXPECT_EQ(table.find(key, 100)->tat_ns, 101);
    EXPECT_EQ(table.find(key, 101), nullptr);
}

TEST_F(RateLimitTableTest, TakingAgainReturnsTheSameEntryAndNeverAnEarlierTime) {
    std::vector<TableSet> sets(4);
    RateLimitTable table(sets);
    const KeyHash key = random_key();
    put(table, key, 1, 100);
    bool evicted = false;
    EXPECT_EQ(table.take(key, 50, evicted)->tat_ns, 101);
    EXPECT_EQ(table.take(key, 500, evicted)->tat_ns, 500);
    EXPECT_FALSE(evicted);
    EXPECT_EQ(table.live(499), 1u);
}

TEST_F(RateLimitTableTest, HoldsFourFifthsOfItsPlacesWithoutEviction) {
    std::vector<TableSet> sets(1024);
    RateLimitTable table(sets);
    std::size_t evictions = 0;
    for (std::size_t i = 0; i < table.places() * 4 / 5; ++i) {
        evictions += put(table, random_key(), 1, 1000) ? 1 : 0;
    }
    EXPECT_EQ(evictions, 0u);
}

TEST_F(RateLimitTableTest, ExpiredEntriesAreSpaceAgain) {
    std::vector<TableSet> sets(16);
    RateLimitTable table(sets);
    std::size_t evictions = 0;
    for (int round = 1; round <= 100; ++round) {
        for (int i = 0; i < 64; ++i) {
            evictions += put(table, random_key(), round * 1000, 900) ? 1 : 0;
        }
    }
    EXPECT_EQ(evictions, 0u);
}

TEST_F(RateLimitTableTest, AFloodOfKeysCannotPushOutTheOnesBeingRefused) {
    std::vector<TableSet> sets(16);
    RateLimitTable table(sets);
    std::vector<KeyHash> blocked;
    for (int i = 0; i < 20; ++i) {
        blocked.push_back(random_key());
        put(table, blocked.back(), 1, 1'000'000);
    }
    std::size_t evictions = 0;
    for (int i = 0; i < 100'000; ++i) {
        evictions += put(table, random_key(), 2, 1000) ? 1 : 0;
    }
    EXPECT_GT(evictions, 0u);
    for (const KeyHash& key : blocked) {
        EXPECT_NE(table.find(key, 2), nullptr);
    }
}

TEST_F(RateLimitTableTest, AdoptsTheLiveEntriesOfATableOfAnotherSize) {
    std::vector<TableSet> old_sets(64);
    std::vector<TableSet> new_sets(128);
    RateLimitTable old_table(old_sets);
    RateLimitTable new_table(new_sets);
    std::vector<KeyHash> keys;
    for (int i = 0; i < 300; ++i) {
        keys.push_back(random_key());
        put(old_table, keys.back(), 1, i % 3 == 0 ? 10 : 1000);
    }
    new_table.adopt(old_table, 20);
    EXPECT_EQ(new_table.live(20), 200u);
    const double whole = static_cast<double>(new_table.live(20)) /
                         static_cast<double>(new_table.places());
    EXPECT_DOUBLE_EQ(new_table.fill(20, 1'000'000), whole);
    EXPECT_NEAR(new_table.fill(20, 16), whole, 0.25);
    for (std::size_t i = 0; i < keys.size(); ++i) {
        EXPECT_EQ(new_table.find(keys[i], 20) != nullptr, i % 3 != 0) << i;
    }
}

}  // namespace
}  // namespace sallyport::policy
