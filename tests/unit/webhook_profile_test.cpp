// The profile language: what it accepts, and that each mistake is named with its remedy.
#include "module/policy/webhook_profile.hpp"

#include "module/policy/webhook_secret.hpp"

#include <gtest/gtest.h>

namespace sallyport::policy::webhook {
namespace {

TEST(WebhookProfile, ReadsEveryKey) {
    const auto profile = parse_profile(
        "acme",
        "type=hmac sig=header:X-Sig|header:X-Sig-* group=\";\" split=, kv== key=v1|v2 "
        "prefix=\"p=\" "
        "algo=sha512 enc=base64url case=any signed=\"{method}\\n{url}\\t{param:c}\\\"{body}\" "
        "ts=sig:t ts_fmt=iso8601 ts_unsigned=allow tolerance=5m future=10 "
        "id=json:event.id|header:X-Id|sha256: id_unsigned=allow key_fmt=base64 "
        "url=https://example.com/hook url_port=both body=gunzip inflate_max=2m param:c=constant");
    ASSERT_TRUE(profile) << profile.message();
    EXPECT_EQ(profile->signature.size(), 2U);
    EXPECT_EQ(profile->signature[1].kind, Source::Kind::numbered);
    EXPECT_EQ(profile->group, ";");
    EXPECT_EQ(profile->keys, (std::vector<std::string>{"v1", "v2"}));
    EXPECT_EQ(profile->prefix, "p=");
    EXPECT_EQ(profile->algorithm, DigestAlgorithm::sha512);
    EXPECT_EQ(profile->encoding, Encoding::base64url);
    ASSERT_EQ(profile->message.parts.size(), 5U);
    EXPECT_EQ(profile->message.parts[1].text, "\n");
    EXPECT_EQ(profile->message.parts[3].text, "\tconstant\"");
    EXPECT_EQ(profile->tolerance_ms, 300'000);
    EXPECT_EQ(profile->future_ms, 10'000);
    EXPECT_TRUE(profile->id[0].authenticated);
    EXPECT_FALSE(profile->id[1].authenticated);
    EXPECT_TRUE(profile->id[2].authenticated);
    EXPECT_EQ(profile->inflate_bytes_max, 2U << 20);
    EXPECT_TRUE(profile->streams);
    EXPECT_TRUE(profile->has_signed_id());
}

TEST(WebhookProfile, FutureFollowsToleranceUnlessGiven) {
    const std::string base = "sig=header:S signed=\"{timestamp}{body}\" ts=header:T ";
    EXPECT_EQ(parse_profile("p", base + "tolerance=300")->future_ms, 300'000);
    EXPECT_EQ(parse_profile("p", base + "tolerance=300 future=0")->future_ms, 0);
    EXPECT_EQ(parse_profile("p", base)->future_ms, std::nullopt);
    EXPECT_EQ(parse_profile("p", base + "tolerance=0")->tolerance_ms, std::nullopt);
}

TEST(WebhookProfile, StreamsWhenTheBodyComesAfterWhatIsKnown) {
    const auto streams = [](std::string_view text) {
        const auto profile = parse_profile("p", text);
        return std::pair(profile->streams, profile->needs_whole_body);
    };
    EXPECT_EQ(streams("sig=header:S"), std::pair(true, false));
    EXPECT_EQ(streams("sig=header:S signed=\"{body}{body_sha256_hex}\""), std::pair(true, false));
    EXPECT_EQ(streams("sig=header:S signed=\"{body_sha256_hex}{body}\""), std::pair(false, true));
    EXPECT_EQ(streams("sig=header:S signed=\"{body}{body}\""), std::pair(false, true));
    EXPECT_EQ(streams("sig=header:S signed=\"{json:a}\""), std::pair(false, false));
    EXPECT_EQ(streams("sig=header:S signed=\"{url}{form_sorted}\""), std::pair(false, true));
}

struct Mistake {
    const char* text;
    const char* named;
};

const Mistake kMistakes[] = {
    {"", "\"sig\" is missing"},
    {"sig", "not key=value"},
    {"=x", "not key=value"},
    {"sig=header:S sig=header:T", "given twice"},
    {"sig=header:S prefix=\"a", "never closed"},
    {"sig=header:S prefix=\"a\"b", "put a blank"},
    {"sig=header:S prefix=\"\\x\"", "not an escape"},
    {"sig=header:S colour=red", "not a key"},
    {"sig=cookie:S", "not a source"},
    {"sig=header:", "not a source"},
    {"sig=header:a/b", "not a source"},
    {"sig=header:S|", "not a source"},
    {"sig=sha256:", "not a source"},
    {"sig=header:S id=sig:t", "not a source"},
    {"sig=header:S id=header:X-*", "not a source"},
    {"sig=header:S type=md5", "known are hmac, hash, token, basic, ed25519, ecdsa, rsa, rsa-pss"},
    {"sig=header:S type=ed25519 key_fmt=utf8", "needs a public key"},
    {"sig=header:S type=rsa key_fmt=raw-hex", "belong to type=ed25519"},
    {"sig=header:S type=ecdsa key_fmt=whpk", "belong to type=ed25519"},
    {"sig=header:S type=ed25519 algo=sha256", "leave it out"},
    {"sig=header:S type=ed25519 body=gunzip inflate_max=1m", "cannot be combined"},
    {"builtin=aws-sns topic=x", "is not a topic"},
    {"builtin=aws-sns", "needs the topic"},
    {"builtin=other", "known are aws-sns, paypal, jwt, jws, httpsig, adyen, ebay, graph"},
    {"builtin=jwt", "needs its algorithm"},
    {"builtin=jwt algo=none", "known are HS256"},
    {"builtin=jwt algo=sha256", "known are HS256"},
    {"builtin=jwt algo=HS256 key_fmt=pem", "is a public key"},
    {"builtin=jwt algo=RS256 key_fmt=utf8", "needs a public key"},
    {"builtin=jwt algo=HS256 sig=header:A|header:B", "from one place"},
    {"builtin=jwt algo=HS256 qsh=yes", "qsh=required"},
    {"builtin=jwt algo=HS256 require=exp", "does not belong to builtin=jwt"},
    {"builtin=jwt algo=HS256 signed=\"{method}{body}\"", "do not belong to a builtin"},
    {"builtin=httpsig", "needs its algorithm"},
    {"builtin=httpsig alg=HS256", "known are hmac-sha256"},
    {"builtin=httpsig alg=hmac-sha256 sig=header:S", "does not belong to builtin=httpsig"},
    {"builtin=httpsig alg=hmac-sha256 require=\"Date\"", "in lower case"},
    {"builtin=httpsig alg=hmac-sha256 require=\"@nothing\"", "is not a component"},
    {"builtin=paypal", "{param:webhook_id} has no value"},
    {"builtin=paypal webhook_id=1 type=hmac key_fmt=utf8", "belongs to type=rsa"},
    {"sig=header:S certificates=acme", "known is paypal"},
    {"sig=header:S aud=x", "belong to a builtin"},
    {"sig=header:S tag=x", "belong to a builtin"},
    {"sig=header:S algo=crc32", "known are sha256"},
    {"sig=header:S algo=md5", "type=hash only"},
    {"sig=header:S enc=base32", "known are hex, base64"},
    {"sig=header:S case=camel", "known are lower"},
    {"sig=header:S key_fmt=pem", "is a public key"},
    {"sig=header:S key_fmt=der", "known are utf8"},
    {"sig=header:S ts_fmt=unix", "need \"ts\""},
    {"sig=header:S tolerance=300", "need \"ts\""},
    {"sig=header:S ts=header:T signed=\"{timestamp}{body}\" tolerance=soon", "not a duration"},
    {"sig=header:S ts=header:T signed=\"{timestamp}{body}\" ts_fmt=epoch", "known are unix"},
    {"sig=header:S ts=header:T", "not covered by the signature"},
    {"sig=header:S ts=header:T signed=\"{timestamp}{body}\" ts_unsigned=yes", "ts_unsigned=allow"},
    {"sig=header:S signed=\"{timestamp}{body}\"", "needs \"ts\""},
    {"sig=header:S signed=\"{boddy}\"", "not a template variable"},
    {"sig=header:S signed=\"{header}\"", "not a template variable"},
    {"sig=header:S signed=\"{body:x}\"", "not a template variable"},
    {"sig=header:S signed=\"{body\"", "never closed"},
    {"sig=header:S signed=\"\"", "\"signed\" is empty"},
    {"sig=header:S signed=\"{secret}{body}\"", "belongs to type=hash"},
    {"type=hash sig=header:S signed=\"{body}\"", "needs {secret}"},
    {"sig=header:S signed=\"{param:k}{body}\"", "add param:k=<value>"},
    {"sig=header:S kv== split=,", "belong together"},
    {"sig=header:S key=v1", "belong together"},
    {"sig=header:S kv== key=v1", "needs \"split\""},
    {"sig=header:S split=, kv== key=v1|", "item names"},
    {"sig=header:S split=\"\"", "separator"},
    {"sig=header:S split=, group=,", "must differ"},
    {"sig=header:S ts=sig:t signed=\"{timestamp}{body}\"", "name-value items"},
    {"sig=header:S url=example.com", "not a URL"},
    {"sig=header:S url_port=none", "known are as-is, both"},
    {"sig=header:S require=query:x", "source=template"},
    {"sig=header:S require=\"query:x={body}\"", "{body_sha256_hex}"},
    {"sig=header:S body=unzip", "known are raw, gunzip, json-escape"},
    {"sig=header:S body=gunzip", "needs a bound"},
    {"sig=header:S body=json-escape signed=\"{form_sorted}\"", "cannot be combined"},
    {"sig=header:S inflate_max=1m", "belongs to body=gunzip"},
    {"sig=header:S body=gunzip inflate_max=0", "inflate_max"},
    {"sig=header:S body=gunzip inflate_max=1m signed=\"{form_sorted}\"", "cannot be combined"},
    {"sig=header:S id=json:a..b", "not a JSON path"},
    {"sig=header:S id=json:a.b.c.d.e.f.g.h.i", "not a JSON path"},
    {"sig=header:S id=json:a|json:b|json:c|json:d|json:e|json:f|json:g|json:h|json:i|json:j|json:k|"
     "json:l|json:m|json:n|json:o|json:p|json:q|json:r|json:s|json:t|json:u|json:v|json:w|json:x|"
     "json:y",
     "at most 24 paths"},
    {"sig=json:a.b.c.d.e.f.g.h.i", "is not a JSON path"},
    {"sig=header:S id_unsigned=true", "id_unsigned=allow"},
};

TEST(WebhookProfile, NamesEachMistakeAndItsRemedy) {
    for (const Mistake& mistake : kMistakes) {
        const auto profile = parse_profile("p", mistake.text);
        ASSERT_FALSE(profile) << mistake.text;
        EXPECT_NE(profile.message().find(mistake.named), std::string::npos)
            << mistake.text << "\n  says: " << profile.message();
    }
}

// A public URL that the operator gives says nothing about the request's own query.
TEST(WebhookProfile, KnowsWhatTheSignatureCovers) {
    const auto authenticated = [](std::string_view text) {
        const auto profile = parse_profile("p", text);
        return profile->id.front().authenticated;
    };
    EXPECT_TRUE(authenticated("sig=header:S id=json:id"));
    EXPECT_FALSE(authenticated("sig=header:S signed=\"{method}\" id=json:id"));
    EXPECT_TRUE(authenticated("sig=header:S signed=\"{json:id}\" id=json:id"));
    EXPECT_FALSE(authenticated("sig=header:S signed=\"{json:id}\" id=json:other"));
    EXPECT_TRUE(authenticated("sig=header:S signed=\"{header:x-id}{body}\" id=header:X-Id"));
    EXPECT_TRUE(authenticated("sig=header:S signed=\"{url}\" id=query:id"));
    EXPECT_FALSE(authenticated("sig=header:S signed=\"{url}\" url=https://e/ id=query:id"));
    EXPECT_TRUE(
        authenticated("sig=header:S signed=\"{url}\" id=json:id "
                      "require=\"query:h={body_sha256_hex}\""));
    EXPECT_FALSE(authenticated("type=token sig=header:S id=json:id"));
}

TEST(WebhookSecret, IsDecodedAsTheProfileSays) {
    const auto make = [](std::string_view format, std::string_view text) {
        const auto profile = parse_profile("p", "sig=header:S key_fmt=" + std::string(format));
        auto key = SecretKey::make(*profile, Secret(text));
        return key ? std::string(key->bytes().reveal()) : "error: " + key.message();
    };
    EXPECT_EQ(make("utf8", "whsec_abc"), "whsec_abc");
    EXPECT_EQ(make("hex", "6162"), "ab");
    EXPECT_EQ(make("base64", "YWI="), "ab");
    EXPECT_EQ(make("whsec", "whsec_YWI="), "ab");
    EXPECT_EQ(make("whsec", "YWI="), "ab");
    EXPECT_NE(make("hex", "xy").find("not hexadecimal"), std::string::npos);
    EXPECT_NE(make("base64", "YWI").find("not padded base64"), std::string::npos);
    EXPECT_NE(make("whsec", "whsec_%").find("whsec"), std::string::npos);
    EXPECT_NE(make("utf8", "").find("empty"), std::string::npos);
    EXPECT_NE(make("whsec", "whsec_").find("empty"), std::string::npos);
    const auto basic = parse_profile("p", "type=basic");
    EXPECT_FALSE(SecretKey::make(*basic, Secret("no colon")));
}

}  // namespace
}  // namespace sallyport::policy::webhook
