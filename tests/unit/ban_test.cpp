#include "module/policy/ban.hpp"

#include "module/policy/ban_table.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

namespace sallyport::policy {
namespace {

Result<BanRule> rule(std::vector<std::string_view> arguments) {
    arguments.insert(arguments.begin(), "r");
    return parse_ban_rule(arguments);
}

IpAddress address(std::string_view text) {
    return *IpAddress::parse(text);
}

BanSubject subject(std::string_view text) {
    return ban_subject(address(text), {});
}

TEST(BanRule, Defaults) {
    const auto parsed = rule({});
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(parsed->after, 20u);
    EXPECT_EQ(parsed->ttl_ms, (std::vector<std::int64_t>{60'000, 600'000, 3'600'000, 86'400'000}));
    for (const auto status : std::vector<std::uint16_t>{401, 403, 404, 429}) {
        EXPECT_TRUE(parsed->counts({status, false}, BanKind::address)) << status;
    }
    for (const auto status :
         std::vector<std::uint16_t>{0, 200, 399, 400, 402, 405, 500, 527, 528, 999}) {
        EXPECT_FALSE(parsed->counts({status, false}, BanKind::address)) << status;
    }
    EXPECT_FALSE(parsed->counts({404, false}, BanKind::credential));
}

// Nobody is banned by credential for what anybody could have sent in his name.
TEST(BanRule, ACredentialIsCountedOnlyWhenItWasAccepted) {
    const auto parsed = rule({"by=credential", "on=401,403,404,webhook"});
    ASSERT_TRUE(parsed.ok());
    EXPECT_TRUE(parsed->counts({403, false}, BanKind::credential));
    EXPECT_FALSE(parsed->counts({401, false}, BanKind::credential));
    EXPECT_FALSE(parsed->counts({401, true}, BanKind::credential));
    EXPECT_FALSE(parsed->counts({403, true}, BanKind::credential));
    EXPECT_FALSE(parsed->counts({403, false}, BanKind::address));
}

TEST(BanRule, FailedSignaturesCountWhateverTheStatus) {
    const auto parsed = rule({"on=webhook"});
    ASSERT_TRUE(parsed.ok());
    EXPECT_TRUE(parsed->counts({401, true}, BanKind::address));
    EXPECT_FALSE(parsed->counts({401, false}, BanKind::address));
}

TEST(BanRule, Paths) {
    const auto exact = rule({"path=/api/sign-in"});
    EXPECT_TRUE(exact->matches_path("/api/sign-in"));
    EXPECT_FALSE(exact->matches_path("/api/sign-in/x"));
    const auto prefix = rule({"path=/api/*"});
    EXPECT_TRUE(prefix->matches_path("/api/"));
    EXPECT_TRUE(prefix->matches_path("/api/x"));
    EXPECT_FALSE(prefix->matches_path("/ap"));
    EXPECT_TRUE(rule({})->matches_path("/anything"));
}

TEST(BanRule, MistakesNameValueAndRemedy) {
    const struct {
        std::vector<std::string_view> arguments;
        const char* piece;
    } rows[] = {
        {{"on=200"}, "400 to 527"},
        {{"on="}, "400 to 527"},
        {{"on=401,,403"}, "400 to 527"},
        {{"on=528"}, "400 to 527"},
        {{"after=0"}, "1 to 1000000"},
        {{"after=x"}, "1 to 1000000"},
        {{"within=0"}, "1s to 7d"},
        {{"within=8d"}, "1s to 7d"},
        {{"for=10m,1m"}, "rising"},
        {{"for=1ms"}, "at least 1s"},
        {{"for=1m,2m,3m,4m,5m,6m,7m,8m,9m"}, "more than 8"},
        {{"remember=later"}, "not a duration"},
        {{"by=cookie"}, "by=address"},
        {{"path=x"}, "begins with"},
        {{"path=/a*b"}, "at its end"},
        {{"after=1", "after=2"}, "twice"},
        {{"afer=1"}, "unknown option"},
        {{"after"}, "unknown option"},
        {{"by=credential", "on=401,webhook"}, "never counts"},
    };
    for (const auto& row : rows) {
        const auto parsed = rule(row.arguments);
        ASSERT_FALSE(parsed.ok()) << row.arguments[0];
        EXPECT_NE(parsed.message().find(row.piece), std::string::npos) << parsed.message();
    }
    const std::string_view long_name[] = {"a-name-of-more-than-thirty-one-letters"};
    EXPECT_FALSE(parse_ban_rule(long_name).ok());
}

TEST(BanSubject, PrefixesAndText) {
    EXPECT_EQ(to_string(subject("192.0.2.7")), "192.0.2.7");
    EXPECT_EQ(to_string(subject("2001:db8:1:2:3::4")), "2001:db8:1:2::/64");
    EXPECT_EQ(subject("::ffff:192.0.2.7"), subject("192.0.2.7"));
    EXPECT_EQ(to_string(ban_subject(address("192.0.2.7"), {24, 48})), "192.0.2.0/24");
    for (const char* text :
         {"192.0.2.7", "2001:db8:1:2::/64", "credential:00112233445566778899aabbccddeeff"}) {
        const auto parsed = parse_ban_subject(text, {});
        ASSERT_TRUE(parsed.ok()) << text;
        EXPECT_EQ(to_string(*parsed), text);
    }
    EXPECT_EQ(to_string(*parse_ban_subject("2001:db8:1:2::9", {})), "2001:db8:1:2::/64");
    for (const char* text : {"", "10.0.0.0/8", "2001:db8::/32", "credential:", "credential:00",
                             "credential:00112233445566778899aabbccddeeffaa", "alice"}) {
        EXPECT_FALSE(parse_ban_subject(text, {}).ok()) << text;
    }
}

class BanTableTest : public testing::Test {
  protected:
    static BanTable* make(std::size_t bytes,
                          std::vector<std::unique_ptr<void, void (*)(void*)>>& keep) {
        void* memory = std::aligned_alloc(64, bytes);
        std::memset(memory, 0, bytes);
        keep.emplace_back(memory, std::free);
        return BanTable::create({static_cast<std::byte*>(memory), bytes}, {1, 2, 3});
    }
    BanTable* make(std::size_t bytes) { return make(bytes, memory_); }

    // Strikes `count` times; whether the last one made a ban.
    bool strike(const BanSubject& whom, int count, std::int64_t now) {
        bool made = false;
        for (int i = 0; i < count; ++i) {
            made = table_->strike(rule_, whom, now) != nullptr;
        }
        return made;
    }
    bool banned(const BanSubject& whom, std::int64_t now) {
        BanEntry entry;
        return table_->peek(whom, now, entry) == BanTable::Peek::banned;
    }

    std::vector<std::unique_ptr<void, void (*)(void*)>> memory_;
    BanTable* table_ = make(BanTable::kBytesMin);
    BanRule rule_ = *rule({"after=3", "within=10s", "for=1m,10m,1h", "remember=1h"});
    const BanSubject one_ = subject("192.0.2.1");
};

TEST_F(BanTableTest, BansAtTheThresholdAndUntilItsTime) {
    EXPECT_FALSE(strike(one_, 2, 1000));
    EXPECT_FALSE(banned(one_, 1000));
    EXPECT_TRUE(strike(one_, 1, 1000));
    EXPECT_TRUE(banned(one_, 1000));
    EXPECT_FALSE(banned(subject("192.0.2.2"), 1000));
    EXPECT_TRUE(banned(one_, 60'999));
    EXPECT_FALSE(banned(one_, 61'000));
    EXPECT_EQ(table_->find(one_)->count, 3u);
    EXPECT_EQ(table_->find(one_)->rule_name(), "r");
}

TEST_F(BanTableTest, TheWindowSlides) {
    EXPECT_FALSE(strike(one_, 2, 1000));
    EXPECT_FALSE(strike(one_, 1, 1000 + 20'000));  // all of it is forgotten
    EXPECT_FALSE(strike(one_, 1, 1000 + 20'001));
    EXPECT_TRUE(strike(one_, 2, 1000 + 30'001));  // two of the window before, nearly whole
}

// Two workers' clocks differ by what lies between their looks at it.
TEST_F(BanTableTest, AClockALittleBehindCountsAllTheSame) {
    EXPECT_FALSE(strike(one_, 1, 1005));
    EXPECT_FALSE(strike(one_, 1, 1003));
    EXPECT_TRUE(strike(one_, 1, 1004));
    EXPECT_TRUE(banned(one_, 1002));
}

TEST_F(BanTableTest, EachBanIsLongerWhileTheOnesBeforeAreRemembered) {
    std::int64_t now = 1000;
    for (const std::int64_t ttl : {60'000, 600'000, 3'600'000, 3'600'000}) {
        ASSERT_TRUE(strike(one_, 3, now));
        EXPECT_EQ(table_->find(one_)->until_ms - now, ttl);
        now += ttl;
    }
    now += 3'600'000;  // forgotten
    ASSERT_TRUE(strike(one_, 3, now));
    EXPECT_EQ(table_->find(one_)->until_ms - now, 60'000);
}

TEST_F(BanTableTest, RulesAndSubjectsCountApart) {
    BanRule other = rule_;
    other.name = "other";
    EXPECT_FALSE(strike(one_, 2, 1000));
    EXPECT_EQ(table_->strike(other, one_, 1000), nullptr);
    EXPECT_FALSE(strike(subject("192.0.2.2"), 2, 1000));
    EXPECT_FALSE(banned(one_, 1000));
    EXPECT_TRUE(banned(one_, 1000) == false && strike(one_, 1, 1000));
}

TEST_F(BanTableTest, LiftAndAllow) {
    EXPECT_FALSE(table_->lift(one_, 1000));
    ASSERT_TRUE(strike(one_, 3, 1000));
    EXPECT_TRUE(table_->lift(one_, 1001));
    EXPECT_FALSE(banned(one_, 1001));
    ASSERT_TRUE(strike(one_, 3, 1002));  // forgotten: the first step again
    EXPECT_EQ(table_->find(one_)->level, 0);
    EXPECT_TRUE(table_->allow(one_, 1003));
    EXPECT_FALSE(banned(one_, 1003));
    EXPECT_FALSE(strike(one_, 100, 1004));
    EXPECT_FALSE(banned(one_, 1004));
    EXPECT_TRUE(table_->lift(one_, 1005));
    EXPECT_TRUE(strike(one_, 3, 1006));
}

TEST_F(BanTableTest, BansByHandMayBeForEver) {
    const BanSubject credential = table_->credential("Bearer abc");
    EXPECT_NE(credential, table_->credential("Bearer abd"));
    EXPECT_TRUE(table_->ban(credential, "control", kBanForever, 0, 0, 5));
    EXPECT_TRUE(banned(credential, std::int64_t{1} << 50));
    EXPECT_TRUE(table_->lift(credential, 6));
    EXPECT_FALSE(banned(credential, 7));
}

TEST_F(BanTableTest, AFloodOfCountersLeavesBansAlone) {
    ASSERT_TRUE(strike(one_, 3, 1000));
    std::mt19937 random(7);
    for (int i = 0; i < 200'000; ++i) {
        const auto bits = static_cast<std::uint32_t>(random());
        const std::uint8_t quad[4] = {
            static_cast<std::uint8_t>(bits >> 24), static_cast<std::uint8_t>(bits >> 16),
            static_cast<std::uint8_t>(bits >> 8), static_cast<std::uint8_t>(bits)};
        table_->strike(rule_, ban_subject(IpAddress::from_v4(quad), {}), 1001);
    }
    EXPECT_TRUE(banned(one_, 1002));
}

// More bans than places: those that end first give way, an allowance never does.
TEST_F(BanTableTest, TheLongestBansAndAllowancesStay) {
    ASSERT_TRUE(table_->allow(one_, 1));
    const BanSubject longest = subject("198.51.100.1");
    ASSERT_TRUE(table_->ban(longest, "r", kBanForever, 0, 0, 1));
    const auto places = static_cast<unsigned>(table_->ban_places());
    for (unsigned i = 0; i < 4 * places; ++i) {
        const std::uint8_t quad[4] = {10, static_cast<std::uint8_t>(i >> 16),
                                      static_cast<std::uint8_t>(i >> 8),
                                      static_cast<std::uint8_t>(i)};
        table_->ban(ban_subject(IpAddress::from_v4(quad), {}), "r", 1000 + i, 0, 0, 1);
    }
    EXPECT_NE(table_->find(one_), nullptr);
    EXPECT_TRUE(banned(longest, 2));
    EXPECT_GT(table_->evictions(), 0u);
    std::size_t live = 0;
    table_->each(2, [&](const BanEntry&) { ++live; });
    EXPECT_LE(live, table_->ban_places());
}

TEST_F(BanTableTest, ATableOfAnotherSizeTakesOver) {
    ASSERT_TRUE(strike(one_, 3, 1000));
    const BanSubject credential = table_->credential("key");
    ASSERT_TRUE(table_->allow(credential, 1000));
    BanTable* larger = make(4 * BanTable::kBytesMin);
    larger->adopt(*table_, 2000);
    BanEntry entry;
    EXPECT_EQ(larger->peek(one_, 2000, entry), BanTable::Peek::banned);
    EXPECT_EQ(larger->credential("key"), credential);
    ASSERT_NE(larger->find(credential), nullptr);
    EXPECT_EQ(larger->find(credential)->allowed, 1);
    EXPECT_GT(larger->ban_places(), table_->ban_places());
}

}  // namespace
}  // namespace sallyport::policy
