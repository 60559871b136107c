#include "module/policy/tls_policy.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace sallyport::policy {
namespace {

using Words = std::vector<std::string_view>;

TEST(TlsRule, Parses) {
    const struct {
        Words words;
        TlsProfile profile;
        TlsVersion min;
        bool certificate;
    } cases[] = {
        {{"modern"}, TlsProfile::modern, TlsVersion::v1_3, false},
        {{"intermediate"}, TlsProfile::intermediate, TlsVersion::v1_2, false},
        {{"off"}, TlsProfile::off, TlsVersion::v1_2, false},
        {{"intermediate", "min=TLSv1.3"}, TlsProfile::intermediate, TlsVersion::v1_3, false},
        {{"modern", "client_cert=required"}, TlsProfile::modern, TlsVersion::v1_3, true},
        {{"intermediate", "client_cert=required", "min=TLSv1.2"},
         TlsProfile::intermediate,
         TlsVersion::v1_2,
         true},
    };
    for (const auto& c : cases) {
        const auto rule = parse_tls_rule(c.words);
        ASSERT_TRUE(rule.ok()) << rule.message();
        EXPECT_EQ(rule->profile, c.profile);
        EXPECT_EQ(rule->min, c.min);
        EXPECT_EQ(rule->client_certificate, c.certificate);
    }
}

TEST(TlsRule, RefusesWithARemedy) {
    const struct {
        Words words;
        const char* piece;
    } cases[] = {
        {{}, "write modern, intermediate, custom or off"},
        {{"old"}, "\"old\"; write modern"},
        {{"Modern"}, "write modern"},
        {{"modern", "min=TLSv1.2"}, "weaker than the profile modern"},
        {{"intermediate", "min=TLSv1.1"}, "write min=TLSv1.2 or min=TLSv1.3"},
        {{"intermediate", "min="}, "write min=TLSv1.2"},
        {{"intermediate", "min=TLSv1.3", "min=TLSv1.3"}, "given twice"},
        {{"intermediate", "client_cert=optional"}, "write client_cert=required"},
        {{"intermediate", "ciphers=x"}, "write custom instead"},
        {{"intermediate", "cipher=x"}, "unknown parameter \"cipher=x\""},
        {{"custom", "ciphers=ECDHE-RSA-AES128-GCM-SHA256:AES128-SHA"}, "offers \"AES128-SHA\""},
        {{"custom", "ciphers="}, "weak or unknown"},
        {{"custom", "groups=X25519:secp224r1"}, "offers \"secp224r1\""},
        {{"custom", "groups=X25519", "groups=X25519"}, "given twice"},
        {{"modern", "client_san=dns:a"}, "write client_cert=required before it"},
        {{"modern", "client_cert=required", "client_san=dns:*.a"}, "without wildcards"},
        {{"modern", "client_cert=required", "client_san=a"}, "client_san=dns:NAME"},
        {{"modern", "client_cert=required", "client_fingerprint=12"}, "openssl x509"},
        {{"modern", "client_cert=required", "client_ca="}, "client_ca=PATH"},
        {{"off", "min=TLSv1.3"}, "means nothing with off"},
    };
    for (const auto& c : cases) {
        const auto rule = parse_tls_rule(c.words);
        ASSERT_FALSE(rule.ok()) << c.piece;
        EXPECT_NE(rule.message().find(c.piece), std::string::npos) << rule.message();
    }
}

TEST(TlsDecision, Table) {
    const TlsRule off{};
    const TlsRule intermediate{TlsProfile::intermediate, TlsVersion::v1_2, false};
    const TlsRule modern{TlsProfile::modern, TlsVersion::v1_3, false};
    const TlsRule certified{TlsProfile::intermediate, TlsVersion::v1_2, true};
    const TlsConnection plain{};
    const TlsConnection old{true, TlsVersion::older, false};
    const TlsConnection v12{true, TlsVersion::v1_2, false};
    const TlsConnection v13{true, TlsVersion::v1_3, false};
    const TlsConnection v13_certified{true, TlsVersion::v1_3, true};
    const TlsConnection v12_certified{true, TlsVersion::v1_2, true};
    const struct {
        TlsRule rule;
        TlsConnection connection;
        Reason at_server;
        Reason at_location;
    } cases[] = {
        {off, plain, Reason::none, Reason::none},
        {off, old, Reason::none, Reason::none},
        {intermediate, plain, Reason::none, Reason::tls_required},
        {intermediate, old, Reason::tls_version_too_old, Reason::tls_version_too_old},
        {intermediate, v12, Reason::none, Reason::none},
        {modern, v12, Reason::tls_version_too_old, Reason::tls_version_too_old},
        {modern, v13, Reason::none, Reason::none},
        {certified, plain, Reason::tls_required, Reason::tls_required},
        {certified, v13, Reason::tls_certificate_required, Reason::tls_certificate_required},
        {certified, v12_certified, Reason::none, Reason::none},
        {certified, v13_certified, Reason::none, Reason::none},
    };
    EXPECT_TRUE(meets(intermediate, TlsVersion::v1_2));
    EXPECT_TRUE(meets(modern, TlsVersion::v1_3));
    EXPECT_FALSE(meets(modern, TlsVersion::v1_2));
    EXPECT_FALSE(meets(certified, TlsVersion::v1_3));
    int row = 0;
    for (const auto& c : cases) {
        ++row;
        EXPECT_EQ(decide_tls_server(c.rule, c.connection).reason, c.at_server) << "row " << row;
        const Decision at_location = decide_tls_location(c.rule, c.connection);
        EXPECT_EQ(at_location.reason, c.at_location) << "row " << row;
        EXPECT_EQ(at_location.status, c.at_location == Reason::none ? 0 : 403) << "row " << row;
        // The short cut agrees with the whole decision.
        if (c.connection.tls && meets(c.rule, c.connection.version)) {
            EXPECT_EQ(at_location.verdict, Verdict::allow) << "row " << row;
        }
    }
}

TEST(TlsDecision, OneRuleCoversAnother) {
    const TlsRule off{};
    const TlsRule intermediate{TlsProfile::intermediate, TlsVersion::v1_2, false};
    const TlsRule modern{TlsProfile::modern, TlsVersion::v1_3, false};
    const TlsRule certified{TlsProfile::intermediate, TlsVersion::v1_2, true};
    for (const TlsRule* outer : {&off, &modern, &intermediate, &certified}) {
        for (const TlsRule* inner : {&off, &modern, &intermediate, &certified}) {
            bool covered = true;
            for (const TlsVersion version :
                 {TlsVersion::older, TlsVersion::v1_2, TlsVersion::v1_3}) {
                for (const bool certificate : {false, true}) {
                    const TlsConnection connection{true, version, certificate};
                    covered = covered &&
                              (decide_tls_server(*outer, connection).verdict != Verdict::allow ||
                               decide_tls_location(*inner, connection).verdict == Verdict::allow);
                }
            }
            // A certificate's names are looked at too: a rule that asks for one is never covered.
            EXPECT_EQ(covers(*outer, *inner), covered && !inner->client_certificate)
                << word(outer->profile) << " " << word(inner->profile);
        }
    }
}

TEST(TlsDecision, Certificates) {
    TlsCertificateRule rule;
    EXPECT_FALSE(rule.asks());
    const TlsCertificate certificate{{"dns:ops.example", "email:a@b"}, Bytes(32, 1)};
    const auto reason = [&] { return decide_tls_certificate(rule, certificate).reason; };
    EXPECT_EQ(reason(), Reason::none);
    rule.names = {"dns:other", "dns:ops.example"};
    EXPECT_EQ(reason(), Reason::none);
    rule.names = {"uri:ops.example", "email:ops.example", "dns:ops.example."};
    EXPECT_EQ(reason(), Reason::tls_certificate_not_allowed);
    rule.names = {};
    rule.fingerprints = {Bytes(32, 2), Bytes(32, 1)};
    EXPECT_EQ(reason(), Reason::none);
    rule.fingerprints = {Bytes(32, 2)};
    EXPECT_EQ(reason(), Reason::tls_certificate_not_allowed);
    rule.names = {"dns:ops.example"};  // both must hold
    EXPECT_EQ(reason(), Reason::tls_certificate_not_allowed);
    EXPECT_EQ(decide_tls_certificate({}, {{}, {}, false}).reason,
              Reason::tls_certificate_not_allowed);
}

TEST(TlsRule, CustomLists) {
    const auto rule = parse_tls_rule(
        Words{"custom", "ciphers=ECDHE-RSA-AES256-GCM-SHA384:DHE-RSA-AES128-GCM-SHA256",
              "groups=X448:X25519", "client_cert=required", "client_san=dns:Ops.Example"});
    ASSERT_TRUE(rule.ok()) << rule.message();
    EXPECT_EQ(tls_ciphers(*rule).size(), 2u);
    EXPECT_EQ(tls_groups(*rule).front(), "X448");
    EXPECT_EQ(rule->certificate.names.front(), "dns:ops.example");
    const auto plain = parse_tls_rule(Words{"custom", "min=TLSv1.2"});
    ASSERT_TRUE(plain.ok());
    EXPECT_EQ(tls_ciphers(*plain).size(), 6u);
    EXPECT_EQ(tls_groups(*plain).front(), "X25519MLKEM768");
}

TEST(TlsProfiles, AreMozillas) {
    EXPECT_EQ(tls_ciphers(TlsProfile::intermediate).size(), 6u);
    for (const auto cipher : tls_ciphers(TlsProfile::intermediate)) {
        EXPECT_TRUE(cipher.starts_with("ECDHE-")) << cipher;
    }
    EXPECT_TRUE(tls_ciphers(TlsProfile::modern).empty());
    EXPECT_EQ(tls_groups().front(), "X25519MLKEM768");
    for (const char* strong : {"X25519", "?X25519", "*secp384r1", "P-256", "auto", "x25519"}) {
        EXPECT_TRUE(is_strong_tls_group(strong)) << strong;
    }
    for (const char* weak : {"secp224r1", "prime192v1", "sect163k1", "ffdhe2048", "", "nonsense"}) {
        EXPECT_FALSE(is_strong_tls_group(weak)) << weak;
    }
}

}  // namespace
}  // namespace sallyport::policy
