// Small texts of the API: times, ids, cursors, session tokens, form data.
#include "common/crypto.hpp"
#include "engine/core/form_json.hpp"
#include "engine/core/ids.hpp"
#include "engine/core/jwt.hpp"
#include "engine/core/page_cursor.hpp"
#include "engine/core/pieces/webhook.hpp"
#include "engine/core/time_text.hpp"
#include "engine/core/web_message.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace sallyport::engine {
namespace {

TEST(TimeText, WritesAndReadsIsoTimes) {
    EXPECT_EQ(iso_time(1767225600123), "2026-01-01T00:00:00.123Z");
    EXPECT_EQ(iso_time(0), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(iso_time(-1), "1969-12-31T23:59:59.999Z");
    for (const auto& [text, ms] : std::vector<std::pair<std::string_view, std::int64_t>>{
             {"2026-01-01T00:00:00.123Z", 1767225600123},
             {"2026-01-01", 1767225600000},
             {"2026-01-01T01:00:00+01:00", 1767225600000},
             {"2025-12-31T19:00-0500", 1767225600000},
             {"2024-02-29T00:00:00Z", 1709164800000}}) {
        EXPECT_EQ(parse_iso_time(text), ms) << text;
    }
    for (const std::string_view text :
         {"", "2026", "2026-13-01", "2026-02-29", "2026-01-01T24:00Z", "2026-01-01T00:00:00X",
          "2026-01-01T00:00Zz", "yesterday"}) {
        EXPECT_EQ(parse_iso_time(text), std::nullopt) << text;
    }
}

TEST(Ids, HaveTheContractsShape) {
    std::array<std::uint8_t, kIdRandomBytes> random{};
    const auto id = id_from_random(random);
    ASSERT_TRUE(id.has_value());
    EXPECT_TRUE(is_id(*id));
    random.fill(255);
    EXPECT_FALSE(id_from_random(random).has_value());
    EXPECT_FALSE(is_id("short"));
    EXPECT_FALSE(is_id("aaaaaaaaaaaaaaaaaaaa-"));
}

TEST(Ids, OrderedOnesSortByTime) {
    std::array<std::uint8_t, kIdRandomBytes> high{};
    high.fill(61);  // the last letter
    const std::array<std::uint8_t, kIdRandomBytes> low{};
    std::string before;
    for (const std::int64_t ms : {0LL, 1LL, 61LL, 62LL, 1767225600123LL, 1767225600124LL}) {
        const std::string first = *ordered_id_from_random(ms, low);
        const std::string last = *ordered_id_from_random(ms, high);
        EXPECT_TRUE(is_id(first));
        EXPECT_LT(before, first) << ms;
        EXPECT_LT(first, last) << ms;
        before = last;
    }
}

TEST(PageCursors, SurviveTheRoundTrip) {
    const std::string id = "abcdefghijklmnopqrstu";
    for (const auto direction : {PageCursor::Direction::next, PageCursor::Direction::previous}) {
        const auto decoded = decode_cursor(encode_cursor({direction, 1767225600123, id}));
        ASSERT_TRUE(decoded.has_value());
        EXPECT_EQ(decoded->direction, direction);
        EXPECT_EQ(decoded->at_ms, 1767225600123);
        EXPECT_EQ(decoded->id, id);
    }
    for (const std::string_view text : {"", "x", "bmV4dF8=", "bmV4dF8xLng="}) {
        EXPECT_FALSE(decode_cursor(text).has_value()) << text;
    }
}

// engine contract 1.2
constexpr std::string_view kVectorToken =
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6IjEifQ."
    "eyJpZCI6IkFBQUFBQUFBQUFBQUFBQUFBQUFBQSIsInR5cGUiOiJVU0VSIiwicGxhdGZvcm0iOnsiaWQiOiJCQkJCQkJCQk"
    "JCQkJCQkJCQkJCQkIifSwiaWF0IjoxNzY3MjI1NjAwLCJleHAiOjE3Njc4MzA0MDAsImlzcyI6ImFjdGl2ZXBpZWNlcyJ"
    "9.YDyTyRc1JEcIoBQJsro7U0BkQrLo8jJORTRUqjBbxTI";

TEST(Jwt, MatchesTheContractsVector) {
    const HmacKey key(DigestAlgorithm::sha256, "secret");
    const Json claims =
        Json::object({{"id", Json::string(std::string(21, 'A'))},
                      {"type", Json::string("USER")},
                      {"platform", Json::object({{"id", Json::string(std::string(21, 'B'))}})}});
    EXPECT_EQ(sign_jwt(claims, 1767225600, kSessionSeconds, key), kVectorToken);
    const Result<Json> read = verify_jwt(kVectorToken, 1767225601, key);
    ASSERT_TRUE(read.ok()) << read.message();
    EXPECT_EQ((*read)["type"].text(), "USER");
}

TEST(Jwt, RefusesWhatIsNotOurs) {
    const HmacKey key(DigestAlgorithm::sha256, "secret");
    const HmacKey other(DigestAlgorithm::sha256, "another secret");
    const std::string token(kVectorToken);
    EXPECT_FALSE(verify_jwt(token, 1767225601, other).ok());
    EXPECT_FALSE(verify_jwt(token, 1767830400, key).ok());  // expired
    std::string changed = token;
    changed[60] = changed[60] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(verify_jwt(changed, 1767225601, key).ok());
    for (const std::string_view text : {"", ".", "..", "a.b", "a.b.c.d"}) {
        EXPECT_FALSE(verify_jwt(text, 0, key).ok()) << text;
    }
    // {"alg":"none"} with an empty signature
    EXPECT_FALSE(
        verify_jwt("eyJhbGciOiJub25lIn0." +
                       token.substr(token.find('.') + 1, token.rfind('.') - token.find('.')),
                   1767225601, key)
            .ok());
}

TEST(WebMessage, ReadsQueries) {
    const FormPairs pairs = parse_form("status[]=A&status[]=B&name=x%20y&empty=&flag&bad=%zz");
    EXPECT_EQ(form_values(pairs, "status"), (std::vector<std::string>{"A", "B"}));
    EXPECT_EQ(form_to_json(pairs).dump(),
              R"({"status":["A","B"],"name":"x y","empty":"","flag":"","bad":"%zz"})");
}

// As the package qs 6.14 reads them, with its defaults.
TEST(WebMessage, ReadsBracketsAsTheContractsServer) {
    struct Case {
        std::string_view form;
        std::string_view json;
    };
    for (const auto& [form, json] : std::initializer_list<Case>{
             {"data[email]=a@b.c&data[merges][FNAME]=Ann",
              R"({"data":{"email":"a@b.c","merges":{"FNAME":"Ann"}}})"},
             {"a[b]=1&a[b]=2", R"({"a":{"b":["1","2"]}})"},
             {"a[b][]=1&a[b]=2", R"({"a":{"b":["1","2"]}})"},
             {"a[0]=x&a[1]=y", R"({"a":["x","y"]})"},
             {"a[5]=x&a[2]=y", R"({"a":["y","x"]})"},
             {"a[21]=1", R"({"a":{"21":"1"}})"},
             {"a[01]=1&a[-1]=2", R"({"a":{"01":"1","-1":"2"}})"},
             {"a[0][b]=1&a[0][c]=2", R"({"a":[{"b":"1","c":"2"}]})"},
             {"a[][b]=1&a[][c]=2", R"({"a":[{"b":"1","c":"2"}]})"},
             {"a[1]=x&a[1]=y&a[0]=z", R"({"a":["z",["x","y"]]})"},
             {"a[3]=1&a[]=2", R"({"a":["2","1"]})"},
             {"a[0]=1&a=2&a[]=3", R"({"a":["1","2","3"]})"},
             {"a[0]=x&a[b]=y", R"({"a":{"0":"x","b":"y"}})"},
             {"a[b]=1&a[]=2", R"({"a":{"b":"1","0":"2"}})"},
             {"a=1&a=2&a[x]=3", R"({"a":{"0":"1","1":"2","x":"3"}})"},
             {"a=1&a[b]=2", R"({"a":["1",{"b":"2"}]})"},
             {"a[b]=2&a=1", R"({"a":{"b":"2","1":true}})"},
             {"a[b][]=2&a=b&c[d]=1&c=", R"({"a":{"b":true},"c":{"d":"1"}})"},
             {"a[b][c][d][e][f][g]=1", R"({"a":{"b":{"c":{"d":{"e":{"f":{"[g]":"1"}}}}}}})"},
             {"a%5Bb%5D=1&c[x=y]=z", R"({"a":{"b":"1"},"c":{"x=y":"z"}})"},
             {"a[[b]]=1&c[b=2&d]e=3&f[=4", R"({"a[":{"b":"1"},"c[b":"2","d]e":"3","f[":"4"})"},
             {"a[b]c[d]=1&e[]f=2", R"({"a":{"b":{"d":"1"}},"e":["2"]})"},
             {"[a]=1&[]=2", R"({"a":"1","0":"2"})"},
             {"=1&__proto__=2&a[__proto__][x]=3&b[constructor]=4&c[d]=5&c=toString",
              R"({"c":{"d":"5"}})"},
             {"x=a[1]=2", R"({"x":"a[1]=2"})"},  // qs takes `x=a[1]` for the name
         }) {
        EXPECT_EQ(form_to_json(parse_form(form)).dump(), json) << form;
    }
}

TEST(WebMessage, AFormHasSoManyFields) {
    std::string form = "a=0";
    for (std::size_t i = 1; i < kFormFieldsMax; ++i) {
        form += "&k" + std::to_string(i) + "=1";
    }
    EXPECT_EQ(read_form(form)->size(), kFormFieldsMax);
    EXPECT_FALSE(read_form(form + "&x=1").ok());
    WebRequest request;
    request.method = "POST";
    request.headers = {{"content-type", "application/x-www-form-urlencoded"}};
    request.body = form + "&x=1";
    EXPECT_EQ(webhook_payload(request).refusal.status, 413);
}

// A run's journal holds them and must be readable again.
TEST(WebMessage, NamesInQueriesAreMadeReadable) {
    const Json query = form_to_json(parse_form("a%00b=1&a%00b=2&%ff=3&%c3%a9=4"));
    EXPECT_EQ(query.dump(), "{\"a\ufffdb\":[\"1\",\"2\"],\"\ufffd\":\"3\",\"\u00e9\":\"4\"}");
    EXPECT_TRUE(Json::parse(query.dump()).ok());
}

}  // namespace
}  // namespace sallyport::engine
