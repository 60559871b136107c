// Events are read in the order in which they happened.
#include "engine/core/runs/event_order.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace sallyport::engine {
namespace {

const std::string kRandom = "zyxwvutsrqponmlkjihgf";

TEST(EventOrder, EventsOfOneMillisecondStayInOrder) {
    EventOrder order;
    auto last = order.next(5, kRandom);
    EXPECT_EQ(last.at_ms, 5);
    EXPECT_EQ(last.id, "000000tsrqponmlkjihgf");
    for (int i = 0; i < 1000; ++i) {
        const auto next = order.next(5, "0" + kRandom.substr(1));
        EXPECT_LT(std::pair(last.at_ms, last.id), std::pair(next.at_ms, next.id));
        EXPECT_EQ(next.id.size(), 21U);
        last = next;
    }
    EXPECT_EQ(order.next(6, kRandom).id, "000000tsrqponmlkjihgf");
}

TEST(EventOrder, AClockThatGoesBackDoesNotReorder) {
    EventOrder order;
    const auto first = order.next(5, kRandom);
    const auto second = order.next(3, kRandom);
    EXPECT_EQ(second.at_ms, 5);
    EXPECT_LT(first.id, second.id);
}

TEST(EventOrder, AMillisecondThatIsFullPassesOnToTheNext) {
    EventOrder order;
    EventOrder::Place last = order.next(5, kRandom);
    for (int i = 1; i <= 1'000'000; ++i) {
        last = order.next(5, kRandom);
    }
    EXPECT_EQ(last.at_ms, 6);
    EXPECT_EQ(last.id, "000000tsrqponmlkjihgf");
    EXPECT_EQ(order.next(5, kRandom).at_ms, 6);
}

}  // namespace
}  // namespace sallyport::engine
