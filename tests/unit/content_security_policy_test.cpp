#include "module/policy/content_security_policy.hpp"

#include "module/policy/security_headers.hpp"

#include <gtest/gtest.h>

namespace sallyport::policy {
namespace {

using Change = ContentSecurityPolicy::Change;

TEST(CspSources, KeywordsGetTheirQuotesBack) {
    EXPECT_EQ(
        ContentSecurityPolicy::sources_of({"self", "'none'", "https:", "sha256-AA==", "nonce"}),
        "'self' 'none' https: 'sha256-AA==' 'nonce-$sallyport_csp_nonce'");
    EXPECT_EQ(ContentSecurityPolicy::sources_of({" 'self'  data: "}), "'self' data:");
    EXPECT_EQ(ContentSecurityPolicy::sources_of({}), "");
}

TEST(CspChanges, InPlaceAppendedAndLeftOut) {
    const auto changed = ContentSecurityPolicy::changed(
        *ContentSecurityPolicy::parse("default-src 'none'; img-src a; font-src b"),
        {{"img-src", "c", false}, {"font-src", std::nullopt, false}, {"frame-src", "d", false}});
    ASSERT_TRUE(changed.ok()) << changed.message();
    EXPECT_EQ(changed->text(), "default-src 'none';img-src c;frame-src d");
}

TEST(CspChanges, DefaultSourcesAreNeeded) {
    const ContentSecurityPolicy none;
    EXPECT_FALSE(ContentSecurityPolicy::changed(none, {{"img-src", "a", false}}).ok());
    EXPECT_FALSE(ContentSecurityPolicy::changed(none, {}).ok());
    EXPECT_TRUE(ContentSecurityPolicy::changed(
                    none, {{"default-src", std::nullopt, true}, {"img-src", "a", false}})
                    .ok());
}

TEST(CspVariables, AreLeftOutTogetherWithWhatNeedsThem) {
    const auto policy = ContentSecurityPolicy::parse(
        "default-src 'none';script-src 'self' 'nonce-$n' 'strict-dynamic';img-src $a;font-src "
        "'self' $b;"
        "upgrade-insecure-requests");
    ASSERT_TRUE(policy.ok());
    EXPECT_EQ(policy->without_variables().text(),
              "default-src 'none';script-src 'none';img-src 'none';font-src 'self';"
              "upgrade-insecure-requests");
}

TEST(CspLevels, InnerOnesAddAndMayBeginAnew) {
    CspSettings outer;
    outer.changes = {{"img-src", "a", false}};
    outer.mode = Mode::report;
    CspSettings inner;
    inner.changes = {{"img-src", "b", false}, {"default-src", "'none'", false}};
    const auto merged = merge_csp(outer, inner);
    EXPECT_EQ(merged.changes.size(), 3u);
    EXPECT_EQ(merged.field_name(), kCspReportHeader);
    inner.reset = true;
    EXPECT_EQ(merge_csp(outer, inner).changes.size(), 2u);
    EXPECT_EQ(merge_csp(outer, inner).mode, Mode::report);
}

TEST(CspLevels, TheProfilesPolicyIsTheBeginning) {
    const HeaderSet profile = profile_headers(HeaderProfile::helmet);
    CspSettings settings;
    EXPECT_EQ(*apply_csp(profile, settings), profile);
    settings.changes = {{"script-src", "'self' 'nonce-$x'", false}};
    const auto set = apply_csp(profile, settings);
    ASSERT_TRUE(set.ok());
    EXPECT_EQ(set->front().name, kCspHeader);
    EXPECT_FALSE(set->front().preserve);
    EXPECT_NE(set->front().value.find("script-src 'self' 'nonce-$x';"), std::string::npos);
    EXPECT_NE(set->front().fallback.find("script-src 'self';"), std::string::npos);
    settings = {};
    settings.mode = Mode::off;
    EXPECT_EQ(apply_csp(profile, settings)->size(), profile.size() - 1);
}

}  // namespace
}  // namespace sallyport::policy
