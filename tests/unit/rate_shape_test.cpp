// What changes a limit for single requests: priority classes, tenants' numbers, boosts, adaptation.
#include "module/policy/rate_adaptive.hpp"
#include "module/policy/rate_limit_spec.hpp"
#include "module/policy/rate_priority.hpp"
#include "module/policy/tenant_limits.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace sallyport::policy {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kS = 1'000'000'000;

LimitSpec spec_of(std::vector<std::string_view> words) {
    words.insert(words.begin(), "l");
    auto spec = parse_limit(words);
    EXPECT_TRUE(spec.ok()) << spec.message();
    return *spec;
}

TEST(RatePriority, EachClassStopsAtItsReserve) {
    const LimitSpec spec =
        spec_of({"rate=10r/h", "burst=10", "priority=$p", "reserve=high:0,normal:20,low:50"});
    const auto admitted = [&](std::string_view name) {
        Measure measure;
        int count = 0;
        for (; count < 20; ++count) {
            const Ask ask{1, spec.measure_of(reserve_units(spec.reserve, name, 10))};
            if (!admits(spec, measure, ask)) {
                EXPECT_EQ(standing(spec, measure, ask).remaining, 0u);
                EXPECT_EQ(standing(spec, measure, ask).retry_after_s, 360u);
                break;
            }
            measure.used += spec.gcra.interval_ns;
        }
        return count;
    };
    EXPECT_EQ(admitted("high"), 10);
    EXPECT_EQ(admitted("normal"), 8);
    EXPECT_EQ(admitted("low"), 5);
    EXPECT_EQ(admitted("unknown"), 5) << "what nobody knows is the lowest";
    EXPECT_EQ(admitted(""), 5);
}

TEST(RatePriority, ARefusedClassWaitsUntilItsReserveIsLeftAgain) {
    const LimitSpec spec = spec_of({"rate=10r/h", "burst=10", "priority=$p", "reserve=a:0,b:50"});
    const Ask ask{1, spec.measure_of(5)};
    // All ten are taken: six must come back.
    EXPECT_EQ(standing(spec, {spec.gcra.capacity_ns, 0}, ask).retry_after_s, 6u * 360);
    const LimitSpec window = spec_of({"window=1h", "max=10", "priority=$p", "reserve=a:0,b:50"});
    EXPECT_EQ(standing(window, {7, 100 * kS}, {1, 5}).remaining, 0u);
    EXPECT_EQ(standing(window, {7, 100 * kS}, {1, 5}).retry_after_s, 100u);
    EXPECT_TRUE(admits(window, {4, 0}, {1, 5}));
    EXPECT_FALSE(admits(window, {5, 0}, {1, 5}));
}

TEST(RatePriority, EachClassHasSomethingHoweverSmallTheLimit) {
    const auto classes = parse_reserve("a:0,b:99");
    ASSERT_TRUE(classes.ok());
    EXPECT_EQ(reserve_units(*classes, "b", 1), 0u);
    EXPECT_EQ(reserve_units(*classes, "b", 2), 1u);
    EXPECT_EQ(reserve_units(*classes, "b", 1000), 990u);
}

TEST(RatePriority, ErrorsNameTheRemedy) {
    const std::pair<const char*, const char*> cases[] = {
        {"", "no name with 0 to 99 percent"},
        {"high", "no name with 0 to 99 percent"},
        {"high:100", "no name with 0 to 99 percent"},
        {"a:0,a:5", "names the class \"a\" twice"},
        {"a:10,b:20", "lets no class have the whole limit"},
        {"a:0,b:1,c:1,d:1,e:1,f:1,g:1,h:1,i:1,j:1,k:1,l:1,m:1,n:1,o:1,p:1,q:1", "more than 16"},
    };
    for (const auto& [text, says] : cases) {
        const auto classes = parse_reserve(text);
        ASSERT_FALSE(classes.ok()) << text;
        EXPECT_THAT(classes.message(), HasSubstr(says));
    }
}

TEST(Standing, ARequestThatCostsMoreWaitsForAllOfIt) {
    const LimitSpec spec = spec_of({"rate=10r/h", "burst=10"});
    const Measure eight_used{8 * spec.gcra.interval_ns, 0};
    EXPECT_EQ(standing(spec, eight_used, {2, 0}).retry_after_s, 0u);
    EXPECT_EQ(standing(spec, eight_used, {5, 0}).retry_after_s, 3u * 360);
    EXPECT_EQ(standing(spec, eight_used, {5, 0}).remaining, 2u);
}

TEST(LimitTerms, BoostsMultiplyAndShrinkingKeepsTheBurst) {
    const LimitSpec rate = spec_of({"rate=100r/m", "burst=20"});
    const LimitTerms twice = boosted(rate, 2);
    EXPECT_EQ(twice.quota, 200u);
    EXPECT_EQ(twice.burst, 40u);
    EXPECT_EQ(twice.gcra.interval_ns, 300'000'000);
    EXPECT_EQ(twice.gcra.capacity_ns, 40 * 300'000'000LL);
    const LimitTerms half = slowed(rate, kWhole / 2);
    EXPECT_EQ(half.quota, 50u);
    EXPECT_EQ(half.burst, 20u);
    EXPECT_GE(half.gcra.interval_ns, 1'200'000'000);
    EXPECT_LE(half.gcra.interval_ns, 1'200'000'001);
    EXPECT_EQ(slowed(rate, kWhole).gcra.interval_ns, rate.gcra.interval_ns);
    EXPECT_EQ(boosted(spec_of({"window=1m", "max=9000000"}), 5).window.max, kWindowMaxUnits);
    EXPECT_EQ(boosted(spec_of({"concurrent=7"}), 3).concurrent, 21u);
}

TEST(LimitTerms, ShrunkAndBoostedStayWhatAStoreCanCount) {
    const LimitSpec slow = spec_of({"rate=1r/d", "burst=100"});
    EXPECT_LE(slowed(slow, 1'000).gcra.capacity_ns, kRefillNsMax);
    const LimitSpec fast = spec_of({"rate=1000000r/s", "burst=10"});
    EXPECT_GE(boosted(fast, 100).gcra.interval_ns, kIntervalNsMin);
}

TEST(Units, WhatIsTooLongIsTheLargestNumber) {
    EXPECT_EQ(parse_units("7"), 7u);
    EXPECT_EQ(parse_units("0007"), 7u);
    EXPECT_EQ(parse_units("18446744073709551616"), std::numeric_limits<std::uint64_t>::max());
    EXPECT_EQ(parse_units(std::string(4000, '9')), std::numeric_limits<std::uint64_t>::max());
    for (const char* text : {"", "-1", "+1", " 1", "1.5", "1e3", "99999999999999999999x"}) {
        EXPECT_EQ(parse_units(text), std::nullopt) << text;
    }
}

TEST(TenantLimits, AByteOrderMarkIsNoPartOfTheFirstName) {
    const auto table = TenantLimits::parse(
        "\xef\xbb\xbf"
        "a rate=5r/s\r\nb unlimited\r\n");
    ASSERT_TRUE(table.ok()) << table.message();
    EXPECT_NE(table->find("a"), nullptr);
    EXPECT_NE(table->find("b"), nullptr);
}

TEST(TenantLimits, NumbersServeTheLimitsOfTheirKind) {
    const auto table = TenantLimits::parse(
        "# who pays more\n"
        "acme rate=500r/s burst=1000 # the big one\r\n"
        "\n"
        "globex\twindow=1h   max=50 concurrent=4\n"
        "small burst=3\n"
        "hooli unlimited");
    ASSERT_TRUE(table.ok()) << table.message();
    EXPECT_EQ(table->size(), 4u);
    const LimitSpec rate = spec_of({"rate=10r/s"});
    const LimitSpec window = spec_of({"window=1m", "max=5"});
    const LimitSpec slots = spec_of({"concurrent=9"});
    const auto numbers = [&](std::string_view name) { return *table->find(name); };
    EXPECT_EQ(with_numbers(rate, numbers("acme")).quota, 500u);
    EXPECT_EQ(with_numbers(rate, numbers("acme")).gcra.interval_ns, 2'000'000);
    EXPECT_EQ(with_numbers(rate, numbers("acme")).gcra.capacity_ns, 2 * kS);
    EXPECT_EQ(with_numbers(rate, numbers("small")).quota, 10u);
    EXPECT_EQ(with_numbers(rate, numbers("small")).gcra.capacity_ns, 3 * rate.gcra.interval_ns);
    EXPECT_EQ(with_numbers(rate, numbers("globex")).gcra.interval_ns, rate.gcra.interval_ns);
    EXPECT_EQ(with_numbers(window, numbers("globex")).window.max, 50u);
    EXPECT_EQ(with_numbers(window, numbers("globex")).window_s, 3'600u);
    EXPECT_EQ(with_numbers(slots, numbers("globex")).concurrent, 4u);
    EXPECT_EQ(with_numbers(window, numbers("acme")).window.max, 5u);
    EXPECT_TRUE(numbers("hooli").unlimited);
    EXPECT_EQ(table->find("nobody"), nullptr);
    EXPECT_EQ(table->find("acm"), nullptr);
}

TEST(TenantLimits, ErrorsNameTheLineAndTheRemedy) {
    const std::pair<std::string, const char*> cases[] = {
        {"a rate=1r/s\nb", "line 2: tenant \"b\" has no numbers"},
        {"a rate=fast", "line 1: "},
        {"a rate=2000000r/s", "faster than 1000000r/s"},
        {"a burst=0", "\"burst=0\" is out of range"},
        {"a max=10000001", "out of range; write 1 to 10000000"},
        {"a concurrent=x", "\"concurrent=x\" is out of range"},
        {"a window=1h", "window= stands without max="},
        {"a window=10ms max=1", "write 1s to 30d"},
        {"a rate=1r/d burst=1000", "more than 100 days"},
        {"a limit=5", "\"limit=5\" is not known; write rate="},
        {"a rate=1r/s rate=5r/s", "\"rate=5r/s\" stands beside \"rate=1r/s\"; keep one"},
        {"a rate=1r/s unlimited", "\"unlimited\" stands beside \"rate=1r/s\""},
        {"a unlimited max=1", "unlimited has no numbers"},
        {"a rate=1r/s\n\na rate=2r/s", "line 3: tenant \"a\" stands there twice"},
        {std::string(200, 'x') + " rate=1r/s", "longer than 128 bytes"},
    };
    for (const auto& [text, says] : cases) {
        const auto table = TenantLimits::parse(text);
        ASSERT_FALSE(table.ok()) << text;
        EXPECT_THAT(table.message(), HasSubstr(says));
    }
    std::string many;
    for (std::size_t i = 0; i <= kTenantsMax; ++i) {
        many += "t" + std::to_string(i) + " burst=1\n";
    }
    EXPECT_THAT(TenantLimits::parse(many).message(), HasSubstr("more than 100000 tenants"));
}

TEST(LimitSpec, OptionsThatShapeALimit) {
    const LimitSpec spec =
        spec_of({"rate=10r/s", "burst=50", "delay=5", "priority=$p", "reserve=a:0,b:10",
                 "charge=X-Cost", "charge_max=40", "charge_hidden", "floor=1r/s", "failures=20%",
                 "table=tenants", "tenant=$t", "store=main"});
    EXPECT_EQ(spec.delay_behind, 5u);
    EXPECT_EQ(spec.reserve.size(), 2u);
    EXPECT_EQ(spec.charge, "X-Cost");
    EXPECT_EQ(spec.charge_max, 40u);
    EXPECT_TRUE(spec.charge_hidden);
    EXPECT_EQ(spec.adaptive.floor, kWhole / 10);
    EXPECT_EQ(spec.adaptive.failures_max, 200'000u);
    EXPECT_EQ(spec.table, "tenants");
    EXPECT_FALSE(spec.leases()) << "who waits and who goes first must be exact";
    EXPECT_TRUE(spec_of({"rate=1r/s", "charge=X-Cost", "store=main"}).leases());
}

}  // namespace
}  // namespace sallyport::policy
