// What `sign` makes, the verifier accepts: for every preset that can be signed with header fields.
#include "module/policy/webhook_sign.hpp"

#include "module/policy/webhook_presets.hpp"

#include <gtest/gtest.h>

#include <memory_resource>

namespace sallyport::policy::webhook {
namespace {

constexpr std::int64_t kNow = 1'780'000'000'000;

Outcome verify(const Profile& profile, const std::vector<SecretKey>& secrets,
               const Delivery& delivery, const HeaderFields& fields) {
    std::pmr::monotonic_buffer_resource memory;
    Verification verification(profile, secrets, &memory);
    for (const auto& [name, value] : fields) {
        verification.offer_header(name, value);
    }
    if (const Reason reason = verification.begin(delivery.head, kNow); reason != Reason::none) {
        return {.reason = reason};
    }
    if (const Reason reason = verification.update(delivery.body); reason != Reason::none) {
        return {.reason = reason};
    }
    return verification.finish(kNow, delivery.body);
}

TEST(Sign, IsAcceptedByTheVerifier) {
    int signed_presets = 0;
    for (const Preset& preset : presets()) {
        const auto profile = parse_profile(preset.name, preset.text);
        if (!profile) {
            continue;  // a scheme that is not verified yet
        }
        const std::string_view text = profile->key_format == KeyFormat::hex
                                          ? "00112233445566778899aabbccddeeff"
                                          : "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
        std::vector<SecretKey> secrets;
        auto secret = SecretKey::make(*profile, Secret(profile->type == SchemeType::basic
                                                           ? std::string_view("user:password-1234")
                                                           : text));
        ASSERT_TRUE(secret.ok()) << preset.name << ": " << secret.message();
        secrets.push_back(std::move(*secret));
        const Delivery delivery{.head = {"POST", "/hook?a=b", "https", "example.org"},
                                .body = R"({"id":"evt-1","event_id":"evt-1"})",
                                .id = "delivery-1",
                                .time_ms = kNow};
        const auto fields = sign(*profile, secrets.front(), delivery);
        if (!fields) {
            continue;
        }
        ++signed_presets;
        EXPECT_EQ(verify(*profile, secrets, delivery, *fields).reason, Reason::none) << preset.name;
        Delivery other = delivery;
        other.body = "another body";
        if (profile->type == SchemeType::hmac && profile->message.covers_body()) {
            EXPECT_NE(verify(*profile, secrets, other, *fields).reason, Reason::none)
                << preset.name;
        }
    }
    EXPECT_GE(signed_presets, 20);
}

TEST(Sign, SaysWhatItCannotDo) {
    const auto profile =
        parse_profile("numbered", "sig=header:X-Sig-* signed=\"{body}\" id=sha256:");
    ASSERT_TRUE(profile.ok()) << profile.message();
    const auto secret = SecretKey::make(*profile, Secret("0123456789abcdef"));
    ASSERT_TRUE(secret.ok());
    EXPECT_FALSE(sign(*profile, *secret, {}).ok());
}

}  // namespace
}  // namespace sallyport::policy::webhook
