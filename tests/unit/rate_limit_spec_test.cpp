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
    EXPECT_FALSE(parse("api rate=10r/s store=main on_store_error=allow")->needs_zone());
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
        {"api rate=100", "100"},
        {"api rate=0r/s", "0r/s"},
        {"api rate=5r/w", "5r/w"},
        {"api rate=1r/s burst=0", "burst=\"0\": write how many"},
        {"api rate=1r/s burst=-1", "burst=\"-1\""},
        {"api rate=1r/s burst=many", "burst=\"many\""},
        {"api rate=1r/s key=", "key= is empty; name at least one variable"},
        {"api rate=1r/s store=", "store= is empty"},
        {"api rate=1r/s store=r mode=loose", "mode=\"loose\" is not known; write mode=strict"},
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
