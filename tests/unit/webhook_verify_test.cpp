// What the vectors do not show: credentials, forms, bounds, replay identities, hostile bodies.
#include "module/policy/webhook_escape.hpp"
#include "module/policy/webhook_presets.hpp"
#include "tests/unit/webhook_vectors.hpp"

#include <gtest/gtest.h>

namespace sallyport::policy::webhook {
namespace {

using test::Answer;
using test::SignedRequest;

constexpr std::string_view kSecret = "0123456789abcdef";

std::string hex_hmac(std::string_view secret, std::string_view text) {
    return hex_encode(hmac(DigestAlgorithm::sha256, secret, text));
}

Profile profile_of(std::string_view text) {
    auto profile = parse_profile("p", text);
    if (!profile) {
        throw std::runtime_error(profile.message());
    }
    return std::move(*profile);
}

Answer check(std::string_view config, const std::vector<std::string>& secrets,
             const SignedRequest& request, ReplayKeyChoice choice = ReplayKeyChoice::automatic) {
    const Profile profile = profile_of(config);
    const auto keys = test::keys_of(profile, secrets);
    return test::run(profile, keys, request, 4096, choice);
}

TEST(WebhookCredentials, BasicAndTokenAndHeader) {
    const std::string right = "Basic " + base64_encode(as_bytes("user:pass:word"), 14);
    struct Case {
        const char* preset;
        const char* secret;
        std::vector<std::pair<std::string, std::string>> headers;
        Reason reason;
    };
    const Case cases[] = {
        {"basic", "user:pass:word", {{"Authorization", right}}, Reason::none},
        {"basic", "user:pass:word", {{"authorization", "bAsIc" + right.substr(5)}}, Reason::none},
        {"basic", "user:pass:worx", {{"Authorization", right}}, Reason::webhook_signature_invalid},
        {"basic",
         "user:pass:word",
         {{"Authorization", right + "="}},
         Reason::webhook_signature_invalid},
        {"basic",
         "user:pass:word",
         {{"Authorization", "Basic "}},
         Reason::webhook_signature_invalid},
        {"basic",
         "user:pass:word",
         {{"Authorization", "user:pass:word"}},
         Reason::webhook_signature_invalid},
        {"basic", "user:pass:word", {}, Reason::webhook_signature_missing},
        {"basic",
         "user:pass:word",
         {{"Authorization", right}, {"Authorization", right}},
         Reason::webhook_signature_malformed},
        {"token", "a-token", {{"Authorization", "Bearer a-token"}}, Reason::none},
        {"token", "a-token", {{"Authorization", "a-token"}}, Reason::webhook_signature_malformed},
        {"token",
         "a-token",
         {{"Authorization", "Bearer a-tokem"}},
         Reason::webhook_signature_invalid},
        {"token",
         "a-token",
         {{"Authorization", "Bearer a-token2"}},
         Reason::webhook_signature_invalid},
        {"token", "a-token", {{"Authorization", "Bearer "}}, Reason::webhook_signature_malformed},
        {"header", "s3cret", {{"x-webhook-secret", "s3cret"}}, Reason::none},
        {"header", "s3cret", {{"x-webhook-secret", ""}}, Reason::webhook_signature_malformed},
    };
    for (const Case& c : cases) {
        SignedRequest request;
        request.headers = c.headers;
        const Answer answer = check(find_preset(c.preset)->text, {c.secret}, request);
        EXPECT_EQ(answer.reason, c.reason) << c.preset << " " << word(answer.reason);
        EXPECT_EQ(answer.before_body, c.reason != Reason::none) << c.preset;
    }
}

// Twilio's published example: URL, five parameters, auth token 12345.
TEST(WebhookForms, TwilioSignsUrlAndSortedParameters) {
    SignedRequest request;
    request.host = "mycompany.com";
    request.target = "/myapp.php?foo=1&bar=2";
    request.body =
        "Digits=1234&To=%2B18005551212&From=%2B14158675309&Caller=%2B14158675309"
        "&CallSid=CA1234567890ABCDE";
    request.headers = {{"X-Twilio-Signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8="}};
    const std::string_view config = find_preset("twilio-form")->text;
    EXPECT_EQ(check(config, {"12345"}, request).reason, Reason::none);
    SignedRequest ported = request;
    ported.host = "mycompany.com:443";  // signed without
    EXPECT_EQ(check(config, {"12345"}, ported).reason, Reason::none);
    SignedRequest changed = request;
    changed.body += "&Extra=1";
    EXPECT_EQ(check(config, {"12345"}, changed).reason, Reason::webhook_signature_invalid);
    // A form that cannot be read must not count as an empty one, which the same sender may have
    // signed as well.
    SignedRequest empty = request;
    empty.body.clear();
    empty.headers = {{"X-Twilio-Signature", [] {
                          const Bytes mac = hmac(DigestAlgorithm::sha1, "12345",
                                                 "https://mycompany.com/myapp.php?foo=1&bar=2");
                          return base64_encode(mac.data(), mac.size());
                      }()}};
    EXPECT_EQ(check(config, {"12345"}, empty).reason, Reason::none);
    empty.body = "a=%";
    EXPECT_EQ(check(config, {"12345"}, empty).reason, Reason::webhook_signature_invalid);
}

TEST(WebhookForms, SignatureAndIdMayStandInTheForm) {
    SignedRequest request;
    request.body = "id=42&sig=" + hex_hmac(kSecret, "42");
    const std::string config = "sig=form:sig signed=\"{form:id}\" id=form:id";
    const Answer answer = check(config, {std::string(kSecret)}, request);
    EXPECT_EQ(answer.reason, Reason::none);
    EXPECT_EQ(answer.id, "42");
    EXPECT_TRUE(answer.id_authenticated);
    request.body += "&id=43";
    EXPECT_NE(check(config, {std::string(kSecret)}, request).reason, Reason::none);
}

TEST(WebhookQueries, SignatureAndTimestampMayStandInTheTarget) {
    SignedRequest request;
    request.body = "x";
    request.target = "/hook?t=1767225600&s=" + hex_hmac(kSecret, "1767225600.x");
    const std::string config = "sig=query:s ts=query:t signed=\"{timestamp}.{body}\" tolerance=300";
    EXPECT_EQ(check(config, {std::string(kSecret)}, request).reason, Reason::none);
    request.target += "&t=1767225600";
    EXPECT_EQ(check(config, {std::string(kSecret)}, request).reason,
              Reason::webhook_timestamp_malformed);
    request.target = "/hook?s=" + hex_hmac(kSecret, "1767225600.x");
    EXPECT_EQ(check(config, {std::string(kSecret)}, request).reason,
              Reason::webhook_timestamp_missing);
    request.target = "/hook";
    EXPECT_EQ(check(config, {std::string(kSecret)}, request).reason,
              Reason::webhook_signature_missing);
}

TEST(WebhookBounds, HoldForItemsGroupsAndBytes) {
    const std::string good = hex_hmac(kSecret, "b");
    const auto with = [&](std::string value, std::string_view config) {
        SignedRequest request;
        request.body = "b";
        request.headers = {{"S", std::move(value)}};
        return check(config, {std::string(kSecret)}, request).reason;
    };
    const auto repeat = [](std::string_view text, std::size_t n) {
        std::string out;
        for (std::size_t i = 0; i < n; ++i) {
            out += text;
        }
        return out;
    };
    const std::string wrong(64, '0');
    EXPECT_EQ(with(repeat(wrong + ",", 15) + good, "sig=header:S split=,"), Reason::none);
    EXPECT_EQ(with(repeat(wrong + ",", 16) + good, "sig=header:S split=,"),
              Reason::webhook_signature_malformed);
    EXPECT_EQ(with(repeat("x,", 16) + good, "sig=header:S split=,"),
              Reason::webhook_signature_malformed);
    EXPECT_EQ(with(repeat("x;", 3) + good, "sig=header:S group=\";\" split=,"), Reason::none);
    EXPECT_EQ(with(repeat("x;", 4) + good, "sig=header:S group=\";\" split=,"),
              Reason::webhook_signature_malformed);
    EXPECT_EQ(with(std::string(8192 - 65, 'x') + "," + good, "sig=header:S split=,"), Reason::none);
    EXPECT_EQ(with(std::string(8192, 'x') + "," + good, "sig=header:S split=,"),
              Reason::webhook_signature_malformed);
    EXPECT_EQ(with(good + " ", "sig=header:S"), Reason::webhook_signature_malformed);
}

TEST(WebhookBounds, NumberedHeadersAreReadOnceEach) {
    const std::string good = hex_hmac(kSecret, "b");
    const auto with = [&](std::vector<std::pair<std::string, std::string>> headers) {
        SignedRequest request;
        request.body = "b";
        request.headers = std::move(headers);
        return check("sig=header:X-Sig-*", {std::string(kSecret)}, request).reason;
    };
    EXPECT_EQ(with({{"X-Sig-1", "00"}, {"x-sig-20", good}}), Reason::none);
    EXPECT_EQ(with({{"X-Sig-1", good}, {"X-Sig-1", good}}), Reason::webhook_signature_malformed);
    EXPECT_EQ(with({{"X-Sig-a", good}}), Reason::webhook_signature_missing);
    EXPECT_EQ(with({{"X-Sig-", good}}), Reason::webhook_signature_missing);
    std::vector<std::pair<std::string, std::string>> many;
    for (int i = 0; i < 17; ++i) {
        many.emplace_back("X-Sig-" + std::to_string(i), good);
    }
    EXPECT_EQ(with(many), Reason::webhook_signature_malformed);
}

TEST(WebhookBounds, InflationIsBounded) {
    // gzip of 16384 zero bytes.
    const std::string bomb =
        test::decode_base64("H4sIAAAAAAAC/+3BMQEAAADCoPVPbQwfoAAAAAAAAAAAAAAAAAAAAIC3AYbSVKsAQAAA");
    const std::string plain(16384, '\0');
    SignedRequest request;
    request.body = bomb;
    request.headers = {{"S", hex_hmac(kSecret, plain)}};
    const std::string config = "sig=header:S body=gunzip inflate_max=";
    EXPECT_EQ(check(config + "16384", {std::string(kSecret)}, request).reason, Reason::none);
    EXPECT_EQ(check(config + "16383", {std::string(kSecret)}, request).reason,
              Reason::webhook_body_too_large);
    request.body += "x";
    EXPECT_EQ(check(config + "1m", {std::string(kSecret)}, request).reason,
              Reason::webhook_signature_invalid);
    request.body = bomb.substr(0, bomb.size() - 1);
    EXPECT_EQ(check(config + "1m", {std::string(kSecret)}, request).reason,
              Reason::webhook_signature_invalid);
}

TEST(WebhookBodies, AreSpeltAsPhpDoes) {
    const std::pair<const char*, const char*> rows[] = {
        {"{ \"a b\" :\t[ 1.50 , null ]\r\n}", R"({"a b":[1.50,null]})"},
        {R"(["a/b","a\/b","\\/","\"/"])", R"(["a\/b","a\/b","\\\/","\"\/"])"},
        {"\"Zo\xc3\xab \xf0\x9f\x98\x80 \x7f\"", "\"Zo\\u00eb \\ud83d\\ude00 \x7f\""},
        {R"("\u00EB")", R"("\u00EB")"},
    };
    auto* memory = std::pmr::get_default_resource();
    for (const auto& [json, php] : rows) {
        EXPECT_EQ(php_json(json, memory), std::optional<std::pmr::string>(php)) << json;
        EXPECT_EQ(php_json(php, memory), std::optional<std::pmr::string>(php)) << php;
    }
    for (const char* bad : {"\"\xc3\"", "\"\xc3", "\"\xff\"", "\"\xed\xa0\x80\""}) {
        EXPECT_EQ(php_json(bad, memory), std::nullopt);
    }
}

// A value that may be missing is nothing, but only in a document that can be read.
TEST(WebhookBodies, ValuesThatAreNullAreLeftOut) {
    const std::string config = "sig=header:S signed=\"{json:a}|{json?:b.c}\"";
    const std::pair<const char*, Reason> rows[] = {
        {R"({"a":1,"b":{"c":"x"}})", Reason::webhook_signature_invalid},
        {R"({"a":1,"b":{"c":null}})", Reason::none},
        {R"({"a":1,"b":{}})", Reason::none},
        {R"({"a":1,"b":null})", Reason::none},
        {R"({"a":1})", Reason::none},
        {R"({"a":1,"b":{"c":[]}})", Reason::webhook_signature_invalid},
        {R"({"a":1,"b":{"c":null,"c":null}})", Reason::webhook_signature_invalid},
        {R"({"a":1,"b":{"c":null})", Reason::webhook_signature_invalid},
        {R"({"a":null})", Reason::webhook_signature_invalid},
    };
    for (const auto& [body, reason] : rows) {
        SignedRequest request;
        request.body = body;
        request.headers = {{"S", hex_hmac(kSecret, "1|")}};
        EXPECT_EQ(check(config, {std::string(kSecret)}, request).reason, reason) << body;
    }
}

TEST(WebhookBodies, AreEscapedWhereTheSenderDoes) {
    SignedRequest request;
    request.body = "{\"t\":\"Zo\xc3\xab \xe2\x82\xac \xf0\x9f\x98\x80 \x7f/\\n\"}";
    const std::string signed_text = R"({"t":"Zo\u00eb \u20ac \ud83d\ude00 \u007f/\n"})";
    request.headers = {{"S", hex_hmac(kSecret, signed_text)}};
    const std::string config = "sig=header:S body=json-escape";
    const Profile profile = profile_of(config);
    const auto keys = test::keys_of(profile, {std::string(kSecret)});
    for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{4096}}) {
        EXPECT_EQ(test::run(profile, keys, request, piece).reason, Reason::none);
    }
    EXPECT_EQ(check("sig=header:S", {std::string(kSecret)}, request).reason,
              Reason::webhook_signature_invalid);
    for (const char* bad : {"\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                            "\x80", "\xff", "\xf0\x9f\x98"}) {
        request.body = bad;
        request.headers = {{"S", hex_hmac(kSecret, bad)}};
        EXPECT_EQ(check(config, {std::string(kSecret)}, request).reason,
                  Reason::webhook_signature_invalid);
    }
}

TEST(WebhookSecrets, SayWhichOneMatched) {
    SignedRequest request;
    request.body = "b";
    request.headers = {{"S", hex_hmac("second", "b")}};
    EXPECT_EQ(check("sig=header:S", {"first", "second", "third"}, request).secret_index, 1);
}

TEST(WebhookIdentity, PrefersWhatTheSignatureCovers) {
    SignedRequest request;
    request.body = R"({"id":"evt"})";
    request.headers = {{"S", hex_hmac(kSecret, request.body)}, {"X-Id", "guid"}};
    const std::vector<std::string> secrets = {std::string(kSecret), "another secret!!"};
    const auto kind = [&](std::string_view config, ReplayKeyChoice choice) {
        return check(config, secrets, request, choice).replay_kind;
    };
    using Kind = ReplayIdentity::Kind;
    EXPECT_EQ(kind("sig=header:S id=json:id", ReplayKeyChoice::automatic), Kind::id);
    EXPECT_EQ(kind("sig=header:S id=header:X-Id", ReplayKeyChoice::automatic), Kind::signature);
    EXPECT_EQ(kind("sig=header:S id=header:X-Id", ReplayKeyChoice::id), Kind::id);
    EXPECT_EQ(kind("sig=header:S id=json:id", ReplayKeyChoice::signature), Kind::signature);
    EXPECT_EQ(kind("sig=header:S id=json:none", ReplayKeyChoice::automatic), Kind::signature);
    EXPECT_EQ(kind("sig=header:S id=sha256:", ReplayKeyChoice::automatic), Kind::signature);
    // Both live secrets' MACs, so that no rotation lets a copy in.
    EXPECT_EQ(check("sig=header:S", secrets, request).replay_texts.size(), 2U);
    request.headers = {{"S", std::string(kSecret)}};
    EXPECT_EQ(kind("type=token sig=header:S", ReplayKeyChoice::automatic), Kind::body);
}

// An upper-case or re-encoded signature is the same delivery.
TEST(WebhookIdentity, DoesNotDependOnSpelling) {
    SignedRequest lower;
    lower.body = "b";
    lower.headers = {{"S", hex_hmac(kSecret, "b")}};
    SignedRequest upper = lower;
    for (char& c : upper.headers[0].second) {
        c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
    const std::vector<std::string> secrets = {std::string(kSecret)};
    const auto a = check("sig=header:S case=any", secrets, lower).replay_texts;
    const auto b = check("sig=header:S case=any", secrets, upper).replay_texts;
    EXPECT_EQ(a, b);
    EXPECT_FALSE(a.empty());
}

TEST(WebhookIds, MustBeUsableAndUnambiguous) {
    const auto with_body = [](std::string body) {
        SignedRequest request;
        request.body = std::move(body);
        request.headers = {{"S", hex_hmac(kSecret, request.body)}};
        return check("sig=header:S id=json:id", {std::string(kSecret)}, request).reason;
    };
    EXPECT_EQ(with_body(R"({"id":"a"})"), Reason::none);
    EXPECT_EQ(with_body(R"({"id":"a","id":"b"})"), Reason::webhook_id_malformed);
    EXPECT_EQ(with_body("{\"id\":\"" + std::string(257, 'x') + "\"}"),
              Reason::webhook_id_malformed);
    EXPECT_EQ(with_body(R"({"id":"a\nb"})"), Reason::webhook_id_malformed);
    EXPECT_EQ(with_body(R"({"id":null})"), Reason::none);
    SignedRequest doubled;
    doubled.headers = {{"S", hex_hmac(kSecret, "")}, {"X-Id", "1"}, {"X-Id", "2"}};
    EXPECT_EQ(check("sig=header:S id=header:X-Id", {std::string(kSecret)}, doubled).reason,
              Reason::webhook_id_malformed);
}

// Freshness is judged when the body is complete: a slow body cannot carry a delivery over its time.
TEST(WebhookFreshness, IsJudgedAtTheEnd) {
    const Profile profile =
        profile_of("sig=header:S ts=header:T signed=\"{timestamp}{body}\" tolerance=300");
    const auto keys = test::keys_of(profile, {std::string(kSecret)});
    std::pmr::monotonic_buffer_resource memory;
    Verification verification(profile, keys, &memory);
    const std::string mac = hex_hmac(kSecret, "1000b");
    verification.offer_header("S", mac);
    verification.offer_header("T", "1000");
    EXPECT_EQ(verification.begin({"POST", "/", "https", "h"}, 1'300'000), Reason::none);
    EXPECT_EQ(verification.update("b"), Reason::none);
    EXPECT_EQ(verification.finish(1'300'001, {}).reason, Reason::webhook_timestamp_stale);
}

}  // namespace
}  // namespace sallyport::policy::webhook
