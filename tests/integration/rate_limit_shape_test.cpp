// What shapes a limit for single requests, in real nginx and redis-server: waiting instead of
// refusal, priority classes, charges by the response, adaptation, boosts, tenants' numbers.
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/redis_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace sallyport::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kConfig = R"(
    log_format seen "$status $request_uri";
    access_log %%DIR%%/access.log seen;
    sallyport_redis main unix:%%SOCKET%% budget=1000ms;
    sallyport_limit_table paying file=%%DIR%%/tenants.txt refresh=100ms;
    sallyport_limit_table stored redis=main refresh=100ms;

    sallyport_limit waits       rate=2r/s burst=6 delay=2 key=$arg_k;
    sallyport_limit waits_main  rate=2r/s burst=6 delay=2 key=$arg_k store=main;
    sallyport_limit waits_long  rate=2r/m burst=3 delay=1 key=$arg_k;

    sallyport_limit classes        rate=10r/d key=$arg_k priority=$arg_class reserve=high:0,normal:20,low:50;
    sallyport_limit classes_main   rate=10r/d key=$arg_k priority=$arg_class reserve=high:0,normal:20,low:50 store=main;
    sallyport_limit classes_window window=1h max=10 key=$arg_k priority=$arg_class reserve=high:0,normal:20,low:50;
    sallyport_limit classes_window_main window=1h max=10 key=$arg_k priority=$arg_class
                                        reserve=high:0,normal:20,low:50 store=main;
    sallyport_limit classes_slots  concurrent=2 key=$arg_k priority=$arg_class reserve=high:0,low:50;
    sallyport_limit classes_slots_main concurrent=2 key=$arg_k priority=$arg_class reserve=high:0,low:50 store=main;

    sallyport_limit charged        rate=20r/d key=$arg_k charge=X-Cost charge_max=8 charge_hidden;
    sallyport_limit charged_main   rate=20r/d key=$arg_k charge=X-Cost charge_max=8 store=main mode=strict;
    sallyport_limit charged_lease  rate=20r/d key=$arg_k charge=X-Cost charge_max=8 store=main;
    sallyport_limit charged_window window=1h max=20 key=$arg_k charge=X-Cost store=main;

    sallyport_limit adapts      rate=10000r/s floor=1000r/s failures=20% key=$arg_k;

    sallyport_limit boostable   rate=5r/d key=$arg_k;
    sallyport_limit boostable_main window=1h max=5 key=$arg_k store=main;

    sallyport_limit tenants     rate=3r/d key=$arg_t table=paying tenant=$arg_t;
    sallyport_limit tenants_main rate=3r/d key=$arg_t table=paying tenant=$arg_t store=main mode=strict;
    sallyport_limit tenants_lease rate=3r/d key=$arg_t table=stored tenant=$arg_t store=main;
    sallyport_limit tenants_window window=1h max=3 key=$arg_t table=stored tenant=$arg_t store=main;

    server {
        listen 127.0.0.1:%%PORT%%;
        add_header X-Status $sallyport_rate_limit_status always;
        location /waits/ { sallyport_rate_limit waits; proxy_pass http://%%UPSTREAM%%; }
        location /waits-main/ { sallyport_rate_limit waits_main; proxy_pass http://%%UPSTREAM%%; }
        location /waits-long/ { sallyport_rate_limit waits_long; proxy_pass http://%%UPSTREAM%%; }
        location /waits-report/ { sallyport_rate_limit waits_long report; proxy_pass http://%%UPSTREAM%%; }
        location /classes/ { sallyport_rate_limit classes; empty_gif; }
        location /classes-main/ { sallyport_rate_limit classes_main; empty_gif; }
        location /classes-window/ { sallyport_rate_limit classes_window; empty_gif; }
        location /classes-window-main/ { sallyport_rate_limit classes_window_main; empty_gif; }
        location /classes-slots/ { sallyport_rate_limit classes_slots; proxy_pass http://%%UPSTREAM%%; }
        location /classes-slots-main/ { sallyport_rate_limit classes_slots_main; proxy_pass http://%%UPSTREAM%%; }
        location /charged/ { sallyport_rate_limit charged; proxy_pass http://%%UPSTREAM%%; }
        location /charged-behind/ { sallyport_rate_limit charged; try_files /none @upstream; }
        location /charged-off/ { sallyport_rate_limit charged; try_files /none @unlimited; }
        location @upstream { proxy_pass http://%%UPSTREAM%%; }
        location @unlimited { sallyport_rate_limit off; proxy_pass http://%%UPSTREAM%%; }
        location /charged-main/ { sallyport_rate_limit charged_main; proxy_pass http://%%UPSTREAM%%; }
        location /charged-lease/ { sallyport_rate_limit charged_lease; proxy_pass http://%%UPSTREAM%%; }
        location /charged-window/ { sallyport_rate_limit charged_window; proxy_pass http://%%UPSTREAM%%; }
        location /adapts/ { sallyport_rate_limit adapts; proxy_pass http://%%UPSTREAM%%; }
        location /boostable/ { sallyport_rate_limit boostable; empty_gif; }
        location /boostable-main/ { sallyport_rate_limit boostable_main; empty_gif; }
        location /tenants/ { sallyport_rate_limit tenants; empty_gif; }
        location /tenants-main/ { sallyport_rate_limit tenants_main; empty_gif; }
        location /tenants-lease/ { sallyport_rate_limit tenants_lease; empty_gif; }
        location /tenants-window/ { sallyport_rate_limit tenants_window; empty_gif; }
        location /control/ { sallyport_control; }
    }
)";

std::string argument(const UpstreamRequest& request, const std::string& name) {
    const std::size_t at = request.target.find(name + "=");
    return at == std::string::npos
               ? std::string()
               : request.target.substr(at + name.size() + 1,
                                       request.target.find('&', at) - at - name.size() - 1);
}

class RateLimitShapeTest : public testing::Test {
  protected:
    void SetUp() override {
        upstream_.set_handler([this](const UpstreamRequest& request) {
            UpstreamReply reply;
            reply.headers.emplace_back("X-Cost", argument(request, "cost"));
            reply.status = failing_ ? 503 : 200;
            reply.gate = request.target.find("hold") != std::string::npos ? gate_ : nullptr;
            return reply;
        });
    }
    NginxServer& start(int workers = 1) {
        NginxOptions options;
        options.variables = {{"SOCKET", redis_.socket_path()}, {"UPSTREAM", upstream_.address()}};
        options.files = {{"tenants.txt", "acme rate=6r/d\nfree unlimited\n"}};
        options.workers = workers;
        nginx_ = std::make_unique<NginxServer>(kConfig, options);
        EXPECT_TRUE(wait_until(
            [&] { return get(nginx_->url("/boostable-main/?k=warm" + next())).status == 200; }));
        return *nginx_;
    }
    std::string next() { return std::to_string(++serial_); }
    int admitted(const std::string& path, int tries) {
        int count = 0;
        HttpClient client;
        for (int i = 0; i < tries; ++i) {
            count += client.get(nginx_->url(path)).status == 200 ? 1 : 0;
        }
        return count;
    }
    std::string control(const std::string& path) {
        return get(nginx_->url("/control" + path)).body;
    }
    HttpResponse post(const std::string& path, const std::string& body) {
        return send({.url = nginx_->url("/control" + path),
                     .method = "POST",
                     .headers = {{"Content-Type", "application/json"}},
                     .body = body});
    }

    std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
    std::atomic<bool> failing_{false};
    RedisServer redis_;
    Upstream upstream_;
    std::unique_ptr<NginxServer> nginx_;
    int serial_ = 0;
};

TEST_F(RateLimitShapeTest, WhatExceedsDelayWaitsAndWhatExceedsBurstIsRefused) {
    NginxServer& nginx = start();
    for (const std::string path : {"/waits/", "/waits-main/"}) {
        std::atomic<int> passed{0};
        std::atomic<int> delayed{0};
        std::atomic<int> refused{0};
        std::vector<std::thread> clients;
        for (int i = 0; i < 10; ++i) {
            clients.emplace_back([&] {
                const auto response = get(nginx.url(path + "?k=a"));
                const std::string status = response.header("X-Status").value_or("");
                EXPECT_EQ(response.status, status == "limited" ? 429 : 200);
                (status == "passed" ? passed : status == "delayed" ? delayed : refused)++;
            });
        }
        for (std::thread& client : clients) {
            client.join();
        }
        // While ten come, one or two units may come back.
        EXPECT_GE(passed + delayed, 6) << path;
        EXPECT_LE(passed + delayed, 8) << path;
        EXPECT_GE(passed, 2) << path;
        EXPECT_LE(passed, 4) << path;
        EXPECT_GE(delayed, 3) << path;
        EXPECT_EQ(passed + delayed + refused, 10) << "nobody is lost";
    }
}

TEST_F(RateLimitShapeTest, AClientThatLeavesWhileItWaitsIsNoticed) {
    NginxServer& nginx = start();
    EXPECT_EQ(get(nginx.url("/waits-long/?k=a")).header("X-Status"), "passed");
    const std::size_t before = upstream_.request_count();
    {
        RawSocket client(nginx.port());
        client.send("GET /waits-long/?k=a HTTP/1.1\r\nHost: a\r\n\r\n");
        RawSocket other(nginx.port());
        other.send("GET /waits-long/?k=a HTTP/1.1\r\nHost: a\r\n\r\n");
        EXPECT_TRUE(wait_until([&] {
            return control("/limits/usage?limit=waits_long&key=a").find("\"used\":3") !=
                   std::string::npos;
        }));
    }
    EXPECT_TRUE(wait_until([&] {
        const std::string log = nginx.dir().read("access.log");
        const std::size_t first = log.find("499 /waits-long/");
        return first != std::string::npos &&
               log.find("499 /waits-long/", first + 1) != std::string::npos;
    })) << nginx.dir().read("access.log");
    EXPECT_EQ(upstream_.request_count(), before) << "it never reached the upstream";
    EXPECT_EQ(get(nginx.url("/waits-long/?k=a")).status, 429) << "their units stay taken";
    // In report nobody waits.
    EXPECT_EQ(admitted("/waits-report/?k=b", 3), 3);
}

TEST_F(RateLimitShapeTest, WhoWaitsIsServedAfterAReloadAsWell) {
    NginxServer& nginx = start();
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(get(nginx.url("/waits/?k=r")).header("X-Status"), "passed");
    }
    RawSocket client(nginx.port());
    client.send("GET /waits/?k=r HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(nginx.reload());
    EXPECT_THAT(client.receive_all(), testing::StartsWith("HTTP/1.1 200 "));
}

TEST_F(RateLimitShapeTest, LowerClassesAreRefusedFirst) {
    start();
    for (const std::string path :
         {"/classes/", "/classes-main/", "/classes-window/", "/classes-window-main/"}) {
        EXPECT_EQ(admitted(path + "?k=a&class=low", 10), 5) << path;
        EXPECT_EQ(admitted(path + "?k=a&class=unheard-of", 3), 0) << path;
        EXPECT_EQ(admitted(path + "?k=a", 3), 0) << path;
        EXPECT_EQ(admitted(path + "?k=a&class=normal", 10), 3) << path;
        EXPECT_EQ(admitted(path + "?k=a&class=high", 10), 2) << path;
        EXPECT_EQ(admitted(path + "?k=b&class=high", 12), 10) << path;
        const auto refused = get(nginx_->url(path + "?k=a&class=low"));
        EXPECT_EQ(refused.status, 429);
        EXPECT_THAT(refused.header("RateLimit").value_or(""), HasSubstr("r=0")) << path;
        EXPECT_GT(std::stol(refused.header("Retry-After").value_or("0")), 1'000) << path;
    }
}

TEST_F(RateLimitShapeTest, AReserveHoldsForSlotsToo) {
    NginxServer& nginx = start();
    for (const std::string path : {"/classes-slots/", "/classes-slots-main/"}) {
        const std::size_t before = upstream_.request_count();
        RawSocket first(nginx.port());
        first.send("GET " + path + "hold?k=a&class=low HTTP/1.1\r\nHost: a\r\n\r\n");
        EXPECT_TRUE(upstream_.wait_for_requests(before + 1));
        EXPECT_EQ(get(nginx.url(path + "?k=a&class=low")).status, 429) << path;
        EXPECT_EQ(get(nginx.url(path + "?k=a&class=high")).status, 200) << path;
    }
    gate_->open();
}

TEST_F(RateLimitShapeTest, AResponseSaysWhatItHasCost) {
    NginxServer& nginx = start();
    const auto spent = [&](const std::string& path) {
        const auto response = get(nginx.url(path));
        EXPECT_EQ(response.status, 200) << path;
        return response;
    };
    const auto five = spent("/charged/?k=a&cost=5");
    EXPECT_THAT(five.header("RateLimit").value_or(""), HasSubstr("r=15"));
    EXPECT_FALSE(five.header("X-Cost").has_value()) << "hidden";
    EXPECT_THAT(spent("/charged/?k=a&cost=100").header("RateLimit").value_or(""), HasSubstr("r=7"))
        << "bounded by charge_max";
    EXPECT_EQ(spent("/charged/?k=a&cost=0").status, 200);
    EXPECT_EQ(spent("/charged/?k=a&cost=-3").status, 200) << "no number: what it cost before";
    EXPECT_EQ(admitted("/charged/?k=a&cost=1", 9), 6) << "0 gave its unit back";
    EXPECT_EQ(get(nginx.url("/charged/?k=b&cost=8")).status, 200);
    EXPECT_EQ(get(nginx.url("/charged/?k=b&cost=8")).status, 200);
    EXPECT_EQ(get(nginx.url("/charged/?k=b&cost=8")).status, 200) << "what is left is charged";
    EXPECT_EQ(get(nginx.url("/charged/?k=b&cost=8")).status, 429);

    EXPECT_EQ(spent("/charged-main/?k=a&cost=8").header("X-Cost"), "8");
    spent("/charged-main/?k=a&cost=0");
    EXPECT_EQ(admitted("/charged-main/?k=a&cost=1", 20), 12);
    spent("/charged-window/?k=a&cost=15");
    EXPECT_EQ(admitted("/charged-window/?k=a&cost=1", 20), 5);
    spent("/charged-window/?k=b&cost=900");
    EXPECT_EQ(get(nginx.url("/charged-window/?k=b")).status, 429);
    // Leased units that are in a node's memory already are spent all the same.
    for (int i = 0; i < 2; ++i) {
        spent("/charged-lease/?k=a&cost=8");
    }
    EXPECT_LE(admitted("/charged-lease/?k=a&cost=1", 20), 8);
}

// try_files, error_page: the response comes from a location that limits nothing.
TEST_F(RateLimitShapeTest, WhatALocationCountedIsToldAndChargedWhereverItIsAnswered) {
    NginxServer& nginx = start();
    const auto behind = get(nginx.url("/charged-behind/?k=c&cost=5"));
    EXPECT_THAT(behind.header("RateLimit").value_or(""), HasSubstr("r=15"));
    EXPECT_THAT(behind.header("RateLimit-Policy").value_or(""), HasSubstr("q=20"));
    EXPECT_FALSE(behind.header("X-Cost").has_value()) << "hidden";
    const auto off = get(nginx.url("/charged-off/?k=c&cost=5"));
    EXPECT_FALSE(off.header("RateLimit").has_value()) << "a location's own word holds there";
    EXPECT_FALSE(off.header("X-Cost").has_value()) << "hidden";
    EXPECT_EQ(admitted("/charged/?k=c&cost=1", 20), 10) << "both were charged";
    const auto uncounted = get(nginx.url("/charged-behind/?cost=5"));
    EXPECT_FALSE(uncounted.header("RateLimit").has_value()) << "an empty key is not counted";
    EXPECT_FALSE(uncounted.header("X-Cost").has_value()) << "hidden";
}

TEST_F(RateLimitShapeTest, ARateFollowsItsUpstreamBetweenFloorAndCeiling) {
    NginxServer& nginx = start(2);
    EXPECT_THAT(control("/limits"), HasSubstr("\"adaptive\":{\"share\":1.0,\"floor\":0.1"));
    HttpClient client;
    const auto share = [&] {
        client.get(nginx.url("/adapts/?k=a"));
        const std::string name = "sallyport_limit_share{limit=\"adapts\"} ";
        const std::string metrics = control("/metrics");
        const std::size_t at = metrics.find(name);
        return at == std::string::npos ? -1.0 : std::stod(metrics.substr(at + name.size()));
    };
    EXPECT_EQ(share(), 1.0);
    failing_ = true;
    EXPECT_TRUE(wait_until([&] { return share() < 0.6; }));
    failing_ = false;
    const double lowest = share();
    EXPECT_GE(lowest, 0.1);
    EXPECT_THAT(get(nginx.url("/adapts/?k=a")).header("RateLimit-Policy").value_or(""),
                Not(HasSubstr("q=10000;")));
    EXPECT_TRUE(wait_until([&] { return share() > lowest + 0.04; }));
}

TEST_F(RateLimitShapeTest, ABoostLastsItsTimeAndIsSeen) {
    NginxServer& nginx = start(2);
    EXPECT_EQ(admitted("/boostable/?k=a", 7), 5);
    EXPECT_EQ(
        post("/limits/boosts", R"({"limit":"boostable","key":"a","factor":3,"ttl_s":600})").status,
        200);
    EXPECT_EQ(admitted("/boostable/?k=a", 20), 10) << "three times five, five of them gone";
    EXPECT_EQ(admitted("/boostable/?k=b", 7), 5) << "one key only";
    EXPECT_THAT(get(nginx.url("/boostable/?k=a")).header("RateLimit-Policy").value_or(""),
                HasSubstr("q=15"));
    EXPECT_THAT(control("/limits/boosts"), HasSubstr("\"limit\":\"boostable\",\"factor\":3"));
    EXPECT_THAT(nginx.error_log(),
                HasSubstr("limit \"boostable\", one key of it, is boosted 3 times"));

    EXPECT_EQ(post("/limits/boosts", R"({"limit":"boostable_main","factor":2,"ttl_s":600})").status,
              200);
    EXPECT_EQ(admitted("/boostable-main/?k=a", 15), 10);
    EXPECT_TRUE(nginx.reload());
    EXPECT_EQ(admitted("/boostable-main/?k=c", 15), 10) << "a reload keeps it";
    EXPECT_EQ(
        send({.url = nginx.url("/control/limits/boosts?limit=boostable_main"), .method = "DELETE"})
            .status,
        200);
    EXPECT_EQ(admitted("/boostable-main/?k=d", 15), 5);

    EXPECT_EQ(
        post("/limits/boosts", R"({"limit":"boostable","key":"e","factor":2,"ttl_s":1})").status,
        200);
    EXPECT_TRUE(wait_until([&] {
        return control("/limits/boosts").find("\"factor\":2") == std::string::npos;
    })) << "it ends by itself";
    EXPECT_EQ(admitted("/boostable/?k=e", 15), 5);

    const std::pair<const char*, int> wrong[] = {
        {R"({"limit":"nobody","factor":2,"ttl_s":1})", 404},
        {R"({"limit":"boostable","factor":1,"ttl_s":1})", 400},
        {R"({"limit":"boostable","factor":2})", 400},
        {R"({"limit":"boostable","factor":2,"ttl_s":604801})", 400},
        {R"({"limit":"boostable","key":"a|b","factor":2,"ttl_s":1})", 400},
        {R"({"limit":"boostable","key":null,"factor":2,"ttl_s":1})", 400},
        {R"({"limit":"boostable","key":7,"factor":2,"ttl_s":1})", 400},
    };
    for (const auto& [body, status] : wrong) {
        EXPECT_EQ(post("/limits/boosts", body).status, status) << body;
    }
    EXPECT_EQ(
        send({.url = nginx.url("/control/limits/boosts?limit=boostable&key=z"), .method = "DELETE"})
            .status,
        404);
}

TEST_F(RateLimitShapeTest, TenantsNumbersChangeWithoutAReload) {
    NginxServer& nginx = start();
    for (const std::string path : {"/tenants/", "/tenants-main/"}) {
        EXPECT_EQ(admitted(path + "?t=acme", 9), 6) << path;
        EXPECT_EQ(admitted(path + "?t=other", 9), 3) << path;
        EXPECT_EQ(admitted(path + "?t=free", 9), 9) << path;
    }
    EXPECT_THAT(get(nginx.url("/tenants/?t=acme")).header("RateLimit-Policy").value_or(""),
                HasSubstr("q=6;w=86400"));
    const auto logged = [&](const char* piece) {
        return wait_until([&] { return nginx.error_log().find(piece) != std::string::npos; });
    };
    nginx.dir().write("tenants.txt", "fresh rate=8r/d\nother burst=5\n");
    EXPECT_TRUE(logged("tenants.txt\" was read again"));
    EXPECT_EQ(admitted("/tenants/?t=fresh", 9), 8);
    EXPECT_EQ(admitted("/tenants/?t=other", 9), 2) << "two more than it has had";
    EXPECT_EQ(admitted("/tenants/?t=free", 9), 3) << "gone from the table";

    nginx.dir().write("tenants.txt", "fresh rate=fast\n");
    EXPECT_TRUE(logged("what was read before stays in force"));
    EXPECT_TRUE(logged("line 1: "));
    EXPECT_EQ(admitted("/tenants-main/?t=fresh", 9), 8) << "the last good table";

    // A pipe reads as an empty file, which would take every tenant's numbers back.
    const std::string path = nginx.dir().path("tenants.txt");
    ASSERT_EQ(::unlink(path.c_str()), 0);
    ASSERT_EQ(::mkfifo(path.c_str(), 0644), 0);
    EXPECT_TRUE(logged("is not a regular file"));
    EXPECT_EQ(get(nginx.url("/tenants/?t=fresh")).status, 429) << "eight of eight are used";
}

TEST_F(RateLimitShapeTest, TenantsNumbersComeFromRedis) {
    const std::string key = "sallyport:{table}:stored";
    redis_.command({"SET", key, "acme rate=40r/d window=1h max=7"});
    NginxServer& nginx = start();
    EXPECT_TRUE(wait_until([&] {
        return nginx.error_log().find("table \"stored\" was read, 1 tenants") != std::string::npos;
    }));
    const int leased = admitted("/tenants-lease/?t=acme", 60);
    EXPECT_LE(leased, 40);
    EXPECT_GE(leased, 34);
    EXPECT_EQ(admitted("/tenants-window/?t=acme", 9), 7);
    EXPECT_EQ(admitted("/tenants-window/?t=other", 9), 3);
    redis_.command({"SET", key, "other window=1h max=6\n# a comment\nacme max=9"});
    EXPECT_TRUE(
        wait_until([&] { return get(nginx.url("/tenants-window/?t=other")).status == 200; }));
    EXPECT_EQ(admitted("/tenants-window/?t=other", 9), 2);
    EXPECT_EQ(admitted("/tenants-window/?t=acme", 9), 2);

    redis_.command({"SET", key, "other max=nothing"});
    EXPECT_TRUE(wait_until([&] {
        return nginx.error_log().find("\"max=nothing\" is out of range") != std::string::npos;
    }));
    redis_.command({"DEL", key});
    EXPECT_TRUE(wait_until(
        [&] { return nginx.error_log().find("is not there; SET the key") != std::string::npos; }));
    EXPECT_EQ(get(nginx.url("/tenants-window/?t=other")).status, 429);
    EXPECT_THAT(get(nginx.url("/tenants-window/?t=other")).header("RateLimit-Policy").value_or(""),
                HasSubstr("q=6"));
}

}  // namespace
}  // namespace sallyport::test
