// A delivery runs once over several nodes that share a Redis, and what happens when that Redis is
// killed, frozen or restarted at each step.
#include "tests/integration/fixtures/redis_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/fixtures/wait.hpp"
#include "tests/integration/mistakes.hpp"
#include "tests/integration/webhook_signing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace sallyport::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kHttp = R"(
    sallyport_redis main redis://%%REDIS%% budget=500ms backoff=20ms backoff_max=100ms;
    sallyport_webhook_secret file:%%DIR%%/hook.key;
    sallyport_webhook_replay redis=main wait=2s;
    proxy_next_upstream off;
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name hooks.test;
        add_header X-Webhook "$sallyport_webhook_status" always;
        add_header X-Webhook-Reason "$sallyport_webhook_reason" always;
        location /github { sallyport_webhook github; proxy_pass http://%%UPSTREAM%%; }
        location /other { sallyport_webhook github; proxy_pass http://%%UPSTREAM%%; }
        location /stripe { sallyport_webhook stripe; proxy_pass http://%%UPSTREAM%%; }
        location /brief {
            sallyport_webhook github;
            sallyport_webhook_replay redis=main inflight=1s ttl=1s;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /hasty {
            sallyport_webhook github;
            sallyport_webhook_replay redis=main wait=50ms;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /pass {
            sallyport_webhook github;
            sallyport_webhook_replay redis=main down=pass;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /rotated {
            sallyport_webhook github;
            sallyport_webhook_secret file:%%DIR%%/hook.key;
            sallyport_webhook_secret file:%%DIR%%/old.key;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /report {
            sallyport_webhook github;
            sallyport_webhook_mode report;
            proxy_pass http://%%UPSTREAM%%;
        }
    }
)";

class WebhookReplayRedisTest : public testing::Test {
  protected:
    std::unique_ptr<NginxServer> node(int workers = 1) {
        NginxOptions out;
        out.variables = {{"UPSTREAM", upstream_.address()}, {"REDIS", redis_.address()}};
        out.files = webhook_files();
        out.workers = workers;
        return std::make_unique<NginxServer>(kHttp, out);
    }
    static HttpResponse post(const NginxServer& nginx, std::string_view path, std::string_view body,
                             HeaderList headers) {
        return send(delivery(nginx.url(path), body, std::move(headers)));
    }
    static HttpResponse github(const NginxServer& nginx, std::string_view path,
                               std::string_view body) {
        return post(nginx, path, body, github_headers(body));
    }
    static std::string seen(const HttpResponse& response) {
        return response.header("X-Webhook").value_or("");
    }
    void answer_with(int status) {
        upstream_.set_handler([status](const UpstreamRequest&) {
            UpstreamReply reply;
            reply.status = status;
            return reply;
        });
    }
    std::shared_ptr<Gate> hold_answers() {
        auto gate = std::make_shared<Gate>();
        upstream_.set_handler([gate](const UpstreamRequest& request) {
            UpstreamReply reply;
            if (request.body.find("probe") == std::string::npos) {
                reply.gate = gate;
            }
            return reply;
        });
        return gate;
    }
    // True once Redis judges replays again; each probe is a delivery of its own.
    bool recovered(const NginxServer& nginx) {
        return wait_until([&] {
            return seen(github(nginx, "/other", "probe " + std::to_string(probes_++))) == "valid";
        });
    }
    std::size_t forwarded(const std::string& body) const {
        std::size_t count = 0;
        for (const UpstreamRequest& request : upstream_.requests()) {
            count += request.body == body ? 1 : 0;
        }
        return count;
    }

    Upstream upstream_;
    // What is in flight survives a restart.
    RedisServer redis_{{"--appendonly", "yes", "--appendfsync", "always"}};
    int probes_ = 0;
};

TEST_F(WebhookReplayRedisTest, NodesShareWhatIsDone) {
    const auto one = node();
    const auto two = node();
    ASSERT_TRUE(recovered(*one) && recovered(*two));
    EXPECT_EQ(seen(github(*one, "/github", "a")), "valid");
    for (const NginxServer* nginx : {one.get(), two.get()}) {
        ASSERT_TRUE(
            wait_until([&] { return seen(github(*nginx, "/github", "a")) == "duplicate"; }));
        EXPECT_EQ(github(*nginx, "/github", "a").status, 200);
    }
    EXPECT_EQ(seen(github(*two, "/other", "a")), "valid") << "another place";
    const std::string body = R"({"id":"evt_1"})";
    EXPECT_EQ(seen(post(*one, "/stripe", body, stripe_headers(body, now_s() - 60))), "valid");
    EXPECT_TRUE(wait_until(
        [&] { return seen(post(*two, "/stripe", body, stripe_headers(body))) == "duplicate"; }));
    EXPECT_EQ(forwarded("a"), 2u);
    EXPECT_EQ(forwarded(body), 1u);

    // Under keyed names that live as long as they matter.
    const std::string keys = redis_.command({"KEYS", "sallyport:{w:*"});
    EXPECT_THAT(keys, Not(HasSubstr("evt_1")));
    const std::string key = keys.substr(
        keys.find("sallyport"), keys.find("\r\n", keys.find("sallyport")) - keys.find("sallyport"));
    EXPECT_GT(std::stol(redis_.command({"TTL", key}).substr(1)), 3600);
}

TEST_F(WebhookReplayRedisTest, ARotationOfSecretsLosesNoDuplicate) {
    const auto nginx = node();
    ASSERT_TRUE(recovered(*nginx));
    EXPECT_EQ(seen(post(*nginx, "/rotated", "r", github_headers("r", kOldWebhookSecret))), "valid");
    EXPECT_TRUE(wait_until([&] { return seen(github(*nginx, "/rotated", "r")) == "duplicate"; }));
    EXPECT_EQ(forwarded("r"), 1u);
}

TEST_F(WebhookReplayRedisTest, SixteenCopiesOverTwoNodesReachTheUpstreamOnce) {
    const auto one = node(2);
    const auto two = node(2);
    ASSERT_TRUE(recovered(*one) && recovered(*two));
    for (int round = 0; round < 10; ++round) {
        const std::string body = "copy " + std::to_string(round);
        std::atomic<int> valid{0};
        std::vector<std::thread> senders;
        for (int i = 0; i < 16; ++i) {
            senders.emplace_back([&, nginx = i % 2 == 0 ? one.get() : two.get()] {
                const std::string what = seen(github(*nginx, "/github", body));
                valid += what == "valid" ? 1 : 0;
                EXPECT_TRUE(what == "valid" || what == "inflight" || what == "duplicate") << what;
            });
        }
        for (std::thread& sender : senders) {
            sender.join();
        }
        EXPECT_EQ(valid, 1);
        EXPECT_EQ(forwarded(body), 1u);
    }
}

TEST_F(WebhookReplayRedisTest, AFailedDeliveryRunsExactlyOnceLater) {
    const auto one = node(2);
    const auto two = node(2);
    ASSERT_TRUE(recovered(*one) && recovered(*two));
    answer_with(500);
    EXPECT_EQ(github(*one, "/github", "f").status, 500);
    EXPECT_TRUE(wait_until([&] { return github(*two, "/github", "f").status == 500; }));
    answer_with(200);
    const std::size_t before = forwarded("f");
    EXPECT_TRUE(wait_until([&] {
        std::atomic<int> valid{0};
        std::vector<std::thread> senders;
        for (int i = 0; i < 16; ++i) {
            senders.emplace_back([&, nginx = i % 2 == 0 ? one.get() : two.get()] {
                valid += seen(github(*nginx, "/github", "f")) == "valid" ? 1 : 0;
            });
        }
        for (std::thread& sender : senders) {
            sender.join();
        }
        return valid == 1;
    }));
    EXPECT_EQ(seen(github(*one, "/github", "f")), "duplicate");
    EXPECT_EQ(forwarded("f"), before + 1);
}

TEST_F(WebhookReplayRedisTest, AKilledWorkersDeliveryIsFreeAfterItsLease) {
    const auto one = node();
    const auto two = node();
    one->expect_log_line("exited on signal 9");
    ASSERT_TRUE(recovered(*one) && recovered(*two));
    const auto gate = hold_answers();
    RawSocket socket(one->port());
    socket.send(raw_head("/brief", github_headers("doomed"), content_length("doomed")) + "doomed");
    ASSERT_TRUE(wait_until([&] { return forwarded("doomed") == 1; }));
    EXPECT_EQ(seen(github(*two, "/brief", "doomed")), "inflight");
    ASSERT_EQ(kill(one->worker_pids().at(0), SIGKILL), 0);
    gate->open();
    EXPECT_TRUE(wait_until([&] { return seen(github(*two, "/brief", "doomed")) == "valid"; }));
    EXPECT_EQ(forwarded("doomed"), 2u);
}

TEST_F(WebhookReplayRedisTest, AClientThatHangsUpDoesNotMakeItRunTwice) {
    const auto nginx = node();
    ASSERT_TRUE(recovered(*nginx));
    const auto gate = hold_answers();
    {
        RawSocket socket(nginx->port());
        socket.send(raw_head("/github", github_headers("gone"), content_length("gone")) + "gone");
        ASSERT_TRUE(wait_until([&] { return forwarded("gone") == 1; }));
    }
    gate->open();
    EXPECT_TRUE(wait_until([&] { return seen(github(*nginx, "/github", "gone")) == "duplicate"; }));
    EXPECT_EQ(forwarded("gone"), 1u);
}

TEST_F(WebhookReplayRedisTest, WithoutRedisNothingIsLostAndNothingRunsTwice) {
    const auto nginx = node();
    ASSERT_TRUE(recovered(*nginx));
    redis_.stop();
    HttpResponse refused;
    ASSERT_TRUE(wait_until([&] {
        refused = github(*nginx, "/github", "d");
        return refused.status == 503;
    }));
    EXPECT_EQ(refused.header("Retry-After"), "5");
    EXPECT_EQ(seen(refused), "storedown");
    EXPECT_EQ(refused.header("X-Webhook-Reason"), "webhook_replay_store_unavailable");
    EXPECT_EQ(forwarded("d"), 0u);
    // Who prefers a copy to a delay says so.
    EXPECT_EQ(github(*nginx, "/pass", "p").status, 200);
    EXPECT_EQ(github(*nginx, "/report", "r").status, 200);
    redis_.start();
    ASSERT_TRUE(recovered(*nginx));
    EXPECT_EQ(seen(github(*nginx, "/github", "d")), "valid");
    EXPECT_TRUE(wait_until([&] { return seen(github(*nginx, "/pass", "p")) == "duplicate"; }))
        << "what was let pass is remembered afterwards";
    EXPECT_EQ(forwarded("p"), 1u);
}

TEST_F(WebhookReplayRedisTest, KilledWhileADeliveryIsInFlight) {
    const auto nginx = node();
    ASSERT_TRUE(recovered(*nginx));
    for (const bool good : {true, false}) {
        const std::string body = good ? "succeeds" : "fails";
        auto gate = std::make_shared<Gate>();
        upstream_.set_handler([gate, good](const UpstreamRequest& request) {
            UpstreamReply reply;
            if (request.body.find("probe") == std::string::npos) {
                reply.gate = gate;
                reply.status = good ? 200 : 500;
            }
            return reply;
        });
        HttpResponse first;
        std::thread sender([&] { first = github(*nginx, "/github", body); });
        EXPECT_TRUE(wait_until([&] { return forwarded(body) == 1; }));
        redis_.stop();
        gate->open();
        sender.join();
        EXPECT_EQ(first.status, good ? 200 : 500) << "the answer does not wait for Redis";
        // It comes back without memory; what it has to know it is told.
        redis_.start();
        ASSERT_TRUE(recovered(*nginx));
        EXPECT_TRUE(wait_until([&] {
            return seen(github(*nginx, "/github", body)) == (good ? "duplicate" : "valid");
        }));
        EXPECT_EQ(forwarded(body), good ? 1u : 2u);
    }
}

TEST_F(WebhookReplayRedisTest, FrozenWhileItIsAsked) {
    const auto nginx = node();
    ASSERT_TRUE(recovered(*nginx));
    redis_.pause();
    const auto refused = github(*nginx, "/hasty", "h");
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(seen(refused), "storedown");
    // Clients that leave while they wait harm nobody.
    for (int i = 0; i < 5; ++i) {
        RawSocket socket(nginx->port());
        const std::string body = "leaves " + std::to_string(i);
        socket.send(raw_head("/github", github_headers(body), content_length(body)) + body);
    }
    redis_.resume();
    ASSERT_TRUE(recovered(*nginx));
    // The reservation that Redis made after all is given back, long before its lease ends.
    EXPECT_TRUE(wait_until([&] { return seen(github(*nginx, "/hasty", "h")) == "valid"; }));
    EXPECT_EQ(forwarded("h"), 1u);
}

TEST_F(WebhookReplayRedisTest, AReloadForgetsNothing) {
    const auto nginx = node(2);
    ASSERT_TRUE(recovered(*nginx));
    EXPECT_EQ(seen(github(*nginx, "/github", "kept")), "valid");
    ASSERT_TRUE(nginx->reload());
    EXPECT_TRUE(wait_until([&] { return seen(github(*nginx, "/github", "kept")) == "duplicate"; }));
    EXPECT_EQ(forwarded("kept"), 1u);
}

TEST(WebhookReplayRedisConf, MistakesAreNamed) {
    const std::string head =
        "sallyport_redis main redis://127.0.0.1; sallyport_webhook github; "
        "sallyport_webhook_secret 'a secret long enough'; ";
    const std::pair<const char*, Mistake> mistakes[] = {
        {"sallyport_webhook_replay redis=other;",
         {"", "sallyport_webhook_replay", "\"other\"", "add sallyport_redis other"}},
        {"sallyport_webhook_replay redis=;",
         {"", "sallyport_webhook_replay", "redis=", "the name of a sallyport_redis"}},
        {"sallyport_webhook_replay redis=main zone=z:1m;",
         {"", "sallyport_webhook_replay", "zone= and redis=", "remove the other"}},
        {"sallyport_webhook_replay redis=main down=maybe;",
         {"", "sallyport_webhook_replay", "\"down=maybe\"", "down=reject|pass"}},
        {"sallyport_webhook_replay redis=main wait=1h;",
         {"", "sallyport_webhook_replay", "wait=1h", "write at most 10s"}},
        {"sallyport_webhook_replay redis=main wait=0s;",
         {"", "sallyport_webhook_replay", "wait=0s", "write at least 1ms"}},
        {"sallyport_webhook_replay key=auto;",
         {"", "sallyport_webhook_replay", "names no zone", "redis="}},
    };
    for (const auto& [line, expected] : mistakes) {
        NginxOptions options;
        const auto check = check_config(
            head + "server { listen 127.0.0.1:%%PORT_SPARE%%; location / { " + line + " } }");
        EXPECT_FALSE(check.ok()) << line;
        for (const char* piece : {"[emerg]", expected.directive, expected.value, expected.remedy}) {
            EXPECT_THAT(check.messages, HasSubstr(piece)) << line;
        }
    }
}

}  // namespace
}  // namespace sallyport::test
