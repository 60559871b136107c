// Early data of TLS 1.3 in real nginx: what may be sent again passes, the rest must come again.
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/log_reader.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <utility>

namespace sallyport::test {
namespace {

constexpr std::string_view kEarly = R"(
    ssl_certificate %%CERT%%;
    ssl_certificate_key %%KEY%%;
    ssl_protocols TLSv1.3;
    sallyport_trust_proxy 127.0.0.9;
    sallyport_decision_log %%DIR%%/decisions.log refused;
    sallyport_limit many rate=100000r/s burst=1000;
    server {
        listen 127.0.0.1:%%PORT_TLS%% ssl;
        listen 127.0.0.1:%%PORT%%;
        ssl_early_data on;
        sallyport_early_data safe;
        location / { proxy_pass http://%%UPSTREAM%%; }
        location /admin { sallyport_early_data refuse; proxy_pass http://%%UPSTREAM%%; }
        location /limited { sallyport_rate_limit many; proxy_pass http://%%UPSTREAM%%; }
        location /hook { sallyport_webhook github; sallyport_webhook_secret 0123456789abcdef0123; proxy_pass http://%%UPSTREAM%%; }
        location /token { sallyport_auth token file=%%DIR%%/tokens.key; proxy_pass http://%%UPSTREAM%%; }
    }
    server {
        listen 127.0.0.1:%%PORT_REPORT%% ssl;
        ssl_early_data on;
        sallyport_early_data safe;
        sallyport_https_mode report;
        location / { return 200 "in $sallyport_reason\n"; }
    }
)";

// Of a token that nobody shows.
constexpr const char* kTokens =
    "sha256:0000000000000000000000000000000000000000000000000000000000000000 nobody\n";

// A client that sends a request in early data and does not go on with the handshake until the test
// lets it: only so does the server see early data for certain.
class EarlyClient {
  public:
    explicit EarlyClient(std::uint16_t port)
        : port_(port), context_(SSL_CTX_new(TLS_client_method())) {
        SSL_CTX_set_min_proto_version(context_, TLS1_3_VERSION);
        SSL_CTX_set_session_cache_mode(context_,
                                       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_set_app_data(context_, this);
        SSL_CTX_sess_set_new_cb(context_, [](SSL* ssl, SSL_SESSION* session) {
            auto* self = static_cast<EarlyClient*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
            SSL_SESSION_free(std::exchange(self->session_, session));
            return 1;
        });
        Connection first(*this);
        EXPECT_EQ(SSL_connect(first.ssl), 1);
        first.write("GET /first" + std::string(kHead));
        EXPECT_NE(first.read_all(), "");
        EXPECT_NE(session_, nullptr);
    }
    ~EarlyClient() {
        SSL_SESSION_free(session_);
        SSL_CTX_free(context_);
    }
    EarlyClient(const EarlyClient&) = delete;
    EarlyClient& operator=(const EarlyClient&) = delete;

    // Once a client: a ticket is good for one connection. `judged` waits until the server has dealt
    // with the request.
    std::string send(const std::string& request, const std::function<void()>& judged) {
        Connection connection(*this);
        SSL_set_session(connection.ssl, session_);
        const std::string text = request + std::string(kHead);
        std::size_t written = 0;
        EXPECT_EQ(SSL_write_early_data(connection.ssl, text.data(), text.size(), &written), 1);
        judged();
        EXPECT_EQ(SSL_connect(connection.ssl), 1);
        EXPECT_EQ(SSL_get_early_data_status(connection.ssl), SSL_EARLY_DATA_ACCEPTED);
        return connection.read_all();
    }

  private:
    static constexpr std::string_view kHead =
        " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

    struct Connection {
        explicit Connection(const EarlyClient& client)
            : ssl(SSL_new(client.context_)), fd(socket(AF_INET, SOCK_STREAM, 0)) {
            sockaddr_in address{};
            address.sin_family = AF_INET;
            address.sin_port = htons(client.port_);
            address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            timeval deadline{};
            deadline.tv_sec = std::chrono::duration_cast<std::chrono::seconds>(kDeadline).count();
            setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
            EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
            SSL_set_fd(ssl, fd);
            SSL_set_tlsext_host_name(ssl, "localhost");
        }
        ~Connection() {
            // A session whose connection was not closed properly is not resumed.
            SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
            SSL_free(ssl);
            close(fd);
        }
        Connection(const Connection&) = delete;
        Connection& operator=(const Connection&) = delete;

        void write(const std::string& text) const {
            EXPECT_EQ(SSL_write(ssl, text.data(), static_cast<int>(text.size())),
                      static_cast<int>(text.size()));
        }
        std::string read_all() const {
            std::string out;
            char piece[4096];
            for (int got; (got = SSL_read(ssl, piece, sizeof(piece))) > 0;) {
                out.append(piece, static_cast<std::size_t>(got));
            }
            return out;
        }

        SSL* ssl;
        int fd;
    };

    std::uint16_t port_;
    SSL_CTX* context_;
    SSL_SESSION* session_ = nullptr;
};

std::size_t decisions(const NginxServer& nginx) {
    return LogReader(nginx.dir().path("decisions.log")).lines().size();
}

TEST(EarlyData, UnsafeRequestsMustComeAgain) {
    Upstream upstream;
    NginxOptions options;
    options.variables = {{"UPSTREAM", upstream.address()}};
    options.files = {{"tokens.key", kTokens}};
    NginxServer nginx(kEarly, options);
    EarlyClient reader(nginx.port("PORT_TLS"));
    upstream.clear();
    const std::string read =
        reader.send("GET /read", [&] { EXPECT_TRUE(upstream.wait_for_requests(1)); });
    EXPECT_TRUE(read.starts_with("HTTP/1.1 200")) << read;
    EXPECT_EQ(upstream.last_request().header("Early-Data"), "1");

    const std::string refused[] = {"DELETE /write",
                                   "GET /x HTTP/1.1\r\nAuthorization: Bearer x\r\nX:",
                                   "GET /x HTTP/1.1\r\nCookie: session=x\r\nX:",
                                   "GET /admin",
                                   "GET /limited",
                                   "GET /hook",
                                   "GET /token"};
    for (const std::string& request : refused) {
        EarlyClient client(nginx.port("PORT_TLS"));
        upstream.clear();
        const std::size_t before = decisions(nginx);
        const std::string answer = client.send(request, [&] {
            EXPECT_TRUE(wait_until([&] { return decisions(nginx) > before; })) << request;
        });
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 425")) << answer;
        EXPECT_NE(answer.find("early_data_refused"), std::string::npos) << answer;
        EXPECT_EQ(upstream.request_count(), 0u);
    }
    EarlyClient reported(nginx.port("PORT_REPORT"));
    const std::size_t before = decisions(nginx);
    const std::string answer = reported.send(
        "DELETE /", [&] { EXPECT_TRUE(wait_until([&] { return decisions(nginx) > before; })); });
    EXPECT_NE(answer.find("in early_data_refused"), std::string::npos) << answer;
}

TEST(EarlyData, TheFieldIsBelievedOnlyOfProxies) {
    Upstream upstream;
    NginxOptions options;
    options.variables = {{"UPSTREAM", upstream.address()}};
    options.files = {{"tokens.key", kTokens}};
    NginxServer nginx(kEarly, options);
    const auto ask = [&](const char* from, const char* method, HeaderList headers) {
        return send({.url = nginx.url("/"),
                     .method = method,
                     .headers = std::move(headers),
                     .local_address = from})
            .status;
    };
    const HeaderList once = {{"Early-Data", "1"}};
    const HeaderList twice = {{"Early-Data", "1"}, {"Early-Data", "0"}};
    EXPECT_EQ(ask("127.0.0.8", "DELETE", once), 200);
    EXPECT_EQ(upstream.last_request().header("Early-Data"), std::nullopt);
    EXPECT_EQ(ask("127.0.0.9", "DELETE", once), 425);
    EXPECT_EQ(ask("127.0.0.9", "GET", twice), 200);
    std::size_t fields = 0;
    for (const auto& [name, value] : upstream.last_request().headers) {
        if (name == "Early-Data" || name == "early-data") {
            ++fields;
            EXPECT_EQ(value, "1");
        }
    }
    EXPECT_EQ(fields, 1u);
}

}  // namespace
}  // namespace sallyport::test
