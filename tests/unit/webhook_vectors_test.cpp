// Every vector of the signature file through the verifier, and what must not change a verdict.
#include "tests/unit/webhook_vectors.hpp"

#include "module/policy/webhook_presets.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace sallyport::policy::webhook {
namespace {

using test::Answer;
using test::SignedRequest;
using test::Vector;

Profile profile_of(const Vector& vector) {
    auto profile = parse_profile("vector", vector.config);
    if (!profile) {
        throw std::runtime_error(vector.id + ": " + profile.message());
    }
    return std::move(*profile);
}

TEST(WebhookVectors, GiveTheExpectedVerdict) {
    std::size_t valid = 0;
    for (const Vector& vector : test::vectors()) {
        const Profile profile = profile_of(vector);
        const auto keys = test::keys_of(profile, vector.secrets);
        const Answer answer = test::run(profile, keys, vector.request);
        EXPECT_EQ(test::verdict_of(answer.reason), vector.expect)
            << vector.id << ": " << word(answer.reason);
        if (vector.expect == "valid") {
            ++valid;
            // The file digests the whole header; an id must not change with items that prove
            // nothing.
            const bool several = vector.id.starts_with("docusign/") ||
                                 vector.id.find("two-signatures") != std::string::npos;
            // Where it names none (RFC 9421) there is still the nonce.
            const bool named = !vector.config.starts_with("builtin=httpsig");
            if (named && (!several || !vector.config.ends_with("id=sha256:"))) {
                EXPECT_EQ(answer.id, vector.replay_id) << vector.id;
            }
            if (!vector.replay_id.empty()) {
                EXPECT_EQ(answer.id_authenticated, vector.replay_id_authenticated) << vector.id;
            }
            EXPECT_FALSE(answer.replay_texts.empty()) << vector.id;
        }
    }
    EXPECT_EQ(test::vectors().size(), 376U);
    EXPECT_GE(valid, 145U);
}

TEST(WebhookVectors, DoNotDependOnHowTheBodyIsCut) {
    for (const Vector& vector : test::vectors()) {
        if (vector.request.body.size() > 4096) {
            continue;  // a byte at a time is for the small ones
        }
        const Profile profile = profile_of(vector);
        const auto keys = test::keys_of(profile, vector.secrets);
        for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{64}}) {
            const Answer answer = test::run(profile, keys, vector.request, piece);
            EXPECT_EQ(test::verdict_of(answer.reason), vector.expect) << vector.id;
        }
    }
}

TEST(WebhookVectors, MissingHeadersRefuseBeforeTheBody) {
    for (const Vector& vector : test::vectors()) {
        const bool head = vector.config.find("sig=json") == std::string::npos;
        if (head && vector.id.find("missing-signature") != std::string::npos) {
            const Profile profile = profile_of(vector);
            const auto keys = test::keys_of(profile, vector.secrets);
            const Answer answer = test::run(profile, keys, vector.request);
            EXPECT_EQ(answer.reason, Reason::webhook_signature_missing) << vector.id;
            EXPECT_TRUE(answer.before_body) << vector.id;
        }
    }
}

TEST(WebhookVectors, AreRefusedWithoutASecret) {
    const Vector& vector = test::vectors().front();
    const Profile profile = profile_of(vector);
    const Answer answer = test::run(profile, {}, vector.request);
    EXPECT_EQ(answer.reason, Reason::webhook_secret_missing);
    EXPECT_TRUE(answer.before_body);
}

// Which headers of a vector the signature rests on: its own, the timestamp's, and those signed.
bool header_matters(const Profile& profile, std::string_view name) {
    return std::any_of(profile.headers.begin(), profile.headers.end(), [&](const HeaderSlot& slot) {
        return slot.required && ascii_iequals(slot.name, name);
    });
}

bool is_signature_header(const Profile& profile, std::string_view name) {
    return std::any_of(profile.signature.begin(), profile.signature.end(), [&](const Source& s) {
        return s.kind == Source::Kind::header && ascii_iequals(s.name, name);
    });
}

char other_byte(char c, std::mt19937& random) {
    const char changed = static_cast<char>(c ^ (1 << (random() % 7)));
    return changed == c ? static_cast<char>(c + 1) : changed;
}

// Fifty random single-byte changes of each valid vector: of the body where the body is signed, and
// of the headers the signature rests on. Deterministic: the seed is fixed.
TEST(WebhookVectors, RefuseEverySingleByteChange) {
    std::mt19937 random(20260101);
    std::size_t changes = 0;
    for (const Vector& vector : test::vectors()) {
        const Profile profile = profile_of(vector);
        if (vector.expect != "valid" || !profile.signs() || vector.secrets.size() > 1 ||
            profile.body == BodyForm::gunzip || vector.request.body.size() > 65536) {
            continue;
        }
        const auto keys = test::keys_of(profile, vector.secrets);
        for (int round = 0; round < 50; ++round) {
            SignedRequest changed = vector.request;
            const bool in_body = round % 2 == 0 && !changed.body.empty() &&
                                 (profile.message.has(Part::Kind::body) || profile.require);
            if (in_body) {
                char& byte = changed.body[random() % changed.body.size()];
                byte = other_byte(byte, random);
            } else {
                std::vector<std::string*> values;
                for (auto& [name, value] : changed.headers) {
                    if (header_matters(profile, name) && !is_signature_header(profile, name)) {
                        values.push_back(&value);
                    }
                }
                if (values.empty()) {
                    continue;
                }
                std::string& value = *values[random() % values.size()];
                char& byte = value[random() % value.size()];
                byte = other_byte(byte, random);
            }
            ++changes;
            EXPECT_NE(test::run(profile, keys, changed).reason, Reason::none)
                << vector.id << " round " << round;
        }
    }
    EXPECT_GT(changes, 2000U);
}

// The signature itself: each byte of the one item, changed in every bit.
TEST(WebhookVectors, RefuseEveryChangedSignature) {
    std::size_t changes = 0;
    for (const Vector& vector : test::vectors()) {
        const Profile profile = profile_of(vector);
        if (vector.expect != "valid" || profile.signature.size() != 1 || profile.split != "" ||
            vector.request.body.size() > 65536) {
            continue;
        }
        const auto keys = test::keys_of(profile, vector.secrets);
        SignedRequest changed = vector.request;
        for (auto& [name, value] : changed.headers) {
            if (!is_signature_header(profile, name)) {
                continue;
            }
            for (std::size_t i = 0; i < value.size(); ++i) {
                for (int bit = 0; bit < 7; ++bit) {
                    const char before = value[i];
                    value[i] = static_cast<char>(before ^ (1 << bit));
                    const bool same_hex = profile.hex_case == HexCase::any &&
                                          ascii_lower(value[i]) == ascii_lower(before);
                    if (!same_hex) {
                        ++changes;
                        EXPECT_NE(test::run(profile, keys, changed).reason, Reason::none)
                            << vector.id << " byte " << i << " bit " << bit;
                    }
                    value[i] = before;
                }
            }
        }
    }
    EXPECT_GT(changes, 10000U);
}

TEST(WebhookPresets, AgreeWithTheVectors) {
    for (const Vector& vector : test::vectors()) {
        const Preset* preset = find_preset(vector.id.substr(0, vector.id.find('/')));
        ASSERT_NE(preset, nullptr) << vector.id;
        if (vector.config.find(" url=") != std::string::npos) {
            continue;  // the public URL is the operator's to give
        }
        // What only the operator can know.
        Pairs own;
        const Pairs written = parse_pairs(vector.config).value();
        for (const auto& [key, value] : written) {
            if (key.starts_with("param:") || key == "topic" || key == "alg" ||
                (key == "key_fmt" && preset->name == "rfc9421")) {
                own.emplace_back(key, value);
            }
        }
        const auto profile =
            build_profile(preset->name, merge_pairs(*parse_pairs(preset->text), own));
        ASSERT_TRUE(profile) << vector.id << ": " << profile.message();
        const auto keys = test::keys_of(*profile, vector.secrets);
        const Answer answer = test::run(*profile, keys, vector.request);
        EXPECT_EQ(test::verdict_of(answer.reason), vector.expect) << vector.id;
    }
}

TEST(WebhookVectors, EachDescriptionIsAProfileAsItStands) {
    test::vector_file()["schemes"].each_member([](std::string_view name, Json scheme) {
        const auto pairs = parse_pairs(scheme["config"].text());
        ASSERT_TRUE(pairs) << name;
        const Status checked = check_profile(name, *pairs);
        EXPECT_TRUE(checked) << name << ": " << checked.message();
    });
}

TEST(WebhookPresets, EachIsAProfile) {
    for (const Preset& preset : presets()) {
        const auto pairs = parse_pairs(preset.text);
        ASSERT_TRUE(pairs) << preset.name << ": " << pairs.message();
        const Status checked = check_profile(preset.name, *pairs);
        EXPECT_TRUE(checked) << preset.name << ": " << checked.message();
        EXPECT_EQ(find_preset(preset.name), &preset) << "twice: " << preset.name;
    }
    EXPECT_EQ(find_preset("nobody"), nullptr);
}

}  // namespace
}  // namespace sallyport::policy::webhook
