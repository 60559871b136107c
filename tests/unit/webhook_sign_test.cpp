// What `sign` makes, the verifier accepts: for every preset that can be signed with header fields.
#include "module/policy/webhook_sign.hpp"

#include "module/policy/webhook_presets.hpp"
#include "module/policy/webhook_verify.hpp"
#include "tests/unit/webhook_keys.hpp"

#include <gtest/gtest.h>

#include <memory_resource>

namespace sallyport::policy::webhook {
namespace {

constexpr std::int64_t kNow = 1'780'000'000'000;

Outcome verify(const Profile& profile, const std::vector<SecretKey>& secrets,
               const Delivery& delivery, const SignedDelivery& made) {
    std::pmr::monotonic_buffer_resource memory;
    Verification verification(profile, secrets, &memory);
    for (const auto& [name, value] : made.fields) {
        verification.offer_header(name, value);
    }
    RequestHead head = delivery.head;
    head.target = made.target;
    if (const Reason reason = verification.begin(head, kNow); reason != Reason::none) {
        return {.reason = reason};
    }
    if (const Reason reason = verification.update(delivery.body); reason != Reason::none) {
        return {.reason = reason};
    }
    Outcome outcome = verification.finish(kNow, delivery.body);
    outcome.id = {};  // lives as long as the verification
    return outcome;
}

constexpr std::string_view kBody =
    R"({"id":"evt-1","event_id":"evt-1","webhookTimestamp":1780000000000})";

// The private key that a preset's sender would have; empty: it shares a secret.
std::string private_key_for(const Profile& profile) {
    switch (profile.type) {
        case SchemeType::ed25519:
            return "ED25519";
        case SchemeType::ecdsa:
            return "P-256";
        case SchemeType::rsa:
        case SchemeType::rsa_pss:
            return "RSA";
        case SchemeType::hmac:
        case SchemeType::hash:
        case SchemeType::token:
        case SchemeType::basic:
            break;
    }
    return "";
}

TEST(Sign, IsAcceptedByTheVerifier) {
    int signed_presets = 0;
    for (const Preset& preset : presets()) {
        const auto profile = parse_profile(preset.name, preset.text);
        if (!profile) {
            continue;  // a scheme that is not verified yet
        }
        if (profile->is_builtin() || profile->body == BodyForm::gunzip) {
            continue;
        }
        const std::string kind = private_key_for(*profile);
        const std::string text = !kind.empty()                        ? test::new_private_pem(kind)
                                 : profile->type == SchemeType::basic ? "user:password-1234"
                                 : profile->key_format == KeyFormat::hex
                                     ? "00112233445566778899aabbccddeeff"
                                     : "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
        const auto key = SigningKey::make(*profile, Secret(text));
        ASSERT_TRUE(key.ok()) << preset.name << ": " << key.message();
        Profile verifying = *profile;
        if (!kind.empty()) {
            verifying.key_format = KeyFormat::pem;
        }
        auto secret = SecretKey::make(
            verifying, Secret(kind.empty() ? text : test::new_private_key(kind).public_pem()));
        ASSERT_TRUE(secret.ok()) << preset.name << ": " << secret.message();
        std::vector<SecretKey> secrets;
        secrets.push_back(std::move(*secret));
        Delivery delivery{.head = {"POST", "/hook?a=b", "https", "example.org"},
                          .body = kBody,
                          .id = "delivery-1",
                          .headers = {},
                          .time_ms = kNow};
        for (const char* name : {"Wechatpay-Nonce", "Client-Id"}) {
            delivery.headers.emplace_back(name, "n-1");
        }
        const auto fields = sign(*profile, *key, delivery);
        if (!fields) {
            continue;
        }
        ++signed_presets;
        EXPECT_EQ(word(verify(verifying, secrets, delivery, *fields).reason), word(Reason::none))
            << preset.name;
        Delivery other = delivery;
        other.body = "another body";
        if (profile->signs() && profile->message.covers_body()) {
            EXPECT_NE(verify(verifying, secrets, other, *fields).reason, Reason::none)
                << preset.name;
        }
    }
    EXPECT_GE(signed_presets, 90);
}

TEST(Sign, SaysWhatItCannotDo) {
    for (const char* text : {"sig=json:signature signed=\"{json:token}\"",
                             "sig=header:X-Sig signed=\"{header:X-Nonce}{body}\"",
                             "sig=header:X-Sig signed=\"{json:absent}{body}\"",
                             "sig=header:X-Sig signed=\"{json_raw:absent}\"",
                             "sig=header:X-Sig signed=\"{form:absent}\""}) {
        const auto profile = parse_profile("p", text);
        ASSERT_TRUE(profile.ok()) << profile.message();
        const auto key = SigningKey::make(*profile, Secret("0123456789abcdef"));
        ASSERT_TRUE(key.ok());
        EXPECT_FALSE(sign(*profile, *key, {}).ok()) << text;
    }
}

}  // namespace
}  // namespace sallyport::policy::webhook
