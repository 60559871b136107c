// Mistakes in the webhook directives, risks that are only warned of, and the include of conf.d.
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/mistakes.hpp"
#include "tests/integration/webhook_signing.hpp"

#include <gtest/gtest.h>

namespace sallyport::test {
namespace {

// Webhook and secret as they should be, so that a row shows one mistake.
#define GITHUB "sallyport_webhook github; sallyport_webhook_secret file:%%DIR%%/hook.key; "

const Mistake kMistakes[] = {
    {"sallyport_webhook githup;", "sallyport_webhook", "\"githup\"", "github, stripe, slack"},
    {"sallyport_webhook;", "sallyport_webhook", "invalid number of arguments", ""},
    {"sallyport_webhook off now;", "sallyport_webhook", "off", "no further arguments"},
    {"sallyport_webhook github; sallyport_webhook stripe;", "sallyport_webhook", "twice",
     "keep one"},
    {"sallyport_webhook stripe tolerance=soon;", "sallyport_webhook", "soon",
     "write a whole number"},
    {"sallyport_webhook stripe tolerence=5;", "sallyport_webhook", "tolerence", "known are"},
    {"sallyport_webhook stripe tolerance=5 tolerance=6;", "sallyport_webhook", "tolerance",
     "keep one"},
    {"sallyport_webhook stripe strict;", "sallyport_webhook", "strict", "key=value"},
    {"sallyport_webhook_profile a 'sig=header:S'; sallyport_webhook a algo=sha0;",
     "sallyport_webhook", "sha0", "known are sha256"},
    {"sallyport_webhook discord key_fmt=utf8;", "sallyport_webhook", "public key", "spki-base64"},
    {"sallyport_webhook aws-sns;", "sallyport_webhook", "aws-sns", "write topic="},
    {"sallyport_webhook paypal;", "sallyport_webhook", "webhook_id", "add param:webhook_id="},
    {"server { location / { sallyport_webhook aws-sns topic=arn:aws:sns:us-east-1:1:T; } }",
     "sallyport_webhook aws-sns", "no secret", "sallyport_webhook_certificates"},
    {"sallyport_webhook_secret s1 not_after=tomorrow;", "sallyport_webhook_secret", "tomorrow",
     "not_after=2026-"},
    {"sallyport_webhook_secret s1 until=x;", "sallyport_webhook_secret", "until=x", "not_before"},
    {"sallyport_webhook_secret s1 not_before=2027-01-01T00:00:00Z not_after=2026-01-01T00:00:00Z;",
     "sallyport_webhook_secret", "not_after lies before", ""},
    {"sallyport_webhook_handshake hello;", "sallyport_webhook_handshake", "hello",
     "known are meta"},
    {"sallyport_webhook_handshake meta;", "sallyport_webhook_handshake", "meta", "add token="},
    {"sallyport_webhook_handshake slack token=x;", "sallyport_webhook_handshake", "slack",
     "leave token= out"},
    {"sallyport_webhook_handshake asana;", "sallyport_webhook_handshake", "asana", "store=PATH"},
    {"sallyport_webhook_handshake slack store=/tmp/x;", "sallyport_webhook_handshake", "slack",
     "leave store= out"},
    {"sallyport_webhook_handshake slack until=2027-01-01T00:00:00Z;", "sallyport_webhook_handshake",
     "until", "bring a secret"},
    {"sallyport_webhook_handshake slack colour=red;", "sallyport_webhook_handshake", "colour",
     "known are token="},
    {"sallyport_webhook_handshake method=PUT as=none;", "sallyport_webhook_handshake", "PUT",
     "GET, POST"},
    {"sallyport_webhook_handshake method=GET;", "sallyport_webhook_handshake", "as", "as=text"},
    {"sallyport_webhook_handshake method=GET as=text;", "sallyport_webhook_handshake", "echo",
     "echo=query:"},
    {"sallyport_webhook_handshake method=GET echo=cookie:a as=text;", "sallyport_webhook_handshake",
     "cookie:a", "query:NAME"},
    {"sallyport_webhook_handshake method=GET echo=query:a as=picture;",
     "sallyport_webhook_handshake", "picture", "json:KEY"},
    {"sallyport_webhook_handshake head; sallyport_webhook_handshake off;",
     "sallyport_webhook_handshake", "off", "keep one"},
    {"server { location / { sallyport_webhook meta handshake=meta; sallyport_webhook_secret "
     "0123456789abcdef; } }",
     "sallyport_webhook meta", "more than its name", "sallyport_webhook_handshake meta"},
    {"sallyport_webhook_certificates /nowhere;", "sallyport_webhook_certificates", "/nowhere",
     "make one"},
    {"sallyport_webhook solidgate;", "sallyport_webhook", "public_key", "add param:public_key="},
    {"sallyport_webhook_profile a 'sig=header:S ts=header:T';", "sallyport_webhook_profile",
     "not covered", "{timestamp}"},
    {"sallyport_webhook_profile a 'sig=header:S signed=\"{bdy}\"';", "sallyport_webhook_profile",
     "{bdy}", "known are {body}"},
    {"sallyport_webhook_profile a '';", "sallyport_webhook_profile", "sig",
     "sig=header:X-Signature"},
    {"sallyport_webhook_profile github 'sig=header:S';", "sallyport_webhook_profile", "github",
     "choose another"},
    {"sallyport_webhook_profile a/b 'sig=header:S';", "sallyport_webhook_profile", "a/b",
     "letters"},
    {"sallyport_webhook_profile a 'sig=header:S'; sallyport_webhook_profile a 'sig=header:T';",
     "sallyport_webhook_profile", "\"a\"", "keep one"},
    {"sallyport_webhook_secret file:;", "sallyport_webhook_secret", "file:", "file:PATH"},
    {"sallyport_webhook_secret file:%%DIR%%/none;", "sallyport_webhook_secret", "none", ""},
    {"sallyport_webhook_secret file:%%DIR%%/empty.key;", "sallyport_webhook_secret", "empty", ""},
    {"sallyport_webhook_secret file:%%DIR%%/open.txt;", "sallyport_webhook_secret", "open.txt", ""},
    {"sallyport_webhook_secret env:;", "sallyport_webhook_secret", "env:", "env:NAME"},
    {"sallyport_webhook_secret env:SALLYPORT_NOT_SET;", "sallyport_webhook_secret",
     "SALLYPORT_NOT_SET", "set it for nginx"},
    {"sallyport_webhook_secret '';", "sallyport_webhook_secret", "empty", "give the provider's"},
    {"sallyport_webhook_secret same-secret-same; sallyport_webhook_secret same-secret-same;",
     "sallyport_webhook_secret", "twice", "keep one"},
    {"sallyport_webhook_secret s1; sallyport_webhook_secret s2; sallyport_webhook_secret s3; "
     "sallyport_webhook_secret s4; sallyport_webhook_secret s5; sallyport_webhook_secret s6; "
     "sallyport_webhook_secret s7; sallyport_webhook_secret s8; sallyport_webhook_secret s9;",
     "sallyport_webhook_secret", "at most 8", "retire the oldest"},
    {"server { location / { sallyport_webhook github; } }", "sallyport_webhook github", "no secret",
     "add sallyport_webhook_secret"},
    {"server { location / { sallyport_webhook standard; sallyport_webhook_secret not-base64!!!!!; "
     "} }",
     "sallyport_webhook_secret", "number 1", "whsec"},
    {"server { location / { sallyport_webhook basic; sallyport_webhook_secret no-colon-in-here; } "
     "}",
     "sallyport_webhook_secret", "basic", "user:password"},
    {"sallyport_webhook_replay zone=a;", "sallyport_webhook_replay", "\"a\"", "zone=a:10m"},
    {"sallyport_webhook_replay zone=a:1k;", "sallyport_webhook_replay", "64k", "10m"},
    {"sallyport_webhook_replay zone=a:big;", "sallyport_webhook_replay", "big", "whole number"},
    {"sallyport_webhook_replay zone=a/b:10m;", "sallyport_webhook_replay", "a/b",
     "zone=deliveries:10m"},
    {"sallyport_webhook_replay key=auto;", "sallyport_webhook_replay", "no zone",
     "zone=deliveries:10m"},
    {"sallyport_webhook_replay zone=a:1m key=guid;", "sallyport_webhook_replay", "guid",
     "auto, id"},
    {"sallyport_webhook_replay zone=a:1m ttl=0;", "sallyport_webhook_replay", "ttl=0",
     "at least 1s"},
    {"sallyport_webhook_replay zone=a:1m inflight=never;", "sallyport_webhook_replay", "never",
     "duration"},
    {"sallyport_webhook_replay zone=a:1m duplicate=404;", "sallyport_webhook_replay", "404",
     "200 to 299"},
    {"sallyport_webhook_replay zone=a:1m busy=500;", "sallyport_webhook_replay", "500", "503"},
    {"sallyport_webhook_replay zone=a:1m ttl=1h ttl=2h;", "sallyport_webhook_replay",
     "\"ttl\" twice", "keep one"},
    {"server { location / { sallyport_webhook_secret file:%%DIR%%/hook.key; } }",
     "sallyport_webhook_secret", "no sender", "sallyport_webhook off"},
    {"server { location / { sallyport_webhook_replay zone=a:1m; } }", "sallyport_webhook_replay",
     "no sender", "sallyport_webhook off"},
    {"sallyport_webhook_replay zone=a:1m full=evict;", "sallyport_webhook_replay", "full=evict",
     "full=reject|pass"},
    {"sallyport_webhook_replay zone=a:1m; server { sallyport_webhook_replay zone=a:2m; }",
     "sallyport_webhook_replay", "two sizes", "zone=a"},
    {"sallyport_webhook_replay zone=a:1m; sallyport_webhook_replay off;",
     "sallyport_webhook_replay", "twice", "keep one"},
    {"server { location / { " GITHUB "sallyport_webhook_replay zone=a:1m key=id; } }",
     "sallyport_webhook_replay", "key=id", "id_unsigned=allow"},
    {"sallyport_webhook_max_body 0;", "sallyport_webhook_max_body", "\"0\"", "from 1 to 1g"},
    {"sallyport_webhook_max_body much;", "sallyport_webhook_max_body", "much", "whole number"},
    {"sallyport_webhook_reject 404;", "sallyport_webhook_reject", "404", "401, 403 or 400"},
    {"sallyport_webhook_mode maybe;", "sallyport_webhook_mode", "maybe", "off, report or enforce"},
    {"sallyport_webhook_mode report; sallyport_webhook_mode report;", "sallyport_webhook_mode",
     "twice", "keep one"},
    {"server { sallyport_webhook_profile a 'sig=header:S'; }", "sallyport_webhook_profile",
     "not allowed here", ""},
};

class WebhookMistakes : public testing::TestWithParam<Mistake> {};

TEST_P(WebhookMistakes, AreNamedWithTheirRemedy) {
    auto files = webhook_files();
    files["empty.key"] = "\n";
    files["open.txt"] = "readable by everybody";
    expect_mistake(GetParam(), files);
}

INSTANTIATE_TEST_SUITE_P(All, WebhookMistakes, testing::ValuesIn(kMistakes));

TEST(WebhookConfiguration, AcceptsWhatTheDocumentsShow) {
    NginxOptions options;
    options.files = webhook_files();
    const auto check = check_config(R"(
        sallyport_webhook_profile unsigned_time "sig=header:S ts=header:T ts_unsigned=allow tolerance=60";
        server {
            listen 127.0.0.1:%%PORT%%;
            sallyport_webhook_secret file:hook.key;
            location /a { sallyport_webhook github id_unsigned=allow; sallyport_webhook_replay zone=a:1m key=id; }
            location /b { sallyport_webhook solidgate param:public_key=api_pk_1; }
            location /c { sallyport_webhook unsigned_time; sallyport_webhook_mode off; }
            location /d { sallyport_webhook token "prefix=Token " sig=header:X-Auth; }
            location /e { sallyport_webhook square url=https://example.com/square; }
        }
    )",
                                    options);
    EXPECT_TRUE(check.ok()) << check.messages;
}

TEST(WebhookConfiguration, WarnsOfShortSecrets) {
    const auto check =
        check_config("server { listen 127.0.0.1:%%PORT%%; sallyport_webhook_secret short; }");
    EXPECT_TRUE(check.ok()) << check.messages;
    EXPECT_NE(check.messages.find("[warn]"), std::string::npos);
    EXPECT_NE(check.messages.find("shorter than 16 bytes"), std::string::npos);
    EXPECT_EQ(check.messages.find("\"short\""), std::string::npos);
}

TEST(WebhookInclude, WorksAsShipped) {
    Upstream upstream;
    NginxOptions options;
    options.files = {{"webhook.conf", read_file(std::string(SALLYPORT_CONF_D) + "/webhook.conf")},
                     {"secrets/github.key", std::string(kWebhookSecret)}};
    options.variables = {{"UPSTREAM", upstream.address()}};
    NginxServer nginx(R"(
        include webhook.conf;
        server {
            listen 127.0.0.1:%%PORT%%;
            location /hooks/github {
                sallyport_webhook github;
                sallyport_webhook_secret file:secrets/github.key;
                proxy_pass http://%%UPSTREAM%%;
            }
            location / { proxy_pass http://%%UPSTREAM%%; }
        }
    )",
                      options);
    EXPECT_EQ(send(delivery(nginx.url("/hooks/github"), "x", github_headers("x"))).status, 200);
    EXPECT_EQ(send(delivery(nginx.url("/hooks/github"), "x", github_headers("x"))).status, 200);
    EXPECT_EQ(send(delivery(nginx.url("/hooks/github"), "y", github_headers("x"))).status, 401);
    EXPECT_EQ(upstream.request_count(), 1U);
    EXPECT_EQ(get(nginx.url("/")).status, 200);
}

}  // namespace
}  // namespace sallyport::test
