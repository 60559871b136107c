// Large answers, all of them together: they wait for room, take no time while they do, and none
// keeps another from ending.
#include "engine/adapters/http/room.hpp"
#include "tests/engine/http_client_fixture.hpp"
#include "tests/integration/fixtures/certificates.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace sallyport::engine {
namespace {

constexpr std::size_t kLarge = 600 * 1024;

class HttpClientRoom : public HttpClientTest {
  protected:
    // Room for two large answers that say how large they are.
    void open_room(std::string_view ca_file = {}, std::size_t bytes = 2 * kLarge) {
        HttpClientOptions options;
        options.large_bytes_max = bytes;
        options.ca_file = ca_file;
        open(kLoopback, options);
        upstream_.set_handler([](const UpstreamRequest& request) {
            return UpstreamReply{.body =
                                     std::string(request.target == "/small" ? 1000 : kLarge, 'x')};
        });
    }
    HttpClient::RequestId send(const std::string& url, const std::string& tenant = "a",
                               std::uint32_t timeout_ms = 20'000) {
        HttpRequest request;
        request.url = url;
        request.tenant = tenant;
        request.timeout_ms = timeout_ms;
        return client_->send(std::move(request), [this, tenant](HttpOutcome outcome) {
            ended_.push_back(tenant + word(outcome));
            outcomes_.push_back(std::move(outcome));  // and its place
        });
    }
    bool ends(std::size_t count) {
        return loop_.run_until([&] { return ended_.size() >= count; });
    }
    // Whatever could have ended meanwhile has.
    void expect_no_more_than(std::size_t count) {
        for (int i = 0; i < 3; ++i) {
            EXPECT_EQ(word(get(url("/small"))), "200");
        }
        EXPECT_EQ(ended_.size(), count);
    }
    void give_back() { outcomes_.clear(); }
    bool ends_giving_back(std::size_t count) {
        return loop_.run_until([&] {
            give_back();
            return ended_.size() >= count;
        });
    }

    std::vector<std::string> ended_;
    std::vector<HttpOutcome> outcomes_;
};

TEST_F(HttpClientRoom, LargeAnswersWaitForIt) {
    open_room();
    for (int i = 0; i < 8; ++i) {
        send(url("/"), i % 2 == 0 ? "a" : "b");
    }
    for (std::size_t done = 2; done <= 8; done += 2) {
        ASSERT_TRUE(ends(done));
        expect_no_more_than(done);
        for (const HttpOutcome& outcome : outcomes_) {
            ASSERT_EQ(word(outcome), "200");
            EXPECT_EQ(std::get<HttpResponse>(outcome).body, std::string(kLarge, 'x'));
            EXPECT_NE(std::get<HttpResponse>(outcome).place, nullptr);
        }
        give_back();
    }
}

TEST_F(HttpClientRoom, OneThatIsLargerThanAllOfItComesAlone) {
    open_room({}, 1);
    send(url("/"));
    send(url("/"));
    ASSERT_TRUE(ends(1));
    expect_no_more_than(1);
    give_back();
    ASSERT_TRUE(ends(2));
    EXPECT_EQ(ended_, (std::vector<std::string>{"a200", "a200"}));
}

TEST(HttpRoom, TenantsTakeTurnsAndNoneHasAllOfIt) {
    test::PollLoop loop;
    auto room = std::make_unique<HttpRoom>(loop, 400);
    std::string order;
    std::vector<HttpRoom::Place> places;
    std::uint64_t id = 0;
    const auto ask = [&](const std::string& tenant) {
        const auto take = [&, tenant](HttpRoom::Place place) {
            order += tenant;
            places.push_back(std::move(place));
        };
        if (auto place = room->ask(++id, tenant, 100, take)) {
            take(std::move(place));
        }
    };
    for (const char* tenant : {"a", "a", "a", "a", "a", "b", "b"}) {
        ask(tenant);
    }
    EXPECT_EQ(order, "aaab") << "a quarter is left to the others";
    room->withdraw(4);
    places.erase(places.begin(), places.begin() + 2);
    EXPECT_EQ(order, "aaab") << "later";
    ASSERT_TRUE(loop.run_until([&] { return order.size() == 6; }));
    EXPECT_TRUE(order == "aaabab" || order == "aaabba") << order;
    ask("a");
    room.reset();
    places.clear();  // of a room that is gone
    EXPECT_FALSE(loop.run_until([&] { return order.size() > 6; }, std::chrono::milliseconds(0)));
}

TEST_F(HttpClientRoom, WaitingTakesNoneOfTheirTime) {
    open_room({}, 1);
    send(url("/"));
    ASSERT_TRUE(ends(1));
    send(url("/"), "a", 1000);
    expect_no_more_than(1);  // it waits by now
    const auto gate = std::make_shared<test::Gate>();
    Upstream silent([gate](const UpstreamRequest&) { return UpstreamReply{.gate = gate}; });
    send("http://" + silent.address() + "/", "b", 1500);
    ASSERT_TRUE(ends(2));
    EXPECT_EQ(ended_.back(), "btimeout");
    give_back();
    ASSERT_TRUE(ends(3));
    EXPECT_EQ(ended_.back(), "a200") << "though its time would have been over";
    gate->open();
}

// But they have their time when they go on: who holds a place gives it back.
TEST_F(HttpClientRoom, AnAnswerThatDripsGivesItsPlaceBack) {
    open_room({}, 1);
    const test::NginxServer server(
        R"(
        server {
            listen 127.0.0.1:%%PORT%%;
            location / { root %%DIR%%; limit_rate_after 400k; limit_rate 1k; }
        })",
        {.files = {{"large", std::string(kLarge, 'y')}}, .load_module = false});
    send(server.url("/large"), "slow", 1000);
    expect_no_more_than(0);
    send(url("/"), "a");
    ASSERT_TRUE(ends_giving_back(2));
    std::sort(ended_.begin(), ended_.end());
    EXPECT_EQ(ended_, (std::vector<std::string>{"a200", "slowtimeout"}));
}

TEST_F(HttpClientRoom, WhoLeavesWhileWaitingHoldsNobodyUp) {
    open_room({}, 1);
    send(url("/"));
    ASSERT_TRUE(ends(1));
    const auto cancelled = send(url("/"));
    const Upstream ends_early([](const UpstreamRequest&) {
        return UpstreamReply{.raw = "HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" +
                                    std::string(kLarge, 'x')};
    });
    send("http://" + ends_early.address() + "/", "b");
    send(url("/"), "c");
    expect_no_more_than(1);
    client_->cancel(cancelled);
    ASSERT_TRUE(ends(2));
    EXPECT_EQ(ended_.back(), "acancelled");
    ASSERT_TRUE(ends_giving_back(4));
    std::sort(ended_.begin(), ended_.end());
    EXPECT_EQ(ended_, (std::vector<std::string>{"a200", "acancelled", "bbad_response", "c200"}));
}

TEST_F(HttpClientRoom, TheClientMayGoWhileAnswersWait) {
    open_room({}, 1);
    send(url("/"));
    ASSERT_TRUE(ends(1));
    send(url("/"));
    send(url("/"));
    expect_no_more_than(1);
    client_.reset();
    ASSERT_TRUE(ends(3));
    EXPECT_EQ(ended_, (std::vector<std::string>{"a200", "acancelled", "acancelled"}));
    give_back();  // of a client that is gone
    EXPECT_EQ(loop_.watch_count(), 0u);
    EXPECT_EQ(loop_.timer_count(), 0u);
}

// Chunks without end, and a body that is larger than allowed when it goes on.
TEST_F(HttpClientRoom, WhatTurnsOutToBeTooLargeEnds) {
    open_room({}, 1);
    send(url("/"));
    ASSERT_TRUE(ends(1));
    std::string chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (int i = 0; i < 300; ++i) {
        chunks += "10000\r\n" + std::string(0x10000, 'z') + "\r\n";
    }
    Upstream endless([&chunks](const UpstreamRequest&) { return UpstreamReply{.raw = chunks}; });
    send("http://" + endless.address() + "/", "b");
    send(url("/"), "a");
    expect_no_more_than(1);
    ASSERT_TRUE(ends_giving_back(3));
    std::sort(ended_.begin(), ended_.end());
    EXPECT_EQ(ended_, (std::vector<std::string>{"a200", "a200", "btoo_large"}));
}

// On a shared connection libcurl goes on reading, and keeps what comes for answers that wait.
TEST_F(HttpClientRoom, AnswersOverHttp2DoNotHoldOneAnotherUp) {
    open_room(test::certificates().ca, 2 * kLarge);
    const test::NginxServer server(
        R"(
        server {
            listen 127.0.0.1:%%PORT_TLS%% ssl http2;
            ssl_certificate %%CERT%%;
            ssl_certificate_key %%KEY%%;
            location / { root %%DIR%%; add_header X-Connection $connection; }
            location /protocol { return 200 "$server_protocol"; }
        })",
        {.files = {{"large", std::string(kLarge, 'y')}}, .load_module = false});
    const std::string origin = "https://localhost:" + std::to_string(server.port("PORT_TLS"));
    const auto protocol = get(origin + "/protocol");
    ASSERT_EQ(word(protocol), "200");
    ASSERT_EQ(std::get<HttpResponse>(protocol).body, "HTTP/2.0");
    send(origin + "/protocol");  // so that there is a connection that all could share
    ASSERT_TRUE(ends(1));
    give_back();
    for (int i = 0; i < 20; ++i) {
        send(origin + "/large");
    }
    std::set<std::string> connections;
    for (std::size_t done = 2; done <= 21; ++done) {
        ASSERT_TRUE(ends(done));
        ASSERT_EQ(word(outcomes_.front()), "200");
        EXPECT_EQ(std::get<HttpResponse>(outcomes_.front()).body, std::string(kLarge, 'y'));
        connections.emplace(std::get<HttpResponse>(outcomes_.front()).header("x-connection"));
        outcomes_.erase(outcomes_.begin());
    }
    EXPECT_GT(connections.size(), 2U) << "two had room at once, and others were asked for";
}

}  // namespace
}  // namespace sallyport::engine
