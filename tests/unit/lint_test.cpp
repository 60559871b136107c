// The linter: nginx's language as nginx reads it, and for each rule a configuration that breaks it
// and one that does not.
#include "cli/lint/lint.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace sallyport::lint {
namespace {

using Files = std::map<std::string, std::string>;

Result<std::vector<Directive>> parse(const Files& files) {
    const ConfSource source{[&](const std::string& path) -> Result<std::string> {
                                const auto found = files.find(path);
                                return found == files.end()
                                           ? Result<std::string>(Error{path + ": no such file"})
                                           : Result<std::string>(found->second);
                            },
                            [&](const std::string& pattern) -> std::vector<std::string> {
                                const std::size_t star = pattern.find('*');
                                if (star == std::string::npos) {
                                    return {pattern};
                                }
                                std::vector<std::string> names;
                                for (const auto& [name, text] : files) {
                                    if (name.starts_with(pattern.substr(0, star))) {
                                        names.push_back(name);
                                    }
                                }
                                return names;
                            }};
    return parse_nginx_conf("/c/nginx.conf", source);
}

Result<std::vector<Directive>> parse(const std::string& text) {
    return parse(Files{{"/c/nginx.conf", text}});
}

TEST(NginxConf, ReadsWordsAsNginxDoes) {
    const auto conf = parse(
        "a b 'c d' \"e\\\"f\" g\\ h # no\n;\nm { \"~^x{2}$\" ${y}z; }\n"
        "if ($a = \"b\") { return 200; } k a#b;");
    ASSERT_TRUE(conf.ok()) << conf.message();
    ASSERT_EQ(conf->size(), 4u);
    EXPECT_EQ((*conf)[0].args, (std::vector<std::string>{"b", "c d", "e\"f", "g\\ h"}));
    EXPECT_EQ((*conf)[1].block[0].name, "~^x{2}$");
    EXPECT_EQ((*conf)[1].block[0].args[0], "${y}z");
    EXPECT_EQ((*conf)[1].block[0].line, 3u);
    EXPECT_EQ((*conf)[2].args, (std::vector<std::string>{"($a", "=", "b)"}));
    EXPECT_EQ((*conf)[3].args[0], "a#b");
}

TEST(NginxConf, FollowsIncludes) {
    const auto conf = parse(Files{{"/c/nginx.conf", "http { include conf.d/*; include /x/one; }"},
                                  {"/c/conf.d/a", "a 1;"},
                                  {"/c/conf.d/b", "b 2;\n\nc 3;"},
                                  {"/x/one", "include two;"},
                                  {"/c/two", "d 4;"}});
    ASSERT_TRUE(conf.ok()) << conf.message();
    const auto& http = (*conf)[0].block;
    ASSERT_EQ(http.size(), 4u);
    EXPECT_EQ(http[2].file, "/c/conf.d/b");
    EXPECT_EQ(http[2].line, 3u);
    EXPECT_EQ(http[3].file, "/c/two");
}

TEST(NginxConf, MistakesNameFileAndLine) {
    std::string deep;
    for (std::size_t i = 0; i <= kConfDepthMax + 1; ++i) {
        deep += "a {";
    }
    const struct {
        Files files;
        const char* piece;
    } rows[] = {
        {{{"/c/nginx.conf", "a {\n"}}, "/c/nginx.conf:2: unexpected end of file"},
        {{{"/c/nginx.conf", "a b\n"}}, "unexpected end of file"},
        {{{"/c/nginx.conf", "\n}"}}, "/c/nginx.conf:2: unexpected \"}\""},
        {{{"/c/nginx.conf", ";"}}, "name is missing"},
        {{{"/c/nginx.conf", "a 'b;"}}, "quote"},
        {{{"/c/nginx.conf", "a 'b'c;"}}, "after a closing quote"},
        {{{"/c/nginx.conf", "include none;"}}, "/c/nginx.conf:1: /c/none: no such file"},
        {{{"/c/nginx.conf", "include nginx.conf;"}}, "nested too deeply"},
        {{{"/c/nginx.conf", deep}}, "nested too deeply"},
        {{}, "no such file"},
    };
    for (const auto& row : rows) {
        const auto conf = parse(row.files);
        ASSERT_FALSE(conf.ok()) << row.piece;
        EXPECT_NE(conf.message().find(row.piece), std::string::npos) << conf.message();
    }
}

struct Row {
    const char* rule;
    const char* bad;  // inside http
    const char* good;
};

constexpr Row kRows[] = {
    {"add_header_inheritance", "add_header A 1; server { location / { add_header B 2; } }",
     "add_header A 1; server { location / { add_header a 3; add_header B 2; } location /x { } }"},
    {"add_header_inheritance",
     "server { add_header A 1; location / { if ($x) { add_header B 1; } } }",
     "server { location / { add_header A 1; } location /b { add_header B 1; } }"},
    {"proxy_allowed", "set_real_ip_from 10.0.0.0/8; server { allow 10.1.0.0/16; deny all; }",
     "set_real_ip_from 10.0.0.0/8; server { allow 192.0.2.0/24; deny all; }"},
    {"proxy_allowed",
     "sallyport_trust_proxy 10.0.0.5; sallyport_ip_list office 10.0.0.0/24; "
     "server { location / { sallyport_allow office; } }",
     "sallyport_trust_proxy 10.0.0.5; sallyport_ip_list office 10.0.0.0/24; "
     "server { sallyport_trust_proxy 192.0.2.1; location / { sallyport_allow office; } }"},
    {"proxy_allowed",
     "server { sallyport_trust_proxy 2001:db8::/64; sallyport_allow 2001:db8::7; }",
     "server { sallyport_trust_proxy 1; sallyport_allow 2001:db8::7 all; }"},
    {"add_header_always", "add_header X-Frame-Options DENY;",
     "add_header X-Frame-Options DENY always; add_header X-Other 1;"},
    {"add_header_content_type", "add_header content-type text/html;", "default_type text/html;"},
    {"add_header_multiline", "add_header A \"b\n c\";", "add_header A \"b c\";"},
    {"hsts_preload", "add_header Strict-Transport-Security \"max-age=300; preload\" always;",
     "add_header Strict-Transport-Security \"max-age=63072000; includeSubDomains; preload\" "
     "always;"},
    {"http_splitting", "server { return 302 https://x$uri; }",
     "server { return 302 https://x$request_uri; }"},
    {"http_splitting", "server { location / { add_header X-P ${document_uri}; } }",
     "server { location / { add_header X-P $urix; return 200 $uri; } }"},
    {"http_splitting", "server { location ~ ^/([^/]*)/ { return 301 https://x/$1; } }",
     "server { location ~ ^/([^/\\s]*)/ { return 301 https://x/$1; } }"},
    {"http_splitting", "server { location ~ ^/(?<to>[^/]*)/ { return 301 https://x/$to; } }",
     "server { location ~ ^/(?<to>[^/]*)/ { return 301 https://x/$other; } }"},
    {"http_splitting", "server { if ($request ~ ^/([^/]*)) { return 301 https://x/$1; } }",
     "server { if ($request ~ ^/([^/]*)) { return 301 https://x/; } }"},
    {"http_splitting", "server { set $to $uri; location / { return 301 https://x/${to}; } }",
     "server { set $to $request_uri; location / { return 301 https://x/$to; } }"},
    {"http_splitting", "map $host $to { default $uri; } server { return 301 https://x/$to; }",
     "map $uri $to { /a /b; } server { return 301 https://x/$to; }"},
    {"cors_reflection", "add_header Access-Control-Allow-Origin $http_origin; ",
     "add_header Access-Control-Allow-Origin https://app.example.org;"},
    {"cors_reflection",
     "server { add_header Access-Control-Allow-Origin *; "
     "add_header Access-Control-Allow-Credentials true; }",
     "server { add_header Access-Control-Allow-Origin *; }"},
    {"cors_origin_pattern",
     "server { if ($http_origin ~ ^https://a\\.example\\.org) { set $x 1; } }",
     "server { if ($http_origin ~ ^https://a\\.example\\.org$) { set $x 1; } }"},
    {"cors_origin_pattern", "map $http_origin $ok { ~^https://a.example\\.org$ 1; }",
     "map $http_origin $ok { ~*^https://[a-z]+\\.example\\.org$ 1; default 0; }"},
    {"server_name_pattern", "server { server_name ~^app.example\\.org$; }",
     "server { server_name ~^app\\.example\\.org$ a.example.org; }"},
    {"server_tokens", "server { server_tokens on; }", "server_tokens off; server { }"},
    {"server_tokens", "server { }", "sallyport_headers api;"},
    {"alias_traversal", "server { location /i { alias /d/img/; } }",
     "server { location /i/ { alias /d/img/; } location ~ ^/j { alias /d/; } }"},
    {"proxy_pass_slash", "server { location /o { proxy_pass http://b/v1; } }",
     "server { location /o { proxy_pass http://b; } location /p/ { proxy_pass http://b/v1/; } }"},
    {"merge_slashes_off", "merge_slashes off;", "merge_slashes on;"},
    {"regex_over_prefix", "server { location /admin/ { deny all; } location ~ \\.json$ { } }",
     "server { location ^~ /admin/ { deny all; } location ~ \\.json$ { } }"},
    {"regex_over_prefix",
     "server { location /admin/ { deny all; } location ~ \\.json$ { return 200; } }",
     "server { location /admin/ { deny all; } location ~ /\\. { return 404; } }"},
    {"internal_rewrite",
     "server { location /int { internal; } location / { rewrite ^/x/(.*) /$1 last; } }",
     "server { location /int { internal; } location / { rewrite ^/x/(.*) /pub/$1 last; } }"},
    {"if_is_evil", "server { location / { if ($a) { proxy_pass http://b; } } }",
     "server { if ($a) { set $b 1; } location / { if ($a) { return 403; } } }"},
    {"autoindex", "autoindex on;", "autoindex off;"},
    // nginx takes its own words in any case.
    {"autoindex", "autoindex ON;", "autoindex OFF;"},
    {"merge_slashes_off", "merge_slashes Off;", "merge_slashes On;"},
    {"satisfy_any", "satisfy ANY;", "satisfy ALL;"},
    {"underscores_in_headers", "underscores_in_headers ON;", "underscores_in_headers OFF;"},
    {"server_tokens", "server_tokens BUILD;", "server_tokens OFF;"},
    {"weak_ssl_protocols", "ssl_protocols tlsv1.1 TLSv1.2;", "ssl_protocols tlsv1.2;"},
    {"ssl_early_data", "ssl_early_data ON;", "ssl_early_data OFF;"},
    {"client_cert_unverified", "ssl_verify_client OPTIONAL_NO_CA;", "ssl_verify_client OPTIONAL;"},
    {"root_exposure", "server { root /etc/; }", "server { root /srv/site; }"},
    {"dotfiles", "server { root /srv/site; }",
     "server { root /srv/site; location ~ /\\. { deny all; } }"},
    {"location_realip", "server { location / { set_real_ip_from 10.0.0.0/8; } }",
     "server { set_real_ip_from 10.0.0.0/8; }"},
    {"trust_everybody", "set_real_ip_from 0.0.0.0/0;", "set_real_ip_from 10.0.0.0/8;"},
    {"trust_everybody", "set_real_ip_from ::/1;", "set_real_ip_from 2001:db8::/32;"},
    {"allow_without_deny", "server { location / { allow 10.0.0.1; } }",
     "server { location / { allow 10.0.0.1; deny all; } }"},
    {"rewrite_leaves_rules",
     "server { location /h { sallyport_webhook github; rewrite ^ /in last; } }",
     "server { location /h { sallyport_webhook github; rewrite ^ /in break; } }"},
    {"rewrite_leaves_rules",
     "server { location / { sallyport_rate_limit a; if ($b) { rewrite ^ /in; } } }",
     "server { sallyport_rate_limit a; rewrite ^ /in; location / { rewrite ^ /in last; } }"},
    {"rewrite_leaves_rules",
     "server { location / { sallyport_body_limit default=1; rewrite ^ /in last; } }",
     "server { location / { sallyport_body_limit default=1; rewrite ^ https://a.test/ last; } }"},
    {"return_bypasses_deny", "server { location / { deny all; return 200; } }",
     "server { location / { deny all; return 403; } location /x { return 200; } }"},
    {"return_bypasses_deny", "server { deny 10.0.0.1; if ($a) { return 301 /x; } }",
     "server { deny 10.0.0.1; location / { return 204; } }"},
    {"satisfy_any", "satisfy any;", "satisfy all;"},
    {"error_page_success", "error_page 403 404 =200 /x;",
     "error_page 403 /x; error_page 404 =200 /x;"},
    {"valid_referers", "server { valid_referers none a.test; }",
     "server { valid_referers a.test; }"},
    {"status_exposed", "server { listen 80; location /s { stub_status; } }",
     "server { listen 127.0.0.1:80; location /s { stub_status; } }"},
    {"status_exposed", "server { location /s { stub_status; } }",
     "server { location /s { stub_status; allow 10.0.0.1; deny all; } }"},
    {"limit_key_forgeable", "limit_req_zone $http_x_client_id zone=a:1m rate=1r/s;",
     "limit_req_zone $binary_remote_addr zone=a:1m rate=1r/s;"},
    {"limit_key_forgeable", "limit_req_zone $proxy_protocol_addr zone=a:1m rate=1r/s;",
     "limit_req_zone $proxy_protocol_server_addr zone=a:1m rate=1r/s;"},
    {"limit_key_forgeable", "geo $proxy_protocol_addr $office { 10.0.0.0/8 1; }",
     "geo $remote_addr $office { 10.0.0.0/8 1; }"},
    {"underscores_in_headers", "underscores_in_headers on;", "underscores_in_headers off;"},
    {"underscores_in_headers", "ignore_invalid_headers off;", "ignore_invalid_headers on;"},
    {"keepalive_requests", "keepalive_requests 100000;", "keepalive_requests 1000;"},
    {"proxy_set_header_inheritance",
     "server { proxy_set_header X-Real-IP $remote_addr; location / { proxy_set_header A b; } }",
     "server { proxy_set_header X-Real-IP $remote_addr; "
     "location / { proxy_set_header x-real-ip $remote_addr; proxy_set_header A b; } }"},
    {"host_spoofing", "proxy_set_header Host $http_host;", "proxy_set_header Host $host;"},
    {"host_spoofing", "server { return 301 https://$http_host/; }",
     "server { return 301 https://a.test/; }"},
    {"forwarded_append", "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
     "proxy_set_header X-Forwarded-For $remote_addr;"},
    {"ssrf", "server { location / { proxy_pass http://$arg_host/; } }",
     "server { location / { proxy_pass http://engine/$arg_host; } }"},
    {"ssrf", "server { location ~ ^/p/(.*) { proxy_pass http://$1; } }",
     "server { location ~ ^/p/(.*) { proxy_pass http://$backend; } }"},
    {"ssrf", "server { location / { set $to $arg_host; proxy_pass http://$to; } }",
     "server { location / { set $to engine; proxy_pass http://$to; } }"},
    {"ssrf", "server { location / { proxy_pass http://$args; } }",
     "server { location / { proxy_pass http://engine?$args; } }"},
    {"accel_headers", "server { location /f { internal; } location / { proxy_pass http://b; } }",
     "server { proxy_ignore_headers X-Accel-Redirect; location /f { internal; } "
     "location / { proxy_pass http://b; } }"},
    {"upstream_unverified", "server { location / { proxy_pass https://b; } }",
     "server { proxy_ssl_verify on; location / { proxy_pass https://b; } }"},
    {"resolver_external", "resolver 192.0.2.53 valid=30s;", "resolver 127.0.0.1 [::1] valid=30s;"},
    {"weak_ssl_protocols", "ssl_protocols TLSv1 TLSv1.2;", "ssl_protocols TLSv1.2 TLSv1.3;"},
    {"weak_ssl_ciphers", "ssl_ciphers HIGH:!aNULL:!MD5;",
     "ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305:!aNULL:!MD5;"},
    {"ssl_session_tickets", "server { listen 443 ssl; }",
     "server { listen 443 ssl; ssl_session_tickets off; }"},
    {"ssl_session_tickets", "ssl_session_tickets on; server { listen 443 ssl; }",
     "sallyport_tls_policy intermediate; server { listen 443 ssl; }"},
    {"ssl_session_tickets", "server { listen 443 ssl; }",
     "sallyport_tls_tickets redis=main; server { listen 443 ssl; }"},
    {"ssl_early_data", "ssl_early_data on;", "ssl_early_data off;"},
    {"ssl_early_data", "sallyport_early_data off; server { ssl_early_data on; }",
     "sallyport_early_data safe; server { ssl_early_data on; }"},
    {"client_cert_unverified", "ssl_verify_client optional_no_ca;", "ssl_verify_client optional;"},
    {"misdirected_request", "server { ssl_reject_handshake on; }",
     "server { ssl_reject_handshake on; return 421; }"},
    {"misdirected_request",
     "sallyport_strict_sni_host on; server { sallyport_strict_sni_host off; ssl_reject_handshake "
     "on; }",
     "sallyport_strict_sni_host on; server { ssl_reject_handshake on; }"},
    {"compressed_secrets", "gzip_types application/json;", "gzip_types text/css;"},
};

bool finds(const char* http, std::string_view rule) {
    const auto conf = parse(std::string("events {} http {") + http + "}");
    EXPECT_TRUE(conf.ok()) << conf.message();
    const auto findings = lint(*conf, {});
    return std::any_of(findings.begin(), findings.end(),
                       [&](const Finding& finding) { return finding.rule->id == rule; });
}

TEST(Lint, FindsWhatIsBadAndNothingElse) {
    for (const Row& row : kRows) {
        EXPECT_TRUE(finds(row.bad, row.rule)) << row.rule << ": " << row.bad;
        EXPECT_FALSE(finds(row.good, row.rule)) << row.rule << ": " << row.good;
    }
}

TEST(Lint, EachRuleHasARowAWhyAndARemedy) {
    std::set<std::string_view> tested;
    for (const Row& row : kRows) {
        EXPECT_NE(find_rule(row.rule), nullptr) << row.rule;
        tested.insert(row.rule);
    }
    std::set<std::string_view> ids;
    for (const Rule& rule : rules()) {
        EXPECT_TRUE(tested.contains(rule.id)) << rule.id << " has no row";
        EXPECT_TRUE(ids.insert(rule.id).second) << rule.id << " stands twice";
        EXPECT_GT(rule.why.size(), 15u) << rule.id;
        EXPECT_GT(rule.remedy.size(), 8u) << rule.id;
    }
}

TEST(Lint, RulesCanBeLeftOutAndFindingsAreSorted) {
    const auto conf = parse("http {\nsatisfy any;\nautoindex on;\nserver_tokens off;\n}");
    ASSERT_TRUE(conf.ok());
    const auto all = lint(*conf, {});
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].line, 2u);
    EXPECT_EQ(all[0].text, "satisfy any");
    EXPECT_EQ(all[1].rule->id, "autoindex");
    EXPECT_EQ(lint(*conf, {"satisfy_any", "autoindex"}).size(), 0u);
}

TEST(Lint, KnowsVariables) {
    EXPECT_TRUE(has_variable("a$uri", "uri"));
    EXPECT_TRUE(has_variable("${uri}x", "uri"));
    EXPECT_FALSE(has_variable("$uris", "uri"));
    EXPECT_FALSE(has_variable("uri", "uri"));
    EXPECT_TRUE(has_variable("$arg_x", "arg_"));
    EXPECT_TRUE(has_variable("$1", "1"));
    EXPECT_FALSE(has_variable("$12", "1"));
}

}  // namespace
}  // namespace sallyport::lint
