// Body limits in real nginx: announced lengths before anybody is invited to send, counted lengths
// whatever was announced, over HTTP/1.1 and HTTP/2, buffered and not.
#include "common/json.hpp"
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/log_reader.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/fixtures/wait.hpp"
#include "tests/integration/mistakes.hpp"

#include <gtest/gtest.h>

namespace sallyport::test {
namespace {

constexpr std::string_view kConf = R"(
    sallyport_decision_log %%DIR%%/decisions.log refused;
    include body_limit.conf;
    upstream inner { server %%UPSTREAM%%; }
    server {
        listen 127.0.0.1:%%PORT%%;
        listen 127.0.0.1:%%PORT_TLS%% ssl http2;
        ssl_certificate %%CERT%%;
        ssl_certificate_key %%KEY%%;
        sallyport_body_limit json=100 form=50 multipart=200 default=20;
        location / { proxy_pass http://inner; }
        location /direct/ { proxy_request_buffering off; proxy_pass http://inner; }
        location /off/ { sallyport_body_limit off; proxy_pass http://inner; }
        location /report/ { sallyport_body_limit_mode report; proxy_pass http://inner; }
        location /silent/ { sallyport_body_limit_mode off; proxy_pass http://inner; }
        location /tried/ { sallyport_body_limit off; try_files /none @small; }
        location @small { sallyport_body_limit default=5; proxy_pass http://inner; }
        location /mirrored/ { mirror /copy; proxy_pass http://inner; }
        location = /copy { internal; proxy_pass http://inner/copy; }
        location /asked/ { auth_request /auth; proxy_pass http://inner; }
        location = /auth {
            internal;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            proxy_pass http://inner/auth;
        }
        location /any/ { satisfy any; allow all; proxy_pass http://inner; }
        location /rewritten/ { rewrite ^ /last last; }
        location /paged/ { error_page 413 /page; proxy_pass http://inner; }
        location = /page { internal; return 200 "reason=$sallyport_reason"; }
    }
    server {
        listen 127.0.0.1:%%PORT_BARE%%;
        location /behind/ { sallyport_body_limit default=5; try_files /none @bare; }
        location /quiet/ { sallyport_body_limit default=5; sallyport_body_limit_mode report;
            try_files /none @bare; }
        location /freed/ { sallyport_body_limit default=5; try_files /none @free; }
        location @bare { proxy_pass http://inner; }
        location @free { sallyport_body_limit off; proxy_pass http://inner; }
    }
    server {
        listen 127.0.0.1:%%PORT_INCLUDED%%;
        location / { proxy_pass http://inner; }
    }
)";

NginxOptions options_for(const Upstream& upstream) {
    NginxOptions options;
    options.variables = {{"UPSTREAM", upstream.address()}};
    options.files["body_limit.conf"] = read_file(SALLYPORT_CONF_D "/body_limit.conf");
    return options;
}

struct Row {
    const char* path;
    const char* type;
    std::size_t bytes;
    int status;
};

constexpr Row kRows[] = {
    {"/", "application/json", 100, 200},
    {"/", "application/json; charset=utf-8", 101, 413},
    {"/", "application/cloudevents+json", 101, 413},
    {"/", "application/x-www-form-urlencoded", 50, 200},
    {"/", "application/x-www-form-urlencoded", 51, 413},
    {"/", "multipart/form-data; boundary=x", 200, 200},
    {"/", "multipart/form-data; boundary=x", 201, 413},
    {"/", "text/plain", 20, 200},
    {"/", "text/plain", 21, 413},
    {"/", "", 21, 413},
    {"/direct/", "text/plain", 20, 200},
    {"/direct/", "text/plain", 21, 413},
    {"/off/", "text/plain", 5000, 200},
    {"/report/", "text/plain", 5000, 200},
    {"/silent/", "text/plain", 5000, 200},
    {"/tried/", "text/plain", 6, 413},
    {"/tried/", "text/plain", 5, 200},
    {"/mirrored/", "text/plain", 21, 413},
    {"/asked/", "text/plain", 21, 413},
    {"/any/", "text/plain", 21, 413},
    {"/rewritten/", "text/plain", 21, 413},
};

TEST(BodyLimit, AnnouncedLengths) {
    Upstream upstream;
    NginxServer nginx(kConf, options_for(upstream));
    for (const bool http2 : {false, true}) {
        for (const Row& row : kRows) {
            upstream.clear();
            const auto response =
                send({.url = http2 ? nginx.tls_url(row.path) : nginx.url(row.path),
                      .method = "POST",
                      .headers = {{"Content-Type", row.type}},
                      .body = std::string(row.bytes, 'x'),
                      .http2 = http2});
            EXPECT_EQ(response.status, row.status)
                << row.path << " " << row.type << " " << row.bytes << response.error;
            if (row.status == 413) {
                EXPECT_NE(response.body.find("body_too_large"), std::string::npos) << response.body;
                EXPECT_EQ(upstream.request_count(), 0u) << row.path;
            }
        }
    }
}

std::string chunked(std::string_view path, std::string_view type, std::size_t bytes) {
    std::string out = "POST " + std::string(path) +
                      " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                      "Transfer-Encoding: chunked\r\nContent-Type: " +
                      std::string(type) + "\r\n\r\n";
    for (std::size_t i = 0; i < bytes; ++i) {
        out += "1\r\nx\r\n";
    }
    return out + "0\r\n\r\n";
}

TEST(BodyLimit, CountedWhereAnotherLocationReadsTheBody) {
    Upstream upstream;
    NginxServer nginx(kConf, options_for(upstream));
    const Row rows[] = {
        {"/behind/", "text/plain", 5, 200},
        {"/behind/", "text/plain", 6, 413},
        {"/quiet/", "text/plain", 6, 200},
        {"/freed/", "text/plain", 6, 413},
    };
    for (const Row& row : rows) {
        upstream.clear();
        const std::string response =
            raw_exchange(nginx.port("PORT_BARE"), chunked(row.path, row.type, row.bytes));
        EXPECT_TRUE(response.starts_with("HTTP/1.1 " + std::to_string(row.status)))
            << row.path << row.bytes << "\n"
            << response;
        EXPECT_EQ(upstream.request_count(), row.status == 200 ? 1u : 0u) << row.path;
    }
    LogReader log(nginx.dir().path("decisions.log"));
    const auto line_of = [&](const char* path) {
        return log.wait_for([path](const Json& json) {
            return json["path"].text_or("") == path && json["verdict"].exists();
        });
    };
    EXPECT_EQ(line_of("/behind/")["reason"].text_or(""), "body_too_large");
    EXPECT_EQ(line_of("/quiet/")["also"].at(0)["reason"].text_or(""), "body_too_large");
}

TEST(BodyLimit, CountedLengths) {
    Upstream upstream;
    NginxServer nginx(kConf, options_for(upstream));
    for (const Row& row : kRows) {
        upstream.clear();
        const std::string response =
            raw_exchange(nginx.port(), chunked(row.path, row.type, row.bytes));
        EXPECT_TRUE(response.starts_with("HTTP/1.1 " + std::to_string(row.status)))
            << row.path << " " << row.type << " " << row.bytes << "\n"
            << response;
        const bool direct = std::string_view(row.path) == "/direct/";
        const bool asked = std::string_view(row.path) == "/asked/";
        if (row.status == 413 && !direct && !asked) {
            EXPECT_EQ(upstream.request_count(), 0u) << row.path;
        }
    }
    LogReader log(nginx.dir().path("decisions.log"));
    const Json line = log.wait_for([](const Json& json) {
        return json["path"].text_or("") == "/" && json["reason"].text_or("") == "body_too_large";
    });
    EXPECT_EQ(line["rule"].text_or(""), "json");
    EXPECT_EQ(line["status"].integer_or(0), 413);
    const Json reported =
        log.wait_for([](const Json& json) { return json["path"].text_or("") == "/report/"; });
    EXPECT_EQ(reported["verdict"].text_or(""), "allow");
    EXPECT_EQ(reported["also"].at(0)["reason"].text_or(""), "body_too_large");
}

TEST(BodyLimit, Http2WithoutALength) {
    Upstream upstream;
    NginxServer nginx(kConf, options_for(upstream));
    const auto ask = [&](std::size_t bytes) {
        return send({.url = nginx.tls_url("/"),
                     .method = "POST",
                     .headers = {{"Content-Type", "text/plain"}, {"Transfer-Encoding", "chunked"}},
                     .body = std::string(bytes, 'x'),
                     .http2 = true});
    };
    EXPECT_EQ(ask(20).status, 200);
    const auto refused = ask(21);
    EXPECT_EQ(refused.status, 413) << refused.error;
    EXPECT_EQ(refused.http_version, 20);
}

TEST(BodyLimit, NobodyIsInvitedToSendWhatIsRefused) {
    Upstream upstream;
    NginxServer nginx(kConf, options_for(upstream));
    const auto head = [](std::size_t bytes) {
        return "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n"
               "Expect: 100-continue\r\nContent-Length: " +
               std::to_string(bytes) + "\r\n\r\n";
    };
    RawSocket refused(nginx.port());
    refused.send(head(21));
    // Closed without a byte of the body having been sent.
    EXPECT_TRUE(refused.receive_all().starts_with("HTTP/1.1 413"));
    RawSocket invited(nginx.port());
    invited.send(head(20));
    EXPECT_TRUE(invited.receive_until("\r\n\r\n").starts_with("HTTP/1.1 100"));
    invited.send(std::string(20, 'x'));
    EXPECT_NE(invited.receive_until("upstream\n").find("HTTP/1.1 200"), std::string::npos);
}

TEST(BodyLimit, PipelinedBodiesAreCountedApart) {
    Upstream upstream;
    NginxServer nginx(kConf, options_for(upstream));
    std::string requests;
    for (int i = 0; i < 4; ++i) {
        requests += "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n" +
                    std::string(i == 3 ? "Connection: close\r\n" : "") +
                    "Content-Length: 15\r\n\r\n" + std::string(15, 'x');
    }
    const std::string answers = raw_exchange(nginx.port(), requests);
    std::size_t count = 0;
    for (std::size_t at = answers.find("HTTP/1.1 200"); at != std::string::npos;
         at = answers.find("HTTP/1.1 200", at + 1)) {
        ++count;
    }
    EXPECT_EQ(count, 4u) << answers;
}

TEST(BodyLimit, TwoTypesGetTheSmallestLimit) {
    Upstream upstream;
    NginxServer nginx(kConf, options_for(upstream));
    const std::string response = raw_exchange(
        nginx.port(),
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: multipart/form-data\r\n"
        "Content-Type: text/plain\r\nContent-Length: 30\r\n\r\n" +
            std::string(30, 'x'));
    EXPECT_TRUE(response.starts_with("HTTP/1.1 413") || response.starts_with("HTTP/1.1 400"))
        << response;
}

TEST(BodyLimit, ErrorPagesAndTheInclude) {
    Upstream upstream;
    NginxServer nginx(kConf, options_for(upstream));
    const auto paged =
        send({.url = nginx.url("/paged/"), .method = "POST", .body = std::string(60, 'x')});
    EXPECT_EQ(paged.status, 413);
    EXPECT_EQ(paged.body, "reason=body_too_large");
    const auto post = [&](std::size_t bytes) {
        return send({.url = nginx.url("/", "PORT_INCLUDED"),
                     .method = "POST",
                     .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
                     .body = std::string(bytes, 'x')})
            .status;
    };
    EXPECT_EQ(post(64 << 10), 200);
    EXPECT_EQ(post((64 << 10) + 1), 413);
}

// More is reported than a request keeps: the refusal is still what log and variables show.
TEST(BodyLimit, ARefusalStaysAmongManyReports) {
    Upstream upstream;
    NginxOptions options;
    options.variables = {{"UPSTREAM", upstream.address()}};
    options.files["tokens.key"] = "sha256:" + std::string(64, '0') + " somebody\n";
    NginxServer nginx(R"(
        sallyport_decision_log %%DIR%%/decisions.log;
        sallyport_mode report;
        sallyport_limit once rate=1r/h burst=1;
        server {
            listen 127.0.0.1:%%PORT%%;
            sallyport_https require;
            sallyport_deny 127.0.0.0/8;
            sallyport_rate_limit once;
            sallyport_auth token file=%%DIR%%/tokens.key;
            sallyport_webhook github;
            sallyport_webhook_secret some-secret-of-the-test;
            sallyport_body_limit default=20;
            sallyport_body_limit_mode enforce;
            location / { proxy_request_buffering off; proxy_pass http://%%UPSTREAM%%; }
        }
    )",
                      options);
    for (int i = 0; i < 2; ++i) {
        EXPECT_TRUE(
            raw_exchange(nginx.port(), chunked("/", "text/plain", 21)).starts_with("HTTP/1.1 413"));
    }
    LogReader log(nginx.dir().path("decisions.log"));
    EXPECT_TRUE(wait_until([&] { return log.lines().size() >= 2; }));
    for (const Json& line : log.lines()) {
        EXPECT_EQ(line["reason"].text_or(""), "body_too_large") << line.dump();
        EXPECT_EQ(line["verdict"].text_or(""), "deny") << line.dump();
        EXPECT_EQ(line["also"].size(), 3u) << line.dump();
    }
}

TEST(BodyLimit, Mistakes) {
    const Mistake mistakes[] = {
        {"sallyport_body_limit on;", "sallyport_body_limit", "\"on\"", "default="},
        {"sallyport_body_limit json=1x;", "sallyport_body_limit", "json=1x", "k, m"},
        {"sallyport_body_limit xml=1m;", "sallyport_body_limit", "xml=1m", "json="},
        {"sallyport_body_limit json=1m json=2m;", "sallyport_body_limit", "json=2m", "keep one"},
        {"sallyport_body_limit json=1 form=1 multipart=1 default=1 json=2;", "sallyport_body_limit",
         "json=2", "too many"},
        {"sallyport_body_limit off; sallyport_body_limit off;", "sallyport_body_limit", "twice",
         "keep one"},
        {"sallyport_body_limit_mode maybe;", "sallyport_body_limit_mode", "maybe", "report"},
        {"sallyport_body_limit default=1m; error_page 413 =200 /x;", "body_limit", "413",
         "leave out"},
    };
    for (const Mistake& mistake : mistakes) {
        expect_mistake(mistake);
    }
    const auto check =
        check_config("sallyport_body_limit default=2m; server { listen 127.0.0.1:%%PORT_A%%; }");
    EXPECT_TRUE(check.ok());
    EXPECT_NE(check.messages.find("client_max_body_size"), std::string::npos) << check.messages;
}

}  // namespace
}  // namespace sallyport::test
