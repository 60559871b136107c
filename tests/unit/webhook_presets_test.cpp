// Every preset accepts what its sender signs. The deliveries of webhook-presets.json were signed by
// another implementation (tests/vectors/make_webhook_presets.py).
#include "module/policy/webhook_presets.hpp"

#include "tests/unit/jwt_maker.hpp"
#include "tests/unit/webhook_vectors.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace sallyport::policy::webhook {
namespace {

using sallyport::test::JwtMaker;
using test::Answer;
using test::SignedRequest;
using test::Vector;

constexpr int kChanges = 50;

struct Genuine {
    Vector vector;
    std::string scheme;
    std::set<std::string> unsigned_headers;
};

const std::vector<Genuine>& deliveries() {
    static const std::vector<Genuine> all = [] {
        const auto text = read_file_text(SALLYPORT_VECTORS_DIR "/webhook-presets.json", 1 << 20);
        std::vector<Genuine> out;
        const Json file = Json::parse(text.value()).value();
        file.each_element([&](const Json& each) {
            Genuine genuine{test::vector_from(each), std::string(each["scheme"].text()), {}};
            genuine.vector.config = std::string(find_preset(genuine.scheme)->text) + " " +
                                    std::string(each["options"].text());
            each["unsigned_headers"].each_element([&](const Json& name) {
                genuine.unsigned_headers.insert(std::string(name.text()));
            });
            out.push_back(std::move(genuine));
        });
        return out;
    }();
    return all;
}

struct Checker {
    explicit Checker(const Vector& vector)
        : profile(parse_profile("p", vector.config).value()),
          keys(test::keys_of(profile, vector.secrets)) {}
    Reason operator()(const SignedRequest& request) const {
        return test::run(profile, keys, request).reason;
    }
    Profile profile;
    std::vector<SecretKey> keys;
};

TEST(WebhookPresets, EachHasAGenuineDelivery) {
    std::set<std::string> schemes;
    for (const Genuine& genuine : deliveries()) {
        schemes.insert(genuine.scheme);
    }
    test::vector_file()["vectors"].each_element([&](const Json& each) {
        if (each["expect"].text() == "valid") {
            schemes.insert(std::string(each["scheme"].text()));
        }
    });
    for (const Preset& preset : presets()) {
        EXPECT_EQ(schemes.count(std::string(preset.name)), 1U) << preset.name;
    }
}

TEST(WebhookPresets, AcceptWhatTheSenderSigned) {
    for (const Genuine& genuine : deliveries()) {
        const Checker check(genuine.vector);
        EXPECT_EQ(word(check(genuine.vector.request)), word(Reason::none)) << genuine.vector.id;
        const auto strangers =
            test::keys_of(check.profile, {check.profile.asymmetric() ? genuine.vector.secrets[0]
                                          : check.profile.type == SchemeType::basic
                                              ? "user:another secret, another sender"
                                              : std::string("00112233445566778899aabbccddeeff")});
        if (!check.profile.asymmetric() && check.profile.key_format == KeyFormat::utf8) {
            EXPECT_NE(test::run(check.profile, strangers, genuine.vector.request).reason,
                      Reason::none)
                << genuine.vector.id;
        }
    }
}

// What is read as a number, a list or a form has several spellings of one meaning.
bool body_is_covered_byte_by_byte(const Checker& check) {
    const Profile& profile = check.profile;
    switch (profile.builtin.kind) {
        case Builtin::none:
            return profile.signs() && (profile.message.has(Part::Kind::body) ||
                                       profile.message.has(Part::Kind::body_sha256_hex) ||
                                       profile.message.has(Part::Kind::body_crc32));
        case Builtin::jwt:
            return !profile.builtin.body_claim.empty() || profile.builtin.body_is_token;
        case Builtin::jws:
        case Builtin::ebay:
            return true;
        case Builtin::aws_sns:
        case Builtin::httpsig:
        case Builtin::adyen:
        case Builtin::graph:
            break;
    }
    return false;
}

// Another printable character; letters keep no case, for some names have none.
void change(std::string& text, std::mt19937& random) {
    char& c = text[random() % text.size()];
    const char before = ascii_lower(c);
    while (ascii_lower(c) == before) {
        c = static_cast<char>('!' + random() % 94);
    }
}

TEST(WebhookPresets, RefuseEveryOtherByte) {
    std::mt19937 random(7);
    for (const Genuine& genuine : deliveries()) {
        const Checker check(genuine.vector);
        const SignedRequest& good = genuine.vector.request;
        for (int i = 0; i < kChanges; ++i) {
            if (body_is_covered_byte_by_byte(check)) {
                SignedRequest changed = good;
                change(changed.body, random);
                EXPECT_NE(check(changed), Reason::none) << genuine.vector.id << " " << changed.body;
            }
            for (std::size_t h = 0; h < good.headers.size(); ++h) {
                if (genuine.unsigned_headers.count(good.headers[h].first) == 0) {
                    SignedRequest changed = good;
                    change(changed.headers[h].second, random);
                    EXPECT_NE(check(changed), Reason::none)
                        << genuine.vector.id << " " << changed.headers[h].second;
                }
            }
        }
        for (std::size_t h = 0; h < good.headers.size(); ++h) {
            const bool needed = genuine.unsigned_headers.count(good.headers[h].first) == 0;
            SignedRequest changed = good;
            changed.headers.push_back(good.headers[h]);
            EXPECT_TRUE(!needed || check(changed) != Reason::none) << genuine.vector.id << " twice";
            changed = good;
            changed.headers.erase(changed.headers.begin() + static_cast<std::ptrdiff_t>(h));
            EXPECT_TRUE(!needed || check(changed) != Reason::none) << genuine.vector.id;
        }
    }
}

const Genuine& genuine_of(std::string_view scheme) {
    return *std::find_if(deliveries().begin(), deliveries().end(),
                         [&](const Genuine& each) { return each.scheme == scheme; });
}

SignedRequest with(const SignedRequest& request, std::string_view from, std::string_view to) {
    SignedRequest out = request;
    const std::size_t at = out.body.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    out.body.replace(at, from.size(), to);
    return out;
}

TEST(WebhookPresets, AdyenJudgesEveryItem) {
    const Vector& vector = genuine_of("adyen").vector;
    const Checker check(vector);
    for (const auto& [from, to] : std::initializer_list<std::pair<const char*, const char*>>{
             {"1130", "1131"},
             {"\"EUR\"", "\"USD\""},
             {"\"true\"", "\"false\""},
             {"AUTHORISATION", "CAPTURE"},
             {"TestPayment-1", "TestPayment-2"},
             {"TestMerchant", "Other"}}) {
        EXPECT_EQ(check(with(vector.request, from, to)), Reason::webhook_signature_invalid) << to;
    }
    const std::string item = vector.request.body.substr(
        vector.request.body.find("{\"NotificationRequestItem\""),
        vector.request.body.rfind(']') - vector.request.body.find("{\"NotificationRequestItem\""));
    EXPECT_EQ(check(with(vector.request, item, item + "," + item)), Reason::none);
    EXPECT_EQ(check(with(vector.request, item, item + ",{}")), Reason::webhook_signature_missing);
    EXPECT_EQ(check(with(vector.request, item, "")), Reason::webhook_signature_missing);
    EXPECT_EQ(check(with(vector.request, "hmacSignature", "other")),
              Reason::webhook_signature_missing);
    EXPECT_EQ(check(with(vector.request, "1130", "{}")), Reason::webhook_signature_malformed);
    std::string many = item;
    for (int i = 0; i < 16; ++i) {
        many += "," + item;
    }
    EXPECT_EQ(check(with(vector.request, item, many)), Reason::webhook_signature_malformed);
}

TEST(WebhookPresets, PaymentFieldsAreSigned) {
    const Vector& vector = genuine_of("paymob").vector;
    const Checker check(vector);
    EXPECT_EQ(check(with(vector.request, "100000", "100001")), Reason::webhook_signature_invalid);
    EXPECT_EQ(check(with(vector.request, "\"pending\": false", "\"pending\": true")),
              Reason::webhook_signature_invalid);
    EXPECT_EQ(check(with(vector.request, "\"pending\": false", "\"pending\": null")),
              Reason::webhook_signature_invalid);
    EXPECT_EQ(check(with(vector.request, "\"owner\": 302852, ", "")),
              Reason::webhook_signature_invalid);
    // A transaction that is paid and then refunded is two deliveries of one id.
    EXPECT_EQ(test::run(check.profile, check.keys, vector.request).replay_kind,
              ReplayIdentity::Kind::signature);
}

TEST(WebhookPresets, PartsOfABodyAreSignedAsTheyStand) {
    for (const auto& [scheme, from, to] : std::initializer_list<std::array<const char*, 3>>{
             {"exact-online", "\" , \"", "\",\""},
             {"exact-online", "Accounts", "Contacts"},
             {"treezor", "\"userId\":1", "\"userId\":2"}}) {
        const Vector& vector = genuine_of(scheme).vector;
        const Checker check(vector);
        EXPECT_EQ(check(with(vector.request, from, to)), Reason::webhook_signature_invalid)
            << scheme;
        EXPECT_NE(check(with(vector.request, "{\"", "{\"Content\":{},\"object_payload\":{},\"")),
                  Reason::none)
            << scheme;
    }
    // Treezor signs what PHP would write, whatever stands there.
    const Vector& treezor = genuine_of("treezor").vector;
    const Checker check(treezor);
    EXPECT_EQ(check(with(treezor.request, "\\u00eb", "ë")), Reason::none);
    EXPECT_EQ(check(with(treezor.request, "\\u00eb", "\xc3")), Reason::webhook_signature_invalid);
    EXPECT_EQ(check(with(treezor.request, "\\u00eb", "\xc3\x28")),
              Reason::webhook_signature_invalid);
}

TEST(WebhookPresets, GraphWantsEveryStateAndEveryToken) {
    const Vector& vector = genuine_of("graph").vector;
    const std::string state = vector.secrets[0];
    const Checker plain(vector);
    EXPECT_EQ(plain(with(vector.request, state, state + "x")), Reason::webhook_signature_invalid);
    EXPECT_EQ(plain(with(vector.request, "}]", "},{}]")), Reason::webhook_signature_missing);
    SignedRequest request = vector.request;
    request.body = R"({"value":[]})";
    EXPECT_EQ(plain(request), Reason::webhook_signature_missing);
    request.body = R"({"value":[{"clientState":["x"]}]})";
    EXPECT_EQ(plain(request), Reason::webhook_signature_missing);

    const JwtMaker microsoft("RS256", "m");
    const JwtMaker stranger("RS256", "m");
    Vector rich = vector;
    rich.config = "builtin=graph aud=app-1";
    rich.secrets.push_back(sallyport::test::key_set({&microsoft}));
    const Checker check(rich);
    const auto judged = [&](const std::vector<std::string>& tokens) {
        SignedRequest out = vector.request;
        std::string list;
        for (const std::string& token : tokens) {
            list += (list.empty() ? "\"" : ",\"") + token + "\"";
        }
        out.body =
            R"({"value":[{"clientState":")" + state + R"("}],"validationTokens":[)" + list + "]}";
        return check(out);
    };
    const auto claims = [](const std::string& aud, const std::string& app, const char* exp) {
        return R"({"aud":")" + aud + R"(",")" + app + R"(","exp":)" + exp + "}";
    };
    const std::string azp = R"(azp":"0bf30f3b-4a52-48df-9a82-234910c4a086)";
    const std::string good = microsoft.token(claims("app-1", azp, "1767225700"));
    EXPECT_EQ(judged({good, good}), Reason::none);
    EXPECT_EQ(judged({}), Reason::webhook_signature_missing);
    EXPECT_EQ(judged({good, stranger.token(claims("app-1", azp, "1767225700"))}),
              Reason::webhook_signature_invalid);
    EXPECT_EQ(judged({microsoft.token(claims("app-2", azp, "1767225700"))}),
              Reason::webhook_signature_invalid);
    EXPECT_EQ(judged({microsoft.token(claims("app-1", R"(azp":"another)", "1767225700"))}),
              Reason::webhook_signature_invalid);
    EXPECT_EQ(judged({microsoft.token(claims("app-1", azp, "1767225000"))}),
              Reason::webhook_timestamp_stale);
    EXPECT_EQ(plain(vector.request), Reason::none);
    EXPECT_EQ(check(vector.request), Reason::webhook_signature_missing) << "no tokens";
}

TEST(WebhookPresets, DetachedSignaturesAreDetached) {
    const Vector& vector = genuine_of("neon").vector;
    const Checker check(vector);
    SignedRequest changed = vector.request;
    std::string& jws = changed.headers[0].second;
    jws.insert(jws.find("..") + 1, "e30");
    EXPECT_EQ(check(changed), Reason::webhook_signature_malformed);
    changed = vector.request;
    changed.now_s += 301;
    EXPECT_EQ(check(changed), Reason::webhook_timestamp_stale);
    changed.now_s -= 602;
    EXPECT_EQ(check(changed), Reason::webhook_timestamp_future);
    const Answer answer = test::run(check.profile, check.keys, vector.request);
    EXPECT_EQ(answer.id, "e1");
    EXPECT_FALSE(answer.id_authenticated);
    EXPECT_EQ(answer.replay_kind, ReplayIdentity::Kind::signature);
}

// RFC 7517 section 4.4: "alg" may be missing; the algorithm is then the profile's.
TEST(WebhookPresets, KeysThatNameNoAlgorithmAreForTheProfiles) {
    Vector vector = genuine_of("fireblocks-v2").vector;
    std::string& keys = vector.secrets[0];
    const std::string named = "\"alg\": \"RS512\", ";
    ASSERT_NE(keys.find(named), std::string::npos);
    keys.erase(keys.find(named), named.size());
    EXPECT_EQ(Checker(vector)(vector.request), Reason::none);
    vector.config += " algo=RS256";
    vector.config.replace(vector.config.find("algo=RS512 "), 11, "");
    EXPECT_EQ(Checker(vector)(vector.request), Reason::webhook_signature_invalid);
}

TEST(WebhookPresets, KeySetsBelongToTokens) {
    EXPECT_FALSE(parse_profile("p", "type=rsa sig=header:X key_fmt=jwks"));
    EXPECT_FALSE(parse_profile("p", "sig=body"));
    EXPECT_FALSE(parse_profile("p", "builtin=jwt sig=body body_claim=x algo=RS256"));
    EXPECT_FALSE(
        parse_profile("p", "builtin=jws algo=RS256 signed=\"{timestamp}.{body_base64url}\""));
    EXPECT_FALSE(parse_profile("p", "builtin=jws algo=RS256 signed=\"x{body}\""));
    EXPECT_FALSE(parse_profile("p", "builtin=jws sig=header:X"));
    EXPECT_FALSE(parse_profile("p", "builtin=ebay sig=header:X"));
    EXPECT_FALSE(parse_profile("p", "builtin=graph sig=json:x"));
    EXPECT_FALSE(parse_profile("p", "builtin=jwt algo=HS256 body_claim=x body_claim_enc=octal"));
    const auto plaid = parse_profile("p", find_preset("plaid")->text);
    ASSERT_TRUE(plaid);
    EXPECT_FALSE(SecretKey::make(*plaid, Secret("not a key set")));
}

}  // namespace
}  // namespace sallyport::policy::webhook
