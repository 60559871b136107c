// nginx itself must not notice us: with the module loaded and every feature in report mode, a broad
// set of requests gets the very same bytes as from an nginx without it, the upstream sees the same
// requests, and the access log the same lines.
#include "common/json.hpp"
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/log_reader.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>

namespace sallyport::test {
namespace {

constexpr std::string_view kLog = "sallyport_decision_log %%DIR%%/decisions.log;";

// Everything that could refuse, change or answer, with limits that are passed at once: what is
// judged before a location is known, and the rest. Only the first few findings on a request are
// kept, so the rest stands alone as well.
constexpr std::string_view kConnectionRules = R"(
    sallyport_https redirect host=www.test;
    sallyport_strict_sni_host on;
    sallyport_early_data safe;
    sallyport_tls_policy modern;
    sallyport_ip_list here 127.0.0.0/8 ::1/128;
    sallyport_deny here;
)";
constexpr std::string_view kRequestRules = R"(
    sallyport_trust_proxy 127.0.0.1;
    sallyport_headers owasp;
    sallyport_header X-Own own;
    sallyport_csp default-src 'self' nonce;
    sallyport_ban often on=401,403,404 after=1 within=1h for=1h;
    sallyport_body_limit default=4;
    sallyport_limit once rate=1r/h burst=1;
    sallyport_rate_limit once;
    sallyport_rate_limit_headers draft-11 legacy;
    sallyport_cors origins=https://a.test credentials unmatched=deny;
    sallyport_auth token file=%%DIR%%/tokens.key;
    sallyport_redact on;
)";

constexpr std::string_view kServers = R"(
    default_type text/plain;
    log_format shown '$request_method $request_uri $status $body_bytes_sent "$http_user_agent" $sent_http_location';
    access_log %%DIR%%/shown.log shown;
    gzip on;
    gzip_min_length 1;
    gzip_types text/plain;
    client_max_body_size 64;
    large_client_header_buffers 4 1k;
    client_header_buffer_size 1k;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    server {
        listen 127.0.0.1:%%PORT%%;
        listen 127.0.0.1:%%PORT_TLS%% ssl http2;
        server_name localhost;
        ssl_certificate %%CERT%%;
        ssl_certificate_key %%KEY%%;
        ssl_protocols TLSv1.2;
        ssl_ciphers HIGH;
        root %%DIR%%/files;
        error_page 404 /404.html;
        error_page 418 = @named;
        add_header X-Nginx "$request_method" always;
        location / { index index.html; }
        location /listing/ { autoindex on; }
        location = /exact { return 200 "exact $uri $args"; }
        location /return/ { return 301 /elsewhere; }
        location /teapot { return 418; }
        location @named { return 200 "named $uri"; }
        location /rewrite/ { rewrite ^/rewrite/(.*)$ /exact?was=$1 last; }
        location /redirect/ { rewrite ^ /elsewhere permanent; }
        location /try/ { try_files $uri /a.txt =404; }
        location /none/ { try_files $uri =404; }
        location /closed/ { deny all; }
        location /any/ { satisfy any; allow all; auth_basic here; auth_basic_user_file %%DIR%%/passwords; return 200 any; }
        location /basic/ { auth_basic here; auth_basic_user_file %%DIR%%/passwords; }
        location /asks/ { auth_request /auth; alias %%DIR%%/files/; }
        location = /auth { internal; proxy_pass http://%%UPSTREAM%%/auth; proxy_pass_request_body off; proxy_set_header Content-Length ""; }
        location /mirrored/ { mirror /copy; proxy_pass http://%%UPSTREAM%%; }
        location = /copy { internal; proxy_pass http://%%UPSTREAM%%/copy; }
        location /proxy/ { proxy_pass http://%%UPSTREAM%%; }
        location /unbuffered/ { proxy_buffering off; proxy_request_buffering off; proxy_pass http://%%UPSTREAM%%; }
        location /down/ { proxy_pass http://127.0.0.1:1; }
        location /intercepted/ { proxy_intercept_errors on; proxy_pass http://%%UPSTREAM%%; }
        location /only/ { limit_except GET { deny all; } }
        location /put/ { dav_methods PUT DELETE; client_body_temp_path %%DIR%%/put_body; alias %%DIR%%/put/; }
        location /if/ { if ($arg_x) { return 204; } return 200 "without"; }
        location /hook/ { %%HOOK%% proxy_pass http://%%UPSTREAM%%; }
        location /large { client_max_body_size 1; return 200 large; }
        location /internal/ { internal; }
    }
    server {
        listen 127.0.0.1:%%PORT%% default_server;
        listen 127.0.0.1:%%PORT_TLS%% ssl http2 default_server;
        ssl_certificate %%CERT%%;
        ssl_certificate_key %%KEY%%;
        return 404 "nobody's";
    }
)";

std::string with_rules(const std::string& mode, std::string_view first, std::string_view second) {
    return "sallyport_mode " + mode + ";" + std::string(kLog) + std::string(first) +
           std::string(second) + std::string(kServers);
}

constexpr const char* kHook =
    "sallyport_webhook github; sallyport_webhook_secret 0123456789abcdef0123; "
    "sallyport_webhook_replay zone=seen:1m;";

// Everything of the request that came, and answers of many kinds.
UpstreamReply echo(const UpstreamRequest& request) {
    UpstreamReply reply;
    reply.headers = {{"Content-Type", "text/plain"},
                     {"Server", "upstream/1.0"},
                     {"X-Powered-By", "magic"},
                     {"Set-Cookie", "session=1"},
                     {"Strict-Transport-Security", "max-age=1"},
                     {"Access-Control-Allow-Origin", "*"},
                     {"RateLimit-Limit", "7"},
                     {"X-Accel-Limit-Rate", "off"}};
    reply.body = request.method + " " + request.target + "\n";
    for (const auto& [name, value] : request.headers) {
        reply.body.append(name).append(": ").append(value).append("\n");
    }
    reply.body += request.body;
    const std::size_t at = request.target.find("status=");
    if (at != std::string::npos) {
        reply.status = std::stoi(request.target.substr(at + 7));
    }
    if (request.target.find("accel") != std::string::npos) {
        reply.headers.emplace_back("X-Accel-Redirect", "/internal/a.txt");
    }
    if (request.target.find("raw") != std::string::npos) {
        reply.raw =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
            "5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n";
    }
    return reply;
}

std::string request(const std::string& line, const std::string& fields = "",
                    const std::string& body = "") {
    return line + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + fields + "\r\n" + body;
}

using Requests = std::vector<std::string>;

// Every kind of place, by the usual methods.
void add_everywhere(Requests& out) {
    for (const char* path : {"/",
                             "/a.txt",
                             "/missing",
                             "/listing/",
                             "/exact?x=1",
                             "/return/x",
                             "/teapot",
                             "/rewrite/x",
                             "/redirect/x",
                             "/try/x",
                             "/none/x",
                             "/closed/a",
                             "/any/",
                             "/basic/",
                             "/asks/a.txt",
                             "/mirrored/x",
                             "/proxy/x?y=z",
                             "/if/?x=1",
                             "/if/",
                             "/down/",
                             "/internal/x",
                             "/folder",
                             "/only/",
                             "/hook/x",
                             "/%2e%2e/x",
                             "/a%00b",
                             "//a.txt",
                             "/x/../a.txt",
                             "/A.TXT",
                             "/proxy/?status=404",
                             "/intercepted/?status=404",
                             "/proxy/?status=500",
                             "/proxy/?accel",
                             "/proxy/?raw",
                             "/unbuffered/?status=204"}) {
        for (const char* method : {"GET", "HEAD", "POST", "OPTIONS"}) {
            out.push_back(request(std::string(method) + " " + path));
        }
        out.push_back("GET " + std::string(path) + " HTTP/1.0\r\n\r\n");
    }
}

// Methods.
void add_methods(Requests& out) {
    for (const char* method :
         {"PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND", "FOO", "get"}) {
        out.push_back(request(std::string(method) + " /a.txt"));
        out.push_back(request(std::string(method) + " /proxy/x"));
    }
}

// Ranges and conditions.
void add_conditions(Requests& out) {
    for (const char* fields :
         {"Range: bytes=0-1\r\n", "Range: bytes=-2\r\n", "Range: bytes=99-\r\n",
          "Range: bytes=0-0,2-2\r\n", "Range: lines=1\r\n",
          "If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT\r\n",
          "If-Modified-Since: Thu, 01 Jan 2020 00:00:00 GMT\r\n",
          "If-Unmodified-Since: Thu, 01 Jan 2020 00:00:00 GMT\r\n", "If-None-Match: *\r\n",
          "If-Match: \"x\"\r\n", "If-Range: \"x\"\r\nRange: bytes=0-1\r\n",
          "Accept-Encoding: gzip\r\n", "Accept-Encoding: gzip\r\nRange: bytes=0-1\r\n"}) {
        out.push_back(request("GET /a.txt", fields));
        out.push_back(request("HEAD /a.txt", fields));
    }
}

// What our features read, or would take away.
void add_fields(Requests& out) {
    for (const char* fields :
         {"Authorization: Bearer x\r\n", "Authorization: Basic dXNlcjpwYXNz\r\n",
          "Cookie: session=secret\r\n", "Origin: https://a.test\r\n",
          "Origin: https://evil.test\r\n",
          "Origin: https://a.test\r\nAccess-Control-Request-Method: PUT\r\n",
          "X-Forwarded-For: 203.0.113.5, 10.0.0.1\r\nX-Forwarded-Proto: https\r\n",
          "X-Forwarded-For: nonsense\r\n", "Forwarded: for=203.0.113.5;proto=https\r\n",
          "X-Sallyport-Verdict: forged\r\nX-Sallyport-Client: 1.2.3.4\r\n", "Early-Data: 1\r\n",
          "X-Hub-Signature-256: sha256=00\r\nX-GitHub-Delivery: 1\r\n", "Upgrade: websocket\r\n",
          "User-Agent: token=secret\r\n", "TE: trailers\r\n"}) {
        out.push_back(request("GET /proxy/x?token=secret", fields));
        out.push_back(request("OPTIONS /proxy/x", fields));
        out.push_back(request("GET /hook/x", fields));
        out.push_back(request("GET /basic/a.txt", fields));
    }
}

// Bodies.
void add_bodies(Requests& out) {
    const std::string ten = "Content-Length: 10\r\n";
    for (const char* path : {"/a.txt", "/proxy/x", "/unbuffered/x", "/mirrored/x", "/hook/x",
                             "/large", "/exact", "/missing"}) {
        const std::string post = std::string("POST ") + path;
        out.push_back(request(post, ten, "0123456789"));
        out.push_back(request(post, ten + "Content-Type: application/json\r\n", "{\"a\":1234}"));
        out.push_back(request(post, "Content-Length: 65\r\n", std::string(65, 'x')));
        out.push_back(request(post, "Transfer-Encoding: chunked\r\n",
                              "5\r\nhello\r\n3;x=y\r\nabc\r\n0\r\n\r\n"));
        out.push_back(request(post, "Transfer-Encoding: chunked\r\n", "zz\r\nhello\r\n"));
        out.push_back(request(post, ten + "Expect: 100-continue\r\n", "0123456789"));
    }
    out.push_back(request("PUT /put/new.txt", ten, "0123456789"));
    out.push_back(request("DELETE /put/new.txt"));
}

// What is wrong with a request before it has a location.
void add_broken(Requests& out) {
    out.push_back("GET / HTTP/1.1\r\n\r\n");
    out.push_back("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n");
    out.push_back("GET / HTTP/2.0\r\nHost: a\r\n\r\n");
    out.push_back("GET /\r\n");
    out.push_back("nonsense\r\n\r\n");
    out.push_back(
        "GET http://other.test/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    out.push_back("GET / HTTP/1.1\r\nHost: unknown.test\r\nConnection: close\r\n\r\n");
    out.push_back(request("GET /" + std::string(2000, 'a')));
    out.push_back(request("GET /", "X: " + std::string(2000, 'a') + "\r\n"));
    out.push_back(request("GET /", "Bad Name: x\r\n"));
    out.push_back(request("GET /", "Content-Length: -1\r\n"));
    out.push_back(request("POST /proxy/", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
                          "0\r\n\r\n"));
}

// Several on one connection.
void add_pipelined(Requests& out) {
    const std::string more = " HTTP/1.1\r\nHost: localhost\r\n\r\n";
    out.push_back("GET /a.txt" + more + "HEAD /proxy/1" + more + "GET /missing" + more +
                  request("GET /proxy/2"));
    out.push_back("POST /proxy/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc" +
                  request("GET /exact"));
    out.push_back("POST /exact HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc" +
                  request("GET /a.txt"));
}

// Bytes as clients send them, well formed or not.
Requests raw_requests() {
    Requests out;
    for (const auto add : {add_everywhere, add_methods, add_conditions, add_fields, add_bodies,
                           add_broken, add_pipelined}) {
        add(out);
    }
    return out;
}

void replace_all(std::string& text, std::string_view what, std::string_view with) {
    for (std::size_t at = text.find(what); at != std::string::npos;
         at = text.find(what, at + with.size())) {
        text.replace(at, what.size(), with);
    }
}

// Without the date, this server's ports, and the number that nginx counts multipart boundaries
// with.
std::string plain(const NginxServer& nginx, std::string text) {
    for (std::size_t at = text.find("Date: "); at != std::string::npos;
         at = text.find("Date: ", at + 1)) {
        text.erase(at, text.find('\n', at) + 1 - at);
    }
    for (const char* name : {"PORT_TLS", "PORT"}) {
        replace_all(text, std::to_string(nginx.port(name)), name);
    }
    const std::string mark = "boundary=";
    if (const std::size_t at = text.find(mark); at != std::string::npos) {
        const std::string boundary =
            text.substr(at + mark.size(), text.find('\r', at) - at - mark.size());
        replace_all(text, boundary, "BOUNDARY");
    }
    return text;
}

struct Seen {
    std::vector<std::string> answers;
    std::vector<std::string> upstream;
    std::vector<std::string> http2;
    std::string access_log;
};

class Transparency : public testing::Test {
  protected:
    Transparency() : upstream_(echo) {}

    NginxOptions options(bool load_module, const char* hook) const {
        return {.variables = {{"UPSTREAM", upstream_.address()}, {"HOOK", hook}},
                .files = {{"tokens.key", "sha256:" + std::string(64, '0') + " nobody\n"},
                          {"passwords", "user:{PLAIN}pass\n"},
                          {"files/index.html", "<p>index</p>\n"},
                          {"files/404.html", "<p>not here</p>\n"},
                          {"files/a.txt", "0123456789"},
                          {"files/listing/one.txt", "one"},
                          {"files/folder/x", "x"},
                          {"put/x", "x"}},
                // Files are written by what root's workers are.
                .main = "user root;",
                .load_module = load_module,
                .expected_log_lines = {"[crit]"}};
    }

    Seen observe(const NginxServer& nginx) {
        freeze(nginx);
        Seen out;
        upstream_.clear();
        for (const std::string& text : raw_requests()) {
            out.answers.push_back(plain(nginx, raw_exchange(nginx.port(), text)));
        }
        for (const char* path : {"/", "/a.txt", "/missing", "/proxy/x", "/return/x", "/basic/",
                                 "/hook/x", "/closed/a", "/rewrite/x"}) {
            for (const char* method : {"GET", "HEAD", "OPTIONS", "POST", "DELETE"}) {
                for (const bool http2 : {true, false}) {
                    HttpRequest what{.url = nginx.tls_url(path), .method = method, .http2 = http2};
                    if (std::string_view(method) == "POST") {
                        what.body = "0123456789";
                    }
                    out.http2.push_back(plain(nginx, shown(send(what))));
                }
            }
        }
        out.http2.push_back(plain(nginx, shown(send({.url = nginx.tls_url("/"),
                                                     .headers = {{"Host", "unknown.test"}},
                                                     .http2 = true}))));
        out.http2.push_back(plain(nginx, raw_exchange(nginx.port("PORT_TLS"), request("GET /"))));
        // Copies of mirrored requests come when they come.
        for (const UpstreamRequest& one : upstream_.requests()) {
            std::string text = one.method + " " + one.target + "\n";
            for (const auto& [name, value] : one.headers) {
                text.append(name).append(": ").append(value).append("\n");
            }
            out.upstream.push_back(plain(nginx, text + one.body));
        }
        std::sort(out.upstream.begin(), out.upstream.end());
        out.access_log = plain(nginx, nginx.dir().read("shown.log"));
        return out;
    }

    // ETag and Last-Modified are made of a file's time.
    static void freeze(const NginxServer& nginx) {
        const timespec times[2] = {{1'767'225'600, 0}, {1'767'225'600, 0}};
        for (const char* name : {"files/index.html", "files/404.html", "files/a.txt",
                                 "files/listing/one.txt", "files/listing", "files/folder"}) {
            ASSERT_EQ(utimensat(AT_FDCWD, nginx.dir().path(name).c_str(), times, 0), 0) << name;
        }
    }
    static std::string shown(const HttpResponse& response) {
        std::string out = std::to_string(response.http_version) + " " +
                          std::to_string(response.status) + response.error + "\n";
        for (const auto& [name, value] : response.headers) {
            if (name != "date" && name != "Date") {
                out.append(name).append(": ").append(value).append("\n");
            }
        }
        return out + response.body;
    }

    Upstream upstream_;
};

void expect_same(const std::vector<std::string>& with, const std::vector<std::string>& without,
                 const char* what) {
    ASSERT_EQ(with.size(), without.size()) << what;
    for (std::size_t i = 0; i < with.size(); ++i) {
        EXPECT_EQ(with[i], without[i]) << what << " " << i;
    }
}

void expect_same(const Seen& with, const Seen& without) {
    const auto requests = raw_requests();
    ASSERT_EQ(with.answers.size(), without.answers.size());
    for (std::size_t i = 0; i < with.answers.size(); ++i) {
        EXPECT_EQ(with.answers[i], without.answers[i]) << requests[i];
    }
    expect_same(with.http2, without.http2, "TLS and HTTP/2");
    expect_same(with.upstream, without.upstream, "at the upstream");
    EXPECT_EQ(with.access_log, without.access_log);
}

// What was found, by reason.
std::set<std::string> reasons_of(const NginxServer& nginx) {
    std::set<std::string> out;
    for (const Json& line : LogReader(nginx.dir().path("decisions.log")).lines()) {
        EXPECT_NE(line["mode"].text_or(""), "enforce") << line.dump();
        out.insert(std::string(line["reason"].text_or("")));
        line["also"].each_element(
            [&](const Json& other) { out.insert(std::string(other["reason"].text_or(""))); });
    }
    return out;
}

TEST_F(Transparency, ReportModeChangesNothingButTheDecisionLog) {
    NginxServer bare(kServers, options(false, ""));
    const Seen without = observe(bare);
    {
        NginxServer unused(kServers, options(true, ""));
        expect_same(observe(unused), without);
    }
    NginxServer all(with_rules("report", kConnectionRules, kRequestRules), options(true, kHook));
    expect_same(observe(all), without);
    NginxServer some(with_rules("report", "", kRequestRules), options(true, kHook));
    expect_same(observe(some), without);

    // The rules had something to say, each of them.
    std::set<std::string> reasons = reasons_of(all);
    reasons.merge(reasons_of(some));
    for (const char* reason :
         {"https_redirected", "https_required", "https_credential_exposed", "tls_version_too_old",
          "misdirected", "ip_denied", "banned", "rate_limited", "body_too_large", "auth_missing",
          "auth_invalid", "cors_preflight", "cors_origin_denied", "webhook_signature_missing"}) {
        EXPECT_TRUE(reasons.contains(reason)) << reason;
    }
}

TEST_F(Transparency, OffChangesNothing) {
    NginxServer bare(kServers, options(false, ""));
    const Seen without = observe(bare);
    NginxServer nginx(with_rules("off", kConnectionRules, kRequestRules), options(true, kHook));
    expect_same(observe(nginx), without);
}

// The control: the same rules in force change almost everything.
TEST_F(Transparency, InForceTheSameRulesShow) {
    NginxServer bare(kServers, options(false, ""));
    const Seen without = observe(bare);
    NginxServer nginx(with_rules("enforce", "", kRequestRules), options(true, kHook));
    const Seen with = observe(nginx);
    std::size_t differences = 0;
    for (std::size_t i = 0; i < with.answers.size(); ++i) {
        differences += with.answers[i] != without.answers[i] ? 1 : 0;
    }
    EXPECT_GT(differences, with.answers.size() / 2);
}

}  // namespace
}  // namespace sallyport::test
