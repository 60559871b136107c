#include "module/policy/rate_limit_spec.hpp"

#include "common/bytes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace sallyport::policy {
namespace {

Result<LimitSpec> parse(std::string_view line) {
    std::vector<std::string_view> words;
    for_each_split(line, ' ', [&](std::string_view word) { words.push_back(word); });
    return parse_limit(words);
}

TEST(LimitSpec, TakesEveryOption) {
    const auto spec = parse(
        "api rate=100r/m burst=20 key=$http_x_key store=main mode=strict on_store_error=deny "
        "ipv6_prefix=56 zone_size=2m");
    ASSERT_TRUE(spec.ok()) << spec.message();
    EXPECT_EQ(spec->name, "api");
    EXPECT_EQ(spec->quota, 100u);
    EXPECT_EQ(spec->window_s, 60u);
    EXPECT_EQ(spec->burst, 20u);
    EXPECT_EQ(spec->gcra.interval_ns, 600'000'000);
    EXPECT_EQ(spec->gcra.capacity_ns, 12'000'000'000);
    EXPECT_EQ(spec->key, "$http_x_key");
    EXPECT_EQ(spec->store, "main");
    EXPECT_EQ(spec->on_store_error, OnStoreError::deny);
    EXPECT_EQ(spec->ipv6_prefix, 56u);
    EXPECT_EQ(spec->zone_bytes, 2u * 1024 * 1024);
    EXPECT_FALSE(spec->needs_zone());
}

TEST(LimitSpec, Defaults) {
    const auto spec = parse("api rate=10r/s");
    ASSERT_TRUE(spec.ok()) << spec.message();
    EXPECT_EQ(spec->burst, 10u);
    EXPECT_EQ(spec->key, "$sallyport_client_ip");
    EXPECT_TRUE(spec->is_local());
    EXPECT_TRUE(spec->needs_zone());
    EXPECT_EQ(spec->ipv6_prefix, 64u);
    EXPECT_EQ(spec->zone_bytes, 1024u * 1024);
    EXPECT_TRUE(parse("api rate=10r/s store=main")->needs_zone());
    EXPECT_FALSE(parse("api rate=10r/s store=main mode=strict on_store_error=allow")->needs_zone());
}

TEST(LimitSpec, WindowsAndConcurrency) {
    const auto window = parse("api window=15m max=100 skip_failed");
    ASSERT_TRUE(window.ok()) << window.message();
    EXPECT_EQ(window->kind, LimitKind::window);
    EXPECT_EQ(window->window.max, 100u);
    EXPECT_EQ(window->window_s, 900u);
    EXPECT_EQ(window->quota, 100u);
    EXPECT_EQ(window->skip, SkipOutcome::failed);
    const auto slots = parse("api concurrent=10 store=main");
    ASSERT_TRUE(slots.ok()) << slots.message();
    EXPECT_EQ(slots->kind, LimitKind::concurrent);
    EXPECT_EQ(slots->concurrent, 10u);
    EXPECT_FALSE(slots->leases());
}

TEST(LimitSpec, RatesInAStoreAreLeasedUnlessToldOtherwise) {
    EXPECT_TRUE(parse("api rate=10r/s store=main")->leases());
    EXPECT_EQ(parse("api rate=10r/s store=main lease_ttl=1s")->lease_ttl_ns, 1'000'000'000);
    EXPECT_FALSE(parse("api rate=10r/s store=main mode=strict")->leases());
    EXPECT_FALSE(parse("api rate=10r/s store=main skip=5xx")->leases());
    EXPECT_FALSE(parse("api rate=10r/s")->leases());
    EXPECT_TRUE(parse("api rate=10r/s store=main on_store_error=deny")->needs_zone());
}

TEST(LimitSpec, TheBoundInWords) {
    struct Bound {
        const char* line;
        const char* text;
    };
    const Bound cases[] = {
        {"a rate=100r/m burst=20 store=main",
         "at most 120 + 0.5 requests in any minute, any number of nodes"},
        {"a rate=100r/m burst=20 store=main mode=strict",
         "at most 120 requests in any minute, any number of nodes"},
        {"a rate=100r/m burst=20", "at most 120 requests in any minute, on each node"},
        {"a rate=100r/s burst=20 store=main lease_ttl=1s",
         "at most 120 + 100.0 requests in any second, any number of nodes"},
        {"a window=15m max=100 store=main",
         "at most 100 requests in any 900 seconds, any number of nodes"},
        {"a concurrent=10", "at most 10 requests at the same time, on each node"},
    };
    for (const Bound& one : cases) {
        EXPECT_EQ(bound_text(*parse(one.line)), one.text) << one.line;
    }
}

TEST(LimitSpec, ErrorsNameTheValueAndTheRemedy) {
    struct Wrong {
        const char* line;
        const char* says;
    };
    const Wrong cases[] = {
        {"bad/name rate=1r/s", "limit name \"bad/name\" must be 1 to 64 letters"},
        {"api", "has no rate; add one such as rate=100r/m"},
        {"api burst=5", "has no rate"},
        {"api window=15m", "has window= alone; write both"},
        {"api max=5", "has max= alone; write both"},
        {"api window=1ms max=5", "window=\"1ms\" is out of range; write 1s to 30d"},
        {"api window=15m max=0", "max=\"0\": write how many"},
        {"api window=15m max=5 burst=2", "burst= of limit \"api\" belongs to rate="},
        {"api concurrent=0", "concurrent=\"0\": write how many"},
        {"api concurrent=70000", "1 to 60000"},
        {"api concurrent=5 rate=1r/s", "is of several kinds; keep one"},
        {"api concurrent=5 skip_failed", "skip= has no meaning"},
        {"api concurrent=5 cost=2", "cost= has no meaning"},
        {"api rate=1r/s cost=", "cost= is empty"},
        {"api rate=1r/s cost=0", "cost=0 charges nothing"},
        {"api rate=1r/s cost=-1", "write a whole number from 1"},
        {"api rate=1r/s skip=all", "write failed, successful or 5xx"},
        {"api rate=1r/s skip_failed skip_successful", "skip= stands there twice"},
        {"api rate=1r/s store=r lease_ttl=1ms", "lease_ttl=\"1ms\" is out of range"},
        {"api rate=1r/s store=r mode=strict lease_ttl=1s", "belongs to mode=lease"},
        {"api rate=1r/s lease_ttl=1s", "lease_ttl= has no meaning"},
        {"api rate=1r/s store=r mode=lease skip=5xx", "only mode=strict can do exactly"},
        {"api window=15m max=5 store=r mode=lease", "only rates are leased"},
        {"api rate=100", "100"},
        {"api rate=0r/s", "0r/s"},
        {"api rate=5r/w", "5r/w"},
        {"api rate=1r/s burst=0", "burst=\"0\": write how many"},
        {"api rate=1r/s burst=-1", "burst=\"-1\""},
        {"api rate=1r/s burst=many", "burst=\"many\""},
        {"api rate=1r/s key=", "key= is empty; name at least one variable"},
        {"api rate=1r/s store=", "store= is empty"},
        {"api rate=1r/s store=r mode=loose", "mode=\"loose\" is not known; write strict or lease"},
        {"api rate=1r/s mode=strict", "mode= has no meaning"},
        {"api rate=1r/s on_store_error=deny", "on_store_error= has no meaning"},
        {"api rate=1r/s store=r on_store_error=open", "write local, allow or deny"},
        {"api rate=1r/s ipv6_prefix=8", "16 to 128"},
        {"api rate=1r/s ipv6_prefix=129", "16 to 128"},
        {"api rate=1r/s zone_size=4k", "write 64k to 1g"},
        {"api rate=1r/s zone_size=2g", "write 64k to 1g"},
        {"api rate=1r/s zone_size=big", "zone_size=\"big\" is not a size"},
        {"api rate=1r/s rate=2r/s", "rate= stands there twice"},
        {"api rate=1r/s colour=red", "unknown option \"colour=red\"; write rate, burst"},
        {"api rate=1r/s nodelay", "unknown option \"nodelay\""},
        {"api rate=1000001r/s", "faster than 1000000r/s"},
        {"api rate=1r/d burst=101", "takes more than 100 days to refill; lower burst"},
    };
    for (const Wrong& wrong : cases) {
        const auto spec = parse(wrong.line);
        ASSERT_FALSE(spec.ok()) << wrong.line;
        EXPECT_THAT(spec.message(), testing::HasSubstr(wrong.says)) << wrong.line;
    }
}

}  // namespace
}  // namespace sallyport::policy
