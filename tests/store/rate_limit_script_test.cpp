// The rate limit script on a real redis-server: the answers must be those of policy/rate_limit, and
// what stays behind in Redis must be what the documents promise.
#include "common/bytes.hpp"
#include "module/store/rate_limit_commands.hpp"
#include "module/store/resp_writer.hpp"
#include "tests/integration/fixtures/redis_server.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <deque>
#include <random>
#include <string>
#include <vector>

namespace sallyport::store {
namespace {

constexpr std::int64_t kS = 1'000'000'000;

// Speaks to Redis through our own codec.
class Client {
  public:
    explicit Client(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.data(), path.size());
        EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    }
    ~Client() { ::close(fd_); }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    void send(const std::string& bytes) {
        ASSERT_EQ(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(bytes.size()));
    }
    const Reply& receive() {
        while (reader_.next() == ReadResult::more) {
            char buffer[4096];
            const ssize_t size = ::recv(fd_, buffer, sizeof buffer, 0);
            EXPECT_GT(size, 0);
            if (size <= 0 || !reader_.feed({buffer, static_cast<std::size_t>(size)})) {
                break;
            }
        }
        return reader_.reply();
    }
    const Reply& run(const std::vector<std::string_view>& words) {
        std::string out;
        append_command(out, words);
        send(out);
        return receive();
    }

  private:
    int fd_;
    RespReader reader_;
};

class RateLimitScriptTest : public testing::Test {
  protected:
    static void SetUpTestSuite() { server_ = new test::RedisServer(); }
    static void TearDownTestSuite() {
        delete server_;
        server_ = nullptr;
    }

    void SetUp() override {
        EXPECT_EQ(client_.run({"FLUSHALL"}).text(), "OK");
        std::string load;
        RespWriter(load).command(3).word("SCRIPT").word("LOAD").word(rate_limit_script());
        client_.send(load);
        EXPECT_EQ(client_.receive().text(), rate_limit_script_sha());
    }

    Check check(std::string_view limit, char key, const policy::Gcra& gcra) {
        wires_.push_back(make_wire(limit, gcra));
        Check out{&wires_.back(), {}};
        out.key.fill(key);
        return out;
    }

    CheckReply ask(std::span<const Check> checks) {
        std::string out;
        append_check(out, checks);
        client_.send(out);
        const auto reply = parse_check(client_.receive(), checks);
        EXPECT_TRUE(reply.has_value());
        return reply.value_or(CheckReply{});
    }

    CheckReply ask_refused(std::span<const Check> checks) {
        const CheckReply reply = ask(checks);
        EXPECT_FALSE(reply.allowed);
        return reply;
    }

    std::string redis_key(const Check& one) {
        return one.wire->key_head.substr(one.wire->key_head.find("sallyport")) +
               std::string(one.key.begin(), one.key.end());
    }

    static test::RedisServer* server_;
    std::deque<LimitWire> wires_;
    Client client_{server_->socket_path()};
};
test::RedisServer* RateLimitScriptTest::server_ = nullptr;

TEST_F(RateLimitScriptTest, AdmitsTheBurstThenRefusesWithoutConsuming) {
    const Check one[] = {check("a", 'k', policy::Gcra::make(10, 3600 * kS, 5))};
    for (int i = 1; i <= 5; ++i) {
        const CheckReply reply = ask(one);
        EXPECT_TRUE(reply.allowed);
        // Real time passes meanwhile: a little less is ahead than was consumed.
        EXPECT_LE(reply.measures[0].used, i * one[0].wire->limit.interval_ns);
        EXPECT_GT(reply.measures[0].used, i * one[0].wire->limit.interval_ns - 30 * kS);
    }
    const std::string before(client_.run({"GET", redis_key(one[0])}).text());
    EXPECT_FALSE(before.empty());
    for (int i = 0; i < 20; ++i) {
        EXPECT_FALSE(ask(one).allowed);
    }
    EXPECT_EQ(client_.run({"GET", redis_key(one[0])}).text(), before);
}

TEST_F(RateLimitScriptTest, SeveralLimitsAreConsumedTogetherOrNotAtAll) {
    const Check both[] = {check("wide", 'k', policy::Gcra::make(100, 3600 * kS, 100)),
                          check("narrow", 'k', policy::Gcra::make(3, 3600 * kS, 3))};
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(ask(both).allowed);
    }
    const std::string wide(client_.run({"GET", redis_key(both[0])}).text());
    for (int i = 0; i < 10; ++i) {
        const CheckReply reply = ask(both);
        EXPECT_FALSE(reply.allowed);
        EXPECT_TRUE(both[0].wire->limit.admits(reply.measures[0].used));
        EXPECT_FALSE(both[1].wire->limit.admits(reply.measures[1].used));
    }
    EXPECT_EQ(client_.run({"GET", redis_key(both[0])}).text(), wide);
}

TEST_F(RateLimitScriptTest, KeysHaveTheirNameAndLiveNoLongerThanTheyMean) {
    const Check one[] = {check("login", '0', policy::Gcra::make(1, 10 * kS, 3))};
    ask(one);
    ask(one);
    const std::string name = "sallyport:{login}:00000000000000000000000000000000";
    const auto ttl_ms = client_.run({"PTTL", name}).integers[0];
    EXPECT_GT(ttl_ms, 10'000);
    EXPECT_LE(ttl_ms, 20'001);
    EXPECT_EQ(client_.run({"DBSIZE"}).integers[0], 1);
}

TEST_F(RateLimitScriptTest, UsesTheServersClockAndKeepsNanoseconds) {
    const Check one[] = {check("a", 'k', policy::Gcra::make(7, 60 * kS, 7))};
    const CheckReply first = ask(one);
    EXPECT_EQ(first.measures[0].used, 8'571'428'572);
    const std::string value(client_.run({"GET", redis_key(one[0])}).text());
    const auto space = value.find(' ');
    ASSERT_NE(space, std::string::npos) << value;
    // Server time has microseconds: the rest is the interval's.
    EXPECT_EQ(*parse_u64(value.substr(space + 1)) % 1000, 572u) << value;
}

TEST_F(RateLimitScriptTest, LargestBucketStaysExact) {
    policy::Gcra limit{policy::kRefillNsMax / 3, policy::kRefillNsMax / 3 * 3};
    const Check one[] = {check("a", 'k', limit)};
    EXPECT_EQ(ask(one).measures[0].used, limit.interval_ns);
    EXPECT_TRUE(ask(one).allowed);
    const CheckReply full = ask(one);
    EXPECT_TRUE(full.allowed);
    EXPECT_LE(full.measures[0].used, limit.capacity_ns);
    EXPECT_FALSE(ask(one).allowed);
}

TEST_F(RateLimitScriptTest, ChangedNumbersKeepTheCounterWithinTheNewBucket) {
    const policy::Gcra slow = policy::Gcra::make(10, 3600 * kS, 10);
    const policy::Gcra fast = policy::Gcra::make(10, kS, 10);
    const Check before[] = {check("a", 'k', slow)};
    const Check after[] = {check("a", 'k', fast)};
    for (int i = 0; i < 10; ++i) {
        EXPECT_TRUE(ask(before).allowed);
    }
    const CheckReply reply = ask(after);
    EXPECT_FALSE(reply.allowed) << "the bucket was empty and stays so";
    EXPECT_EQ(reply.measures[0].used, fast.capacity_ns) << "but it is empty by the new measure";
}

TEST_F(RateLimitScriptTest, StrangeValuesCountAsNone) {
    const Check one[] = {check("a", 'k', policy::Gcra::make(10, 60 * kS, 10))};
    for (const char* value :
         {"", "nonsense", "12", "12 -5", "1e9 5", "99999999999999999999999 1"}) {
        client_.run({"SET", redis_key(one[0]), value});
        const CheckReply reply = ask(one);
        EXPECT_GE(reply.measures[0].used, 0) << value;
        EXPECT_LE(reply.measures[0].used, one[0].wire->limit.capacity_ns) << value;
    }
    client_.run({"DEL", redis_key(one[0])});
    client_.run({"LPUSH", redis_key(one[0]), "a list"});
    EXPECT_TRUE(ask(one).allowed);
}

TEST_F(RateLimitScriptTest, NeverAdmitsMoreThanTheModel) {
    std::mt19937 random(5);
    for (int round = 0; round < 20; ++round) {
        const std::uint64_t burst = 1 + random() % 30;
        const policy::Gcra limit = policy::Gcra::make(1 + random() % 50, 3600 * kS, burst);
        const Check one[] = {check("m", static_cast<char>('a' + round), limit)};
        std::string out;
        for (int i = 0; i < 100; ++i) {
            append_check(out, one);
        }
        client_.send(out);
        std::uint64_t admitted = 0;
        for (int i = 0; i < 100; ++i) {
            const auto reply = parse_check(client_.receive(), one);
            ASSERT_TRUE(reply.has_value());
            admitted += reply->allowed ? 1 : 0;
        }
        EXPECT_EQ(admitted, burst);
    }
}

TEST_F(RateLimitScriptTest, LeasesWhatPolicyGrants) {
    const policy::Gcra limit = policy::Gcra::make(10, 3600 * kS, 40);
    Check one[] = {check("l", 'k', limit)};
    const policy::LeaseTerms terms{limit, 250'000'000, 0};
    policy::Bucket bucket;
    for (const std::uint32_t extra : {0u, 5u, 100u, 3u, 100u, 100u, 100u, 100u, 100u}) {
        for (const std::int64_t units : {0, 1}) {
            one[0].units = units;
            one[0].extra = extra;
            const CheckReply got = ask(one);
            const policy::BucketGrant want =
                policy::grant(bucket, terms, units * limit.interval_ns,
                              std::int64_t{extra} * limit.interval_ns, false, kS);
            EXPECT_EQ(got.allowed, want.allowed) << extra;
            EXPECT_EQ(got.extra_ns[0], want.extra_ns) << extra;
            EXPECT_GT(got.server_us, 1'000'000'000'000'000);
            // Real time passes: the bucket refills a little.
            EXPECT_NEAR(static_cast<double>(got.measures[0].used),
                        static_cast<double>(want.ahead_ns), 30.0 * kS);
        }
    }
}

// Held units: kept out of the bucket, charged when their time is over, at most a part of it.
TEST_F(RateLimitScriptTest, HoldsWhatPolicyHolds) {
    const policy::Gcra limit = policy::Gcra::make(100, 3600 * kS, 6400);
    Check one[] = {check("h", 'k', limit)};
    wires_.back().hold_word = "h300000";
    const policy::LeaseTerms terms{limit, 250'000'000, 300 * kS};
    policy::Bucket bucket;
    for (const std::uint32_t hold : {16u, 0u, 16u, 200u, 16u, 1u}) {
        one[0].hold = hold;
        const CheckReply got = ask(one);
        const policy::BucketGrant want = policy::grant(
            bucket, terms, limit.interval_ns, std::int64_t{hold} * limit.interval_ns, hold > 0, kS);
        EXPECT_EQ(got.allowed, want.allowed) << hold;
        EXPECT_EQ(got.extra_ns[0], want.extra_ns) << hold;
        EXPECT_NEAR(static_cast<double>(got.measures[0].used), static_cast<double>(want.ahead_ns),
                    30.0 * kS);
    }
    EXPECT_EQ(bucket.all_held_ns(), 200 * limit.interval_ns) << "a thirty-second";
    const std::string key = redis_key(one[0]);
    EXPECT_GT(client_.run({"PTTL", key}).integers[0], 300'000);
    // A bucket of which much is missing holds nothing.
    Check scarce[] = {check("s", 'k', limit)};
    wires_.back().hold_word = "h300000";
    scarce[0].units = 1700;
    scarce[0].hold = 16;
    EXPECT_TRUE(ask(scarce).allowed);
    scarce[0].units = 1;
    EXPECT_EQ(ask(scarce).extra_ns[0], 0);
    // What was held is missing for everybody else.
    one[0].hold = 0;
    one[0].units = 6400 - 6 - 200 - 3;
    EXPECT_TRUE(ask(one).allowed);
    one[0].units = 10;
    EXPECT_FALSE(ask(one).allowed);
}

TEST_F(RateLimitScriptTest, WhatWasHeldIsChargedAfterwards) {
    const policy::Gcra limit = policy::Gcra::make(100, 3600 * kS, 6400);
    Check one[] = {check("h", 'k', limit)};
    wires_.back().hold_word = "h50";
    one[0].hold = 16;
    EXPECT_EQ(ask(one).extra_ns[0], 16 * limit.interval_ns);
    one[0].hold = 0;
    one[0].units = 0;
    const std::string key = redis_key(one[0]);
    // "<s> <ns> <ms> <period> <held> <before>" until two periods have passed.
    const auto tail = [&] {
        const std::string text(client_.run({"GET", key}).text());
        return std::count(text.begin(), text.end(), ' ');
    };
    EXPECT_EQ(tail(), 5);
    EXPECT_TRUE(test::wait_until([&] {
        const CheckReply reply = ask(one);
        // Held or charged, it is missing.
        EXPECT_GT(reply.measures[0].used, 16 * limit.interval_ns);
        EXPECT_LE(reply.measures[0].used, 17 * limit.interval_ns);
        return tail() == 1;
    }));
}

TEST_F(RateLimitScriptTest, ARefundCountsOnceAndNotWhenLate) {
    const policy::Gcra limit = policy::Gcra::make(10, 3600 * kS, 40);
    Check one[] = {check("l", 'k', limit)};
    one[0].extra = 10;
    const CheckReply grant = ask(one);
    ASSERT_EQ(grant.extra_ns[0], 10 * limit.interval_ns);
    const auto refund = [&](std::int64_t server_us, const char* id) {
        std::string load;
        RespWriter(load).command(3).word("SCRIPT").word("LOAD").word(
            rate_limit_refund_script().text);
        client_.send(load);
        client_.receive();
        std::string out;
        append_refund(out, *one[0].wire, one[0].key, 10 * limit.interval_ns, server_us, 60'000, id);
        client_.send(out);
        const Reply& reply = client_.receive();
        EXPECT_EQ(reply.kind, ReplyKind::integers);
        return reply.integers[0];
    };
    EXPECT_EQ(refund(grant.server_us - 61'000'000, "late"), 0);
    EXPECT_EQ(refund(grant.server_us + 61'000'000, "from the future"), 0);
    const std::int64_t credited = refund(grant.server_us, "once");
    EXPECT_LE(credited, 10 * limit.interval_ns);
    EXPECT_GT(credited, 9 * limit.interval_ns) << "less what the bucket refilled since";
    EXPECT_EQ(refund(grant.server_us, "once"), 0);
    one[0].units = 0;
    one[0].extra = 0;
    EXPECT_LT(ask(one).measures[0].used, 2 * limit.interval_ns);
}

TEST_F(RateLimitScriptTest, ARestartedServerIsToldWhatTheNodeKnows) {
    const policy::Gcra limit = policy::Gcra::make(10, 3600 * kS, 10);
    Check one[] = {check("l", 'k', limit)};
    one[0].known_ns = limit.capacity_ns - limit.interval_ns;
    EXPECT_TRUE(ask(one).allowed);
    one[0].known_ns = 0;
    EXPECT_FALSE(ask(one).allowed);
}

TEST_F(RateLimitScriptTest, AWindowAdmitsItsMaxAndGivesBack) {
    policy::LimitSpec spec;
    spec.name = "w";
    spec.kind = policy::LimitKind::window;
    spec.window = {20, 900 * kS};
    spec.quota = 20;
    wires_.push_back(make_wire(spec));
    Check one[] = {{.wire = &wires_.back()}};
    one[0].key.fill('k');
    for (int i = 1; i <= 20; ++i) {
        const CheckReply reply = ask(one);
        EXPECT_TRUE(reply.allowed);
        EXPECT_EQ(reply.measures[0].used, i);
        EXPECT_LE(reply.measures[0].next_ns, 900 * kS);
        EXPECT_GT(reply.measures[0].next_ns, 870 * kS);
    }
    EXPECT_FALSE(ask(one).allowed);
    one[0].units = -5;
    EXPECT_EQ(ask(one).measures[0].used, 15);
    one[0].units = 5;
    EXPECT_TRUE(ask(one).allowed);
    one[0].units = 1;
    EXPECT_FALSE(ask(one).allowed);
}

TEST_F(RateLimitScriptTest, ARefusedCostIsToldWhenAWindowHasRoomForIt) {
    policy::LimitSpec spec;
    spec.name = "w";
    spec.kind = policy::LimitKind::window;
    spec.window = {4, 900 * kS};
    spec.quota = 4;
    wires_.push_back(make_wire(spec));
    Check one[] = {{.wire = &wires_.back()}};
    one[0].key.fill('k');
    one[0].units = 3;
    ASSERT_TRUE(ask(one).allowed);
    // The second request lies later, by however long this takes.
    const std::int64_t before_ns = ask_refused(one).measures[0].next_ns;
    ASSERT_TRUE(test::wait_until(
        [&] { return ask_refused(one).measures[0].next_ns < before_ns - 20'000'000; }));
    one[0].units = 1;
    ASSERT_TRUE(ask(one).allowed);
    const auto refused_for = [&](std::int64_t units) {
        one[0].units = units;
        return ask_refused(one).measures[0].next_ns;
    };
    const std::int64_t oldest_ns = refused_for(3);
    EXPECT_GT(refused_for(4), oldest_ns + 10'000'000) << "the second must leave too";
    EXPECT_LE(refused_for(4), 900 * kS);
    EXPECT_LE(refused_for(1), oldest_ns);
}

TEST_F(RateLimitScriptTest, AWindowOpensAgain) {
    policy::LimitSpec spec;
    spec.name = "w";
    spec.kind = policy::LimitKind::window;
    spec.window = {3, kS};
    spec.quota = 3;
    wires_.push_back(make_wire(spec));
    Check one[] = {{.wire = &wires_.back()}};
    one[0].key.fill('k');
    EXPECT_TRUE(ask(one).allowed && ask(one).allowed && ask(one).allowed);
    EXPECT_TRUE(test::wait_until([&] { return ask(one).allowed; }));
}

TEST_F(RateLimitScriptTest, SlotsAreHeldByName) {
    policy::LimitSpec spec;
    spec.name = "c";
    spec.kind = policy::LimitKind::concurrent;
    spec.concurrent = 3;
    spec.quota = 3;
    wires_.push_back(make_wire(spec));
    Check a[] = {{.wire = &wires_.back(), .holder = "a"}};
    a[0].key.fill('k');
    Check b[] = {{.wire = &wires_.back(), .holder = "b"}};
    b[0].key.fill('k');
    EXPECT_TRUE(ask(a).allowed && ask(a).allowed && ask(b).allowed);
    EXPECT_FALSE(ask(a).allowed);
    EXPECT_EQ(ask(b).measures[0].used, 3);
    std::string out;
    RespWriter(out).command(3).word("SCRIPT").word("LOAD").word(rate_limit_hold_script().text);
    append_hold(out, *a[0].wire, a[0].key, "a", true, -1);
    client_.send(out);
    client_.receive();
    EXPECT_EQ(client_.receive().integers[0], 1);
    EXPECT_TRUE(ask(b).allowed);
    EXPECT_FALSE(ask(b).allowed);
    // A holder that is heard of no more loses its slots.
    EXPECT_TRUE(test::wait_until([&] { return ask(b).allowed; }));
}

TEST_F(RateLimitScriptTest, AForgottenScriptIsAnErrorOfItsOwn) {
    client_.run({"SCRIPT", "FLUSH"});
    const Check one[] = {check("a", 'k', policy::Gcra::make(10, 60 * kS, 10))};
    std::string out;
    append_check(out, one);
    client_.send(out);
    EXPECT_TRUE(client_.receive().is_error("NOSCRIPT"));
}

}  // namespace
}  // namespace sallyport::store
