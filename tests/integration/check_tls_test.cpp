// Pitfalls of `sallyport check` whose exploits need more than a request's text: TLS that is seen
// from inside, and HTTP/2 frames.
#include "tests/integration/check_names.hpp"
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/log_reader.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/tls_client.hpp"
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/http2_frames.hpp"
#include "tests/integration/webhook_clock.hpp"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

namespace sallyport::test {
namespace {

const std::string kTls = "ssl_certificate %%CERT%%; ssl_certificate_key %%KEY%%; ";

bool named(const NginxServer& nginx, std::string_view rule) {
    return check_names(nginx.dir().path("nginx.conf"), rule);
}

// The handshake names a server that exists, the request one that does not: what the default server
// would serve is served, although it refuses every handshake.
TEST(CheckTls, ARefusedHandshakeIsNoRefusedRequest) {
    const std::string others =
        "server { listen 127.0.0.1:%%PORT_TLS%% ssl; server_name localhost; " + kTls +
        "return 200 public; } ";
    const std::string refusing =
        "server { listen 127.0.0.1:%%PORT_TLS%% ssl default_server; ssl_reject_handshake on; ";
    const struct {
        std::string conf;
        int status;
        bool named;
    } rows[] = {
        {others + refusing + "location / { return 200 inner; } }", 200, true},
        {others + refusing + "return 421; }", 421, false},
        {"sallyport_strict_sni_host on; " + others + refusing +
             "location / { return 200 inner; } }",
         421, false},
    };
    for (const auto& row : rows) {
        NginxServer nginx(row.conf);
        const auto response =
            send({.url = nginx.tls_url("/"), .headers = {{"Host", "inner.test"}}});
        EXPECT_EQ(response.status, row.status) << row.conf;
        EXPECT_EQ(response.body == "inner", row.status == 200) << response.body;
        EXPECT_EQ(named(nginx, "misdirected_request"), row.named) << row.conf;
    }
}

// What a client that resumes `session` sends at once: its hello, and a request in early data. An
// attacker on the way has these bytes and no key.
std::string recorded(const TlsSession& session, const std::string& request) {
    SSL_CTX* context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    SSL* ssl = SSL_new(context);
    BIO* out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);
    SSL_set_tlsext_host_name(ssl, "localhost");
    SSL_set_session(ssl, session.get());
    SSL_set_connect_state(ssl);
    std::size_t written = 0;
    EXPECT_EQ(SSL_write_early_data(ssl, request.data(), request.size(), &written), 1);
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(out, &bytes);
    std::string record(bytes, static_cast<std::size_t>(size));
    SSL_free(ssl);
    SSL_CTX_free(context);
    return record;
}

TEST(CheckTls, EarlyDataIsSentAgainByAnybody) {
    const std::string start =
        "sallyport_decision_log %%DIR%%/decisions.log all; server { listen "
        "127.0.0.1:%%PORT_TLS%% ssl; server_name localhost; ssl_protocols TLSv1.3; ssl_early_data "
        "on; location / { proxy_pass http://%%UPSTREAM%%; } " +
        kTls;
    for (const bool mended : {false, true}) {
        Upstream upstream;
        NginxServer nginx(start + (mended ? "sallyport_early_data safe; }" : "}"),
                          {.variables = {{"UPSTREAM", upstream.address()}}});
        const auto first = visit({.port = nginx.port("PORT_TLS")});
        ASSERT_EQ(first.status, 200);
        ASSERT_NE(first.session, nullptr);
        upstream.clear();
        const std::string bytes =
            recorded(first.session, "DELETE /account HTTP/1.1\r\nHost: localhost\r\n\r\n");
        RawSocket once(nginx.port("PORT_TLS"));
        once.send(bytes);
        RawSocket again(nginx.port("PORT_TLS"));
        again.send(bytes);
        if (mended) {
            const auto lines = LogReader(nginx.dir().path("decisions.log")).wait_for_lines(3);
            EXPECT_EQ(lines[2]["reason"].text(), "early_data_refused") << lines[2].dump();
            EXPECT_EQ(upstream.request_count(), 0u);
        } else {
            EXPECT_TRUE(upstream.wait_for_requests(2)) << "the account is deleted twice";
        }
        EXPECT_EQ(named(nginx, "ssl_early_data"), !mended);
    }
}

// Who steals the key that tickets are sealed with reads what was recorded while it was used.
TEST(CheckTls, TheKeyOfTicketsLivesAsLongAsNginx) {
    constexpr std::int64_t kWeek = 7 * 24 * 3600;
    constexpr std::int64_t kStart = 1'767'225'600;
    const auto key_of = [](const NginxServer& nginx) {
        return ticket_key_name(visit({.port = nginx.port("PORT_TLS"), .tls_1_2 = true}).session);
    };
    const std::string server =
        "server { listen 127.0.0.1:%%PORT_TLS%% ssl; " + kTls + "return 200; }";
    {
        ClockedNginx nginx(server, {}, kStart);
        const std::string before = key_of(*nginx);
        EXPECT_NE(before, "");
        nginx.set(kStart + kWeek);
        EXPECT_EQ(key_of(*nginx), before) << "a week later";
        EXPECT_TRUE(named(*nginx, "ssl_session_tickets"));
    }
    {
        NginxServer nginx("ssl_session_tickets off; " + server);
        EXPECT_EQ(key_of(nginx), "");
        EXPECT_FALSE(named(nginx, "ssl_session_tickets"));
    }
    const TempDir dir("tickets");
    const std::string path = dir.path("tickets.key");
    const auto rotate = [&] {
        const auto result = run_command(
            {environment_or("SALLYPORT_CLI_BIN", SALLYPORT_CLI_BIN_DEFAULT), "tickets", path});
        ASSERT_EQ(result.exit_code, 0) << result.output;
    };
    rotate();
    NginxServer nginx("sallyport_tls_tickets file=" + path + " refresh=100ms; " + server,
                      {.main = "user root;"});
    const std::string before = key_of(nginx);
    EXPECT_NE(before, "");
    rotate();
    EXPECT_TRUE(wait_until([&] { return key_of(nginx) != before; }));
    EXPECT_FALSE(named(nginx, "ssl_session_tickets"));
}

// CVE-2023-44487: streams that are opened and reset cost the server more than the client. How many
// a connection may open is bounded by keepalive_requests alone.
bool survives_flood(const NginxServer& nginx) {
    constexpr std::uint8_t kHeaders = 1;
    constexpr std::uint8_t kReset = 3;
    constexpr std::uint8_t kSettings = 4;
    constexpr std::uint8_t kPing = 6;
    constexpr std::uint32_t kStreams = 1500;
    constexpr std::uint32_t kBurst = 50;  // nginx bounds what it takes at once
    const std::string block = http2::literal(":method", "GET") + http2::literal(":scheme", "http") +
                              http2::literal(":authority", "h") + http2::literal(":path", "/");
    RawSocket socket(nginx.port());
    socket.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + http2::frame(kSettings, 0, 0, ""));
    for (std::uint32_t sent = 0; sent < kStreams; sent += kBurst) {
        std::string frames;
        for (std::uint32_t i = 0; i < kBurst; ++i) {
            const std::uint32_t stream = 2 * (sent + i) + 1;
            frames += http2::frame(kHeaders, 5, stream, block) +
                      http2::frame(kReset, 0, stream, std::string("\0\0\0\x8", 4));
        }
        std::string mark = std::to_string(10'000'000 + sent);  // eight bytes that come back
        socket.send(frames + http2::frame(kPing, 0, 0, mark));
        if (socket.receive_until(mark).find(mark) == std::string::npos) {
            return false;
        }
    }
    return true;
}

TEST(CheckTls, AConnectionOpensAsManyStreamsAsItMay) {
    const std::string server =
        "server { listen 127.0.0.1:%%PORT%% http2; location / { empty_gif; } }";
    NginxServer lax("keepalive_requests 100000; " + server);
    EXPECT_TRUE(survives_flood(lax));
    EXPECT_TRUE(named(lax, "keepalive_requests"));
    NginxServer nginx("keepalive_requests 1000; " + server);
    EXPECT_FALSE(survives_flood(nginx));
    EXPECT_FALSE(named(nginx, "keepalive_requests"));
}

}  // namespace
}  // namespace sallyport::test
