// What was answered 202 arrives, whatever dies meanwhile: the upstream, Redis, the forwarder.
//
// scripts/spool-soak runs the load with SALLYPORT_SPOOL_DELIVERIES (a third of the deliveries),
// SALLYPORT_SPOOL_SENDERS and SALLYPORT_SPOOL_FSYNC (always, everysec).
#include "common/contract.hpp"
#include "tests/integration/fixtures/redis_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/fixtures/wait.hpp"
#include "tests/integration/webhook_signing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace sallyport::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kHttp = R"(
    sallyport_redis main redis://%%REDIS%% budget=500ms backoff=20ms backoff_max=100ms;
    sallyport_limit none rate=1r/d;
    sallyport_webhook_secret file:%%DIR%%/hook.key;
    sallyport_webhook_replay redis=main wait=2s;
    proxy_next_upstream off;
    client_body_buffer_size 8k;
    server {
        listen 127.0.0.1:%%PORT%%;
        add_header X-Webhook "$sallyport_webhook_status" always;
        add_header X-Spool "$sallyport_webhook_spool" always;
        location /hooks/ {
            sallyport_webhook github;
            sallyport_webhook_spool redis=main order=$arg_k;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /vouched {
            sallyport_webhook github;
            sallyport_verdict secret_file=%%DIR%%/verdict.key;
            sallyport_webhook_spool redis=main;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /moved {
            sallyport_webhook github;
            sallyport_webhook_spool redis=main uri=/elsewhere?from=$uri max_body=100k;
            proxy_pass http://127.0.0.1:1;
        }
        location /limited {
            sallyport_rate_limit none;
            sallyport_webhook github;
            sallyport_webhook_spool redis=main;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /small {
            sallyport_webhook github;
            sallyport_webhook_spool redis=main stream=small max_entries=2 on=503;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /synced {
            sallyport_webhook github;
            sallyport_webhook_spool redis=main stream=synced durable=replica wait=200ms;
            proxy_pass http://%%UPSTREAM%%;
        }
    }
)";

constexpr const char* kVerdictSecret = "the secret that gateway and engine share";

// An hour of patience for the heavy form; the common one takes seconds.
constexpr std::chrono::minutes kSoakDeadline{60};

std::size_t setting(const char* name, const char* usual) {
    return std::stoul(environment_or(name, usual));
}

std::string fsync() {
    return environment_or("SALLYPORT_SPOOL_FSYNC", "always");
}

std::string cli_path() {
    return environment_or("SALLYPORT_CLI_BIN", SALLYPORT_CLI_BIN_DEFAULT);
}

class WebhookSpoolTest : public testing::Test {
  protected:
    WebhookSpoolTest() : nginx_(kHttp, options()) { answer_with(503); }
    NginxOptions options() {
        NginxOptions out;
        out.variables = {{"UPSTREAM", upstream_.address()}, {"REDIS", redis_.address()}};
        out.files = webhook_files();
        out.files["verdict.key"] = kVerdictSecret;
        out.workers = 2;
        return out;
    }
    void answer_with(int status) {
        upstream_.set_handler([status](const UpstreamRequest& request) {
            UpstreamReply reply;
            reply.status = request.body.find("poison") == std::string::npos ? status : 400;
            return reply;
        });
    }
    HttpResponse github(std::string_view path, std::string_view body) {
        return send(delivery(nginx_.url(path), body, github_headers(body)));
    }
    // Until the spool takes it: workers may still be connecting.
    HttpResponse kept(std::string_view path, std::string_view body) {
        HttpResponse response;
        EXPECT_TRUE(wait_until([&] {
            response = github(path, body);
            return response.status == 202;
        })) << response.status
            << nginx_.error_log();
        return response;
    }
    std::vector<std::string> forward(std::vector<std::string> more) const {
        std::vector<std::string> words = {cli_path(), "forward",
                                          "--redis",  "redis://" + redis_.address(),
                                          "--to",     "http://" + upstream_.address()};
        words.insert(words.end(), more.begin(), more.end());
        return words;
    }
    CommandResult deliver_all(std::vector<std::string> more = {}) {
        more.push_back("--once");
        return run_command(forward(std::move(more)));
    }
    std::vector<UpstreamRequest> received(const std::string& body) const {
        std::vector<UpstreamRequest> out;
        for (const UpstreamRequest& request : upstream_.requests()) {
            if (request.body == body && request.header("Idempotency-Key")) {
                out.push_back(request);
            }
        }
        return out;
    }

    Upstream upstream_;
    // With `always` it may be killed; with `everysec` it is asked to end, for a kill may lose the
    // last second, as the manual says.
    void restart_redis() {
        if (fsync() != "always") {
            redis_.command({"SHUTDOWN"});
            EXPECT_TRUE(wait_until([&] { return redis_.command({"PING"}).empty(); }));
        }
        redis_.restart();
    }

    TempDir files_{"forward"};
    RedisServer redis_{{"--appendonly", "yes", "--appendfsync", fsync()}};
    NginxServer nginx_;
};

TEST_F(WebhookSpoolTest, IsKeptAndDeliveredLater) {
    for (const int status : {503, 502, 504, 429, 0}) {
        answer_with(status);
        const std::string body = "status " + std::to_string(status);
        const auto response = kept("/hooks/a?k=1", body);
        EXPECT_EQ(response.header("X-Spool"), "kept");
        EXPECT_EQ(response.body, "");
        EXPECT_TRUE(wait_until([&] {
            return github("/hooks/a?k=1", body).header("X-Webhook") == "duplicate";
        })) << "what is kept is done";
    }
    // What the upstream says about the delivery itself is its answer; what we refuse stays refused.
    answer_with(500);
    EXPECT_EQ(github("/hooks/a?k=1", "its own fault").status, 500);
    answer_with(503);
    EXPECT_EQ(
        send(delivery(nginx_.url("/hooks/a"), "x", github_headers("x", "a wrong secret"))).status,
        401);
    EXPECT_EQ(kept("/limited", "one").status, 202);
    const auto limited = github("/limited", "two");
    EXPECT_EQ(limited.status, 429);
    EXPECT_THAT(limited.body, HasSubstr("rate_limited"));

    upstream_.clear();
    answer_with(200);
    const CommandResult result = deliver_all();
    EXPECT_EQ(result.exit_code, 0) << result.output;
    EXPECT_EQ(upstream_.request_count(), 6u);
    const auto first = received("status 503");
    ASSERT_EQ(first.size(), 1u);
    EXPECT_EQ(first[0].method, "POST");
    EXPECT_EQ(first[0].target, "/hooks/a?k=1");
    EXPECT_EQ(first[0].header("X-GitHub-Event"), "push");
    EXPECT_EQ(first[0].header("Content-Type"), "application/json");
    EXPECT_EQ(first[0].header("X-Hub-Signature-256"),
              "sha256=" + hex_hmac(kWebhookSecret, "status 503"));
    EXPECT_EQ(first[0].header("Idempotency-Key")->size(), 32u);
    EXPECT_THAT(redis_.command({"XLEN", "sallyport:{spool:deliveries}"}), HasSubstr(":0"));
}

// An engine that demands the gateway's verdict gets a fresh one, for what the gateway vouched for.
TEST_F(WebhookSpoolTest, TheVerdictIsRenewed) {
    HeaderList forged = github_headers("other");
    forged.emplace_back("X-Sallyport-Verdict", "v1;t=1;ip=192.0.2.1;sig=00");
    kept("/vouched", "vouched");
    EXPECT_EQ(send(delivery(nginx_.url("/hooks/a"), "other", forged)).status, 202);
    answer_with(200);
    const auto key = contract::verdict_key(Secret(std::string_view(kVerdictSecret)));
    const auto secret = [&](const std::string& name, const std::string& text) {
        return files_.write(name, text, 0600);
    };
    const std::string right = secret("right.key", kVerdictSecret);
    const std::string other = secret("other.key", "a secret of somebody else, long enough");
    upstream_.clear();
    EXPECT_EQ(deliver_all({"--verdict-secret-file", right}).exit_code, 0);
    const auto vouched = received("vouched");
    ASSERT_EQ(vouched.size(), 1u);
    const auto verdict = contract::verify_verdict(
        vouched[0].header("X-Sallyport-Verdict").value_or(""), key, now_s());
    ASSERT_TRUE(verdict) << verdict.message();
    EXPECT_EQ(verdict->client_address, "127.0.0.1");
    EXPECT_EQ(verdict->scheme, "http");
    EXPECT_EQ(verdict->policy, "github");
    EXPECT_EQ(verdict->target, "/vouched");
    EXPECT_EQ(verdict->delivery_id, "72d3162e-cc78-11e3-81ab-4c9367dc0958");
    ASSERT_EQ(received("other").size(), 1u);
    EXPECT_FALSE(received("other")[0].header("X-Sallyport-Verdict")) << "nobody vouched for it";

    // By another's secret, and without any.
    answer_with(503);
    kept("/vouched", "v2");
    kept("/vouched", "v3");
    kept("/vouched", "v4");
    answer_with(200);
    EXPECT_EQ(deliver_all({"--verdict-secret-file", other}).exit_code, 0);
    ASSERT_EQ(received("v2").size(), 1u);
    EXPECT_FALSE(received("v2")[0].header("X-Sallyport-Verdict"));
    answer_with(503);
    kept("/vouched", "v5");
    answer_with(200);
    EXPECT_EQ(
        deliver_all({"--verdict-secret-file", other, "--verdict-secret-file", right}).exit_code, 0);
    const auto rotated = received("v5");
    ASSERT_EQ(rotated.size(), 1u);
    const auto new_key =
        contract::verdict_key(Secret(std::string_view("a secret of somebody else, long enough")));
    EXPECT_TRUE(contract::verify_verdict(rotated[0].header("X-Sallyport-Verdict").value_or(""),
                                         new_key, now_s()));
    EXPECT_NE(deliver_all({"--verdict-secret-file", "/none"}).exit_code, 0);
}

TEST_F(WebhookSpoolTest, BodiesInFilesAndOtherPlaces) {
    std::string large(90 * 1024, 'x');
    large += std::string("\0\r\n\xff", 4);
    kept("/moved", large);
    EXPECT_EQ(github("/moved", std::string(200 * 1024, 'y')).status, 502) << "over max_body=";
    answer_with(200);
    EXPECT_EQ(deliver_all().exit_code, 0);
    ASSERT_EQ(received(large).size(), 1u);
    EXPECT_EQ(received(large)[0].target, "/elsewhere?from=/moved");
}

TEST_F(WebhookSpoolTest, WhatCannotBeKeptIsNotAcknowledged) {
    kept("/small", "1");
    kept("/small", "2");
    EXPECT_EQ(github("/small", "3").status, 503) << "the spool is full";
    EXPECT_THAT(nginx_.error_log(), HasSubstr("SPOOLFULL"));
    EXPECT_EQ(github("/synced", "s").status, 503) << "no replica has it";
    answer_with(502);
    EXPECT_EQ(github("/small", "4").status, 502) << "not among on=";
    answer_with(503);
    redis_.stop();
    EXPECT_TRUE(wait_until([&] { return github("/hooks/a", "r").status == 503; }));
    redis_.start();
    kept("/hooks/a", "r");
    answer_with(200);
    EXPECT_EQ(deliver_all().exit_code, 0);
    EXPECT_EQ(received("r").size(), 1u);
}

TEST_F(WebhookSpoolTest, APoisonDeliveryBecomesADeadLetter) {
    kept("/hooks/a?k=1", "good");
    answer_with(503);
    // While it is kept the upstream says 503 to everything.
    upstream_.set_handler([](const UpstreamRequest&) {
        UpstreamReply reply;
        reply.status = 503;
        return reply;
    });
    kept("/hooks/a?k=2", "poison");
    kept("/hooks/a?k=2", "behind it");
    answer_with(200);
    EXPECT_EQ(deliver_all({"--attempts", "2"}).exit_code, 0);
    EXPECT_EQ(received("good").size(), 1u);
    EXPECT_EQ(received("behind it").size(), 1u);
    EXPECT_EQ(received("poison").size(), 2u);
    const auto list = run_command(forward({"--dead-letters", "list"}));
    EXPECT_THAT(list.output, HasSubstr("/hooks/a?k=2"));
    EXPECT_THAT(list.output, HasSubstr("answered 400"));
    upstream_.set_handler([](const UpstreamRequest&) { return UpstreamReply{}; });
    EXPECT_EQ(run_command(forward({"--dead-letters", "replay"})).exit_code, 0);
    EXPECT_EQ(deliver_all().exit_code, 0);
    const auto all = received("poison");
    ASSERT_EQ(all.size(), 3u);
    EXPECT_EQ(all[2].header("Idempotency-Key"), all[0].header("Idempotency-Key"));
    EXPECT_EQ(run_command(forward({"--dead-letters", "list"})).output, "");
}

// Senders that repeat what was not answered 2xx, as providers do; one order each.
class Senders {
  public:
    // `rate`: so many a second, all of them together; 0: as many as go.
    Senders(const NginxServer& nginx, int count, std::size_t rate) {
        using Clock = std::chrono::steady_clock;
        const std::chrono::nanoseconds apart(rate == 0 ? 0 : count * 1'000'000'000LL / rate);
        for (int k = 0; k < count; ++k) {
            threads_.emplace_back([this, &nginx, k, apart] {
                HttpClient client;
                auto turn = Clock::now();
                for (int n = 0; !stopping_; ++n) {
                    std::this_thread::sleep_until(turn += apart);
                    const std::string body = std::to_string(k) + ":" + std::to_string(n);
                    const HttpRequest request =
                        delivery(nginx.url("/hooks/load?k=" + std::to_string(k)), body,
                                 github_headers(body));
                    int status = 0;
                    while (!stopping_ && (status < 200 || status > 299)) {
                        status = client.send(request).status;
                    }
                    if (status >= 200 && status <= 299) {
                        const std::lock_guard lock(mutex_);
                        accepted_.insert(body);
                    }
                }
            });
        }
    }
    ~Senders() { stop(); }
    void stop() {
        stopping_ = true;
        for (std::thread& thread : threads_) {
            thread.join();
        }
        threads_.clear();
    }
    std::size_t count() {
        const std::lock_guard lock(mutex_);
        return accepted_.size();
    }
    bool more(std::size_t count) {
        const std::size_t goal = this->count() + count;
        return wait_until([&] { return this->count() >= goal; }, kSoakDeadline);
    }
    std::set<std::string> accepted() {
        const std::lock_guard lock(mutex_);
        return accepted_;
    }

  private:
    std::atomic<bool> stopping_{false};
    std::mutex mutex_;
    std::set<std::string> accepted_;
    std::vector<std::thread> threads_;
};

TEST_F(WebhookSpoolTest, WhatWasAcceptedArrivesInOrderWhateverDies) {
    Process forwarder = Process::spawn(forward({}));
    const std::size_t third = setting("SALLYPORT_SPOOL_DELIVERIES", "100");
    Senders senders(nginx_, static_cast<int>(setting("SALLYPORT_SPOOL_SENDERS", "4")),
                    setting("SALLYPORT_SPOOL_RATE", "0"));
    EXPECT_TRUE(senders.more(third));
    restart_redis();
    EXPECT_TRUE(senders.more(third)) << nginx_.error_log();
    forwarder.stop(SIGKILL);
    forwarder = Process::spawn(forward({}));
    EXPECT_TRUE(senders.more(third));
    senders.stop();
    const std::set<std::string> accepted = senders.accepted();

    // Up again, for a moment; then the forwarder dies with deliveries under way.
    upstream_.clear();
    answer_with(200);
    // After a long outage the forwarder asks twice a minute.
    EXPECT_TRUE(wait_until([&] { return upstream_.request_count() > 20; }, kSoakDeadline));
    forwarder.stop(SIGKILL);
    restart_redis();
    const CommandResult rest = run_command(forward({"--once"}), {}, kSoakDeadline);
    EXPECT_EQ(rest.exit_code, 0) << rest.output;

    std::map<std::string, std::string> keys;
    std::map<std::string, int> newest;
    std::set<std::string> arrived;
    for (const UpstreamRequest& request : upstream_.requests()) {
        const std::string key = request.header("Idempotency-Key").value_or("");
        const auto known = keys.emplace(request.body, key);
        EXPECT_EQ(known.first->second, key) << "a copy has the same key";
        if (arrived.insert(request.body).second) {
            const std::string order = request.body.substr(0, request.body.find(':'));
            const int number = std::stoi(request.body.substr(request.body.find(':') + 1));
            const auto before = newest.emplace(order, -1).first;
            EXPECT_GT(number, before->second) << "order " << order;
            before->second = number;
        }
    }
    for (const std::string& body : accepted) {
        EXPECT_EQ(arrived.count(body), 1u) << body;
    }
    EXPECT_GE(accepted.size(), 3 * third);
    std::printf("answered 2xx: %zu, arrived: %zu, copies: %zu\n", accepted.size(), arrived.size(),
                upstream_.requests().size() - arrived.size());
}

TEST(WebhookSpoolConf, MistakesAreNamed) {
    const std::string head =
        "sallyport_redis main redis://127.0.0.1; sallyport_webhook_secret 'a secret long enough'; ";
    const std::string webhook = "sallyport_webhook github; sallyport_webhook_replay zone=z:1m; ";
    const std::pair<std::string, std::vector<const char*>> mistakes[] = {
        {webhook + "sallyport_webhook_spool redis=other;",
         {"\"other\"", "add sallyport_redis other"}},
        {webhook + "sallyport_webhook_spool stream=s;", {"names no store", "redis="}},
        {webhook + "sallyport_webhook_spool redis=main stream=a/b;", {"stream=a/b", "use letters"}},
        {webhook + "sallyport_webhook_spool redis=main on=404;",
         {"\"404\"", "429,500,502,503,504"}},
        {webhook + "sallyport_webhook_spool redis=main max_body=1g;",
         {"max_body=1g", "write 1 to"}},
        {webhook + "sallyport_webhook_spool redis=main max_entries=x;",
         {"max_entries=x", "write 1 to"}},
        {webhook + "sallyport_webhook_spool redis=main wait=1h;", {"wait=1h", "write 1ms to 30s"}},
        {webhook + "sallyport_webhook_spool redis=main durable=very;",
         {"durable=very", "write ack, fsync or replica"}},
        {webhook + "sallyport_webhook_spool redis=main durability=ack;",
         {"\"durability=ack\"", "known are"}},
        {webhook + "sallyport_webhook_spool redis=main; sallyport_webhook_spool redis=main;",
         {"twice", "keep one"}},
        {"sallyport_webhook_spool redis=main;", {"location \"/\"", "needs sallyport_webhook"}},
    };
    for (const auto& [line, pieces] : mistakes) {
        const auto check = check_config(
            head + "server { listen 127.0.0.1:%%PORT_SPARE%%; location / { " + line + " } }");
        EXPECT_FALSE(check.ok()) << line;
        EXPECT_THAT(check.messages, HasSubstr("[emerg]")) << line;
        EXPECT_THAT(check.messages, HasSubstr("sallyport_webhook_spool")) << line;
        for (const char* piece : pieces) {
            EXPECT_THAT(check.messages, HasSubstr(piece)) << line;
        }
    }
    const auto good = check_config(
        head + "server { listen 127.0.0.1:%%PORT_SPARE%%; error_page 503 /sorry; location / { " +
        webhook +
        "sallyport_webhook_spool redis=main; } location /off { sallyport_webhook_spool off; } }"
        " server { listen 127.0.0.1:%%PORT_OTHER%%; location / { " +
        webhook + "sallyport_webhook_spool redis=main; } }");
    EXPECT_TRUE(good.ok()) << good.messages;
}

}  // namespace
}  // namespace sallyport::test
