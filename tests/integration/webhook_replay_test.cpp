// A delivery runs once: duplicates, copies in flight, failures that are retried, workers that die,
// clients that leave, reloads.
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/fixtures/wait.hpp"
#include "tests/integration/webhook_signing.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace sallyport::test {
namespace {

constexpr std::string_view kHttp = R"(
    sallyport_webhook_secret file:%%DIR%%/hook.key;
    sallyport_webhook_replay zone=deliveries:256k inflight=90s;
    proxy_next_upstream off;
    server {
        listen 127.0.0.1:%%PORT%%;
        add_header X-Webhook "$sallyport_webhook_status" always;
        add_header X-Webhook-Reason "$sallyport_webhook_reason" always;
        location /github { sallyport_webhook github; proxy_pass http://%%UPSTREAM%%; }
        location /other { sallyport_webhook github; proxy_pass http://%%UPSTREAM%%; }
        location /stripe { sallyport_webhook stripe; proxy_pass http://%%UPSTREAM%%; }
        location /standard {
            sallyport_webhook standard-webhooks;
            sallyport_webhook_secret file:%%DIR%%/standard.key;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /signature {
            sallyport_webhook stripe;
            sallyport_webhook_replay zone=deliveries key=signature;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /conflict {
            sallyport_webhook github;
            sallyport_webhook_replay zone=deliveries duplicate=409 busy=425;
            proxy_pass http://%%UPSTREAM%%;
        }
        location ~ ^/(?:api/)?flows/(?<flow>[a-z]+) {
            sallyport_webhook github;
            sallyport_webhook_replay zone=deliveries scope=$flow;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /brief {
            sallyport_webhook github;
            sallyport_webhook_replay zone=deliveries inflight=1s ttl=1s;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /report {
            sallyport_webhook github;
            sallyport_webhook_mode report;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /repeats { sallyport_webhook github; sallyport_webhook_replay off; proxy_pass http://%%UPSTREAM%%; }
        location /pages {
            sallyport_webhook github;
            proxy_intercept_errors on;
            error_page 500 = @page;
            proxy_pass http://%%UPSTREAM%%;
        }
        location @page { return 503 "page"; }
        location /static { sallyport_webhook github; try_files /nothing =404; }
        location /mended { sallyport_webhook github; try_files /nothing =404; error_page 404 =200 @fine; }
        location @fine { return 200 "fine"; }
        location /slowly {
            sallyport_webhook github;
            postpone_output 0;
            proxy_pass http://127.0.0.1:%%PORT_SLOW%%;
        }
        location /nowhere { sallyport_webhook github; proxy_pass http://127.0.0.1:1; }
    }
    # An upstream that has said what it thinks long before its answer is over.
    server {
        listen 127.0.0.1:%%PORT_SLOW%%;
        limit_rate 16;
        limit_rate_after 1k;
        location / { return 500 %%LONG%%; }
        location ~ good$ { return 200 %%LONG%%; }
    }
)";

class WebhookReplayTest : public testing::Test {
  protected:
    explicit WebhookReplayTest(int workers = 1) : nginx_(kHttp, options(workers)) {}
    NginxOptions options(int workers) {
        NginxOptions out;
        out.variables = {{"UPSTREAM", upstream_.address()}, {"LONG", std::string(2000, 'x')}};
        out.files = webhook_files();
        out.workers = workers;
        return out;
    }
    HttpResponse post(std::string_view path, std::string_view body, HeaderList headers) {
        return send(delivery(nginx_.url(path), body, std::move(headers)));
    }
    HttpResponse github(std::string_view path, std::string_view body) {
        return post(path, body, github_headers(body));
    }
    void answer_with(int status) {
        upstream_.set_handler([status](const UpstreamRequest&) {
            UpstreamReply reply;
            reply.status = status;
            return reply;
        });
    }

    Upstream upstream_;
    NginxServer nginx_;
};

class WebhookReplayWorkersTest : public WebhookReplayTest {
  protected:
    WebhookReplayWorkersTest() : WebhookReplayTest(2) {}
};

TEST_F(WebhookReplayTest, ADuplicateIsAnsweredAndNotForwarded) {
    EXPECT_EQ(github("/github", "one").header("X-Webhook"), "valid");
    for (int i = 0; i < 3; ++i) {
        const auto duplicate = github("/github", "one");
        EXPECT_EQ(duplicate.status, 200);
        EXPECT_EQ(duplicate.header("X-Webhook"), "duplicate");
        EXPECT_EQ(duplicate.body, "");
    }
    EXPECT_EQ(upstream_.request_count(), 1U);
    EXPECT_EQ(github("/github", "two").header("X-Webhook"), "valid");
    EXPECT_EQ(github("/conflict", "three").status, 200);
    EXPECT_EQ(github("/conflict", "three").status, 409);
    // Another location is another destination.
    EXPECT_EQ(github("/other", "one").header("X-Webhook"), "valid");
}

TEST_F(WebhookReplayTest, AnUnsignedIdDoesNotMakeACopyNew) {
    EXPECT_EQ(post("/github", "body", github_headers("body", kWebhookSecret, "guid-1")).status,
              200);
    EXPECT_EQ(post("/github", "body", github_headers("body", kWebhookSecret, "guid-2"))
                  .header("X-Webhook"),
              "duplicate");
    EXPECT_EQ(upstream_.request_count(), 1U);
}

TEST_F(WebhookReplayTest, ASignedIdIsKnownAgainUnderANewSignature) {
    const std::string body = R"({"id":"evt_7"})";
    EXPECT_EQ(post("/stripe", body, stripe_headers(body, now_s() - 60)).status, 200);
    EXPECT_EQ(post("/stripe", body, stripe_headers(body)).header("X-Webhook"), "duplicate");
    EXPECT_EQ(post("/standard", "x", standard_headers("x", "msg_7", now_s() - 60)).status, 200);
    EXPECT_EQ(post("/standard", "x", standard_headers("x", "msg_7")).header("X-Webhook"),
              "duplicate");
    EXPECT_EQ(post("/standard", "x", standard_headers("x", "msg_8")).header("X-Webhook"), "valid");
    // By signature only exact copies are known.
    const HeaderList first = stripe_headers(body, now_s() - 60);
    EXPECT_EQ(post("/signature", body, first).header("X-Webhook"), "valid");
    EXPECT_EQ(post("/signature", body, first).header("X-Webhook"), "duplicate");
    EXPECT_EQ(post("/signature", body, stripe_headers(body)).header("X-Webhook"), "valid");
    EXPECT_EQ(upstream_.request_count(), 5U);
}

TEST_F(WebhookReplayTest, AScopeTellsWebhooksOfOneLocationApart) {
    EXPECT_EQ(github("/flows/a", "x").header("X-Webhook"), "valid");
    EXPECT_EQ(github("/flows/b", "x").header("X-Webhook"), "valid");
    EXPECT_EQ(github("/flows/a?again", "x").header("X-Webhook"), "duplicate");
    EXPECT_EQ(github("/api/flows/a", "x").header("X-Webhook"), "duplicate");
}

TEST_F(WebhookReplayTest, AForgedDeliveryBurnsNoId) {
    const std::string body = R"({"id":"evt_9"})";
    EXPECT_EQ(post("/stripe", body, stripe_headers(body, now_s(), "a wrong secret")).status, 401);
    EXPECT_EQ(post("/stripe", body, stripe_headers(body)).header("X-Webhook"), "valid");
}

TEST_F(WebhookReplayTest, AFailedDeliveryMayComeAgain) {
    for (const int status : {500, 503, 404, 302}) {
        answer_with(status);
        const std::string body = "failing " + std::to_string(status);
        EXPECT_EQ(github("/github", body).status, status);
        answer_with(200);
        EXPECT_EQ(github("/github", body).header("X-Webhook"), "valid");
        EXPECT_EQ(github("/github", body).header("X-Webhook"), "duplicate");
    }
    EXPECT_EQ(upstream_.request_count(), 8U);
    answer_with(0);  // closes the connection
    EXPECT_EQ(github("/github", "closed").status, 502);
    answer_with(201);
    EXPECT_EQ(github("/github", "closed").status, 201);
    EXPECT_EQ(github("/github", "closed").header("X-Webhook"), "duplicate");
    EXPECT_EQ(github("/nowhere", "refused").status, 502);
    EXPECT_EQ(github("/nowhere", "refused").status, 502);
}

// The status decides when it is there, not when the last byte of a long answer is.
TEST_F(WebhookReplayTest, TheBeginningOfTheAnswerDecides) {
    const auto begin = [&](RawSocket& socket, const std::string& path) {
        const std::string body = "slow " + path;
        socket.send(raw_head(path, github_headers(body), content_length(body)) + body);
        const std::string head = socket.receive_until("\r\n\r\n");
        return head.substr(0, head.find('\r'));
    };
    RawSocket failing(nginx_.port());
    RawSocket retry(nginx_.port());
    EXPECT_EQ(begin(failing, "/slowly"), "HTTP/1.1 500 Internal Server Error");
    EXPECT_EQ(begin(retry, "/slowly"), "HTTP/1.1 500 Internal Server Error") << "not in flight";
    RawSocket running(nginx_.port());
    EXPECT_EQ(begin(running, "/slowly/good"), "HTTP/1.1 200 OK");
    EXPECT_EQ(github("/slowly/good", "slow /slowly/good").header("X-Webhook"), "duplicate");
}

TEST_F(WebhookReplayTest, AnErrorPageDoesNotHideTheFailure) {
    answer_with(500);
    EXPECT_EQ(github("/pages", "x").body, "page");
    answer_with(200);
    EXPECT_EQ(github("/pages", "x").header("X-Webhook"), "valid");
    EXPECT_EQ(github("/pages", "x").header("X-Webhook"), "duplicate");
}

TEST_F(WebhookReplayTest, ACopyInFlightIsAskedToComeAgain) {
    auto gate = std::make_shared<Gate>();
    upstream_.set_handler([gate](const UpstreamRequest&) {
        UpstreamReply reply;
        reply.gate = gate;
        return reply;
    });
    HttpResponse first;
    std::thread sender([&] { first = github("/github", "slow"); });
    EXPECT_TRUE(upstream_.wait_for_requests(1));
    const auto copy = github("/github", "slow");
    EXPECT_EQ(copy.status, 503);
    EXPECT_EQ(copy.header("X-Webhook"), "inflight");
    EXPECT_EQ(copy.header("X-Webhook-Reason"), "webhook_in_flight");
    EXPECT_EQ(copy.header("Retry-After"), "10");
    gate->open();
    sender.join();
    EXPECT_EQ(first.status, 200);
    EXPECT_EQ(github("/github", "slow").header("X-Webhook"), "duplicate");
    EXPECT_EQ(upstream_.request_count(), 1U);
}

TEST_F(WebhookReplayTest, AClientThatHangsUpDoesNotMakeItRunTwice) {
    auto gate = std::make_shared<Gate>();
    upstream_.set_handler([gate](const UpstreamRequest&) {
        UpstreamReply reply;
        reply.gate = gate;
        return reply;
    });
    const std::string body = "impatient";
    {
        RawSocket socket(nginx_.port());
        socket.send(raw_head("/github", github_headers(body), content_length(body)) + body);
        ASSERT_TRUE(upstream_.wait_for_requests(1));
    }
    gate->open();
    ASSERT_TRUE(wait_until([&] { return github("/github", body).status != 503; }));
    EXPECT_EQ(github("/github", body).header("X-Webhook"), "duplicate");
    EXPECT_EQ(upstream_.request_count(), 1U);
}

TEST_F(WebhookReplayTest, AKilledWorkersDeliveryIsFreeAfterItsLease) {
    nginx_.expect_log_line("exited on signal 9");
    auto gate = std::make_shared<Gate>();
    upstream_.set_handler([gate](const UpstreamRequest& request) {
        UpstreamReply reply;
        if (request.body == "doomed") {
            reply.gate = gate;
        }
        return reply;
    });
    RawSocket socket(nginx_.port());
    socket.send(raw_head("/brief", github_headers("doomed"), content_length("doomed")) + "doomed");
    ASSERT_TRUE(upstream_.wait_for_requests(1));
    const pid_t worker = nginx_.worker_pids().at(0);
    ASSERT_EQ(kill(worker, SIGKILL), 0);
    gate->open();
    ASSERT_TRUE(wait_until([&] { return github("/brief", "alive").status == 200; }));
    ASSERT_TRUE(
        wait_until([&] { return github("/brief", "doomed").header("X-Webhook") == "valid"; }));
    EXPECT_GE(upstream_.request_count(), 3U);
}

TEST_F(WebhookReplayTest, MemoryEndsWithItsTime) {
    EXPECT_EQ(github("/brief", "short-lived").header("X-Webhook"), "valid");
    EXPECT_EQ(github("/brief", "short-lived").header("X-Webhook"), "duplicate");
    EXPECT_TRUE(
        wait_until([&] { return github("/brief", "short-lived").header("X-Webhook") == "valid"; }));
}

TEST_F(WebhookReplayTest, AReloadForgetsNothing) {
    EXPECT_EQ(github("/github", "kept").header("X-Webhook"), "valid");
    ASSERT_TRUE(nginx_.reload());
    EXPECT_EQ(github("/github", "kept").header("X-Webhook"), "duplicate");
    std::string larger(kHttp);
    larger.replace(larger.find("deliveries:256k"), 15, "deliveries:512k");
    ASSERT_TRUE(nginx_.reload(larger));
    EXPECT_EQ(github("/github", "kept").header("X-Webhook"), "duplicate");
    EXPECT_EQ(upstream_.request_count(), 1U);
}

TEST_F(WebhookReplayTest, ReportModeOnlyTells) {
    EXPECT_EQ(github("/report", "x").header("X-Webhook"), "valid");
    const auto copy = github("/report", "x");
    EXPECT_EQ(copy.status, 200);
    EXPECT_EQ(copy.header("X-Webhook"), "duplicate");
    EXPECT_EQ(upstream_.request_count(), 2U);
    github("/repeats", "x");
    github("/repeats", "x");
    EXPECT_EQ(upstream_.request_count(), 4U);
}

// Where nginx itself answers, its own status decides.
TEST_F(WebhookReplayTest, AnswersOfNginxCountToo) {
    EXPECT_EQ(github("/static", "x").status, 404);
    EXPECT_EQ(github("/static", "x").status, 404);
    EXPECT_EQ(github("/mended", "x").body, "fine");
    EXPECT_EQ(github("/mended", "x").header("X-Webhook"), "duplicate");
}

TEST_F(WebhookReplayWorkersTest, SixteenCopiesAtOnceReachTheUpstreamOnce) {
    std::atomic<int> forwarded{0};
    std::atomic<int> other{0};
    std::vector<std::thread> senders;
    for (int i = 0; i < 16; ++i) {
        senders.emplace_back([&] {
            const auto response = github("/github", "all at once");
            const auto seen = response.header("X-Webhook").value_or("");
            (seen == "valid" ? forwarded : other)++;
            EXPECT_TRUE(seen == "valid" || seen == "inflight" || seen == "duplicate") << seen;
        });
    }
    for (std::thread& sender : senders) {
        sender.join();
    }
    EXPECT_EQ(forwarded, 1);
    EXPECT_EQ(other, 15);
    EXPECT_EQ(upstream_.request_count(), 1U);
}

// What the sender has seen answered with 2xx is a duplicate at once, on every worker.
TEST_F(WebhookReplayWorkersTest, AnAnsweredDeliveryIsDoneEverywhere) {
    for (int i = 0; i < 50; ++i) {
        const std::string body = "n" + std::to_string(i);
        ASSERT_EQ(github("/github", body).header("X-Webhook"), "valid");
        ASSERT_EQ(github("/github", body).header("X-Webhook"), "duplicate") << i;
    }
}

TEST(WebhookReplayStore, IsFullRatherThanForgetful) {
    Upstream upstream;
    NginxOptions options;
    options.files = webhook_files();
    options.variables = {{"UPSTREAM", upstream.address()}};
    NginxServer nginx(R"(
        sallyport_webhook_secret file:%%DIR%%/hook.key;
        server {
            listen 127.0.0.1:%%PORT%%;
            add_header X-Webhook "$sallyport_webhook_status" always;
            location /full { sallyport_webhook github; sallyport_webhook_replay zone=small:64k full=reject; proxy_pass http://%%UPSTREAM%%; }
            location /pass { sallyport_webhook github; sallyport_webhook_replay zone=small full=pass; proxy_pass http://%%UPSTREAM%%; }
        }
    )",
                      options);
    HttpClient client;
    const auto post = [&](std::string_view path, const std::string& body) {
        return client.send(delivery(nginx.url(path), body, github_headers(body)));
    };
    int live = 0;
    HttpResponse last;
    for (; live < 5000; ++live) {
        last = post("/full", "n" + std::to_string(live));
        if (last.status != 200) {
            break;
        }
    }
    EXPECT_GT(live, 300);
    EXPECT_LT(live, 2000);
    EXPECT_EQ(last.status, 503);
    EXPECT_EQ(last.header("X-Webhook"), "storefull");
    EXPECT_TRUE(last.header("Retry-After").has_value());
    EXPECT_EQ(post("/full", "n0").header("X-Webhook"), "duplicate");
    EXPECT_EQ(post("/pass", "new").status, 200);
    EXPECT_EQ(post("/pass", "new").status, 200);
}

}  // namespace
}  // namespace sallyport::test
