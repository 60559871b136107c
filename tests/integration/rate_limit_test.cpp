// Rate limits in shared memory: what clients see, what is counted and what survives a reload.
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/log_reader.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <ctime>
#include <string>
#include <thread>
#include <vector>

namespace sallyport::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Slow rates: nothing comes back while a test runs.
constexpr std::string_view kLimits = R"(
    sallyport_limit five  rate=5r/h;
    sallyport_limit three rate=3r/d burst=3 key=$http_x_key;
    sallyport_limit wide  rate=100r/d key=$http_x_key;
    sallyport_limit global rate=2r/d key=everyone$server_name;
    sallyport_limit by_name rate=1r/d key=$http_x_a$http_x_b;
    log_format limits '$uri|$status|$sallyport_rate_limit_status|$sallyport_rate_limit_remaining|$sallyport_rate_limit_store|$sallyport_reason|$sallyport_rule';
    access_log %%DIR%%/limits.log limits;
)";

constexpr std::string_view kServer = R"(
    sallyport_decision_log %%DIR%%/decisions.log;
    server {
        listen 127.0.0.1:%%PORT%%;
        location / { sallyport_rate_limit five; proxy_pass http://%%UPSTREAM%%; }
        location /keyed { sallyport_rate_limit three; proxy_pass http://%%UPSTREAM%%; }
        location /pair { sallyport_rate_limit wide three; proxy_pass http://%%UPSTREAM%%; }
        location /wide { sallyport_rate_limit wide; proxy_pass http://%%UPSTREAM%%; }
        location /global { sallyport_rate_limit global; proxy_pass http://%%UPSTREAM%%; }
        location /two-part { sallyport_rate_limit by_name; proxy_pass http://%%UPSTREAM%%; }
        location /report { sallyport_rate_limit three report; proxy_pass http://%%UPSTREAM%%; }
        location /free { sallyport_rate_limit off; proxy_pass http://%%UPSTREAM%%; }
    }
)";

class RateLimitTest : public testing::Test {
  protected:
    NginxOptions options(int workers = 1) {
        NginxOptions out;
        out.variables = {{"UPSTREAM", upstream_.address()}};
        out.workers = workers;
        return out;
    }
    static std::string config(std::string_view server = kServer) {
        return std::string(kLimits) + std::string(server);
    }
    static HttpResponse keyed(const NginxServer& nginx, const std::string& path,
                              const std::string& key) {
        return send({.url = nginx.url(path), .headers = {{"X-Key", key}}});
    }

    Upstream upstream_;
};

TEST_F(RateLimitTest, BurstPassesThenRefusesWithRetryAfterAndFields) {
    NginxServer nginx(config(), options());
    for (int left = 4; left >= 0; --left) {
        const auto response = get(nginx.url("/"));
        EXPECT_EQ(response.status, 200);
        EXPECT_EQ(response.header("RateLimit"), "\"five\";r=" + std::to_string(left) + ";t=720");
        EXPECT_EQ(response.header("RateLimit-Policy"), "\"five\";q=5;w=3600");
        EXPECT_FALSE(response.header("Retry-After").has_value());
    }
    const auto refused = get(nginx.url("/"));
    EXPECT_EQ(refused.status, 429);
    EXPECT_EQ(refused.header("Retry-After"), "720");
    EXPECT_EQ(refused.header("RateLimit"), "\"five\";r=0;t=720");
    EXPECT_EQ(refused.header("RateLimit-Policy"), "\"five\";q=5;w=3600");
    EXPECT_EQ(refused.header("Content-Type"), "application/problem+json");
    EXPECT_THAT(refused.body, HasSubstr("rate_limited"));
    EXPECT_EQ(upstream_.request_count(), 5u);

    // Another address has a bucket of its own; an unlimited location tells nothing.
    const auto other = send({.url = nginx.url("/"), .local_address = "127.0.0.2"});
    EXPECT_EQ(other.status, 200);
    const auto free = get(nginx.url("/free"));
    EXPECT_EQ(free.status, 200);
    EXPECT_FALSE(free.header("RateLimit").has_value());
}

TEST_F(RateLimitTest, SeveralLimitsAreConsumedTogetherOrNotAtAll) {
    NginxServer nginx(config(), options());
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(keyed(nginx, "/pair", "k").status, 200);
    }
    for (int i = 0; i < 5; ++i) {
        const auto refused = keyed(nginx, "/pair", "k");
        EXPECT_EQ(refused.status, 429);
        EXPECT_THAT(refused.header("RateLimit").value_or(""),
                    testing::MatchesRegex("\"three\";r=0;t=[0-9]+, \"wide\";r=97;t=[0-9]+"));
    }
    // The refusals took nothing from the wide one.
    EXPECT_THAT(keyed(nginx, "/wide", "k").header("RateLimit").value_or(""), HasSubstr("r=96"));
    EXPECT_THAT(keyed(nginx, "/wide", "other").header("RateLimit").value_or(""), HasSubstr("r=99"));
}

TEST_F(RateLimitTest, KeysAreMadeOfVariables) {
    NginxServer nginx(config(), options());
    EXPECT_EQ(get(nginx.url("/global")).status, 200);
    EXPECT_EQ(send({.url = nginx.url("/global"), .local_address = "127.0.0.3"}).status, 200);
    EXPECT_EQ(send({.url = nginx.url("/global"), .local_address = "127.0.0.4"}).status, 429);

    // "ab"+"c" is not "a"+"bc".
    const auto parts = [&](const char* a, const char* b) {
        return send({.url = nginx.url("/two-part"), .headers = {{"X-A", a}, {"X-B", b}}}).status;
    };
    EXPECT_EQ(parts("ab", "c"), 200);
    EXPECT_EQ(parts("a", "bc"), 200);
    EXPECT_EQ(parts("ab", "c"), 429);

    // A request without any of the key's variables is not counted.
    for (int i = 0; i < 3; ++i) {
        const auto response = get(nginx.url("/two-part"));
        EXPECT_EQ(response.status, 200);
        EXPECT_FALSE(response.header("RateLimit").has_value());
    }
}

TEST_F(RateLimitTest, ReportLetsPassAndSaysSoInTheLogOnly) {
    NginxServer nginx(config(), options());
    for (int i = 0; i < 4; ++i) {
        const auto response = keyed(nginx, "/report", "k");
        EXPECT_EQ(response.status, 200);
        EXPECT_FALSE(response.header("RateLimit").has_value());
        EXPECT_FALSE(response.header("Retry-After").has_value());
    }
    const LogReader log(nginx.dir().path("decisions.log"));
    const auto lines = log.wait_for_lines(4);
    ASSERT_EQ(lines.size(), 4u);
    const std::string log_path = nginx.dir().path("limits.log");
    ASSERT_TRUE(wait_until([&] {
        const std::string text = read_file(log_path);
        return std::count(text.begin(), text.end(), '\n') >= 4;
    }));
    const std::string text = read_file(log_path);
    EXPECT_THAT(text, HasSubstr("/report|200|passed|0|local|none|"));
    EXPECT_THAT(text, HasSubstr("/report|200|limited|0|local|rate_limited|three"));
}

TEST_F(RateLimitTest, RefusesEvenWhereSatisfyAnyOrReturnWouldAnswer) {
    NginxServer nginx(config(R"(
        server {
            listen 127.0.0.1:%%PORT%%;
            location /any {
                satisfy any; allow all; auth_basic off;
                sallyport_rate_limit three; proxy_pass http://%%UPSTREAM%%;
            }
        })"),
                      options());
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(keyed(nginx, "/any", "k").status, 200);
    }
    EXPECT_EQ(keyed(nginx, "/any", "k").status, 429);
}

TEST_F(RateLimitTest, ARequestIsCountedOnceHoweverOftenItIsRedirected) {
    NginxServer nginx(config(R"(
        server {
            listen 127.0.0.1:%%PORT%%;
            root %%DIR%%;
            sallyport_rate_limit wide;
            location /start { try_files /none @middle; }
            location @middle { rewrite ^ /end/x last; }
            location /end { proxy_pass http://%%UPSTREAM%%; proxy_intercept_errors on;
                            error_page 404 = /again; }
            location /again { proxy_pass http://%%UPSTREAM%%/again; }
            location /sub { auth_request /end/auth; proxy_pass http://%%UPSTREAM%%; }
            location /page { sallyport_rate_limit three; proxy_pass http://%%UPSTREAM%%;
                             error_page 429 /limited.html; }
            location = /limited.html { proxy_pass http://%%UPSTREAM%%; }
        })"),
                      options());
    EXPECT_THAT(keyed(nginx, "/start", "a").header("RateLimit").value_or(""), HasSubstr("r=99"));
    upstream_.set_handler([](const UpstreamRequest& request) {
        return UpstreamReply{.status = request.target.starts_with("/end") ? 404 : 200};
    });
    const auto twice = keyed(nginx, "/end", "b");
    EXPECT_EQ(twice.status, 200);
    EXPECT_THAT(twice.header("RateLimit").value_or(""), HasSubstr("r=99"));
    upstream_.set_handler([](const UpstreamRequest&) { return UpstreamReply{}; });
    EXPECT_THAT(keyed(nginx, "/sub", "c").header("RateLimit").value_or(""), HasSubstr("r=99"));

    // A custom page for refusals: the status and Retry-After stay, nothing is judged again.
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(keyed(nginx, "/page", "d").status, 200);
    }
    const auto page = keyed(nginx, "/page", "d");
    EXPECT_EQ(page.status, 429);
    EXPECT_TRUE(page.header("Retry-After").has_value());
    EXPECT_EQ(page.body, "upstream\n");
}

TEST_F(RateLimitTest, FieldGenerations) {
    NginxServer nginx(config(R"(
        sallyport_rate_limit wide;
        server {
            listen 127.0.0.1:%%PORT%%;
            location /d7 { sallyport_rate_limit_headers draft-07; proxy_pass http://%%UPSTREAM%%; }
            location /d6 { sallyport_rate_limit_headers draft-06; proxy_pass http://%%UPSTREAM%%; }
            location /old { sallyport_rate_limit_headers legacy draft-11;
                            proxy_pass http://%%UPSTREAM%%; }
            location /none { sallyport_rate_limit_headers off; proxy_pass http://%%UPSTREAM%%; }
        })"),
                      options());
    const auto d7 = keyed(nginx, "/d7", "k");
    EXPECT_THAT(d7.header_all("RateLimit"), ElementsAre("limit=100, remaining=99, reset=864"));
    EXPECT_THAT(d7.header_all("RateLimit-Policy"), ElementsAre("100;w=86400"));
    const auto d6 = keyed(nginx, "/d6", "k");
    EXPECT_THAT(d6.header_all("RateLimit-Limit"), ElementsAre("100"));
    EXPECT_THAT(d6.header_all("RateLimit-Remaining"), ElementsAre("98"));
    EXPECT_THAT(d6.header_all("RateLimit-Reset"), ElementsAre("1728"));
    EXPECT_THAT(d6.header_all("RateLimit"), IsEmpty());
    const auto old = keyed(nginx, "/old", "k");
    EXPECT_EQ(old.header("X-RateLimit-Limit"), "100");
    EXPECT_EQ(old.header("X-RateLimit-Remaining"), "97");
    const long long reset = std::stoll(old.header("X-RateLimit-Reset").value_or("0"));
    EXPECT_NEAR(static_cast<double>(reset - time(nullptr)), 2592, 5);
    EXPECT_THAT(old.header_all("RateLimit"), ElementsAre("\"wide\";r=97;t=864"));
    const auto none = keyed(nginx, "/none", "k");
    EXPECT_FALSE(none.header("RateLimit").has_value());
    EXPECT_FALSE(none.header("RateLimit-Policy").has_value());
}

TEST_F(RateLimitTest, WhoComesBackAtTheLegacyResetIsNotEarly) {
    NginxServer nginx(
        "sallyport_limit quick window=1500ms max=1 key=$arg_k;"
        "server { listen 127.0.0.1:%%PORT%%; sallyport_rate_limit_headers legacy;"
        "location / { sallyport_rate_limit quick; empty_gif; } }");
    const auto wall_ms = [] {
        return std::chrono::duration_cast<std::chrono::milliseconds>(
                   std::chrono::system_clock::now().time_since_epoch())
            .count();
    };
    for (int i = 0; i < 3; ++i) {
        // Late in a second, so that what is left of it makes a difference.
        ASSERT_TRUE(wait_until([&] { return wall_ms() % 1000 > 600 && wall_ms() % 1000 < 900; }));
        const std::string path = "/?k=" + std::to_string(i);
        const auto taken_ms = wall_ms();
        const auto reset = get(nginx.url(path)).header("X-RateLimit-Reset");
        EXPECT_GE(std::stoll(reset.value_or("0")) * 1000, taken_ms + 1500);
    }
}

TEST_F(RateLimitTest, UpstreamsOwnFieldsStay) {
    NginxServer nginx(config(R"(
        sallyport_rate_limit wide;
        sallyport_rate_limit_headers draft-11 draft-06 legacy;
        server { listen 127.0.0.1:%%PORT%%; location / { proxy_pass http://%%UPSTREAM%%; } })"),
                      options());
    upstream_.set_handler([](const UpstreamRequest&) {
        return UpstreamReply{.headers = {{"RateLimit", "\"app\";r=1;t=9"},
                                         {"RateLimit-Policy", "\"app\";q=2;w=10"},
                                         {"RateLimit-Limit", "2"},
                                         {"RateLimit-Remaining", "1"},
                                         {"RateLimit-Reset", "9"},
                                         {"X-RateLimit-Limit", "1000"},
                                         {"X-RateLimit-Remaining", "999"},
                                         {"X-RateLimit-Reset", "5"}}};
    });
    const auto response = keyed(nginx, "/", "k");
    EXPECT_THAT(response.header_all("RateLimit"),
                ElementsAre("\"app\";r=1;t=9", "\"wide\";r=99;t=864"));
    EXPECT_THAT(response.header_all("RateLimit-Policy"),
                ElementsAre("\"app\";q=2;w=10", "\"wide\";q=100;w=86400"));
    EXPECT_THAT(response.header_all("RateLimit-Remaining"), ElementsAre("1"))
        << "theirs is tighter";
    EXPECT_THAT(response.header_all("X-RateLimit-Remaining"), ElementsAre("99")) << "ours is";
    EXPECT_THAT(response.header_all("X-RateLimit-Limit"), ElementsAre("100"));
}

TEST_F(RateLimitTest, WorkersShareOneCount) {
    NginxServer nginx(config(), options(4));
    std::atomic<int> admitted{0};
    std::vector<std::thread> clients;
    for (int i = 0; i < 6; ++i) {
        clients.emplace_back([&] {
            for (int n = 0; n < 40; ++n) {
                admitted += keyed(nginx, "/wide", "shared").status == 200 ? 1 : 0;
            }
        });
    }
    for (std::thread& client : clients) {
        client.join();
    }
    EXPECT_EQ(admitted, 100);
}

TEST_F(RateLimitTest, CountersSurviveReloadsNewNumbersAndNewZoneSizes) {
    NginxServer nginx(config(), options(2));
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(keyed(nginx, "/keyed", "k").status, 200);
    }
    ASSERT_TRUE(nginx.reload());
    EXPECT_EQ(keyed(nginx, "/keyed", "k").status, 429);

    const auto with_three = [&](const std::string& line) {
        std::string text = config();
        const std::string old = "sallyport_limit three rate=3r/d burst=3 key=$http_x_key;";
        text.replace(text.find(old), old.size(), line);
        return text;
    };
    ASSERT_TRUE(
        nginx.reload(with_three("sallyport_limit three rate=30r/d burst=3 key=$http_x_key;")));
    EXPECT_EQ(keyed(nginx, "/keyed", "k").status, 429) << "the bucket was empty and stays so";
    EXPECT_EQ(keyed(nginx, "/keyed", "new").status, 200);

    ASSERT_TRUE(nginx.reload(
        with_three("sallyport_limit three rate=30r/d burst=3 key=$http_x_key zone_size=4m;")));
    EXPECT_EQ(keyed(nginx, "/keyed", "k").status, 429) << "moved to the larger zone";
    ASSERT_TRUE(nginx.reload(
        with_three("sallyport_limit three rate=30r/d burst=3 key=$http_x_key zone_size=64k;")));
    EXPECT_EQ(keyed(nginx, "/keyed", "k").status, 429) << "moved to the smaller zone";
    EXPECT_THAT(keyed(nginx, "/keyed", "new").header("RateLimit").value_or(""), HasSubstr("r=1"));
}

TEST_F(RateLimitTest, Ipv6ClientsShareTheirNetworksBucket) {
    NginxServer nginx(R"(
        sallyport_limit net64 rate=2r/d;
        sallyport_limit net48 rate=3r/d ipv6_prefix=48 key=$sallyport_client_ip;
        set_real_ip_from 127.0.0.1;
        real_ip_header X-Real-IP;
        server {
            listen 127.0.0.1:%%PORT%%;
            location /64 { sallyport_rate_limit net64; proxy_pass http://%%UPSTREAM%%; }
            location /48 { sallyport_rate_limit net48; proxy_pass http://%%UPSTREAM%%; }
        })",
                      options());
    const auto from = [&](const char* path, const char* address) {
        return send({.url = nginx.url(path), .headers = {{"X-Real-IP", address}}}).status;
    };
    EXPECT_EQ(from("/64", "2001:db8:0:1::1"), 200);
    EXPECT_EQ(from("/64", "2001:db8:0:1:ffff::2"), 200);
    EXPECT_EQ(from("/64", "2001:db8:0:1::3"), 429);
    EXPECT_EQ(from("/64", "2001:db8:0:2::1"), 200);
    EXPECT_EQ(from("/48", "2001:db8:0:1::1"), 200);
    EXPECT_EQ(from("/48", "2001:db8:0:2::1"), 200);
    EXPECT_EQ(from("/48", "2001:db8:0:3::1"), 200);
    EXPECT_EQ(from("/48", "2001:db8:0:4::1"), 429);
    EXPECT_EQ(from("/64", "::ffff:192.0.2.1"), 200);
    EXPECT_EQ(from("/64", "192.0.2.1"), 200);
    EXPECT_EQ(from("/64", "192.0.2.1"), 429) << "one IPv4 address, two spellings";
    EXPECT_EQ(from("/64", "192.0.2.2"), 200);
}

// Far more keys than a table of the smallest size has places: memory stays, blocked keys stay
// blocked.
TEST_F(RateLimitTest, ATableThatIsFullForgetsTheEmptiestKeysFirst) {
    NginxServer nginx(R"(
        sallyport_limit small rate=2r/d key=$arg_k zone_size=64k;
        server { listen 127.0.0.1:%%PORT%%; location / { sallyport_rate_limit small;
                 empty_gif; } })",
                      options());
    HttpClient client;
    for (const char* key : {"a", "b", "c"}) {
        for (int i = 0; i < 2; ++i) {
            EXPECT_EQ(client.get(nginx.url("/?k=" + std::string(key))).status, 200);
        }
    }
    for (int i = 0; i < 4000; ++i) {
        ASSERT_EQ(client.get(nginx.url("/?k=x" + std::to_string(i))).status, 200);
    }
    for (const char* key : {"a", "b", "c"}) {
        EXPECT_EQ(client.get(nginx.url("/?k=" + std::string(key))).status, 429);
    }
    EXPECT_THAT(nginx.error_log(), HasSubstr("raise zone_size (limit \"small\")"));
}

}  // namespace
}  // namespace sallyport::test
