#include "module/store/breaker.hpp"

#include <gtest/gtest.h>

namespace sallyport::store {
namespace {

TEST(Breaker, OpensAfterFailuresInARowOnly) {
    Breaker breaker({3, 100, 1000});
    EXPECT_FALSE(breaker.failed());
    EXPECT_FALSE(breaker.failed());
    breaker.succeeded();
    EXPECT_FALSE(breaker.failed());
    EXPECT_FALSE(breaker.failed());
    EXPECT_FALSE(breaker.open());
    EXPECT_TRUE(breaker.failed());
    EXPECT_TRUE(breaker.trip());
    EXPECT_TRUE(breaker.open());
    EXPECT_FALSE(breaker.failed()) << "it is open already";
    EXPECT_TRUE(breaker.close());
    EXPECT_FALSE(breaker.close());
    EXPECT_FALSE(breaker.open());
}

TEST(Breaker, ConnectionsAloneAreNoSuccess) {
    Breaker breaker({3, 100, 1000});
    EXPECT_FALSE(breaker.failed());
    EXPECT_FALSE(breaker.close());
    EXPECT_FALSE(breaker.failed());
    EXPECT_FALSE(breaker.close());
    EXPECT_TRUE(breaker.failed());
}

TEST(Breaker, BackoffDoublesToItsMaximumAndStartsAnewAfterRecovery) {
    Breaker breaker({1, 100, 1000});
    EXPECT_TRUE(breaker.trip());
    EXPECT_FALSE(breaker.trip());
    for (const std::int64_t expected : {100, 200, 400, 800, 1000, 1000}) {
        EXPECT_EQ(breaker.next_backoff_ms(static_cast<std::uint32_t>(expected / 2)), expected);
    }
    breaker.close();
    EXPECT_EQ(breaker.next_backoff_ms(0), 50) << "jitter reaches down to one half";
}

}  // namespace
}  // namespace sallyport::store
