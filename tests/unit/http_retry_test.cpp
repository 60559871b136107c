#include "engine/core/http_retry.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace sallyport::engine {
namespace {

constexpr std::int64_t kNow = 784'111'717'000;  // Sun, 06 Nov 1994 08:48:37 GMT

std::optional<std::int64_t> wait(HttpRetry retry, int status, std::string_view retry_after = "",
                                 unsigned number = 1, double chance = 0) {
    return wait_before_retry_ms(retry, {status, retry_after, number}, kNow, chance);
}

TEST(HttpRetry, FollowsWhatItIsToldTo) {
    struct Case {
        int status;
        std::string_view retry_after;
        bool when_told;
        bool on_5xx;
        bool on_error;
    };
    for (const Case& test : std::vector<Case>{{200, "", false, false, false},
                                              {304, "5", false, false, false},
                                              {404, "", false, false, true},
                                              {429, "", true, true, true},
                                              {500, "", false, true, true},
                                              {503, "", false, true, true},
                                              {503, "1", true, true, true},
                                              {0, "", false, true, true}}) {
        EXPECT_FALSE(wait(HttpRetry::none, test.status, test.retry_after)) << test.status;
        EXPECT_EQ(wait(HttpRetry::when_told, test.status, test.retry_after).has_value(),
                  test.when_told)
            << test.status;
        EXPECT_EQ(wait(HttpRetry::on_5xx, test.status, test.retry_after).has_value(), test.on_5xx)
            << test.status;
        EXPECT_EQ(wait(HttpRetry::on_error, test.status, test.retry_after).has_value(),
                  test.on_error)
            << test.status;
    }
}

TEST(HttpRetry, WaitsLongerEachTimeAndNotWithTheOthers) {
    EXPECT_EQ(wait(HttpRetry::on_5xx, 500, "", 1, 0), 250);
    EXPECT_EQ(wait(HttpRetry::on_5xx, 500, "", 1, 0.5), 375);
    EXPECT_EQ(wait(HttpRetry::on_5xx, 500, "", 2, 0), 500);
    EXPECT_FALSE(wait(HttpRetry::on_5xx, 500, "", kHttpAttemptsMax, 0));
}

TEST(HttpRetry, WaitsAsLongAsTheAnswerSays) {
    EXPECT_EQ(wait(HttpRetry::when_told, 429, "7"), 7000);
    EXPECT_EQ(wait(HttpRetry::when_told, 429, "7", 1, 0.5), 7125);
    EXPECT_EQ(wait(HttpRetry::when_told, 429, " 0 "), 0);
    EXPECT_FALSE(wait(HttpRetry::when_told, 429, "61"));
    EXPECT_FALSE(wait(HttpRetry::when_told, 429, "99999999999999999999999").has_value() &&
                 *wait(HttpRetry::when_told, 429, "99999999999999999999999") > kRetryAfterMsMax);
    EXPECT_EQ(retry_after_ms("Sun, 06 Nov 1994 08:49:37 GMT", kNow), 60'000);
    EXPECT_EQ(retry_after_ms("Sun, 06 Nov 1994 08:00:00 GMT", kNow), 0) << "it is over";
    for (const std::string_view value :
         {"", "soon", "-1", "1.5", "0x10", "Sunday, 06-Nov-94 08:49:37 GMT",
          "Sun, 06 Nuv 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 UTC",
          "Sun, 99 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08-49-37 GMT"}) {
        EXPECT_FALSE(retry_after_ms(value, kNow)) << value;
        EXPECT_EQ(wait(HttpRetry::when_told, 429, value), 250) << value;
    }
}

TEST(HostBreaker, LeavesAloneWhoDoesNotAnswer) {
    HostBreaker breaker;
    for (unsigned i = 0; i < HostBreaker::kFailuresMax; ++i) {
        EXPECT_TRUE(breaker.admits("a", 1000));
        breaker.note("a", false, 1000);
    }
    EXPECT_FALSE(breaker.admits("a", 1001));
    EXPECT_TRUE(breaker.admits("b", 1001)) << "another is not to blame";
    const std::int64_t later = 1000 + HostBreaker::kRestMs;
    EXPECT_TRUE(breaker.admits("a", later)) << "one tries";
    EXPECT_FALSE(breaker.admits("a", later + 1)) << "and no other";
    breaker.note("a", false, later + 2);
    EXPECT_FALSE(breaker.admits("a", later + 3));
    EXPECT_TRUE(breaker.admits("a", later + 2 + HostBreaker::kRestMs));
    breaker.note("a", true, later + 3 + HostBreaker::kRestMs);
    EXPECT_TRUE(breaker.admits("a", later + 4 + HostBreaker::kRestMs));
    EXPECT_EQ(breaker.size(), 0u);
}

TEST(HostBreaker, AnAnswerOrALongTimeBetweenMakesItNoRow) {
    HostBreaker breaker;
    for (unsigned i = 0; i < 3 * HostBreaker::kFailuresMax; ++i) {
        breaker.note("a", false, 0);
        if (i % 5 == 4) {
            breaker.note("a", true, 0);
        }
        EXPECT_TRUE(breaker.admits("a", 0));
        breaker.note("b", false, std::int64_t{i} * 100'000);
        EXPECT_TRUE(breaker.admits("b", std::int64_t{i} * 100'000));
    }
}

TEST(HostBreaker, RemembersSoManyAndNoMore) {
    HostBreaker breaker;
    for (std::size_t i = 0; i < HostBreaker::kHostsMax + 100; ++i) {
        breaker.note(std::to_string(i), false, 0);
    }
    EXPECT_EQ(breaker.size(), HostBreaker::kHostsMax);
    breaker.note("later", false, 10 * HostBreaker::kRestMs);
    EXPECT_EQ(breaker.size(), 1u);
}

}  // namespace
}  // namespace sallyport::engine
