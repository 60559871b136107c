// Secrets at rest: what opens them, and what does not.
#include "engine/core/secret_box.hpp"

#include "common/crypto.hpp"

#include <gtest/gtest.h>

namespace sallyport::engine {
namespace {

const Secret kOld(std::string_view("0123456789abcdef0123456789abcdef"));
const Secret kNew(std::string_view("fedcba9876543210fedcba9876543210"));
const Bytes kNonce(kAeadNonceBytes, 7);

TEST(SecretBox, OpensWhatItSealedInItsPlace) {
    const SecretBox box(kOld);
    const Json envelope = box.seal("my-secret", "connection/p/a", kNonce);
    EXPECT_EQ(envelope.dump().find("my-secret"), std::string::npos);
    const Result<Secret> plain = box.open(envelope, "connection/p/a");
    ASSERT_TRUE(plain.ok()) << plain.message();
    EXPECT_EQ(plain->reveal(), "my-secret");
    // Carried to another project or changed by a bit, it does not open.
    EXPECT_FALSE(box.open(envelope, "connection/q/a").ok());
    Json changed = envelope.deep_copy();
    changed.set("data", Json::string("AAAA" + std::string(envelope["data"].text().substr(4))));
    EXPECT_FALSE(box.open(changed, "connection/p/a").ok());
    EXPECT_FALSE(box.open(Json::object(), "connection/p/a").ok());
}

TEST(SecretBox, KeysAreReplaced) {
    const SecretBox before(kOld);
    const Json envelope = before.seal("my-secret", "x", kNonce);
    SecretBox after(kNew);
    const Result<Secret> unknown = after.open(envelope, "x");
    ASSERT_FALSE(unknown.ok());
    EXPECT_NE(unknown.message().find("a key that is not configured"), std::string::npos);
    after.add_earlier(kOld);
    EXPECT_TRUE(after.open(envelope, "x").ok());
    const Json fresh = after.seal("my-secret", "x", kNonce);
    EXPECT_NE(fresh["kid"].text(), envelope["kid"].text());
    EXPECT_FALSE(before.open(fresh, "x").ok());
    EXPECT_TRUE(after.is_current(fresh));
    EXPECT_FALSE(after.is_current(envelope));
}

// The contract's vector: what Activepieces stores under this key.
TEST(SecretBox, ReadsWhatActivepiecesStored) {
    const Json envelope = Json::object(
        {{"iv", Json::string("000102030405060708090a0b0c0d0e0f")},
         {"data",
          Json::string("d9d3dbf485dd7b6fda7b0848e6ff9c51e334cf6e04ef69c214b2983c274e1bd9d1d2"
                       "0dd0c178611527fdb0f75a4add839a1dafe2138eaaf130811340f1fd13cd")}});
    const SecretBox box(kOld);
    const Result<Secret> plain = box.open(envelope, "anywhere");
    ASSERT_TRUE(plain.ok()) << plain.message();
    EXPECT_EQ(plain->reveal(), R"({"type":"SECRET_TEXT","secret_text":"my-secret"})");
    EXPECT_FALSE(box.is_current(envelope));
    SecretBox after(kNew);
    EXPECT_FALSE(after.open(envelope, "anywhere").ok());
    after.add_earlier(kOld);
    EXPECT_TRUE(after.open(envelope, "anywhere").ok());
    for (const char* data : {"", "00", "zz", "d9d3dbf485dd7b6fda7b0848e6ff9c51"}) {
        Json broken = envelope.deep_copy();
        broken.set("data", Json::string(data));
        EXPECT_FALSE(box.open(broken, "anywhere").ok()) << data;
    }
}

}  // namespace
}  // namespace sallyport::engine
