#include "module/policy/cors.hpp"

#include <gtest/gtest.h>

namespace sallyport::policy {
namespace {

Result<CorsSpec> parse(std::vector<std::string_view> words) {
    return parse_cors(words);
}

TEST(CorsOrigins, AsBrowsersWriteThem) {
    const struct {
        const char* origin;
        bool fits;
    } rows[] = {
        {"https://a.example", true},
        {"https://a.example:8443", true},
        {"http://localhost:3000", true},
        {"http://[::1]:3000", true},
        {"http://127.0.0.1", true},
        {"chrome-extension://abcdefghijklmnop", true},
        {"capacitor://localhost", true},
        {"https://xn--bcher-kva.example", true},
        {"https://a.example:0", false},
        {"https://a.example:65536", false},
        {"https://a.example:08443", false},
        {"https://a.example:", false},
        {"https://a.example:443", false},
        {"http://a.example:80", false},
        {"https://a.example/", false},
        {"https://a.example/p", false},
        {"https://a.example?x", false},
        {"https://u@a.example", false},
        {"https://A.example", false},
        {"HTTPS://a.example", false},
        {"https://a..example", false},
        {"https://", false},
        {"//a.example", false},
        {"a.example", false},
        {"null", false},
        {"", false},
        {"https://a.example ", false},
        {"https://a.example,https://b.example", false},
        {"https://[::1", false},
        {"https://[]", false},
    };
    for (const auto& row : rows) {
        EXPECT_EQ(check_cors_origin(row.origin).ok(), row.fits) << row.origin;
    }
}

TEST(CorsOrigins, PatternsMatchOneLabelAndAnyPort) {
    const auto spec = parse({"origins=https://*.a.example,https://b.example:*,https://c.example"});
    ASSERT_TRUE(spec.ok()) << spec.message();
    for (const char* origin : {"https://x.a.example", "https://x-1.a.example", "https://b.example",
                               "https://b.example:1", "https://c.example"}) {
        EXPECT_TRUE(cors_list_contains(*spec, origin)) << origin;
    }
    for (const char* origin :
         {"https://a.example", "https://.a.example", "https://x.y.a.example", "http://x.a.example",
          "https://x.a.example:1", "https://xa.example", "https://evil.example#.a.example",
          "https://evil.example/.a.example", "https://X.a.example",
          "https://b.example:", "https://b.example:99999", "https://c.example:1",
          "https://c.example.evil.test", "null", ""}) {
        EXPECT_FALSE(cors_list_contains(*spec, origin)) << origin;
    }
}

TEST(CorsOrigins, NamedOnesAreFoundByTheirPlace) {
    const auto spec = parse({"origins=https://*.a.example,https://b.example,https://c.example"});
    ASSERT_TRUE(spec.ok()) << spec.message();
    EXPECT_EQ(find_exact_origin(*spec, "https://b.example"), 0u);
    EXPECT_EQ(find_exact_origin(*spec, "https://c.example"), 1u);
    for (const char* origin : {"https://x.a.example", "https://*.a.example", "https://c.example.",
                               "https://c.exampl", "https://C.example", ""}) {
        EXPECT_EQ(find_exact_origin(*spec, origin), std::nullopt) << origin;
    }
}

TEST(CorsResponse, FieldsAreToldByName) {
    for (const char* name : {"Access-Control-Allow-Origin", "access-control-allow-x",
                             "ACCESS-CONTROL-EXPOSE-HEADERS", "Access-Control-Max-Age"}) {
        EXPECT_TRUE(is_cors_response_field(name)) << name;
    }
    for (const char* name : {"Access-Control-Request-Method", "Access-Control-", "Accept", "Vary",
                             "Allow", "X-Access-Control-Allow-Origin", ""}) {
        EXPECT_FALSE(is_cors_response_field(name)) << name;
    }
}

TEST(CorsOrigins, ExpressionsAreAnchored) {
    for (const char* good : {"^https://a\\.example$", "^https://(a|b)\\.example$",
                             "^https://[a-z0-9.-]+\\.example$", "^https://[]x.]\\.example$"}) {
        EXPECT_TRUE(check_cors_regex(good).ok()) << good;
    }
    for (const char* bad :
         {"https://a\\.example$", "^https://a\\.example", "^https://a\\.example\\$", "^a$|b$",
          "^https://a.example$", "^https://.*\\.example$", "", "^"}) {
        EXPECT_FALSE(check_cors_regex(bad).ok()) << bad;
    }
}

TEST(CorsOrigins, SameHost) {
    EXPECT_TRUE(is_same_host("https://a.example", "A.example"));
    EXPECT_TRUE(is_same_host("http://a.example:8080", "a.example:8080"));
    EXPECT_FALSE(is_same_host("https://a.example:8443", "a.example"));
    EXPECT_FALSE(is_same_host("https://a.example.evil", "a.example"));
    EXPECT_FALSE(is_same_host("null", "null"));
    EXPECT_FALSE(is_same_host("https://", ""));
}

TEST(CorsFields, VaryIsMergedByName) {
    const std::string_view names[] = {"Origin", "Access-Control-Request-Headers"};
    const auto merged = [&](std::string_view vary) { return merge_vary(vary, names); };
    EXPECT_EQ(merged(""), "Origin, Access-Control-Request-Headers");
    EXPECT_EQ(merged("Accept-Encoding"), "Accept-Encoding, Origin, Access-Control-Request-Headers");
    EXPECT_EQ(merged("origin"), "origin, Access-Control-Request-Headers");
    EXPECT_EQ(merged(" * "), " * ");
}

TEST(CorsFields, OnlyListsOfNamesAreRepeated) {
    EXPECT_TRUE(is_reflectable_header_list("x-a, Authorization,content-type"));
    for (const char* bad : {"", "a b", "a,,b", "a\x01", "a\"b", "a;b"}) {
        EXPECT_FALSE(is_reflectable_header_list(bad)) << bad;
    }
    EXPECT_FALSE(is_reflectable_header_list(std::string(kCorsRequestHeadersBytesMax + 1, 'a')));
    EXPECT_FALSE(is_reflectable_origin(std::string(kCorsOriginBytesMax + 1, 'a')));
    EXPECT_FALSE(is_reflectable_origin("a, b"));
    EXPECT_TRUE(is_reflectable_origin("null"));
}

TEST(CorsSpec, DefaultsAreThoseOfThePackage) {
    const auto spec = parse({"origin=*"});
    ASSERT_TRUE(spec.ok());
    EXPECT_EQ(spec->methods, "GET,HEAD,PUT,PATCH,POST,DELETE");
    EXPECT_EQ(spec->preflight_status, 204);
    EXPECT_TRUE(spec->reflects_headers());
    EXPECT_FALSE(spec->varies_by_origin());
    EXPECT_EQ(parse({"max_age=0"})->max_age, "0");
    EXPECT_EQ(parse({"headers=none"})->headers, "");
}

TEST(CorsSpec, LoopbackMayBePlain) {
    EXPECT_TRUE(parse({"origins=http://localhost:*,http://127.0.0.1:3000,http://app.localhost",
                       "credentials"})
                    .ok());
    EXPECT_FALSE(parse({"origins=http://localhost.evil.example", "credentials"}).ok());
}

}  // namespace
}  // namespace sallyport::policy
