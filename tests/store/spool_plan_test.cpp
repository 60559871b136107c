#include "module/store/spool_plan.hpp"

#include "module/store/resp_reader.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sallyport::store {
namespace {

using After = SpoolPlan::After;

SpoolItem item(const std::string& id, const std::string& order) {
    SpoolItem out;
    out.id = id;
    out.order = order;
    return out;
}

std::string next(SpoolPlan& plan, std::int64_t now_ms) {
    const SpoolItem* found = plan.next(now_ms);
    return found == nullptr ? "" : found->id;
}

TEST(SpoolPlan, KeepsEachOrderAndLetsOthersPass) {
    SpoolPlan plan(3);
    for (const auto& [id, order] :
         {std::pair("1", "a"), std::pair("2", "a"), std::pair("3", "b")}) {
        plan.add(item(id, order));
    }
    EXPECT_EQ(next(plan, 0), "1");
    EXPECT_EQ(next(plan, 0), "3");
    EXPECT_EQ(next(plan, 0), "") << "2 waits for 1";
    EXPECT_EQ(plan.settle("a", Delivered::done, 0), After::forget);
    EXPECT_EQ(plan.settled().id, "1");
    EXPECT_EQ(next(plan, 0), "2");
    EXPECT_EQ(plan.settle("b", Delivered::done, 0), After::forget);
    EXPECT_EQ(plan.settle("a", Delivered::done, 0), After::forget);
    EXPECT_EQ(plan.size(), 0u);
    EXPECT_EQ(plan.bytes(), 0u);
    EXPECT_EQ(plan.settle("a", Delivered::done, 0), After::keep) << "nothing was under way";
}

TEST(SpoolPlan, AnUpstreamThatIsDownIsTriedByOneAtATime) {
    SpoolPlan plan(2);
    plan.add(item("1", "a"));
    plan.add(item("2", "b"));
    EXPECT_EQ(next(plan, 0), "1");
    EXPECT_EQ(plan.settle("a", Delivered::down, 0), After::keep);
    EXPECT_FALSE(plan.upstream_ready(50));
    EXPECT_EQ(next(plan, 50), "");
    EXPECT_EQ(next(plan, 100), "2") << "after the back-off, whoever's turn it is";
    EXPECT_EQ(next(plan, 100), "") << "one tries the way for all";
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(plan.settle("b", Delivered::down, 1'000'000), After::keep) << "for ever";
        EXPECT_FALSE(plan.upstream_ready(1'000'100));
        const std::string id = next(plan, 1'030'000);
        ASSERT_NE(id, "") << "at least every thirty seconds";
        if (id == "1") {
            plan.settle("a", Delivered::down, 1'000'000);
            ASSERT_EQ(next(plan, 1'030'000), "2");
        }
    }
    EXPECT_EQ(plan.settle("b", Delivered::done, 1'030'000), After::forget);
    EXPECT_EQ(next(plan, 1'030'000), "1");
}

TEST(SpoolPlan, ARefusedDeliveryHoldsUpItsOwnOrderAndIsGivenUp) {
    SpoolPlan plan(2);
    plan.add(item("1", "a"));
    plan.add(item("2", "a"));
    plan.add(item("3", "b"));
    EXPECT_EQ(next(plan, 0), "1");
    EXPECT_EQ(plan.settle("a", Delivered::refused, 0), After::keep);
    EXPECT_EQ(next(plan, 0), "3");
    EXPECT_EQ(plan.settle("b", Delivered::done, 0), After::forget);
    EXPECT_EQ(next(plan, 999), "");
    EXPECT_EQ(next(plan, 1'000), "1");
    EXPECT_EQ(plan.settle("a", Delivered::refused, 1'000), After::bury);
    EXPECT_EQ(plan.settled().id, "1");
    EXPECT_EQ(next(plan, 1'000), "2") << "with attempts of its own";
    EXPECT_EQ(plan.settle("a", Delivered::refused, 1'000), After::keep);
    plan.clear();
    EXPECT_EQ(plan.size() + plan.under_way(), 0u);
}

TEST(SpoolPlan, StatusesMeanWhatTheySay) {
    for (const long status : {200L, 202L, 299L}) {
        EXPECT_EQ(delivered_by_status(status), Delivered::done);
    }
    for (const long status : {0L, 429L, 502L, 503L, 504L}) {
        EXPECT_EQ(delivered_by_status(status), Delivered::down);
    }
    for (const long status : {302L, 400L, 404L, 500L}) {
        EXPECT_EQ(delivered_by_status(status), Delivered::refused);
    }
}

struct Parsed {
    RespReader reader;
    const Reply& operator()(const std::string& bytes) {
        EXPECT_TRUE(reader.feed(bytes));
        EXPECT_EQ(reader.next(), ReadResult::reply) << bytes;
        return reader.reply();
    }
};

TEST(SpoolEntries, AreReadBack) {
    Parsed parsed;
    const std::string entry =
        "*2\r\n$3\r\n1-1\r\n*6\r\n$3\r\nkey\r\n$1\r\nk\r\n$2\r\nat\r\n$2\r\n42\r\n$4\r\nbody\r\n$"
        "3\r\na\r\n\r\n";
    const auto read =
        parse_read(parsed("*1\r\n*2\r\n$1\r\ns\r\n*2\r\n" + entry + "*2\r\n$3\r\n1-2\r\n*-1\r\n"));
    ASSERT_TRUE(read.ok()) << read.message();
    ASSERT_EQ(read->size(), 1u) << "a deleted entry is none";
    EXPECT_EQ(read->at(0).id, "1-1");
    EXPECT_EQ(read->at(0).key, "k");
    EXPECT_EQ(read->at(0).at_ms, 42);
    EXPECT_EQ(read->at(0).body, "a\r\n");
    EXPECT_TRUE(parse_read(parsed("*-1\r\n"))->empty());
    const auto claimed = parse_claimed(parsed("*3\r\n$3\r\n0-0\r\n*1\r\n" + entry + "*0\r\n"));
    ASSERT_TRUE(claimed.ok()) << claimed.message();
    EXPECT_EQ(claimed->cursor, "0-0");
    EXPECT_EQ(claimed->items.size(), 1u);
    EXPECT_EQ(parse_entries(parsed("*1\r\n" + entry))->size(), 1u);
    EXPECT_TRUE(parse_entries(parsed("*0\r\n"))->empty());
    for (const char* wrong : {"+OK\r\n", ":1\r\n", "*1\r\n$1\r\nx\r\n", "*1\r\n*1\r\n$1\r\nx\r\n",
                              "*1\r\n*2\r\n$1\r\nx\r\n*1\r\n$1\r\ny\r\n", "-ERR no\r\n"}) {
        EXPECT_FALSE(parse_entries(parsed(wrong)).ok()) << wrong;
        EXPECT_FALSE(parse_read(parsed(wrong)).ok()) << wrong;
        EXPECT_FALSE(parse_claimed(parsed(wrong)).ok()) << wrong;
    }
}

}  // namespace
}  // namespace sallyport::store
