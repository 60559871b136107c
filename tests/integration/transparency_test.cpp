// nginx itself must not notice us: with the module loaded and every feature in report mode, a broad
// set of requests gets the very same bytes as from an nginx without it, the upstream sees the same
// requests, and the access log the same lines.
#include "common/json.hpp"
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/log_reader.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/transparency_requests.hpp"

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
    sallyport_methods POST;
    sallyport_strict_requests http2 path semicolons;
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
        ssl_protocols TLSv1.2;
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
          "misdirected", "ip_denied", "banned", "rate_limited", "body_too_large",
          "method_not_allowed", "request_malformed", "auth_missing", "auth_invalid",
          "cors_preflight", "cors_origin_denied", "webhook_signature_missing"}) {
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

// In force one at a time, so that none hides the next: whatever is sent, no worker falls (the
// fixture fails on alerts and on sanitizers), and a good request gets its answer afterwards.
TEST_F(Transparency, EachRuleInForceSurvivesEveryRequest) {
    const struct {
        const char* rule;
        int status;  // of GET /a.txt
    } rows[] = {
        {"sallyport_https redirect host=www.test;", 308},
        {"sallyport_strict_sni_host on; sallyport_early_data safe;", 200},
        {"sallyport_deny 192.0.2.0/24;", 200},
        {"sallyport_trust_proxy 127.0.0.1;", 200},
        {"sallyport_trust_proxy 127.0.0.1; sallyport_forwarded_header Forwarded;", 200},
        {"sallyport_headers helmet; sallyport_csp default-src 'self' nonce;", 200},
        {"sallyport_body_limit default=4;", 200},
        {"sallyport_methods GET; sallyport_strict_requests http2 path semicolons;", 200},
        {"sallyport_limit many rate=100000r/s burst=1000; sallyport_rate_limit many; "
         "sallyport_rate_limit_headers draft-11 legacy;",
         200},
        {"sallyport_limit few concurrent=100; sallyport_rate_limit few;", 200},
        {"sallyport_cors origins=https://a.test credentials unmatched=deny;", 200},
        {"sallyport_auth token file=%%DIR%%/tokens.key;", 401},
        {"sallyport_redact on; sallyport_verdict secret_file=%%DIR%%/verdict.key;", 200},
        {"sallyport_webhook github; sallyport_webhook_secret 0123456789abcdef0123; "
         "sallyport_webhook_replay zone=all:1m;",
         401},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.rule);
        NginxOptions with = options(true, kHook);
        with.files["verdict.key"] = "0123456789abcdef0123456789abcdef";
        NginxServer nginx(with_rules("enforce", row.rule, ""), with);
        const auto workers = nginx.worker_pids();
        (void)observe(nginx);
        EXPECT_EQ(send({.url = nginx.url("/a.txt"), .headers = {{"Host", "localhost"}}}).status,
                  row.status);
        EXPECT_EQ(nginx.worker_pids(), workers);
    }
}

}  // namespace
}  // namespace sallyport::test
