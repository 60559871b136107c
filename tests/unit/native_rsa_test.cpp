// Signatures with a private key that a step brings. tests/vectors/rsa-signatures.json: keys, and
// what Node.js's crypto, which the published piece uses, signs with them: [key, passphrase, method,
// text, encoding, signature], or the words of the refusal behind a null. PKCS #1 v1.5 has no random
// part.
#include "common/file_text.hpp"
#include "engine/core/pieces/table.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sallyport::engine {
namespace {

Result<Json> sign(const Json& input) {
    const NativeAction* const action =
        find_native_action("@activepieces/piece-crypto", "rsa-signature");
    return action == nullptr ? Result<Json>(Error{"no such action"}) : action->run(input, {});
}

class RsaSignature : public ::testing::Test {
  protected:
    void SetUp() override {
        const auto text = read_file_text(SALLYPORT_VECTORS_DIR "/rsa-signatures.json", 1U << 20U);
        ASSERT_TRUE(text.ok()) << text.message();
        vectors_ = *Json::parse(*text);
    }
    Json vectors_;
};

TEST_F(RsaSignature, IsThePublishedOneOrRefusedForAReason) {
    std::size_t signed_ones = 0;
    vectors_["cases"].each_element([&](const Json& one) {
        const std::string pem(vectors_["keys"][one.at(0).text()].text());
        const Result<Json> signature = sign(Json::object({{"privateKey", Json::string(pem)},
                                                          {"passphrase", one.at(1)},
                                                          {"method", one.at(2)},
                                                          {"text", one.at(3)},
                                                          {"outputEncoding", one.at(4)}}));
        if (one.at(5).is_string()) {
            ++signed_ones;
            ASSERT_TRUE(signature.ok()) << one.dump() << signature.message();
            EXPECT_EQ(signature->text(), one.at(5).text()) << one.dump();
            return;
        }
        ASSERT_FALSE(signature.ok()) << one.dump();
        EXPECT_NE(signature.message().find(one.at(6).text()), std::string::npos)
            << one.dump() << signature.message();
        // Nothing of the key or its passphrase is told.
        EXPECT_EQ(signature.message().find(pem.substr(pem.size() / 2, 8)), std::string::npos);
        EXPECT_EQ(signature.message().find("wrong"), std::string::npos);
    });
    EXPECT_EQ(signed_ones, 12U);
}

TEST_F(RsaSignature, HasThePublishedDefaultsAndTakesNoOtherMethod) {
    const Json key = vectors_["keys"]["pkcs8"];
    const auto with = [&](const Json& method) {
        return sign(
            Json::object({{"privateKey", key}, {"text", Json::string("x")}, {"method", method}}));
    };
    EXPECT_EQ(with(Json::null())->text(), with(Json::string("sha256"))->text());
    EXPECT_EQ(with(Json::null())->text().size(), 172U);  // 128 bytes in base64
    for (const std::string_view method : {"md5", "sha1", "SHA256", "nope"}) {
        EXPECT_FALSE(with(Json::string(method)).ok()) << method;
    }
    for (const Json& wrong : {Json(), Json::null(), Json::string(""), Json::integer(5)}) {
        const auto answer =
            sign(Json::object({{"privateKey", wrong}, {"text", Json::string("x")}}));
        ASSERT_FALSE(answer.ok());
        EXPECT_NE(answer.message().find("privateKey"), std::string::npos) << answer.message();
    }
}

// What a key may cost is bounded before it is used.
TEST_F(RsaSignature, LargeAndDamagedKeysAreRefused) {
    const std::string pem(vectors_["keys"]["pkcs1"].text());
    const std::size_t begin = pem.find('\n') + 1;
    const std::size_t end = pem.find("-----END");
    const std::string body = pem.substr(begin, end - begin);
    const auto of = [&](const std::string& base64) {
        return sign(Json::object(
            {{"privateKey", Json::string(pem.substr(0, begin) + base64 + pem.substr(end))},
             {"text", Json::string("x")}}));
    };
    ASSERT_TRUE(of(body).ok());
    std::string large = body;
    for (int i = 0; i < 100; ++i) {
        large.insert(0, "MIIBAgIBADANBgkqhkiG9w0BAQEFAASCAwYwggJiAgEAAoGBALfpJnRnaaaaaaaa\n");
    }
    EXPECT_FALSE(of(large).ok());
    int refused = 0;
    for (std::size_t at = 0; at < body.size(); at += 5) {
        std::string damaged = body;
        if (damaged[at] == '\n') {
            continue;
        }
        damaged[at] = damaged[at] == 'A' ? 'B' : 'A';
        const auto answer = of(damaged);
        // Where the numbers stay a key, they sign as what they are.
        refused += answer.ok() ? 0 : 1;
        EXPECT_EQ(answer.ok() ? answer->text().size() : 172U, 172U);
    }
    EXPECT_GT(refused, 5);
}

}  // namespace
}  // namespace sallyport::engine
