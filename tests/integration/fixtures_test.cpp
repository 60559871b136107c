// The fixtures themselves, against a plain nginx: when these fail, no other integration test means
// anything.
#include "tests/integration/fixtures/certificates.hpp"
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/log_reader.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/redis_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <thread>

namespace sallyport::test {
namespace {

constexpr std::string_view kPlain = R"(
    log_format line escape=json '{"uri":"$uri","from":"$remote_addr"}';
    access_log %%DIR%%/lines.log line;
    server {
        listen 127.0.0.1:%%PORT%%;
        listen 127.0.0.1:%%PORT_TLS%% ssl http2;
        ssl_certificate %%CERT%%;
        ssl_certificate_key %%KEY%%;
        ssl_client_certificate %%CA%%;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_verify_client optional;
        location / { proxy_pass http://%%UPSTREAM%%; }
        location /version { return 200 %%WORD%%; }
        location /who { return 200 "$remote_addr $ssl_protocol $server_protocol $ssl_client_verify"; }
    }
)";

NginxOptions plain(const Upstream& upstream, const std::string& word = "one") {
    return {.variables = {{"UPSTREAM", upstream.address()}, {"WORD", word}}, .load_module = false};
}

TEST(Fixtures, ProxyRecordAndLog) {
    Upstream upstream;
    NginxServer nginx(kPlain, plain(upstream));
    const auto response = send({.url = nginx.url("/a?b=c"),
                                .method = "PUT",
                                .headers = {{"X-Test", "yes"}},
                                .body = std::string(100'000, 'x'),
                                .local_address = "127.0.0.9"});
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "upstream\n");
    EXPECT_EQ(response.header("content-type"), "text/plain");
    ASSERT_EQ(upstream.request_count(), 1u);
    EXPECT_EQ(upstream.last_request().method, "PUT");
    EXPECT_EQ(upstream.last_request().target, "/a?b=c");
    EXPECT_EQ(upstream.last_request().header("x-test"), "yes");
    EXPECT_EQ(upstream.last_request().body.size(), 100'000u);
    const Json line = LogReader(nginx.dir().path("lines.log")).wait_for([](const Json& l) {
        return l["uri"].text() == "/a";
    });
    EXPECT_EQ(line["from"].text(), "127.0.0.9");
}

TEST(Fixtures, GateHoldsAnAnswerBack) {
    auto gate = std::make_shared<Gate>();
    Upstream upstream([&](const UpstreamRequest&) { return UpstreamReply{.gate = gate}; });
    NginxServer nginx(kPlain, plain(upstream));
    HttpResponse response;
    std::thread client([&] { response = get(nginx.url("/")); });
    EXPECT_TRUE(upstream.wait_for_requests(1));
    gate->open();
    client.join();
    EXPECT_EQ(response.status, 200);
}

TEST(Fixtures, SpeaksTlsAndHttp2) {
    Upstream upstream;
    NginxServer nginx(kPlain, plain(upstream));
    const auto old = send({.url = nginx.tls_url("/who"), .tls = TlsVersion::v1_2});
    EXPECT_EQ(old.body, "127.0.0.1 TLSv1.2 HTTP/1.1 NONE") << old.error;
    const auto modern = send({.url = nginx.tls_url("/who"),
                              .http2 = true,
                              .client_certificate = certificates().client_certificate,
                              .client_key = certificates().client_key});
    EXPECT_EQ(modern.body, "127.0.0.1 TLSv1.3 HTTP/2.0 SUCCESS") << modern.error;
    EXPECT_EQ(modern.http_version, 20);
}

TEST(Fixtures, ReloadsAndReportsARefusal) {
    Upstream upstream;
    NginxServer nginx(kPlain, plain(upstream));
    const auto before = nginx.worker_pids();
    ASSERT_TRUE(nginx.reload());
    EXPECT_NE(nginx.worker_pids(), before);
    EXPECT_EQ(get(nginx.url("/version")).body, "one");
    nginx.expect_log_line("no_such_directive");
    EXPECT_FALSE(nginx.reload("no_such_directive on;"));
    EXPECT_EQ(get(nginx.url("/version")).body, "one");
}

// A test that ends in an exception must not leave workers behind: the master is told to end.
TEST(Fixtures, LeavesNoWorkersWhenAServerDoesNotComeUp) {
    const TempDir dir("orphans");
    dir.write("nginx.conf", "daemon off; pid nginx.pid; events {}");
    std::vector<ChildProcess> workers;
    {
        const Process master = Process::spawn(
            {nginx_path(), "-p", dir.path(), "-e", "stderr", "-c", dir.path("nginx.conf")},
            {.output_path = dir.path("output.log"), .parent_death_signal = SIGTERM});
        ASSERT_TRUE(wait_until([&] {
            workers = children_of(master.pid());
            return !workers.empty() &&
                   workers.front().command_line.find("worker process") != std::string::npos;
        }));
    }
    for (const auto& worker : workers) {
        EXPECT_NE(kill(worker.pid, 0), 0) << worker.command_line;
    }
}

TEST(Fixtures, FailsTheTestOnAnEmergencyLine) {
    EXPECT_NONFATAL_FAILURE(
        {
            NginxServer nginx("server { listen 127.0.0.1:%%PORT%%; }", {.load_module = false});
            EXPECT_FALSE(nginx.reload("no_such_directive on;"));
        },
        "no_such_directive");
}

TEST(Fixtures, ChecksConfigurations) {
    EXPECT_TRUE(check_config("server { listen 127.0.0.1:%%PORT%%; }", {.load_module = false}).ok());
    const auto wrong =
        check_config("server { listen nonsense:%%PORT%%x; }", {.load_module = false});
    EXPECT_FALSE(wrong.ok());
    EXPECT_NE(wrong.messages.find("[emerg]"), std::string::npos) << wrong.messages;
}

TEST(Fixtures, RawBytes) {
    Upstream upstream;
    NginxServer nginx(kPlain, plain(upstream));
    const std::string answer = raw_exchange(nginx.port(), "GET /\x01 HTTP/1.1\r\n\r\n");
    EXPECT_EQ(answer.substr(0, 12), "HTTP/1.1 400");
}

TEST(Fixtures, RedisStopsFreezesAndComesBack) {
    RedisServer redis;
    EXPECT_EQ(redis.command({"SET", "k", "v"}), "+OK\r\n");
    EXPECT_EQ(redis.command({"GET", "k"}), "$1\r\nv\r\n");
    redis.pause();
    redis.resume();
    EXPECT_EQ(redis.command({"PING"}), "+PONG\r\n");
    redis.stop();
    EXPECT_EQ(redis.command({"PING"}), "");
    redis.start();
    EXPECT_EQ(redis.command({"GET", "k"}), "$-1\r\n");
}

}  // namespace
}  // namespace sallyport::test
