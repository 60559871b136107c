#include "module/policy/security_headers.hpp"

#include "common/bytes.hpp"
#include "common/file_text.hpp"
#include "common/json.hpp"
#include "module/policy/content_security_policy.hpp"
#include "module/policy/helmet_options.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace sallyport::policy {
namespace {

std::map<std::string, std::string> as_map(const HeaderSet& set) {
    std::map<std::string, std::string> out;
    for (const auto& field : set) {
        EXPECT_TRUE(out.emplace(field.name, field.value).second) << field.name << " twice";
    }
    return out;
}

// `true`, `false`, absent or an object: what helmet accepts for most options.
std::optional<std::string> choice(const Json& option, const char* key,
                                  std::optional<std::string> fallback, const char* when_true) {
    if (!option.exists()) {
        return fallback;
    }
    if (option.is_boolean()) {
        return option.is_true() ? std::optional<std::string>(when_true) : std::nullopt;
    }
    return std::string(option[key].text_or(when_true));
}

HelmetOptions::Csp csp_options(const Json& json) {
    HelmetOptions::Csp out;
    out.use_defaults = json["useDefaults"].boolean_or(true);
    out.report_only = json["reportOnly"].boolean_or(false);
    json["directives"].each_member([&](std::string_view name, const Json& value) {
        std::optional<std::string> sources;
        if (!value.is_null()) {
            sources.emplace(value.is_string() ? value.text() : "");
            value.each_element([&](const Json& source) {
                sources->append(sources->empty() ? "" : " ").append(source.text());
            });
        }
        out.changes.push_back({std::string(name), sources});
    });
    return out;
}

HelmetOptions helmet_options(const Json& json) {
    HelmetOptions out;
    const Json csp = json["contentSecurityPolicy"];
    if (csp.is_boolean() && !csp.is_true()) {
        out.csp.reset();
    } else if (csp.is_object()) {
        out.csp = csp_options(csp);
    }
    out.embedder_policy =
        choice(json["crossOriginEmbedderPolicy"], "policy", std::nullopt, "require-corp");
    out.opener_policy =
        choice(json["crossOriginOpenerPolicy"], "policy", out.opener_policy, "same-origin");
    out.resource_policy =
        choice(json["crossOriginResourcePolicy"], "policy", out.resource_policy, "same-origin");
    out.frame_action = choice(json["frameguard"], "action", out.frame_action, "sameorigin");
    out.permitted_policies = choice(json["permittedCrossDomainPolicies"], "permittedPolicies",
                                    out.permitted_policies, "none");
    out.xss_protection = !json["xssFilter"].is_boolean() || json["xssFilter"].is_true();
    if (const Json policy = json["referrerPolicy"]["policy"]; policy.is_array()) {
        out.referrer_policy.emplace();
        policy.each_element([&](const Json& t) { out.referrer_policy->emplace_back(t.text()); });
    } else if (policy.is_string()) {
        out.referrer_policy = {std::string(policy.text())};
    }
    if (const Json hsts = json["hsts"]; hsts.is_object()) {
        out.hsts->max_age_s = hsts["maxAge"].number_or(out.hsts->max_age_s);
        out.hsts->include_subdomains = hsts["includeSubDomains"].boolean_or(true);
        out.hsts->preload = hsts["preload"].boolean_or(false);
    }
    return out;
}

TEST(Helmet, EveryVector) {
    const auto text = read_file_text(SALLYPORT_VECTORS_DIR "/helmet.json", 1 << 20);
    ASSERT_TRUE(text.ok()) << text.message();
    const auto vectors = Json::parse(*text);
    ASSERT_TRUE(vectors.ok());
    int cases = 0;
    (*vectors)["cases"].each_element([&](const Json& row) {
        ++cases;
        const std::string name(row["case"].text());
        const auto headers = helmet_headers(helmet_options(row["options"]));
        if (row.has("throws")) {
            ASSERT_FALSE(headers.ok()) << name;
            const std::string_view field =
                row["throws"].text().substr(0, row["throws"].text().find(' '));
            EXPECT_EQ(headers.message().find(field), 0u) << name << ": " << headers.message();
            return;
        }
        ASSERT_TRUE(headers.ok()) << name << ": " << headers.message();
        std::map<std::string, std::string> expected;
        row["headers"].each_member(
            [&](std::string_view key, const Json& value) { expected.emplace(key, value.text()); });
        EXPECT_EQ(as_map(*headers), expected) << name;
    });
    EXPECT_GE(cases, 20);
}

TEST(Profiles, HelmetIsHelmetsDefault) {
    EXPECT_EQ(as_map(profile_headers(HeaderProfile::helmet)), as_map(*helmet_headers({})));
}

TEST(Profiles, PassTheirOwnChecks) {
    for (const auto profile : {HeaderProfile::helmet, HeaderProfile::api, HeaderProfile::owasp}) {
        for (const auto& field : profile_headers(profile)) {
            const Status status = check_header(field.name, field.value, true);
            EXPECT_TRUE(status.ok()) << status.message();
            EXPECT_FALSE(is_removed_header(profile, field.name)) << field.name;
        }
    }
}

TEST(Profiles, KeyValues) {
    const auto api = as_map(profile_headers(HeaderProfile::api));
    EXPECT_EQ(api.at("Strict-Transport-Security"), "max-age=63072000; includeSubDomains");
    EXPECT_EQ(api.at("Cache-Control"), "no-store");
    EXPECT_EQ(api.at("X-Frame-Options"), "DENY");
    EXPECT_EQ(api.count("X-XSS-Protection"), 0u);
    const auto owasp = as_map(profile_headers(HeaderProfile::owasp));
    EXPECT_EQ(owasp.at("Cache-Control"), "no-store, max-age=0");
    EXPECT_EQ(owasp.at("Content-Security-Policy").find("unsafe"), std::string::npos);
    EXPECT_TRUE(profile_headers(HeaderProfile::off).empty());
}

TEST(Changes, MergeByNameAcrossLevels) {
    const HeaderSet base = {{"A", "1"}, {"B", "2"}};
    const std::vector<HeaderChange> outer = {{"b", HeaderField{"b", "outer"}},
                                             {"C", HeaderField{"C", "3"}}};
    const std::vector<HeaderChange> inner = {{"a", std::nullopt},
                                             {"c", HeaderField{"c", "inner", true}}};
    const HeaderSet merged = apply_changes(apply_changes(base, outer), inner);
    EXPECT_EQ(merged, (HeaderSet{{"b", "outer"}, {"c", "inner", true}}));
}

TEST(Removed, WhatTellsAnAttackerWhatRuns) {
    for (const char* name : {"Server", "x-powered-by", "X-Accel-Redirect", "x-accel-buffering",
                             "X-AspNet-Version", "Via", "X-Envoy-Upstream-Service-Time"}) {
        EXPECT_TRUE(is_removed_header(HeaderProfile::helmet, name)) << name;
        EXPECT_FALSE(is_removed_header(HeaderProfile::off, name)) << name;
    }
    for (const char* name :
         {"Content-Type", "X-Request-Id", "X-RateLimit-Limit", "Set-Cookie", "X-Accelerate"}) {
        EXPECT_FALSE(is_removed_header(HeaderProfile::api, name)) << name;
    }
    EXPECT_TRUE(is_removed_header(HeaderProfile::owasp, "X-XSS-Protection"));
    EXPECT_FALSE(is_removed_header(HeaderProfile::helmet, "X-XSS-Protection"));
}

TEST(HeaderValues, Checked) {
    const struct {
        const char* name;
        const char* value;
        const char* piece;  // of the message; empty: accepted
    } cases[] = {
        {"X-Anything", "goes", ""},
        {"Strict-Transport-Security", "max-age=31536000; includeSubDomains; preload", ""},
        {"Strict-Transport-Security", "max-age=0", ""},
        {"Strict-Transport-Security", "includeSubDomains", "max-age=SECONDS is missing"},
        {"Strict-Transport-Security", "max-age=1y", "whole number"},
        {"Strict-Transport-Security", "max-age=10; preload", "preload needs"},
        {"Strict-Transport-Security", "max-age=31536000; includeSubdomain", "unknown"},
        {"Strict-Transport-Security", "max-age=1; max-age=2", "given twice"},
        {"X-Frame-Options", "DENY", ""},
        {"X-Frame-Options", "ALLOW-FROM https://a", "write one of: deny, sameorigin"},
        {"X-Content-Type-Options", "sniff", "nosniff"},
        {"X-XSS-Protection", "1; mode=block", "write one of: 0"},
        {"Referrer-Policy", "no-referrer, strict-origin", ""},
        {"Referrer-Policy", "never", "browsers do not know"},
        {"Referrer-Policy", "origin,origin", "given twice"},
        {"Cross-Origin-Opener-Policy", "same-site", "browsers do not know"},
        {"Cross-Origin-Opener-Policy", "Same-Origin", "write one of: same-origin"},
        {"Cross-Origin-Embedder-Policy", "Require-Corp", "write one of: require-corp"},
        {"cross-origin-resource-policy", "SAME-SITE", "write one of: same-origin"},
        {"X-Permitted-Cross-Domain-Policies", "None", "write one of: none"},
        {"X-Content-Type-Options", "NoSniff", ""},
        {"Content-Security-Policy", "default-src 'self'; img-src data:;", ""},
        {"Content-Security-Policy", "default-src self", "in quotes: 'self'"},
        {"Content-Security-Policy", "script-src nonce-abc", "in quotes"},
        {"Content-Security-Policy", "img-src a; img-src b", "given twice"},
        {"Content-Security-Policy", ";", "is empty"},
        {"Content-Security-Policy", "default_src 'self'", "not a directive name"},
        {"Content-Length", "3", "cannot be set here"},
        {"Set-Cookie", "a=b", "cannot be set here"},
        {"Bad Name", "x", "is not a header name"},
        {"X-A", "a\r\nX-B: c", "control character"},
        {"X-A", "", "is empty"},
    };
    for (const auto& c : cases) {
        const Status status = check_header(c.name, c.value, true);
        EXPECT_EQ(status.ok(), c.piece[0] == '\0') << c.name << ": " << c.value;
        if (!status.ok()) {
            EXPECT_NE(status.message().find(c.piece), std::string::npos) << status.message();
        }
    }
    EXPECT_TRUE(
        check_header("Content-Security-Policy", "script-src 'nonce-$request_id'", false).ok());
    EXPECT_TRUE(check_header("X-Frame-Options", "$frame", false).ok());
}

}  // namespace
}  // namespace sallyport::policy
