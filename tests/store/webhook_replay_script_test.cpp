// The replay scripts in a real Redis: what the state machine in shared memory does, they do.
#include "common/crypto.hpp"
#include "module/store/redis_slot.hpp"
#include "module/store/resp_writer.hpp"
#include "module/store/webhook_replay_commands.hpp"
#include "tests/integration/fixtures/redis_server.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sallyport::store {
namespace {

using policy::webhook::ReplayIdentity;
using policy::webhook::ReplayKeys;
using policy::webhook::Reservation;
using policy::webhook::Reserved;

ReplayKeys keys_of(std::vector<std::string_view> texts) {
    const HmacKey key(DigestAlgorithm::sha256, "a key of the store");
    ReplayIdentity identity;
    for (const std::string_view text : texts) {
        identity.texts[identity.count++] = text;
    }
    return policy::webhook::make_replay_keys(identity, "scope", key);
}

ReplayWire wire_of(std::vector<std::string_view> texts) {
    return make_replay_wire(keys_of(std::move(texts)), ReplayIdentity::Kind::signature, "scope");
}

class WebhookReplayScriptTest : public testing::Test {
  protected:
    // The words of a command that append_… has written, its script by text.
    std::string run(const std::string& command, const RedisScript& script) {
        std::vector<std::string> words;
        for (std::size_t at = command.find('$'); at != std::string::npos && at < command.size();) {
            const std::size_t line = command.find("\r\n", at);
            const std::size_t size = std::stoul(command.substr(at + 1, line - at - 1));
            words.push_back(command.substr(line + 2, size));
            at = line + 2 + size + 2;
        }
        EXPECT_EQ(words.at(1), script.sha);
        words[0] = "EVAL";
        words[1] = script.text;
        return server_.command(words);
    }
    Reservation reserve(const ReplayWire& wire, std::string_view token, std::int64_t lease_ms) {
        std::string command;
        append_reserve(command, wire, token, lease_ms);
        RespReader reader;
        EXPECT_TRUE(reader.feed(run(command, webhook_reserve_script())));
        EXPECT_EQ(reader.next(), ReadResult::reply);
        const auto out = parse_reserve(reader.reply());
        EXPECT_TRUE(out.has_value());
        return out.value_or(Reservation{});
    }
    void settle(const ReplayWire& wire, std::string_view token, std::int64_t ttl_ms) {
        std::string command;
        append_settle(command, wire, token, ttl_ms);
        EXPECT_EQ(run(command, webhook_settle_script()), "*1\r\n:1\r\n");
    }

    test::RedisServer server_;
};

TEST_F(WebhookReplayScriptTest, AbsentInFlightDone) {
    const ReplayWire wire = wire_of({"a", "b"});
    EXPECT_EQ(reserve(wire, "t1", 60'000).answer, Reserved::forward);
    EXPECT_EQ(reserve(wire, "t1", 60'000).answer, Reserved::forward) << "an answer that was lost";
    const Reservation busy = reserve(wire_of({"b", "c"}), "t2", 60'000);
    EXPECT_EQ(busy.answer, Reserved::busy);
    EXPECT_GT(busy.lease_left_ms, 1'000);
    EXPECT_LE(busy.lease_left_ms, 60'000);
    EXPECT_EQ(reserve(wire_of({"c"}), "t3", 60'000).answer, Reserved::forward)
        << "all keys or none were taken";
    settle(wire, "t1", 60'000);
    EXPECT_EQ(reserve(wire, "t2", 60'000).answer, Reserved::duplicate);
    EXPECT_EQ(reserve(wire_of({"c", "a"}), "t4", 60'000).answer, Reserved::duplicate)
        << "done outweighs in flight";
    settle(wire, "t1", 0);
    EXPECT_EQ(reserve(wire, "t2", 60'000).answer, Reserved::duplicate) << "done stays done";
}

TEST_F(WebhookReplayScriptTest, OnlyTheHolderGivesBack) {
    const ReplayWire wire = wire_of({"a"});
    EXPECT_EQ(reserve(wire, "t1", 60'000).answer, Reserved::forward);
    settle(wire, "t2", 0);
    EXPECT_EQ(reserve(wire, "t2", 60'000).answer, Reserved::busy);
    settle(wire, "t1", 0);
    EXPECT_EQ(reserve(wire, "t2", 60'000).answer, Reserved::forward);
    // Its lease has gone to another, but it was delivered.
    settle(wire, "t1", 60'000);
    EXPECT_EQ(reserve(wire, "t3", 60'000).answer, Reserved::duplicate);
}

TEST_F(WebhookReplayScriptTest, LeasesAndMemoryEnd) {
    const ReplayWire wire = wire_of({"a"});
    EXPECT_EQ(reserve(wire, "t1", 30).answer, Reserved::forward);
    EXPECT_TRUE(
        test::wait_until([&] { return reserve(wire, "t2", 60'000).answer == Reserved::forward; }));
    settle(wire, "t2", 30);
    EXPECT_TRUE(
        test::wait_until([&] { return reserve(wire, "t3", 60'000).answer == Reserved::forward; }));
}

TEST(ReplayWire, KeepsADeliverysKeysInOneSlot) {
    const ReplayWire several = wire_of({"a", "b", "c"});
    EXPECT_EQ(several.count, 3u);
    EXPECT_EQ(several.slot, wire_of({"d"}).slot) << "a rotation changes how many there are";
    const ReplayWire a = make_replay_wire(keys_of({"a"}), ReplayIdentity::Kind::id, "scope");
    const ReplayWire b = make_replay_wire(keys_of({"b"}), ReplayIdentity::Kind::id, "scope");
    EXPECT_NE(a.slot, b.slot) << "ids are spread over a cluster";
    const std::size_t at = several.keys.find("sallyport:{w:");
    ASSERT_NE(at, std::string::npos);
    EXPECT_EQ(key_slot(several.keys.substr(at, several.keys.find("\r\n", at) - at)), several.slot);
}

TEST(ParseReserve, TakesOnlyWhatTheScriptReturns) {
    for (const char* wrong : {"*2\r\n:3\r\n:0\r\n", "*2\r\n:2\r\n:-1\r\n", "*1\r\n:0\r\n", ":0\r\n",
                              "+OK\r\n", "-ERR x\r\n", "*3\r\n:0\r\n:0\r\n:0\r\n"}) {
        RespReader reader;
        ASSERT_TRUE(reader.feed(wrong));
        ASSERT_EQ(reader.next(), ReadResult::reply);
        EXPECT_FALSE(parse_reserve(reader.reply())) << wrong;
    }
}

}  // namespace
}  // namespace sallyport::store
