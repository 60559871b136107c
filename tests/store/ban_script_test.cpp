// Shared bans in a real Redis: what nodes say, hear and count together.
#include "module/policy/ban_table.hpp"
#include "module/store/ban_commands.hpp"
#include "module/store/redis_slot.hpp"
#include "tests/integration/fixtures/redis_server.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sallyport::store {
namespace {

using policy::BanSaid;
using policy::BanWord;

policy::BanSubject subject(std::string_view text) {
    return *policy::parse_ban_subject(text, {});
}

BanWord word(BanSaid said, std::string_view whom, std::int64_t left_ms = 60'000,
             std::int64_t age_ms = 0) {
    BanWord out;
    out.said = said;
    out.subject = subject(whom);
    out.left_ms = said == BanSaid::banned ? left_ms : 0;
    out.memory_ms = said == BanSaid::allowed ? policy::kBanForever : left_ms + 60'000;
    out.age_ms = age_ms;
    out.by_hand = said != BanSaid::banned;
    out.rule = said == BanSaid::banned ? "guess" : "";
    return out;
}

class BanScriptTest : public testing::Test {
  protected:
    std::string run(const std::string& command) {
        std::vector<std::string> words;
        for (std::size_t at = command.find('$'); at != std::string::npos && at < command.size();) {
            const std::size_t line = command.find("\r\n", at);
            const std::size_t size = std::stoul(command.substr(at + 1, line - at - 1));
            words.push_back(command.substr(line + 2, size));
            at = line + 2 + size + 2;
        }
        EXPECT_EQ(words.at(1), ban_script().sha);
        words[0] = "EVAL";
        words[1] = ban_script().text;
        return server_.command(words);
    }
    const Reply& ask(const std::string& command) {
        reader_ = std::make_unique<RespReader>();
        const std::string reply = run(command);
        EXPECT_TRUE(reader_->feed(reply));
        EXPECT_EQ(reader_->next(), ReadResult::reply) << reply;
        return reader_->reply();
    }
    void say(const std::vector<BanWord>& words) {
        std::string command;
        append_ban_say(command, "e1", words);
        EXPECT_EQ(ask(command).integers[0], static_cast<std::int64_t>(words.size()));
    }
    BanNews pull(const BanHearing& heard = {}, std::size_t max = 100) {
        std::string command;
        append_ban_pull(command, "e1", heard, max);
        const auto news = parse_ban_pull(ask(command), {});
        EXPECT_TRUE(news.has_value());
        return news.value_or(BanNews{});
    }
    std::optional<BanWord> strike(const policy::BanRule& rule, std::string_view whom) {
        std::string command;
        append_ban_strike(command, "e1", rule, subject(whom));
        return parse_ban_strike(ask(command), {});
    }

    test::RedisServer server_;
    std::unique_ptr<RespReader> reader_;
};

policy::BanRule rule(std::vector<std::string_view> arguments) {
    arguments.insert(arguments.begin(), "guess");
    return *policy::parse_ban_rule(arguments);
}

TEST_F(BanScriptTest, WhatOneSaysOthersHearOnce) {
    say({word(BanSaid::banned, "192.0.2.1"), word(BanSaid::allowed, "192.0.2.2")});
    const BanNews first = pull();
    ASSERT_EQ(first.words.size(), 2u);
    EXPECT_TRUE(first.heard.epoch.starts_with("e1-")) << first.heard.epoch;
    EXPECT_EQ(first.words[0].subject, subject("192.0.2.1"));
    EXPECT_GT(first.words[0].left_ms, 50'000);
    EXPECT_LE(first.words[0].left_ms, 60'000);
    EXPECT_EQ(first.words[0].rule, "guess");
    EXPECT_EQ(first.words[1].said, BanSaid::allowed);
    EXPECT_EQ(first.words[1].memory_ms, policy::kBanForever);
    EXPECT_TRUE(pull(first.heard).words.empty());
    say({word(BanSaid::lifted, "192.0.2.1")});
    const BanNews second = pull(first.heard);
    ASSERT_EQ(second.words.size(), 1u);
    EXPECT_EQ(second.words[0].said, BanSaid::lifted);
    EXPECT_EQ(pull({"another", second.heard.number}).words.size(), 2u) << "a store of another past";
}

TEST_F(BanScriptTest, NewsComeInPages) {
    std::vector<BanWord> words;
    for (int i = 0; i < 7; ++i) {
        words.push_back(word(BanSaid::banned, "192.0.2." + std::to_string(i)));
    }
    say(words);
    BanHearing heard;
    std::size_t count = 0;
    for (int page = 0; page < 4; ++page) {
        const BanNews news = pull(heard, 3);
        count += news.words.size();
        heard = news.heard;
        EXPECT_EQ(news.more, page < 2) << page;
    }
    EXPECT_EQ(count, 7u);
}

TEST_F(BanScriptTest, TheLaterWordHolds) {
    const struct {
        const char* what;
        BanWord before;
        BanWord after;
        BanSaid holds;
    } rows[] = {
        {"a lift ends a ban", word(BanSaid::banned, "192.0.2.1", 60'000, 10'000),
         word(BanSaid::lifted, "192.0.2.1"), BanSaid::lifted},
        {"a ban that was made before the lift is old news", word(BanSaid::lifted, "192.0.2.1"),
         word(BanSaid::banned, "192.0.2.1", 60'000, 10'000), BanSaid::lifted},
        {"a new ban after a lift", word(BanSaid::lifted, "192.0.2.1", 60'000, 10'000),
         word(BanSaid::banned, "192.0.2.1"), BanSaid::banned},
        {"a rule never ends an allowance", word(BanSaid::allowed, "192.0.2.1", 0, 10'000),
         word(BanSaid::banned, "192.0.2.1"), BanSaid::allowed},
        {"an allowance ends a ban", word(BanSaid::banned, "192.0.2.1", 60'000, 10'000),
         word(BanSaid::allowed, "192.0.2.1"), BanSaid::allowed},
    };
    for (const auto& row : rows) {
        server_.command({"FLUSHALL"});
        say({row.before});
        say({row.after});
        ASSERT_EQ(pull().words.size(), 1u) << row.what;
        EXPECT_EQ(pull().words[0].said, row.holds) << row.what;
    }
    server_.command({"FLUSHALL"});
    say({word(BanSaid::allowed, "192.0.2.1", 0, 10'000)});
    BanWord by_hand = word(BanSaid::banned, "192.0.2.1");
    by_hand.by_hand = true;
    say({by_hand});
    EXPECT_EQ(pull().words[0].said, BanSaid::banned) << "an operator may";
}

TEST_F(BanScriptTest, TheLongerOfTwoBansHolds) {
    say({word(BanSaid::banned, "192.0.2.1", 600'000)});
    const BanNews before = pull();
    say({word(BanSaid::banned, "192.0.2.1", 60'000)});
    EXPECT_TRUE(pull(before.heard).words.empty()) << "nothing new";
    say({word(BanSaid::banned, "192.0.2.1", policy::kBanForever)});
    EXPECT_EQ(pull().words[0].left_ms, policy::kBanForever);
    EXPECT_EQ(pull().words[0].level, 0);
}

TEST_F(BanScriptTest, NodesCountTogetherAndTimesRise) {
    const auto three = rule({"after=3", "within=10s", "for=1s,1h", "remember=1h"});
    EXPECT_FALSE(strike(three, "192.0.2.1"));
    EXPECT_FALSE(strike(three, "192.0.2.1"));
    EXPECT_FALSE(strike(three, "192.0.2.9")) << "another subject";
    auto made = strike(three, "192.0.2.1");
    ASSERT_TRUE(made.has_value());
    EXPECT_EQ(made->count, 3u);
    EXPECT_EQ(made->level, 0);
    EXPECT_LE(made->left_ms, 1'000);
    ASSERT_TRUE(strike(three, "192.0.2.1").has_value()) << "the ban that holds is told";
    ASSERT_TRUE(test::wait_until([&] { return pull().words[0].left_ms == 0; }));
    EXPECT_FALSE(strike(three, "192.0.2.1"));
    EXPECT_FALSE(strike(three, "192.0.2.1"));
    made = strike(three, "192.0.2.1");
    ASSERT_TRUE(made.has_value());
    EXPECT_EQ(made->level, 1);
    EXPECT_GT(made->left_ms, 3'000'000);
    say({word(BanSaid::lifted, "192.0.2.1")});
    EXPECT_FALSE(strike(three, "192.0.2.1")) << "forgotten";
    say({word(BanSaid::allowed, "192.0.2.1")});
    made = strike(three, "192.0.2.1");
    ASSERT_TRUE(made.has_value());
    EXPECT_EQ(made->said, BanSaid::allowed);
}

TEST_F(BanScriptTest, ABanThatANodeMadeEndsTheSharedCount) {
    const auto three = rule({"after=3", "within=10s", "for=1s", "remember=1h"});
    EXPECT_FALSE(strike(three, "192.0.2.1"));
    EXPECT_FALSE(strike(three, "192.0.2.1"));
    BanWord made = word(BanSaid::banned, "192.0.2.1", 1);
    say({made});
    ASSERT_TRUE(test::wait_until([&] { return pull().words[0].left_ms == 0; }));
    EXPECT_FALSE(strike(three, "192.0.2.1"));
    EXPECT_FALSE(strike(three, "192.0.2.1"));
    EXPECT_TRUE(strike(three, "192.0.2.1"));
}

// The same node names the store twice: what it says afterwards must not look like old news.
TEST_F(BanScriptTest, AStoreThatLostItsMemoryHasAnotherEpoch) {
    const BanHearing before = pull().heard;
    server_.command({"FLUSHALL"});
    ASSERT_TRUE(test::wait_until([&] {
        server_.command({"FLUSHALL"});
        return pull().heard.epoch != before.epoch;
    }));
    say({word(BanSaid::banned, "192.0.2.1")});
    EXPECT_EQ(pull({before.epoch, "1000"}).words.size(), 1u);
}

TEST_F(BanScriptTest, NothingIsKeptForEver) {
    BanWord brief = word(BanSaid::banned, "192.0.2.1", 1);
    brief.memory_ms = 1;
    say({brief});
    ASSERT_TRUE(test::wait_until([&] { return pull().words.empty(); }));
    EXPECT_EQ(server_.command({"HLEN", "sallyport:{bans}:entries"}), ":0\r\n");
    EXPECT_EQ(server_.command({"ZCARD", "sallyport:{bans}:log"}), ":0\r\n");
    strike(rule({"after=3", "within=10s"}), "192.0.2.1");
    EXPECT_NE(server_.command({"PTTL", "sallyport:{bans}:strikes:guess:192.0.2.1"}), ":-1\r\n");
}

TEST_F(BanScriptTest, RubbishIsNoWord) {
    server_.command({"HSET", "sallyport:{bans}:entries", "192.0.2.1", "b 0 what"});
    server_.command({"ZADD", "sallyport:{bans}:log", "7", "192.0.2.1"});
    EXPECT_TRUE(pull().words.empty());
    say({word(BanSaid::banned, "192.0.2.1")});
    EXPECT_EQ(pull().words.size(), 1u);
    EXPECT_EQ(ban_slot(), key_slot("sallyport:{bans}:strikes:guess:192.0.2.1"));
}

}  // namespace
}  // namespace sallyport::store
