// Names whose addresses change between two looks, and servers that would like to be reached
// elsewhere: what was checked is what is connected to, once for each hop.
#include "tests/engine/http_client_fixture.hpp"
#include "tests/integration/fixtures/certificates.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"

#include <dlfcn.h>
#include <netdb.h>
#include <strings.h>

#include <deque>
#include <mutex>

namespace {

// What the next looks at the name give; the last one stays.
std::mutex answers_mutex;
std::deque<std::string> answers;
int looks = 0;

constexpr const char* kName = "rebinding.test";
constexpr const char* kOtherName = "gateway.test";

std::string next_answer() {
    const std::lock_guard lock(answers_mutex);
    ++looks;
    std::string answer = answers.empty() ? "127.0.0.1" : answers.front();
    if (answers.size() > 1) {
        answers.pop_front();
    }
    return answer;
}

}  // namespace

// Stands before the C library's for the whole program: no name server can be told what to say next.
extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* hints,
                           addrinfo** found) {
    static const auto real =
        reinterpret_cast<decltype(&getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
    const bool ours =
        name != nullptr && (strcasecmp(name, kName) == 0 || strcasecmp(name, kOtherName) == 0);
    const std::string answer = ours ? next_answer() : std::string();
    return real(ours ? answer.c_str() : name, service, hints, found);
}

namespace sallyport::engine {
namespace {

class HttpClientRebinding : public HttpClientTest {
  protected:
    void SetUp() override { resolves_to({"127.0.0.1"}); }
    static void resolves_to(std::deque<std::string> list) {
        const std::lock_guard lock(answers_mutex);
        answers = std::move(list);
        looks = 0;
    }
    static int times_looked() {
        const std::lock_guard lock(answers_mutex);
        return looks;
    }
    std::string by_name(const std::string& name = kName) const {
        return "http://" + name + ":" + std::to_string(upstream_.port()) + "/";
    }
};

TEST_F(HttpClientRebinding, TheCheckedAddressIsTheOneConnectedTo) {
    open("127.0.0.1");
    resolves_to({"127.0.0.1", "127.0.0.2"});
    EXPECT_EQ(word(get(by_name())), "200");
    EXPECT_EQ(times_looked(), 1) << "nobody looked again to connect";
    // The connection is still there, and no way round the next look.
    EXPECT_EQ(word(get(by_name())), "refused_address");
    EXPECT_EQ(times_looked(), 2);
    EXPECT_EQ(upstream_.request_count(), 1u);
}

TEST_F(HttpClientRebinding, WhatWasRefusedIsNotLookedAtAgain) {
    open("127.0.0.1");
    resolves_to({"127.0.0.2", "127.0.0.1"});
    EXPECT_EQ(word(get(by_name())), "refused_address");
    EXPECT_EQ(times_looked(), 1);
    EXPECT_EQ(upstream_.request_count(), 0u);
    for (const char* address : {"169.254.169.254", "::1", "64:ff9b::7f00:1", "2002:7f00:1::",
                                "2001:0:53aa:64c::1", "::ffff:127.0.0.2", "0.0.0.0"}) {
        resolves_to({address, "127.0.0.1"});
        EXPECT_EQ(word(get(by_name())), "refused_address") << address;
    }
    EXPECT_EQ(upstream_.request_count(), 0u);
}

TEST_F(HttpClientRebinding, EachHopIsLookedAtAnew) {
    open("127.0.0.1");
    upstream_.set_handler([this](const UpstreamRequest&) {
        return UpstreamReply{.status = 302, .headers = {{"Location", by_name()}}};
    });
    resolves_to({"127.0.0.1", "127.0.0.1", "127.0.0.2"});
    EXPECT_EQ(word(get(by_name())), "refused_address");
    EXPECT_EQ(times_looked(), 3);
    EXPECT_EQ(upstream_.request_count(), 2u);
}

TEST_F(HttpClientRebinding, ANameIsOneInEachSpelling) {
    open(std::string(kName) + ":" + std::to_string(upstream_.port()));
    for (const std::string name : {"rebinding.test", "rebinding.test.", "REBINDING.Test"}) {
        EXPECT_EQ(word(get(by_name(name))), "200") << name;
        EXPECT_EQ(upstream_.last_request().header("Host"),
                  std::string(kName) + ":" + std::to_string(upstream_.port()));
    }
    EXPECT_EQ(word(get(by_name(kOtherName))), "refused_address");
    EXPECT_EQ(word(get(by_name("rebinding.test.."))), "refused_url");
}

// What a server says of other places to reach it by is not listened to.
TEST_F(HttpClientRebinding, AlternativeServicesAreNotUsed) {
    open(kLoopback);
    const Upstream elsewhere;
    upstream_.set_handler([&](const UpstreamRequest&) {
        const std::string there = "\"" + elsewhere.address() + "\"; ma=86400";
        return UpstreamReply{.headers = {{"Alt-Svc", "http/1.1=" + there + ", h2=" + there},
                                         {"Refresh", "0; url=http://" + elsewhere.address()}}};
    });
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(word(get(by_name())), "200");
    }
    EXPECT_EQ(elsewhere.request_count(), 0u);
    EXPECT_EQ(upstream_.request_count(), 3u);
}

// One server with a certificate for both names: HTTP/2 would let both share a connection.
TEST_F(HttpClientRebinding, AConnectionServesOneNameAlone) {
    const test::NginxServer server(R"(
        server {
            listen 127.0.0.1:%%PORT_TLS%% ssl http2;
            ssl_certificate %%CERT%%;
            ssl_certificate_key %%KEY%%;
            location / { return 200 "$server_protocol $connection"; }
        })",
                                   {.load_module = false});
    HttpClientOptions options;
    options.ca_file = test::certificates().ca;
    open(kLoopback, options);
    const auto connection_of = [&](const std::string& name) {
        const auto outcome =
            get("https://" + name + ":" + std::to_string(server.port("PORT_TLS")) + "/");
        EXPECT_EQ(word(outcome), "200") << name;
        return std::get<HttpResponse>(outcome).body;
    };
    const std::string first = connection_of("localhost");
    EXPECT_EQ(connection_of("localhost"), first);
    const std::string second = connection_of(kOtherName);
    EXPECT_NE(second, first);
    EXPECT_EQ(connection_of(kOtherName), second);
    // The same name at another address is another place.
    resolves_to({"127.0.0.2"});
    const auto moved = get("https://gateway.test:" + std::to_string(server.port("PORT_TLS")) + "/");
    EXPECT_EQ(word(moved), "connect_failed");
}

TEST_F(HttpClientRebinding, EveryProxyOfTheEnvironmentIsPassedOver) {
    const Upstream proxy;
    const test::HeldPort nobody;
    const std::vector<const char*> names = {"http_proxy", "https_proxy", "HTTPS_PROXY",
                                            "all_proxy",  "ALL_PROXY",   "socks_proxy"};
    for (const char* name : names) {
        setenv(name, ("http://" + proxy.address()).c_str(), 1);
    }
    open(kLoopback);
    EXPECT_EQ(word(get(by_name())), "200");
    EXPECT_EQ(word(get("https://localhost:" + std::to_string(nobody.number()) + "/")),
              "connect_failed");
    EXPECT_EQ(proxy.request_count(), 0u);
    for (const char* name : names) {
        unsetenv(name);
    }
}

}  // namespace
}  // namespace sallyport::engine
