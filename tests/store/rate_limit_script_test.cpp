// The rate limit script on a real redis-server: the answers must be those of policy/rate_limit, and
// what stays behind in Redis must be what the documents promise.
#include "common/bytes.hpp"
#include "module/store/rate_limit_commands.hpp"
#include "module/store/resp_writer.hpp"
#include "tests/integration/fixtures/redis_server.hpp"

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
        EXPECT_LE(reply.ahead_ns[0], i * one[0].wire->limit.interval_ns);
        EXPECT_GT(reply.ahead_ns[0], i * one[0].wire->limit.interval_ns - 30 * kS);
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
        EXPECT_TRUE(both[0].wire->limit.admits(reply.ahead_ns[0]));
        EXPECT_FALSE(both[1].wire->limit.admits(reply.ahead_ns[1]));
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
    EXPECT_EQ(first.ahead_ns[0], 8'571'428'572);
    const std::string value(client_.run({"GET", redis_key(one[0])}).text());
    const auto space = value.find(' ');
    ASSERT_NE(space, std::string::npos) << value;
    // Server time has microseconds: the rest is the interval's.
    EXPECT_EQ(*parse_u64(value.substr(space + 1)) % 1000, 572u) << value;
}

TEST_F(RateLimitScriptTest, LargestBucketStaysExact) {
    policy::Gcra limit{policy::kRefillNsMax / 3, policy::kRefillNsMax / 3 * 3};
    const Check one[] = {check("a", 'k', limit)};
    EXPECT_EQ(ask(one).ahead_ns[0], limit.interval_ns);
    EXPECT_TRUE(ask(one).allowed);
    const CheckReply full = ask(one);
    EXPECT_TRUE(full.allowed);
    EXPECT_LE(full.ahead_ns[0], limit.capacity_ns);
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
    EXPECT_EQ(reply.ahead_ns[0], fast.capacity_ns) << "but it is empty by the new measure";
}

TEST_F(RateLimitScriptTest, StrangeValuesCountAsNone) {
    const Check one[] = {check("a", 'k', policy::Gcra::make(10, 60 * kS, 10))};
    for (const char* value :
         {"", "nonsense", "12", "12 -5", "1e9 5", "99999999999999999999999 1"}) {
        client_.run({"SET", redis_key(one[0]), value});
        const CheckReply reply = ask(one);
        EXPECT_GE(reply.ahead_ns[0], 0) << value;
        EXPECT_LE(reply.ahead_ns[0], one[0].wire->limit.capacity_ns) << value;
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
