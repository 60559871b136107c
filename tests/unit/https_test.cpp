#include "module/policy/https.hpp"

#include "module/policy/body_limit.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace sallyport::policy {
namespace {

HttpsRule rule(std::vector<std::string_view> words) {
    const auto parsed = parse_https_rule(words);
    EXPECT_TRUE(parsed.ok()) << words.front();
    return *parsed;
}

struct PlainCase {
    PlainRequest request;
    std::uint16_t status;
    Reason reason;
};

TEST(Https, PagesAreSentOnAndCallsRefused) {
    const HttpsRule redirect = rule({"redirect", "except=/health/"});
    const PlainCase cases[] = {
        {{.method = "GET", .path = "/"}, 308, Reason::https_redirected},
        {{.method = "HEAD", .path = "/index.html"}, 308, Reason::https_redirected},
        {{.method = "GET", .path = "/apiary"}, 308, Reason::https_redirected},
        {{.method = "GET", .path = "/", .cookie = true}, 308, Reason::https_credential_exposed},
        {{.method = "GET", .path = "/", .arguments = "a=1&Token=x"},
         308,
         Reason::https_credential_exposed},
        {{.method = "GET", .path = "/", .arguments = "mytoken=x"}, 308, Reason::https_redirected},
        {{.method = "POST", .path = "/"}, 403, Reason::https_required},
        {{.method = "get", .path = "/"}, 403, Reason::https_required},
        {{.method = "GET", .path = "/api"}, 403, Reason::https_required},
        {{.method = "GET", .path = "/API/v1/x"}, 403, Reason::https_required},
        {{.method = "GET", .path = "/webhook/x"}, 403, Reason::https_required},
        {{.method = "GET", .path = "/", .upgrade = true}, 403, Reason::https_required},
        {{.method = "GET", .path = "/", .authorization = true},
         403,
         Reason::https_credential_exposed},
        {{.method = "POST", .path = "/v1/x", .cookie = true},
         403,
         Reason::https_credential_exposed},
        {{.method = "POST", .path = "/health/live"}, 0, Reason::none},
        {{.method = "GET", .path = "/.well-known/acme-challenge/x"}, 0, Reason::none},
    };
    for (const PlainCase& c : cases) {
        const Decision decision = decide_plain(redirect, c.request);
        EXPECT_EQ(decision.status, c.status) << c.request.method << " " << c.request.path;
        EXPECT_EQ(decision.reason, c.reason) << c.request.method << " " << c.request.path;
    }
    EXPECT_EQ(decide_plain(rule({"require"}), {.method = "GET", .path = "/"}).status, 403);
    EXPECT_EQ(decide_plain(rule({"off"}), {.method = "GET", .path = "/"}).status, 0);
    const HttpsRule own = rule({"redirect", "api=/hooks/"});
    EXPECT_EQ(decide_plain(own, {.method = "GET", .path = "/hooks/1"}).status, 403);
    EXPECT_EQ(decide_plain(own, {.method = "GET", .path = "/api/1"}).status, 308);
}

TEST(Https, RefusedRules) {
    const std::vector<std::string_view> cases[] = {
        {"on"},
        {"off", "port=1"},
        {"require", "host=a.test"},
        {"redirect", "host=a.test:8443"},
        {"redirect", "host=https://a.test"},
        {"redirect", "host=a.test/x"},
        {"redirect", "port=0"},
        {"redirect", "port=65536"},
        {"redirect", "api=v1"},
        {"redirect", "except=/"},
        {"redirect", "code=301"},
    };
    for (const auto& words : cases) {
        EXPECT_FALSE(parse_https_rule(words).ok()) << words.back();
    }
    EXPECT_EQ(rule({"redirect", "host=[::1]", "port=8443"}).host, "[::1]");
}

TEST(Https, EarlyData) {
    const struct {
        EarlyData rule;
        EarlyRequest request;
        int status;
    } early[] = {
        {EarlyData::safe, {"GET"}, 0},
        {EarlyData::safe, {"HEAD"}, 0},
        {EarlyData::safe, {"GET", true, false}, 425},
        {EarlyData::safe, {"GET", false, true}, 425},
        {EarlyData::safe, {"POST"}, 425},
        {EarlyData::safe, {"OPTIONS"}, 425},
        {EarlyData::refuse, {"GET"}, 425},
        {EarlyData::off, {"POST", true, true}, 0},
    };
    for (const auto& row : early) {
        EXPECT_EQ(decide_early(row.rule, row.request).status, row.status) << row.request.method;
    }
    EXPECT_EQ(decide_misdirected(false).reason, Reason::misdirected);
    EXPECT_EQ(decide_misdirected(true).reason, Reason::none);
}

TEST(BodyLimit, KindsByMediaType) {
    const std::pair<const char*, BodyKind> cases[] = {
        {"application/json", BodyKind::json},
        {"Application/JSON ; charset=utf-8", BodyKind::json},
        {"application/vnd.github+json", BodyKind::json},
        {"application/x-www-form-urlencoded", BodyKind::form},
        {"multipart/form-data; boundary=x", BodyKind::multipart},
        {"Multipart/mixed", BodyKind::multipart},
        {"application/jsonp", BodyKind::other},
        {"+json", BodyKind::other},
        {"text/plain; x=multipart/form-data", BodyKind::other},
        {"multipart", BodyKind::other},
        {"", BodyKind::other},
    };
    for (const auto& [type, kind] : cases) {
        EXPECT_EQ(body_kind(type), kind) << type;
    }
}

TEST(BodyLimit, ParsesAndFallsBack) {
    const auto parse = [](std::vector<std::string_view> words) { return BodyLimits::parse(words); };
    const auto all = parse({"json=1m", "form=64k", "multipart=10m", "default=5"});
    ASSERT_TRUE(all.ok());
    EXPECT_EQ(all->bytes(BodyKind::json), 1u << 20);
    EXPECT_EQ(all->bytes(BodyKind::form), 64u << 10);
    EXPECT_EQ(all->bytes(BodyKind::multipart), 10u << 20);
    EXPECT_EQ(all->bytes(BodyKind::other), 5u);
    EXPECT_EQ(all->smallest(), 5u);
    EXPECT_EQ(all->largest(), 10u << 20);
    const auto some = parse({"json=1m", "form=2k"});
    EXPECT_EQ(some->bytes(BodyKind::other), 2048u);
    EXPECT_EQ(some->bytes(BodyKind::multipart), 2048u);
    EXPECT_EQ(parse({"multipart=off", "default=1k"})->bytes(BodyKind::multipart),
              BodyLimits::kUnlimited);
    EXPECT_EQ(parse({"multipart=off", "default=1k"})->largest(), 1024u);
    for (const char* wrong :
         {"json", "json=", "json=-1", "json=1x", "xml=1m", "on", "json=99999999999999999999g"}) {
        EXPECT_FALSE(parse({wrong}).ok()) << wrong;
    }
    EXPECT_FALSE(parse({"json=1m", "json=2m"}).ok());
    EXPECT_EQ(decide_body(5, 5).status, 0);
    EXPECT_EQ(decide_body(6, 5).status, 413);
    EXPECT_EQ(decide_body(6, 5).reason, Reason::body_too_large);
}

}  // namespace
}  // namespace sallyport::policy
