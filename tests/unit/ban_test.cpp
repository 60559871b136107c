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
    EXPECT_TRUE(exact->matches_path("/API/Sign-in/")) << "one route to Express";
    EXPECT_FALSE(exact->matches_path("/api/sign-in/x"));
    EXPECT_FALSE(exact->matches_path("/api/sign-in//"));
    EXPECT_FALSE(exact->matches_path("/"));
    EXPECT_TRUE(rule({"path=/"})->matches_path("/"));
    EXPECT_FALSE(rule({"path=/"})->matches_path("/x"));
    const auto prefix = rule({"path=/api/*"});
    EXPECT_TRUE(prefix->matches_path("/api/"));
    EXPECT_TRUE(prefix->matches_path("/api/x"));
    EXPECT_TRUE(prefix->matches_path("/Api/x"));
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
    EXPECT_FALSE(table_->any(1000));
    EXPECT_TRUE(strike(one_, 1, 1000));
    EXPECT_TRUE(banned(one_, 1000));
    EXPECT_TRUE(table_->any(60'999));
    EXPECT_FALSE(table_->any(61'000));
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

// What another program left is believed only as far as it fits.
TEST_F(BanTableTest, IsRecognisedInMemory) {
    ASSERT_TRUE(strike(one_, 3, 1000));
    const auto* start = reinterpret_cast<const std::byte*>(table_);
    const std::span<const std::byte> bytes(start, BanTable::kBytesMin);
    EXPECT_EQ(BanTable::look(bytes), table_);
    EXPECT_EQ(BanTable::look(bytes.first(BanTable::kBytesMin - 1)), nullptr);
    EXPECT_EQ(BanTable::look({}), nullptr);
    std::memset(memory_.back().get(), 0xff, BanTable::kBytesMin);
    EXPECT_EQ(BanTable::look(bytes), nullptr);
}

TEST_F(BanTableTest, ASharedTableKnowsWhatIsUnheard) {
    EXPECT_TRUE(table_->allow(one_, 1000));
    EXPECT_TRUE(table_->unheard(10, 1000).empty()) << "not shared yet";
    table_->share(true);
    const BanSubject two = subject("192.0.2.2");
    ASSERT_TRUE(strike(two, 3, 2000));
    auto unheard = table_->unheard(10, 2500);
    ASSERT_EQ(unheard.size(), 1u);
    EXPECT_EQ(unheard[0].subject, two);
    EXPECT_EQ(unheard[0].word(2500).age_ms, 500);
    EXPECT_EQ(unheard[0].word(2500).left_ms, 59'500);
    // It changes while the store is being told: still unheard.
    ASSERT_TRUE(table_->lift(two, 2600));
    table_->heard(unheard);
    unheard = table_->unheard(10, 2700);
    ASSERT_EQ(unheard.size(), 1u);
    EXPECT_EQ(unheard[0].word(2700).said, BanSaid::lifted);
    table_->heard(unheard);
    EXPECT_TRUE(table_->unheard(10, 2700).empty());
    std::size_t shown = 0;
    table_->each(2700, [&](const BanEntry&) { ++shown; });
    EXPECT_EQ(shown, 1u) << "what was lifted is no ban";
    // Another store, or one that has lost its memory.
    table_->hear("epoch", "7", 2800);
    EXPECT_EQ(table_->unheard(10, 2800).size(), 2u);
    table_->hear("epoch", "8", 2800);
    EXPECT_EQ(table_->number(), "8");
}

TEST_F(BanTableTest, UnheardEntriesOfALargeTableAreFoundInTime) {
    BanTable* large = make(1 << 20);
    large->share(true);
    for (unsigned i = 0; i < 300; ++i) {
        const std::uint8_t quad[4] = {10, 0, static_cast<std::uint8_t>(i >> 8),
                                      static_cast<std::uint8_t>(i)};
        ASSERT_TRUE(large->ban(ban_subject(IpAddress::from_v4(quad), {}), "r", 1000, 0, 0, 1));
    }
    std::size_t told = 0;
    for (auto some = large->unheard(32, 2); !some.empty(); some = large->unheard(32, 2)) {
        EXPECT_LE(some.size(), 32u);
        told += some.size();
        large->heard(some);
    }
    EXPECT_EQ(told, 300u);
}

TEST_F(BanTableTest, AnothersWordIsTakenUnlessOursIsLater) {
    table_->share(true);
    BanWord word{one_, BanSaid::banned, false, 2, 9, 100, 60'000, 120'000, "far"};
    EXPECT_TRUE(table_->take(word, 1000));
    EXPECT_FALSE(table_->take(word, 1000)) << "no news";
    EXPECT_TRUE(banned(one_, 60'999));
    EXPECT_FALSE(banned(one_, 61'000));
    EXPECT_EQ(table_->find(one_)->level, 2);
    EXPECT_EQ(table_->find(one_)->rule_name(), "far");
    EXPECT_TRUE(table_->unheard(10, 1000).empty());
    ASSERT_TRUE(table_->lift(one_, 2000));
    word.age_ms = 1100;  // said at 1000
    EXPECT_FALSE(table_->take(word, 2100));
    EXPECT_FALSE(banned(one_, 2100)) << "our lift is later, and will be heard";
    word.age_ms = 0;
    EXPECT_TRUE(table_->take(word, 2200));
    word.said = BanSaid::lifted;
    EXPECT_FALSE(table_->take(word, 2300));
    EXPECT_FALSE(banned(one_, 2300));
    word.said = BanSaid::allowed;
    EXPECT_FALSE(table_->take(word, 2400));
    EXPECT_FALSE(strike(one_, 10, 2500));
    word.said = BanSaid::banned;
    word.left_ms = kBanForever;
    word.memory_ms = kBanForever;
    EXPECT_TRUE(table_->take(word, 2600));
    EXPECT_TRUE(banned(one_, std::int64_t{1} << 50));
}

TEST_F(BanTableTest, OneWorkerInATurn) {
    EXPECT_TRUE(table_->take_turn(1000, 250));
    EXPECT_FALSE(table_->take_turn(1249, 250));
    EXPECT_TRUE(table_->take_turn(1250, 250));
}

TEST(BanWord, TextAndBack) {
    for (const char* text :
         {"b 0 3 20 12000 288000 86688000 guessing 192.0.2.7", "a 1 0 0 5 0 -1 - 2001:db8:1:2::/64",
          "l 1 0 0 0 0 86400000 - credential:00112233445566778899aabbccddeeff",
          "b 1 0 0 0 -1 -1 control 192.0.2.7"}) {
        const auto word = parse_ban_word(text, {});
        ASSERT_TRUE(word.has_value()) << text;
        EXPECT_EQ(to_text(*word), text);
    }
    for (const char* text :
         {"", "b", "b 0 3 20 12000 288000 86688000 guessing",
          "x 0 3 20 12 28 86 guessing 192.0.2.7", "b 2 3 20 12 28 86 guessing 192.0.2.7",
          "b 0 256 20 12 28 86 guessing 192.0.2.7", "b 0 3 20 -2 28 86 guessing 192.0.2.7",
          "b 0 3 20 12 28 86 guessing 10.0.0.0/8", "b 0 3 20 12 28 86 guessing 2001:db8:1:2::/48",
          "b 0 3 20 12 28 86 guessing 192.0.2.7 x", "b 0 3 4294967296 12 28 86 guessing 192.0.2.7",
          "b 0 3 20 12 99999999999999999 86 guessing 192.0.2.7",
          "b 0 3 20 12 28 86 a-rule-whose-name-is-far-too-long-to-be-one 192.0.2.7",
          "b 0 3 20 12 28 86 guessing 2001:db8:1:2:3::4"}) {
        EXPECT_FALSE(parse_ban_word(text, {}).has_value()) << text;
    }
    // Nodes that know the secret name a credential alike.
    const HashSecret secret = {1, 2, 3};
    EXPECT_EQ(ban_credential(secret, "Bearer x"), ban_credential(secret, "Bearer x"));
    EXPECT_NE(ban_credential(secret, "Bearer x"), ban_credential({4}, "Bearer x"));
    EXPECT_NE(ban_credential(secret, "Bearer x"), ban_credential(secret, "Bearer y"));
}

}  // namespace
}  // namespace sallyport::policy
