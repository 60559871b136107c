// Senders with special code, beyond the vectors: tokens, message signatures with public keys, and
// certificates that are fetched.
#include "module/policy/structured_field.hpp"
#include "module/policy/webhook_presets.hpp"
#include "tests/unit/webhook_keys.hpp"
#include "tests/unit/webhook_vectors.hpp"

#include <gtest/gtest.h>

namespace sallyport::policy::webhook {
namespace {

using test::Answer;
using test::SignedRequest;

constexpr std::int64_t kNow = 1'767'225'600;
constexpr std::string_view kSecret = "0123456789abcdef0123";

Profile profile_of(std::string_view text) {
    auto profile = parse_profile("p", text);
    if (!profile) {
        throw std::runtime_error(profile.message());
    }
    return std::move(*profile);
}

Answer check(std::string_view config, const std::string& secret, const SignedRequest& request) {
    const Profile profile = profile_of(config);
    return test::run(profile, test::keys_of(profile, {secret}), request);
}

std::string base64url(std::string_view text) {
    return base64url_encode(as_bytes(text), text.size());
}

std::string hs256(const std::string& claims, std::string_view head = R"({"alg":"HS256"})") {
    const std::string text = base64url(head) + "." + base64url(claims);
    const Bytes mac = hmac(DigestAlgorithm::sha256, kSecret, text);
    return text + "." + base64url_encode(mac.data(), mac.size());
}

SignedRequest with_token(const std::string& token) {
    SignedRequest request;
    request.target = "/hooks/monday";
    request.headers = {{"Authorization", token}};
    request.body = "body";
    return request;
}

TEST(WebhookJwt, TimesAndClaimsDecide) {
    struct Case {
        const char* claims;
        Reason reason;
    };
    const Case cases[] = {
        {R"({"exp":1767225700})", Reason::none},
        {R"({"exp":1767225541})", Reason::none},  // within the leeway
        {R"({"exp":1767225540})", Reason::webhook_timestamp_stale},
        {R"({"exp":1767225700,"nbf":1767225661})", Reason::webhook_timestamp_future},
        {R"({"exp":1767225700,"iat":1767225661})", Reason::webhook_timestamp_future},
        {R"({"exp":"1767225700"})", Reason::webhook_signature_malformed},
        {R"({"exp":-1})", Reason::webhook_timestamp_stale},
        {R"({"exp":1e300})", Reason::webhook_signature_malformed},
        {R"({"iat":1767225600})", Reason::webhook_timestamp_missing},
        {"{}", Reason::webhook_timestamp_missing},
        {"[]", Reason::webhook_signature_malformed},
        {R"({"exp":1767225700,"exp":1})", Reason::webhook_signature_malformed},
    };
    for (const Case& c : cases) {
        EXPECT_EQ(check("builtin=jwt algo=HS256", std::string(kSecret), with_token(hs256(c.claims)))
                      .reason,
                  c.reason)
            << c.claims;
    }
    const std::string aged = "builtin=jwt algo=HS256 tolerance=60";
    EXPECT_EQ(check(aged, std::string(kSecret), with_token(hs256(R"({"iat":1767225550})"))).reason,
              Reason::none);
    EXPECT_EQ(check(aged, std::string(kSecret), with_token(hs256(R"({"iat":1767225530})"))).reason,
              Reason::webhook_timestamp_stale);
}

TEST(WebhookJwt, TheAlgorithmIsOurs) {
    const std::string claims = R"({"exp":1767225700})";
    const auto reason = [&](const std::string& token,
                            const char* config = "builtin=jwt algo=HS256") {
        return check(config, std::string(kSecret), with_token(token)).reason;
    };
    EXPECT_EQ(reason("Bearer " + hs256(claims)), Reason::none);
    EXPECT_EQ(reason(hs256(claims, R"({"alg":"none"})")), Reason::webhook_signature_invalid);
    EXPECT_EQ(reason(hs256(claims, R"({"alg":"HS512"})")), Reason::webhook_signature_invalid);
    EXPECT_EQ(reason(hs256(claims, R"({"alg":"HS256","crit":["x"]})")),
              Reason::webhook_signature_malformed);
    EXPECT_EQ(reason(hs256(claims, "{}")), Reason::webhook_signature_invalid);
    const std::string good = hs256(claims);
    EXPECT_EQ(reason(good.substr(0, good.rfind('.') + 1)), Reason::webhook_signature_malformed);
    EXPECT_EQ(reason(good.substr(0, good.rfind('.'))), Reason::webhook_signature_malformed);
    EXPECT_EQ(reason(good + "="), Reason::webhook_signature_malformed);
    EXPECT_EQ(reason(good + ".x"), Reason::webhook_signature_malformed);
    EXPECT_EQ(reason(std::string(9000, 'a')), Reason::webhook_signature_malformed);
    EXPECT_EQ(reason(""), Reason::webhook_signature_malformed);
    SignedRequest twice = with_token(good);
    twice.headers.push_back(twice.headers.front());
    EXPECT_EQ(check("builtin=jwt algo=HS256", std::string(kSecret), twice).reason,
              Reason::webhook_signature_malformed);
    // A public key's text is no shared secret.
    const PrivateKey key = test::new_private_key("RSA");
    const std::string text = base64url(R"({"alg":"HS256"})") + "." + base64url(claims);
    const Bytes mac = hmac(DigestAlgorithm::sha256, key.public_pem(), text);
    EXPECT_EQ(check("builtin=jwt algo=RS256", key.public_pem(),
                    with_token(text + "." + base64url_encode(mac.data(), mac.size())))
                  .reason,
              Reason::webhook_signature_invalid);
}

TEST(WebhookJwt, EveryAlgorithmVerifies) {
    struct Case {
        const char* name;
        const char* kind;
        SignatureScheme scheme;
        DigestAlgorithm algorithm;
    };
    const Case cases[] = {
        {"RS256", "RSA", SignatureScheme::rsa_pkcs1, DigestAlgorithm::sha256},
        {"PS512", "RSA", SignatureScheme::rsa_pss, DigestAlgorithm::sha512},
        {"ES256", "P-256", SignatureScheme::ecdsa_raw, DigestAlgorithm::sha256},
        {"ES384", "P-384", SignatureScheme::ecdsa_raw, DigestAlgorithm::sha384},
        {"EdDSA", "ED25519", SignatureScheme::ed25519, DigestAlgorithm::sha512},
    };
    for (const Case& c : cases) {
        const PrivateKey key = test::new_private_key(c.kind);
        const std::string text = base64url(std::string(R"({"alg":")") + c.name + "\"}") + "." +
                                 base64url(R"({"exp":1767225700,"jti":"j1"})");
        const Bytes signature = key.sign(c.scheme, c.algorithm, text).value();
        const std::string config = std::string("builtin=jwt algo=") + c.name;
        SignedRequest request =
            with_token(text + "." + base64url_encode(signature.data(), signature.size()));
        const Answer answer = check(config, key.public_pem(), request);
        EXPECT_EQ(answer.reason, Reason::none) << c.name;
        EXPECT_EQ(answer.id, "j1");
        EXPECT_TRUE(answer.id_authenticated);
        request.headers[0].second[text.size() + 5] ^= 1;
        EXPECT_NE(check(config, key.public_pem(), request).reason, Reason::none) << c.name;
    }
}

TEST(WebhookJwt, PresetsKnowTheirSenders) {
    const auto run = [](const char* preset, const SignedRequest& request) {
        return check(find_preset(preset)->text, std::string(kSecret), request).reason;
    };
    const std::string aud = R"({"exp":1767225700,"aud":"https://example.com/hooks/monday"})";
    EXPECT_EQ(run("monday-jwt", with_token(hs256(aud))), Reason::none);
    SignedRequest elsewhere = with_token(hs256(aud));
    elsewhere.target = "/hooks/other";
    EXPECT_EQ(run("monday-jwt", elsewhere), Reason::webhook_signature_invalid);

    const std::string hash = hex_encode(digest(DigestAlgorithm::sha256, "body"));
    SignedRequest netlify = with_token("");
    netlify.headers = {
        {"X-Webhook-Signature", hs256(R"({"iss":"netlify","sha256":")" + hash + "\"}")}};
    EXPECT_EQ(run("netlify", netlify), Reason::none);
    netlify.body += "x";
    EXPECT_EQ(run("netlify", netlify), Reason::webhook_signature_invalid);
    netlify.headers = {
        {"X-Webhook-Signature", hs256(R"({"iss":"evil","sha256":")" + hash + "\"}")}};
    EXPECT_EQ(run("netlify", netlify), Reason::webhook_signature_invalid);

    // Atlassian: names sorted, values of one name joined, everything escaped anew.
    const std::string qsh =
        hex_encode(digest(DigestAlgorithm::sha256, "POST&/installed&a=1&b=%2C%20x,y"));
    SignedRequest jira = with_token("JWT " + hs256(R"({"exp":1767225700,"qsh":")" + qsh + "\"}"));
    jira.target = "/installed/?b=y&b=%2c+x&a=1&jwt=zz";
    EXPECT_EQ(run("jira-connect", jira), Reason::none);
    jira.target += "&c=1";
    EXPECT_EQ(run("jira-connect", jira), Reason::webhook_signature_invalid);
}

// A request signed as RFC 9421 says; `params` follow the list of components.
SignedRequest message(const PrivateKey* key, SignatureScheme scheme, DigestAlgorithm algorithm,
                      const std::string& params) {
    SignedRequest request;
    request.target = "/hook?a=1";
    request.body = "body";
    const Bytes hash = digest(DigestAlgorithm::sha512, request.body);
    const std::string content = "sha-512=:" + base64_encode(hash.data(), hash.size()) + ":";
    const std::string input =
        R"(("@method" "@target-uri" "content-digest" "@query-param";name="a"))" + params;
    const std::string base =
        "\"@method\": POST\n\"@target-uri\": https://example.com/hook?a=1\n"
        "\"content-digest\": " +
        content + "\n\"@query-param\";name=\"a\": 1\n\"@signature-params\": " + input;
    const Bytes signature = key != nullptr ? key->sign(scheme, algorithm, base).value()
                                           : hmac(DigestAlgorithm::sha256, kSecret, base);
    request.headers = {
        {"Content-Digest", content},
        {"Signature-Input", "other=();created=1, sig=" + input},
        {"Signature", "other=:AAAA:"},
        {"Signature", "sig=:" + base64_encode(signature.data(), signature.size()) + ":"}};
    return request;
}

TEST(WebhookHttpsig, EveryAlgorithmVerifies) {
    struct Case {
        const char* name;
        const char* kind;
        SignatureScheme scheme;
        DigestAlgorithm algorithm;
    };
    const Case cases[] = {
        {"ed25519", "ED25519", SignatureScheme::ed25519, DigestAlgorithm::sha512},
        {"ecdsa-p256-sha256", "P-256", SignatureScheme::ecdsa_raw, DigestAlgorithm::sha256},
        {"ecdsa-p384-sha384", "P-384", SignatureScheme::ecdsa_raw, DigestAlgorithm::sha384},
        {"rsa-pss-sha512", "RSA", SignatureScheme::rsa_pss, DigestAlgorithm::sha512},
        {"rsa-v1_5-sha256", "RSA", SignatureScheme::rsa_pkcs1, DigestAlgorithm::sha256},
    };
    for (const Case& c : cases) {
        const PrivateKey key = test::new_private_key(c.kind);
        const SignedRequest request =
            message(&key, c.scheme, c.algorithm, ";created=1767225600;keyid=\"k\"");
        const std::string config = std::string("builtin=httpsig alg=") + c.name;
        EXPECT_EQ(check(config, key.public_pem(), request).reason, Reason::none) << c.name;
        SignedRequest changed = request;
        changed.body = "bodY";
        EXPECT_EQ(check(config, key.public_pem(), changed).reason,
                  Reason::webhook_signature_invalid);
        changed = request;
        changed.target = "/hook?a=2";
        EXPECT_EQ(check(config, key.public_pem(), changed).reason,
                  Reason::webhook_signature_invalid);
    }
}

TEST(WebhookHttpsig, ThePolicyDecides) {
    const auto reason = [](const std::string& params, const std::string& more = "",
                           void (*change)(SignedRequest&) = nullptr) {
        SignedRequest request =
            message(nullptr, SignatureScheme::ed25519, DigestAlgorithm::sha256, params);
        if (change != nullptr) {
            change(request);
        }
        return check("builtin=httpsig alg=hmac-sha256 " + more, std::string(kSecret), request)
            .reason;
    };
    const std::string now = ";created=1767225600";
    EXPECT_EQ(reason(now), Reason::none);
    EXPECT_EQ(reason(now + ";alg=\"hmac-sha256\""), Reason::none);
    EXPECT_EQ(reason(now + ";alg=\"ed25519\""), Reason::webhook_signature_invalid);
    EXPECT_EQ(reason(""), Reason::webhook_timestamp_missing);
    EXPECT_EQ(reason(";created=1767225299"), Reason::webhook_timestamp_stale);
    EXPECT_EQ(reason(";created=1767225901"), Reason::webhook_timestamp_future);
    EXPECT_EQ(reason(now + ";expires=1767225599"), Reason::webhook_timestamp_stale);
    EXPECT_EQ(reason(now + ";expires=\"x\""), Reason::webhook_timestamp_malformed);
    EXPECT_EQ(reason(now, "keyid=k"), Reason::webhook_signature_invalid);
    EXPECT_EQ(reason(now + ";keyid=\"k\"", "keyid=k"), Reason::none);
    EXPECT_EQ(reason(now, "tag=app"), Reason::webhook_signature_invalid);
    EXPECT_EQ(reason(now + ";tag=\"app\"", "tag=app"), Reason::none);
    EXPECT_EQ(reason(now, "require=\"date\""), Reason::webhook_signature_invalid);
    EXPECT_EQ(reason(now + ";nonce=\"" + std::string(300, 'a') + "\""),
              Reason::webhook_id_malformed);
    EXPECT_EQ(reason(now, "", [](SignedRequest& r) { r.headers[0].second += ", md5=:AAAA:"; }),
              Reason::webhook_signature_invalid);
    EXPECT_EQ(reason(now, "", [](SignedRequest& r) { r.headers.pop_back(); }),
              Reason::webhook_signature_invalid);
    EXPECT_EQ(reason(now, "", [](SignedRequest& r) { r.headers[1].second += ","; }),
              Reason::webhook_signature_malformed);
    EXPECT_EQ(reason(now, "", [](SignedRequest& r) { r.headers.erase(r.headers.begin() + 1); }),
              Reason::webhook_signature_missing);
}

TEST(StructuredFields, AreReadStrictly) {
    for (const char* good : {"", "a=1", "a", "a;b=?0", "a=(\"x\";k \"y\");z=:YQ==:, b=tok/en:x"}) {
        EXPECT_TRUE(sf::parse_dictionary(good)) << good;
    }
    for (const char* bad : {"A=1", "a=1,", "a=1 b=2", "a=(", "a=(\"x\"\"y\")", "a=\"x",
                            "a=:YQ=:", "a=1.5", "a=1, a=2", "a=1234567890123456", "a=\"\\x\"",
                            "a=;b", "a=1;b;b", "=1", "a=\"\x7f\"", "a=:YQ=="}) {
        EXPECT_FALSE(sf::parse_dictionary(bad)) << bad;
    }
}

// Certificates that are fetched.
class OneKey : public KeySource {
  public:
    const PublicKey* find(std::string_view url) override {
        asked.emplace_back(url);
        return key ? &*key : nullptr;
    }
    std::optional<PublicKey> key;
    std::vector<std::string> asked;
};

TEST(WebhookCertificates, UrlsAreTheProvidersOnly) {
    struct Case {
        const char* url;
        CertificateHosts hosts;
        bool allowed;
    };
    constexpr auto kSns = CertificateHosts::sns;
    constexpr auto kPaypal = CertificateHosts::paypal;
    const Case cases[] = {
        {"https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a1B.pem", kSns, true},
        {"https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-0.pem", kSns, true},
        {"http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem", kSns, false},
        {"https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-0.pem", kSns,
         false},
        {"https://sns.a.b.amazonaws.com/SimpleNotificationService-0.pem", kSns, false},
        {"https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-0.pem", kSns, false},
        {"https://x@sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem", kSns, false},
        {"https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-../x.pem", kSns, false},
        {"https://sns.eu-west-1.amazonaws.com/other.pem", kSns, false},
        {"https://s3.amazonaws.com/SimpleNotificationService-0.pem", kSns, false},
        {"https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-5edc0ebc", kPaypal,
         true},
        {"https://api.sandbox.paypal.com/v1/certs/x", kPaypal, true},
        {"https://paypal.com/x", kPaypal, true},
        {"https://evilpaypal.com/x", kPaypal, false},
        {"https://api.paypal.com.evil.example/x", kPaypal, false},
        {"https://evil.example/?.paypal.com/", kPaypal, false},
        {"https://api.paypal.com/../x", kPaypal, false},
        {"https://api.paypal.com/x?y", kPaypal, false},
        {"https://api.paypal.com", kPaypal, false},
        {"https://..paypal.com/x", kPaypal, false},
        {"https://api.paypal.com/x", CertificateHosts::none, false},
    };
    for (const Case& c : cases) {
        EXPECT_EQ(certificate_url_allowed(c.hosts, c.url), c.allowed) << c.url;
    }
}

Outcome run_with(const Profile& profile, KeySource& keys, const SignedRequest& request) {
    std::pmr::monotonic_buffer_resource memory;
    Verification verification(profile, {}, &memory, &keys);
    for (const auto& [name, value] : request.headers) {
        verification.offer_header(name, value);
    }
    const Reason reason = verification.begin({"POST", "/", "https", "example.com"}, kNow * 1000);
    if (reason != Reason::none) {
        return {reason};
    }
    verification.update(request.body);
    Outcome outcome = verification.finish(kNow * 1000, request.body);
    outcome.id = {};  // lives as long as the verification
    return outcome;
}

TEST(WebhookCertificates, ArePendingUntilTheyAreThere) {
    const PrivateKey key = test::new_private_key("RSA");
    const Profile profile = profile_of("builtin=paypal webhook_id=W1");
    SignedRequest request;
    request.body = "{}";
    const std::string text =
        "T1|2026-01-01T00:00:00Z|W1|" + std::to_string(crc32_update(0, request.body));
    const Bytes signature =
        key.sign(SignatureScheme::rsa_pkcs1, DigestAlgorithm::sha256, text).value();
    request.headers = {
        {"Paypal-Transmission-Id", "T1"},
        {"Paypal-Transmission-Time", "2026-01-01T00:00:00Z"},
        {"Paypal-Cert-Url", "https://api.paypal.com/certs/C1"},
        {"Paypal-Transmission-Sig", base64_encode(signature.data(), signature.size())}};
    OneKey keys;
    EXPECT_EQ(run_with(profile, keys, request).reason, Reason::webhook_certificate_pending);
    keys.key = PublicKey::from_pem(key.public_pem()).value();
    EXPECT_EQ(run_with(profile, keys, request).reason, Reason::none);
    SignedRequest changed = request;
    changed.body = "{ }";
    EXPECT_EQ(run_with(profile, keys, changed).reason, Reason::webhook_signature_invalid);
    keys.asked.clear();
    changed = request;
    changed.headers[2].second = "https://evil.example/certs/C1";
    EXPECT_EQ(run_with(profile, keys, changed).reason, Reason::webhook_signature_invalid);
    EXPECT_TRUE(keys.asked.empty());
}

TEST(WebhookCertificates, SnsVersionsTopicsAndMissingValues) {
    const PrivateKey key = test::new_private_key("RSA");
    const Profile profile = profile_of("builtin=aws-sns topic=arn:aws:sns:a|arn:aws:sns:b");
    OneKey keys;
    keys.key = PublicKey::from_pem(key.public_pem()).value();
    const auto envelope = [&](const std::string& topic, const std::string& version,
                              DigestAlgorithm algorithm, const std::string& more = "") {
        const std::string text =
            "Message\nhi\nMessageId\nm1\nTimestamp\n2026-01-01T00:00:00.000Z\n"
            "TopicArn\n" +
            topic + "\nType\nNotification\n";
        const Bytes signature = key.sign(SignatureScheme::rsa_pkcs1, algorithm, text).value();
        SignedRequest request;
        request.body = R"({"Type":"Notification","MessageId":"m1","Message":"hi",)" + more +
                       R"("Timestamp":"2026-01-01T00:00:00.000Z","TopicArn":")" + topic +
                       R"(","SignatureVersion":")" + version +
                       R"(","SigningCertURL":"https://sns.us-east-1.amazonaws.com/)" +
                       R"(SimpleNotificationService-1.pem","Signature":")" +
                       base64_encode(signature.data(), signature.size()) + "\"}";
        return run_with(profile, keys, request).reason;
    };
    EXPECT_EQ(envelope("arn:aws:sns:a", "2", DigestAlgorithm::sha256), Reason::none);
    EXPECT_EQ(envelope("arn:aws:sns:b", "1", DigestAlgorithm::sha1), Reason::none);
    EXPECT_EQ(envelope("arn:aws:sns:b", "2", DigestAlgorithm::sha1),
              Reason::webhook_signature_invalid);
    EXPECT_EQ(envelope("arn:aws:sns:b", "3", DigestAlgorithm::sha256),
              Reason::webhook_signature_malformed);
    EXPECT_EQ(envelope("arn:aws:sns:c", "2", DigestAlgorithm::sha256),
              Reason::webhook_signature_invalid);
    EXPECT_EQ(envelope("arn:aws:sns:a", "2", DigestAlgorithm::sha256, R"("Subject":"s",)"),
              Reason::webhook_signature_invalid);
    EXPECT_EQ(envelope("arn:aws:sns:a", "2", DigestAlgorithm::sha256, R"("Message":"hi",)"),
              Reason::webhook_signature_missing);
    SignedRequest other;
    other.body = "[]";
    EXPECT_EQ(run_with(profile, keys, other).reason, Reason::webhook_signature_missing);
}

}  // namespace
}  // namespace sallyport::policy::webhook
