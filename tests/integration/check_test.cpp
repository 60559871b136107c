// Each pitfall that can be exploited, exploited in real nginx; `sallyport check` names it, and
// where it is mended the exploit fails and the check is content.
#include "common/json.hpp"
#include "tests/integration/check_names.hpp"
#include "tests/integration/fixtures/certificates.hpp"
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/process.hpp"
#include "tests/integration/fixtures/temp_dir.hpp"

#include <gtest/gtest.h>

#include <set>

namespace sallyport::test {
namespace {

constexpr std::string_view kUpstream = R"(
    server {
        listen 127.0.0.1:%%PORT_UP%%;
        location / { return 200 "up=$request_uri xff=$http_x_forwarded_for real=$http_x_real_ip host=$http_host."; }
        location /json/ { default_type application/json; return 200 "{\"secret\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}"; }
        location /accel { add_header X-Accel-Redirect /int/secret.txt; return 200 "up"; }
    }
)";

struct Exploit {
    const char* rule;
    const char* bad;  // inside http, beside the upstream above
    const char* mended;
    const char* request;  // the request line's target, and fields
    const char* fields;
    const char*
        evidence;  // in the response when the exploit works; with a leading "!": missing then
};

constexpr Exploit kExploits[] = {
    {"alias_traversal",
     "server { listen 127.0.0.1:%%PORT%%; location /i { alias %%DIR%%/site/img/; } }",
     "server { listen 127.0.0.1:%%PORT%%; location /i/ { alias %%DIR%%/site/img/; } }",
     "/i../secret.txt", "", "TOP SECRET"},
    {"add_header_inheritance",
     "server { listen 127.0.0.1:%%PORT%%; add_header X-Frame-Options DENY always; "
     "location / { add_header X-A b; return 200; } }",
     "server { listen 127.0.0.1:%%PORT%%; sallyport_header X-Frame-Options DENY; "
     "location / { add_header X-A b; return 200; } }",
     "/", "", "!X-Frame-Options: DENY"},
    {"add_header_always",
     "server { listen 127.0.0.1:%%PORT%%; add_header X-Content-Type-Options nosniff; return 404; }",
     "server { listen 127.0.0.1:%%PORT%%; sallyport_header X-Content-Type-Options nosniff; "
     "return 404; }",
     "/", "", "!X-Content-Type-Options: nosniff"},
    {"add_header_content_type",
     "server { listen 127.0.0.1:%%PORT%%; default_type text/plain; "
     "add_header Content-Type text/html; return 200 x; }",
     "server { listen 127.0.0.1:%%PORT%%; default_type text/plain; return 200 x; }", "/", "",
     "Content-Type: text/html"},
    {"http_splitting",
     "server { listen 127.0.0.1:%%PORT%%; location / { return 302 https://x.test$uri; } }",
     "server { listen 127.0.0.1:%%PORT%%; location / { return 302 https://x.test$request_uri; } }",
     "/%0d%0aX-Injected:%20yes", "", "\nX-Injected: yes"},
    {"http_splitting",
     "server { listen 127.0.0.1:%%PORT%%; location ~ ^/v/([^/]*)$ { add_header X-V $1; return 200; "
     "} }",
     "server { listen 127.0.0.1:%%PORT%%; location ~ ^/v/([^/\\s]*)$ { add_header X-V $1; return "
     "200; "
     "} }",
     "/v/%0d%0aX-Injected:%20yes", "", "\nX-Injected: yes"},
    {"proxy_pass_slash",
     "server { listen 127.0.0.1:%%PORT%%; location /obs { proxy_pass "
     "http://127.0.0.1:%%PORT_UP%%/v1/; } }",
     "server { listen 127.0.0.1:%%PORT%%; location /obs/ { proxy_pass "
     "http://127.0.0.1:%%PORT_UP%%/v1/; "
     "} }",
     "/obs../admin", "", "up=/v1/../admin"},
    {"merge_slashes_off",
     "server { listen 127.0.0.1:%%PORT%%; merge_slashes off; location /admin { deny all; } "
     "location / { proxy_pass http://127.0.0.1:%%PORT_UP%%; } }",
     "server { listen 127.0.0.1:%%PORT%%; location /admin { deny all; } "
     "location / { proxy_pass http://127.0.0.1:%%PORT_UP%%; } }",
     "//admin", "", "up=//admin"},
    {"regex_over_prefix",
     "server { listen 127.0.0.1:%%PORT%%; location /admin/ { deny all; } "
     "location ~ \\.json$ { proxy_pass http://127.0.0.1:%%PORT_UP%%; } }",
     "server { listen 127.0.0.1:%%PORT%%; location ^~ /admin/ { deny all; } "
     "location ~ \\.json$ { proxy_pass http://127.0.0.1:%%PORT_UP%%; } }",
     "/admin/users.json", "", "up=/admin/users.json"},
    {"internal_rewrite",
     "server { listen 127.0.0.1:%%PORT%%; location /int/ { internal; alias %%DIR%%/site/; } "
     "location /rw/ { rewrite ^/rw/(.*) /$1 last; } }",
     "server { listen 127.0.0.1:%%PORT%%; location /int/ { internal; alias %%DIR%%/site/; } "
     "location /rw/ { rewrite ^/rw/(.*) /pub/$1 last; } }",
     "/rw/int/secret.txt", "", "TOP SECRET"},
    {"if_is_evil",
     "server { listen 127.0.0.1:%%PORT%%; location / { add_header X-A safe always; "
     "if ($arg_x) { add_header X-B 1; } empty_gif; } }",
     "server { listen 127.0.0.1:%%PORT%%; location / { add_header X-A safe always; "
     "add_header X-B $arg_x; empty_gif; } }",
     "/?x=1", "", "!X-A: safe"},
    {"autoindex",
     "server { listen 127.0.0.1:%%PORT%%; location /d/ { alias %%DIR%%/site/; autoindex on; } }",
     "server { listen 127.0.0.1:%%PORT%%; location /d/ { alias %%DIR%%/site/; } }", "/d/", "",
     "secret.txt"},
    {"dotfiles", "server { listen 127.0.0.1:%%PORT%%; root %%DIR%%/site; }",
     "server { listen 127.0.0.1:%%PORT%%; root %%DIR%%/site; "
     "location ~ /\\. { sallyport_deny all; } }",
     "/.env", "", "PASSWORD=x"},
    {"location_realip",
     "server { listen 127.0.0.1:%%PORT%%; sallyport_deny 203.0.113.9; location / { "
     "set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For; return 200 in; } }",
     "server { listen 127.0.0.1:%%PORT%%; sallyport_deny 203.0.113.9; set_real_ip_from 127.0.0.1; "
     "real_ip_header X-Forwarded-For; location / { return 200 in; } }",
     "/", "X-Forwarded-For: 203.0.113.9\r\n", "200 OK"},
    {"trust_everybody",
     "server { listen 127.0.0.1:%%PORT%%; set_real_ip_from 0.0.0.0/0; real_ip_header "
     "X-Forwarded-For; return 200 \"you=$remote_addr.\"; }",
     "server { listen 127.0.0.1:%%PORT%%; set_real_ip_from 10.0.0.0/8; real_ip_header "
     "X-Forwarded-For; return 200 \"you=$remote_addr.\"; }",
     "/", "X-Forwarded-For: 6.6.6.6\r\n", "you=6.6.6.6."},
    {"allow_without_deny",
     "server { listen 127.0.0.1:%%PORT%%; location / { allow 10.0.0.1; empty_gif; } }",
     "server { listen 127.0.0.1:%%PORT%%; location / { sallyport_allow 10.0.0.1; empty_gif; } }",
     "/", "", "200 OK"},
    {"return_bypasses_deny",
     "server { listen 127.0.0.1:%%PORT%%; location / { deny all; return 200 secret; } }",
     "server { listen 127.0.0.1:%%PORT%%; location / { sallyport_deny all; return 200 secret; } }",
     "/", "", "200 OK"},
    {"return_bypasses_deny",
     "server { listen 127.0.0.1:%%PORT%%; location / { deny all; rewrite ^ /open last; } "
     "location /open { return 200 open; } }",
     "server { listen 127.0.0.1:%%PORT%%; location / { sallyport_deny all; rewrite ^ /open last; } "
     "location /open { return 200 open; } }",
     "/", "", "200 OK"},
    {"rewrite_leaves_rules",
     "server { listen 127.0.0.1:%%PORT%%; location / { sallyport_body_limit default=1; "
     "rewrite ^ /open last; } location /open { return 200 open; } }",
     "server { listen 127.0.0.1:%%PORT%%; location / { sallyport_body_limit default=1; "
     "rewrite ^ /open break; empty_gif; } }",
     "/", "Content-Length: 9\r\n", "200 OK"},
    {"satisfy_any",
     "server { listen 127.0.0.1:%%PORT%%; location / { satisfy any; deny all; auth_request /ok; "
     "empty_gif; } location /ok { return 204; } }",
     "server { listen 127.0.0.1:%%PORT%%; location / { deny all; auth_request /ok; "
     "empty_gif; } location /ok { return 204; } }",
     "/", "", "200 OK"},
    {"error_page_success",
     "server { listen 127.0.0.1:%%PORT%%; location / { deny all; error_page 403 =200 /x; "
     "empty_gif; } "
     "location /x { return 200; } }",
     "server { listen 127.0.0.1:%%PORT%%; location / { deny all; error_page 403 /x; empty_gif; } "
     "location /x { return 404; } }",
     "/", "", "200 OK"},
    {"valid_referers",
     "server { listen 127.0.0.1:%%PORT%%; location / { valid_referers none a.test; "
     "if ($invalid_referer) { return 403; } return 200; } }",
     "server { listen 127.0.0.1:%%PORT%%; location / { valid_referers a.test; "
     "if ($invalid_referer) { return 403; } return 200; } }",
     "/", "", "200 OK"},
    {"proxy_allowed",
     "server { listen 127.0.0.1:%%PORT%%; sallyport_trust_proxy 127.0.0.1; sallyport_allow "
     "127.0.0.0/24; return 200; }",
     "server { listen 127.0.0.1:%%PORT%%; sallyport_trust_proxy 127.0.0.1; sallyport_allow "
     "192.0.2.0/24; return 200; }",
     "/", "", "200 OK"},
    {"root_exposure", "server { listen 127.0.0.1:%%PORT%%; root /; location /app { return 200; } }",
     "server { listen 127.0.0.1:%%PORT%%; root %%DIR%%/site; location /app { return 200; } "
     "location ~ /\\. { sallyport_deny all; } }",
     "/etc/passwd", "", "root:"},
    {"status_exposed", "server { listen localhost:%%PORT%%; location /s { stub_status; } }",
     "server { listen localhost:%%PORT%%; location /s { sallyport_allow 10.9.9.9; stub_status; } }",
     "/s", "", "Active connections"},
    {"add_header_multiline",
     "server { listen 127.0.0.1:%%PORT%%; add_header X-A \"a\n b\" always; return 200; }",
     "server { listen 127.0.0.1:%%PORT%%; add_header X-A \"a b\" always; return 200; }", "/", "",
     "X-A: a\n b"},
    {"compressed_secrets",
     "server { listen 127.0.0.1:%%PORT%%; gzip on; gzip_min_length 1; gzip_proxied any; gzip_types "
     "application/json; default_type application/json; location / { proxy_pass "
     "http://127.0.0.1:%%PORT_UP%%/json/; } }",
     "server { listen 127.0.0.1:%%PORT%%; gzip on; gzip_min_length 1; gzip_proxied any; gzip_types "
     "text/css; default_type application/json; location / { proxy_pass "
     "http://127.0.0.1:%%PORT_UP%%/json/; } }",
     "/", "Accept-Encoding: gzip\r\n", "Content-Encoding: gzip"},
    {"upstream_unverified",
     "server { listen 127.0.0.1:%%PORT%%; location / { proxy_pass https://127.0.0.1:%%PORT_TLS%%; "
     "} } "
     "server { listen 127.0.0.1:%%PORT_TLS%% ssl; ssl_certificate %%CERT%%; ssl_certificate_key "
     "%%KEY%%; return 200 impostor; }",
     "server { listen 127.0.0.1:%%PORT%%; location / { proxy_pass https://127.0.0.1:%%PORT_TLS%%; "
     "proxy_ssl_verify on; proxy_ssl_trusted_certificate %%CA%%; proxy_ssl_name engine.internal; } "
     "} "
     "server { listen 127.0.0.1:%%PORT_TLS%% ssl; ssl_certificate %%CERT%%; ssl_certificate_key "
     "%%KEY%%; return 200 impostor; }",
     "/", "", "impostor"},
    {"server_name_pattern",
     "server { listen 127.0.0.1:%%PORT%% default_server; return 404; } "
     "server { listen 127.0.0.1:%%PORT%%; server_name \"~^app.example\\.org$\"; return 200; }",
     "server { listen 127.0.0.1:%%PORT%% default_server; return 404; } "
     "server { listen 127.0.0.1:%%PORT%%; server_name \"~^app\\.example\\.org$\"; return 200; }",
     "/", "Host: appxexample.org\r\n", "200 OK"},
    {"cors_reflection",
     "server { listen 127.0.0.1:%%PORT%%; add_header Access-Control-Allow-Origin $http_origin "
     "always; "
     "add_header Access-Control-Allow-Credentials true always; return 200; }",
     "map $http_origin $ok { https://app.test $http_origin; } server { listen 127.0.0.1:%%PORT%%; "
     "add_header Access-Control-Allow-Origin $ok always; return 200; }",
     "/", "Origin: https://evil.test\r\n", "Access-Control-Allow-Origin: https://evil.test"},
    {"cors_origin_pattern",
     "map $http_origin $ok { \"~^https://app.test\" $http_origin; } server { listen "
     "127.0.0.1:%%PORT%%; add_header Access-Control-Allow-Origin $ok always; return 200; }",
     "map $http_origin $ok { \"~^https://app\\.test$\" $http_origin; } server { listen "
     "127.0.0.1:%%PORT%%; add_header Access-Control-Allow-Origin $ok always; return 200; }",
     "/", "Origin: https://app.test.evil.test\r\n",
     "Access-Control-Allow-Origin: https://app.test.evil"},
    {"server_tokens", "server { listen 127.0.0.1:%%PORT%%; server_tokens on; return 200; }",
     "server { listen 127.0.0.1:%%PORT%%; server_tokens off; return 200; } server_tokens off;", "/",
     "", "Server: nginx/1."},
    {"accel_headers",
     "server { listen 127.0.0.1:%%PORT%%; location /int/ { internal; alias %%DIR%%/site/; } "
     "location / { proxy_pass http://127.0.0.1:%%PORT_UP%%; } }",
     "server { listen 127.0.0.1:%%PORT%%; location /int/ { internal; alias %%DIR%%/site/; } "
     "location / { proxy_ignore_headers X-Accel-Redirect; proxy_pass http://127.0.0.1:%%PORT_UP%%; "
     "} }",
     "/accel", "", "TOP SECRET"},
    {"underscores_in_headers",
     "server { listen 127.0.0.1:%%PORT%%; underscores_in_headers on; location / { "
     "proxy_set_header X-Real-IP $http_x_real_ip; proxy_pass http://127.0.0.1:%%PORT_UP%%; } }",
     "server { listen 127.0.0.1:%%PORT%%; location / { "
     "proxy_set_header X-Real-IP $http_x_real_ip; proxy_pass http://127.0.0.1:%%PORT_UP%%; } }",
     "/", "X_Real_IP: 6.6.6.6\r\n", "real=6.6.6.6"},
    {"proxy_set_header_inheritance",
     "server { listen 127.0.0.1:%%PORT%%; proxy_set_header X-Forwarded-For $remote_addr; location "
     "/ { "
     "proxy_set_header A b; proxy_pass http://127.0.0.1:%%PORT_UP%%; } }",
     "server { listen 127.0.0.1:%%PORT%%; proxy_set_header X-Forwarded-For $remote_addr; location "
     "/ { "
     "proxy_pass http://127.0.0.1:%%PORT_UP%%; } }",
     "/", "X-Forwarded-For: 6.6.6.6\r\n", "xff=6.6.6.6"},
    {"forwarded_append",
     "server { listen 127.0.0.1:%%PORT%%; location / { proxy_set_header X-Forwarded-For "
     "$proxy_add_x_forwarded_for; proxy_pass http://127.0.0.1:%%PORT_UP%%; } }",
     "server { listen 127.0.0.1:%%PORT%%; location / { proxy_set_header X-Forwarded-For "
     "$remote_addr; proxy_pass http://127.0.0.1:%%PORT_UP%%; } }",
     "/", "X-Forwarded-For: 6.6.6.6\r\n", "xff=6.6.6.6"},
    {"host_spoofing", "server { listen 127.0.0.1:%%PORT%%; return 302 http://$http_host/reset; }",
     "server { listen 127.0.0.1:%%PORT%%; return 302 http://app.test/reset; }", "/",
     "Host: evil.test\r\n", "Location: http://evil.test/reset"},
    {"ssrf", "server { listen 127.0.0.1:%%PORT%%; location / { proxy_pass http://$arg_h/; } }",
     "server { listen 127.0.0.1:%%PORT%%; location / { return 404; } }",
     "/?h=127.0.0.1:%%PORT_UP%%", "", "up=/"},
};

std::string attack(const NginxServer& nginx, const Exploit& exploit) {
    std::string target = exploit.request;
    const std::string_view word = "%%PORT_UP%%";
    if (const std::size_t at = target.find(word); at != std::string::npos) {
        target.replace(at, word.size(), std::to_string(nginx.port("PORT_UP")));
    }
    const std::string fields = exploit.fields;
    const std::string host = fields.find("Host:") == std::string::npos ? "Host: x\r\n" : "";
    return raw_exchange(nginx.port(), "GET " + target + " HTTP/1.1\r\n" + host + fields +
                                          "Connection: close\r\n\r\n");
}

bool works(const std::string& response, std::string_view evidence) {
    if (evidence.starts_with('!')) {
        return response.starts_with("HTTP/1.1") &&
               response.find(evidence.substr(1)) == std::string::npos;
    }
    return response.find(evidence) != std::string::npos;
}

TEST(Check, NamesWhatCanBeExploited) {
    NginxOptions options;
    options.files = {{"site/secret.txt", "TOP SECRET\n"},
                     {"site/img/x.png", "x"},
                     {"site/.env", "PASSWORD=x\n"}};
    for (const Exploit& exploit : kExploits) {
        SCOPED_TRACE(exploit.rule);
        {
            NginxServer nginx(std::string(kUpstream) + exploit.bad, options);
            const std::string response = attack(nginx, exploit);
            EXPECT_TRUE(works(response, exploit.evidence)) << exploit.bad << "\n" << response;
            EXPECT_TRUE(check_names(nginx.dir().path("nginx.conf"), exploit.rule)) << exploit.bad;
        }
        NginxServer nginx(std::string(kUpstream) + exploit.mended, options);
        const std::string response = attack(nginx, exploit);
        EXPECT_TRUE(response.starts_with("HTTP/1.1")) << exploit.mended;
        EXPECT_FALSE(works(response, exploit.evidence)) << exploit.mended << "\n" << response;
        EXPECT_FALSE(check_names(nginx.dir().path("nginx.conf"), exploit.rule)) << exploit.mended;
    }
}

// A key that the client writes itself is a new bucket for each request.
TEST(Check, AForgedKeyGoesRoundALimit) {
    const struct {
        const char* conf;
        int second;
        bool named;
    } rows[] = {
        {"limit_req_zone $http_x_key zone=z:1m rate=1r/m; server { listen 127.0.0.1:%%PORT%%; "
         "location / { limit_req zone=z; empty_gif; } }",
         200, true},
        {"sallyport_limit z rate=1r/m burst=1 key=$sallyport_client_ip; server { listen "
         "127.0.0.1:%%PORT%%; location / { sallyport_rate_limit z; empty_gif; } }",
         429, false},
    };
    for (const auto& row : rows) {
        NginxServer nginx(row.conf);
        EXPECT_EQ(send({.url = nginx.url("/"), .headers = {{"X-Key", "a"}}}).status, 200);
        EXPECT_EQ(send({.url = nginx.url("/"), .headers = {{"X-Key", "b"}}}).status, row.second);
        EXPECT_EQ(check_names(nginx.dir().path("nginx.conf"), "limit_key_forgeable"), row.named);
    }
}

// So is one that the PROXY protocol brings, from whoever connects; where nobody speaks it the key
// is empty, and nginx counts nothing.
TEST(Check, AnAddressOfTheProxyProtocolGoesRoundALimit) {
    const struct {
        std::string limit;
        bool passes;
    } rows[] = {
        {"limit_req_zone $proxy_protocol_addr zone=z:1m rate=1r/m; server { listen "
         "127.0.0.1:%%PORT%% proxy_protocol; listen 127.0.0.1:%%PORT_PLAIN%%; "
         "location / { limit_req zone=z; empty_gif; } }",
         true},
        {"sallyport_trust_proxy proxy_protocol 10.0.0.1; sallyport_limit z rate=1r/m burst=1 "
         "key=$sallyport_client_ip; server { listen 127.0.0.1:%%PORT%% proxy_protocol; listen "
         "127.0.0.1:%%PORT_PLAIN%%; location / { sallyport_rate_limit z; empty_gif; } }",
         false},
    };
    for (const auto& row : rows) {
        NginxServer nginx(row.limit);
        const auto ask = [&nginx](const std::string& client) {
            RawSocket socket(nginx.port());
            socket.send("PROXY TCP4 " + client +
                        " 127.0.0.1 4242 80\r\nGET / HTTP/1.1\r\nHost: x\r\n"
                        "Connection: close\r\n\r\n");
            return socket.receive_all().starts_with("HTTP/1.1 200");
        };
        EXPECT_TRUE(ask("203.0.113.1")) << row.limit;
        EXPECT_EQ(ask("203.0.113.2"), row.passes) << row.limit;
        EXPECT_EQ(send({.url = nginx.url("/", "PORT_PLAIN")}).status == 200, row.passes);
        EXPECT_EQ(send({.url = nginx.url("/", "PORT_PLAIN")}).status == 200, row.passes);
        EXPECT_EQ(check_names(nginx.dir().path("nginx.conf"), "limit_key_forgeable"), row.passes);
    }
}

// TLS pitfalls need TLS clients.
TEST(Check, WeakTlsIsSpokenUntilAProfileForbidsIt) {
    const std::string start =
        "server { listen 127.0.0.1:%%PORT_TLS%% ssl; ssl_certificate %%CERT%%; ssl_certificate_key "
        "%%KEY%%; ";
    const struct {
        const char* rule;
        std::string bad;
        std::vector<std::string> client;
    } rows[] = {
        {"weak_ssl_protocols",
         "ssl_protocols TLSv1.1 TLSv1.2; ssl_ciphers ALL:@SECLEVEL=0; return 200; }",
         {"-tls1_1", "-cipher", "ALL:@SECLEVEL=0"}},
        {"weak_ssl_ciphers",
         "ssl_ciphers ALL; return 200; }",
         {"-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:@SECLEVEL=0"}},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.rule);
        const auto speaks = [&](const NginxServer& nginx) {
            std::vector<std::string> command = {
                "openssl", "s_client", "-brief", "-connect",
                "127.0.0.1:" + std::to_string(nginx.port("PORT_TLS"))};
            command.insert(command.end(), row.client.begin(), row.client.end());
            return run_command(command).exit_code == 0;
        };
        {
            NginxServer nginx(start + row.bad);
            EXPECT_TRUE(speaks(nginx));
            EXPECT_TRUE(check_names(nginx.dir().path("nginx.conf"), row.rule));
        }
        NginxServer nginx(start + "sallyport_tls_policy intermediate; return 200; }");
        EXPECT_FALSE(speaks(nginx));
        EXPECT_FALSE(check_names(nginx.dir().path("nginx.conf"), row.rule));
    }
}

TEST(Check, ACertificateThatNobodySignedIsNoIdentity) {
    const std::string start =
        "server { listen 127.0.0.1:%%PORT_TLS%% ssl; server_name localhost; ssl_certificate "
        "%%CERT%%; "
        "ssl_certificate_key %%KEY%%; ";
    const Certificates& known = certificates();
    const struct {
        std::string conf;
        int status;
        bool named;
    } rows[] = {
        {start +
             "ssl_verify_client optional_no_ca; location / { if ($ssl_client_s_dn = \"\") { return "
             "403; } return 200; } }",
         200, true},
        {start + "ssl_client_certificate %%CA%%; ssl_verify_client optional; location / { if "
                 "($ssl_client_s_dn = \"\") { return 403; } return 200; } }",
         400, false},
    };
    for (const auto& row : rows) {
        NginxServer nginx(row.conf);
        EXPECT_EQ(send({.url = nginx.tls_url("/"),
                        .client_certificate = known.stranger_certificate,
                        .client_key = known.stranger_key})
                      .status,
                  row.status);
        EXPECT_EQ(check_names(nginx.dir().path("nginx.conf"), "client_cert_unverified"), row.named);
    }
}

CommandResult run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     environment_or("SALLYPORT_CLI_BIN", SALLYPORT_CLI_BIN_DEFAULT));
    return run_command(arguments);
}

// Every rule has its exploit, or docs/check.md says why there is none.
TEST(Check, EveryRuleIsExploitedOrSaysWhyNot) {
    std::set<std::string> shown = {// below, and in check_tls_test.cpp
                                   "limit_key_forgeable", "weak_ssl_protocols",
                                   "weak_ssl_ciphers",    "client_cert_unverified",
                                   "misdirected_request", "ssl_early_data",
                                   "ssl_session_tickets", "keepalive_requests"};
    for (const Exploit& exploit : kExploits) {
        shown.insert(exploit.rule);
    }
    const std::string page = read_file(SALLYPORT_CONF_D "/../docs/check.md");
    const std::size_t beyond = page.find("because what is exploited lies outside nginx");
    ASSERT_NE(beyond, std::string::npos);
    const auto parsed = Json::parse(run({"check", "--rules", "--json"}).output);
    ASSERT_TRUE(parsed.ok());
    std::size_t count = 0;
    parsed->each_element([&](const Json& rule) {
        const std::string id(rule["rule"].text());
        ++count;
        EXPECT_TRUE(shown.contains(id) || page.find("`" + id + "`", beyond) != std::string::npos)
            << id;
    });
    EXPECT_GE(count, shown.size());
}

TEST(Check, ExitCodesAndForms) {
    TempDir dir("check");
    const std::string good = dir.write("good.conf", "http { server_tokens off; }");
    const std::string bad = dir.write("bad.conf", "http { include sub/*.conf; }");
    dir.write("sub/a.conf", "server_tokens off;\nmerge_slashes off;\n");
    const std::string broken = dir.write("broken.conf", "http {");
    EXPECT_EQ(run({"check", good}).exit_code, 0);
    EXPECT_EQ(run({"check", good}).output, "");
    const auto result = run({"check", bad});
    EXPECT_EQ(result.exit_code, 1) << result.output;
    EXPECT_NE(result.output.find("sub/a.conf:2: error: merge_slashes off [merge_slashes_off]"),
              std::string::npos)
        << result.output;
    EXPECT_NE(result.output.find("remedy: "), std::string::npos);
    EXPECT_EQ(run({"check", "--ignore", "merge_slashes_off", bad}).exit_code, 0);
    const std::string limited = dir.write(
        "limited.conf", "http { server_tokens off; sallyport_limit api rate=10r/s burst=20; }");
    EXPECT_EQ(run({"check", limited}).exit_code, 0);
    EXPECT_TRUE(run({"check", limited}).output.starts_with("limit api: "))
        << run({"check", limited}).output;
    EXPECT_NE(run({"check", "--json", limited}).output.find("\"bound\""), std::string::npos);
    EXPECT_EQ(run({"check", broken}).exit_code, 2);
    EXPECT_EQ(run({"check", "/none"}).exit_code, 2);
    EXPECT_EQ(run({"check"}).exit_code, 2);
    const auto wrong = run({"check", "--ignore", "nonsense", bad});
    EXPECT_EQ(wrong.exit_code, 2);
    EXPECT_NE(wrong.output.find("sallyport check --rules"), std::string::npos);
    EXPECT_NE(run({"check", "--rules"}).output.find("alias_traversal"), std::string::npos);
    EXPECT_TRUE(Json::parse(run({"check", "--rules", "--json"}).output).ok());
}

}  // namespace
}  // namespace sallyport::test
