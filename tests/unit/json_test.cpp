#include "common/json.hpp"

#include <gtest/gtest.h>

#include "common/limits.hpp"

namespace sallyport {
namespace {

TEST(Json, ParsesAnyValueAndKeepsMemberOrder) {
    for (const char* text : {R"({"b":1,"a":[true,null,1.5,"x"]})", "null", "3", "\"s\"", "[]"}) {
        const auto json = Json::parse(text);
        ASSERT_TRUE(json.ok()) << text;
        EXPECT_EQ(json->dump(), text);
    }
}

TEST(Json, RefusesWhatIsNotJson) {
    for (const char* text : {"", "{", "{}x", "nan", "01", "{a:1}", "\"\xff\"", "[1,]"}) {
        EXPECT_FALSE(Json::parse(text).ok()) << text;
    }
    EXPECT_FALSE(Json::parse(R"({"a":1,"a":2})", Json::Duplicates::refuse).ok());
    EXPECT_TRUE(Json::parse(R"({"a":1,"a":2})").ok());
}

TEST(Json, BoundsTheDepth) {
    const std::size_t depth = limits::kJsonDepthMax;
    EXPECT_TRUE(Json::parse(std::string(depth, '[') + std::string(depth, ']')).ok());
    EXPECT_FALSE(Json::parse(std::string(depth + 1, '[') + std::string(depth + 1, ']')).ok());
    EXPECT_FALSE(Json::parse(std::string(1'000'000, '[')).ok());
    EXPECT_TRUE(Json::parse("\"" + std::string(depth * 2, '[') + "\"").ok());
}

TEST(Json, ReadsWithoutExceptions) {
    const Json json = *Json::parse(R"({"n":1,"s":"x","o":{"a":[1,2]}})");
    EXPECT_EQ(json["n"].integer_or(0), 1);
    EXPECT_EQ(json["s"].text(), "x");
    EXPECT_EQ(json["o"]["a"].at(1).integer_or(0), 2);
    EXPECT_FALSE(json["missing"]["deeper"].at(3).exists());
    EXPECT_EQ(json["n"].text_or("fallback"), "fallback");
    EXPECT_EQ(json.size(), 3u);
}

TEST(Json, ReplacesWhatIsNotUtf8) {
    EXPECT_EQ(Json::string("a\xff" "b\xed\xa0\x80").text(), "a\xef\xbf\xbd" "b\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    EXPECT_EQ(Json::string("\xf0\x9f\x98\x80").text(), "\xf0\x9f\x98\x80");
    EXPECT_TRUE(Json::real(1.0 / 0.0).is_null());
}

TEST(Json, BuildsAndChanges) {
    Json json = Json::object({{"a", Json::integer(1)}});
    json.set("b", Json());
    Json list = Json::array();
    list.append(Json::boolean(true));
    json.set("c", list);
    EXPECT_EQ(json.dump(), R"({"a":1,"b":null,"c":[true]})");
    json.erase("a");
    EXPECT_FALSE(json.has("a"));
    const Json copy = json.deep_copy();
    list.append(Json::null());
    EXPECT_EQ(json["c"].size(), 2u);
    EXPECT_EQ(copy["c"].size(), 1u);
}

}  // namespace
}  // namespace sallyport
