// The step `openpgpEncrypt` in real sandboxes. tests/vectors/openpgp-keys.json: pairs of keys of
// every kind that is in use, and keys that must not be encrypted to. GnuPG reads what is made for
// the first three of them, too.
#include "common/file_text.hpp"
#include "engine/core/step_scripts.hpp"
#include "tests/engine/jsbox_fixture.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sallyport::test {
namespace {

// Behind the step, within its module: encrypts, and opens with the private key.
constexpr std::string_view kRoundTrip = R"js(
const open = async (armored, i) => {
    const message = await openpgp.readMessage({ armoredMessage: armored });
    const decryptionKeys = await openpgp.readPrivateKey({ armoredKey: i.private });
    const opened = await openpgp.decrypt({ message, decryptionKeys, format: 'binary' });
    return Buffer.from(opened.data).toString();
};
export const code = async (i) => {
    const made = await encrypt_step({ file: i.file, publicKey: i.public });
    const again = await encrypt_step({ file: i.file, publicKey: i.public });
    const text = Buffer.from(made.file.split(',')[1], 'base64').toString();
    const packets = await openpgp.unarmor(text);
    const changed = packets.data.slice();
    changed[changed.length - 30] ^= 1;
    const refused = await open(openpgp.armor(openpgp.enums.armor.message, changed), i).catch(() => 'refused');
    return [made.success, made.filename, made.file.split(',')[0], await open(text, i), made.file === again.file, refused];
};
)js";

class OpenpgpStep : public JsboxFixture {
  protected:
    void SetUp() override {
        start();
        const auto text = read_file_text(SALLYPORT_VECTORS_DIR "/openpgp-keys.json", 1U << 20U);
        ASSERT_TRUE(text.ok()) << text.message();
        keys_ = *Json::parse(*text);
    }
    std::string outcome(std::string script, const Json& input) {
        const engine::SandboxResult result = run(std::move(script), 60'000, input.dump());
        return result.status == engine::SandboxStatus::ok ? result.value.dump() : result.error;
    }
    std::string step(const Json& file, const Json& key) {
        return outcome(std::string(engine::kOpenpgpEncryptScript),
                       Json::object({{"file", file}, {"publicKey", key}}));
    }
    Json keys_;
};

TEST_F(OpenpgpStep, EncryptsToEveryKindOfKey) {
    std::string script(engine::kOpenpgpEncryptScript);
    constexpr std::string_view kStep = "export const code = async";
    const std::size_t at = script.rfind(kStep);
    ASSERT_NE(at, std::string::npos);
    script.replace(at, kStep.size(), "const encrypt_step = async");
    script += kRoundTrip;
    struct Case {
        std::string_view key, file, head;
    };
    for (
        const auto& [key, file, head] : std::vector<Case>{
            {"rsa", R"("data:text/plain;base64,aMOpIQ==")",
             R"("unknown.txt.pgp","data:application/octet-stream;name=unknown.txt.pgp;base64","hé!")"},
            {"curve", R"("data:a/b;name=%C3%A9%20x.bin;base64,aMOpIQ==")",
             R"("é x.bin.pgp","data:application/octet-stream;name=%C3%A9%20x.bin.pgp;base64","hé!")"},
            {"p256", R"({"filename":"a.csv","base64":"aMOpIQ=="})",
             R"("a.csv.pgp","data:application/octet-stream;name=a.csv.pgp;base64","hé!")"},
            {"x25519", R"({"data":""})",
             R"("unknown.pgp","data:application/octet-stream;name=unknown.pgp;base64","")"},
            {"v6", R"("data:;base64,aMOpIQ==")",
             R"("unknown.bin.pgp","data:application/octet-stream;name=unknown.bin.pgp;base64","hé!")"}}) {
        const Json pair = keys_[key];
        const Json input = Json::object({{"file", *Json::parse(file)},
                                         {"public", pair["public"]},
                                         {"private", pair["private"]}});
        EXPECT_EQ(outcome(script, input), "[true," + std::string(head) + R"(,false,"refused"])")
            << key;
    }
}

TEST_F(OpenpgpStep, SaysWhyItDoesNot) {
    const Json file = Json::string("data:text/plain;base64,aGk=");
    struct Case {
        Json key;
        std::string_view error;
    };
    for (const auto& [key, error] : std::vector<Case>{
             {Json::string(""), "Public key is required"},
             {Json::null(), "Public key is required"},
             {Json::string("junk"), "Misformed armored text"},
             {keys_["expired"]["public"], "Error encrypting message: Primary key is expired"},
             {keys_["revoked"]["public"], "Error encrypting message: Primary key is revoked"}}) {
        EXPECT_EQ(step(file, key),
                  Json::object({{"success", Json::boolean(false)}, {"error", Json::string(error)}})
                      .dump());
    }
    EXPECT_NE(step(file, keys_["signs"]["public"]).find("Could not find valid encryption key"),
              std::string::npos);
    EXPECT_NE(step(file, keys_["grafted"]["public"]).find("Could not find valid subkey binding"),
              std::string::npos);
    for (const std::string_view wrong :
         {"null", "5", R"("text")", R"("data:text/plain,hi")", R"("data:text/plain;base64,a$b=")",
          R"({"filename":"a"})", R"({"base64":"*"})"}) {
        EXPECT_NE(step(*Json::parse(wrong), keys_["rsa"]["public"])
                      .find("Expected file url or base64 with mimeType, received: "),
                  std::string::npos)
            << wrong;
    }
}

}  // namespace
}  // namespace sallyport::test
