#include "common/contract.hpp"

#include <gtest/gtest.h>

#include "common/limits.hpp"

namespace sallyport::contract {
namespace {

constexpr std::int64_t kNow = 1'760'000'000;

GatewayVerdict sample() {
    return {kNow,   "2001:db8::1", "https", "POST", "/v1/webhooks/abc?x=1;sig=evil",
            "id;1", "github"};
}

TEST(Verdict, RoundTrips) {
    const HmacKey key = verdict_key(Secret("0123456789abcdef0123"));
    const auto verdict = verify_verdict(sign_verdict(sample(), key), key, kNow);
    ASSERT_TRUE(verdict.ok());
    EXPECT_EQ(verdict->client_address, "2001:db8::1");
    EXPECT_EQ(verdict->target, "/v1/webhooks/abc?x=1;sig=evil");
    EXPECT_EQ(verdict->delivery_id, "id;1");
    EXPECT_EQ(verdict->policy, "github");
    EXPECT_EQ(verdict->method, "POST");
    EXPECT_EQ(verdict->scheme, "https");
    EXPECT_EQ(verdict->time_s, kNow);
}

TEST(Verdict, IsFreshOnlyNearItsTime) {
    const HmacKey key = verdict_key(Secret("0123456789abcdef0123"));
    const std::string header = sign_verdict(sample(), key);
    EXPECT_TRUE(verify_verdict(header, key, kNow + limits::kVerdictAgeMaxS).ok());
    EXPECT_TRUE(verify_verdict(header, key, kNow - limits::kVerdictAgeMaxS).ok());
    EXPECT_FALSE(verify_verdict(header, key, kNow + limits::kVerdictAgeMaxS + 1).ok());
    EXPECT_FALSE(verify_verdict(header, key, kNow - limits::kVerdictAgeMaxS - 1).ok());
}

TEST(Verdict, RefusesEverySingleByteChange) {
    const HmacKey key = verdict_key(Secret("0123456789abcdef0123"));
    const std::string header = sign_verdict(sample(), key);
    for (std::size_t i = 0; i < header.size(); ++i) {
        std::string changed = header;
        changed[i] = static_cast<char>(changed[i] ^ 1);
        EXPECT_FALSE(verify_verdict(changed, key, kNow).ok()) << i;
        EXPECT_FALSE(verify_verdict(std::string_view(header).substr(0, i), key, kNow).ok()) << i;
    }
    EXPECT_FALSE(verify_verdict("", key, kNow).ok());
    EXPECT_FALSE(verify_verdict(header, verdict_key(Secret("another secret here")), kNow).ok());
    EXPECT_FALSE(verify_verdict(header + std::string(4096, 'a'), key, kNow).ok());
}

}  // namespace
}  // namespace sallyport::contract
