#include "common/json.hpp"

#include "common/json_depth.hpp"
#include "common/limits.hpp"

#include <gtest/gtest.h>

#include <limits>

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
    for (const char* text : {"",
                             "{",
                             "{}x",
                             "nan",
                             "01",
                             "{a:1}",
                             "\"\xff\"",
                             "[1,]",
                             "\xef\xbb\xbf[]",
                             "\"\\ud800\"",
                             "\"\\ud800x\"",
                             "\"\\ud800\\u0041\"",
                             "\"\\udc00\"",
                             "\"\\u12g4\"",
                             "\"\\u-123\"",
                             "\"\\u12",
                             "\"\xed\xa0\x80\"",
                             "\"\xc0\x80\"",
                             "\"\xf4\x90\x80\x80\"",
                             "\"\xe2\x82",
                             "1e",
                             "1e--5",
                             "1e+-5",
                             "-01",
                             "[1 2]",
                             "[1}",
                             "{\"a\" 1}",
                             "{\"a\":1,}",
                             "{,}",
                             "{\"a\"",
                             "[",
                             "\"a\nb\"",
                             "1e999",
                             "{\"a\\u0000\":1}",
                             "[1] 2",
                             "'a'",
                             "// c\n1",
                             "\"\\x41\"",
                             "+1",
                             ".5",
                             "1.",
                             "-",
                             "tru"}) {
        EXPECT_FALSE(Json::parse(text).ok()) << text;
    }
    EXPECT_FALSE(Json::parse(std::string_view("1\0", 2)).ok());
    EXPECT_FALSE(Json::parse(std::string_view("1\0 2", 4)).ok());
    EXPECT_FALSE(Json::parse(std::string_view("\"a\0\"", 4)).ok());
    EXPECT_FALSE(Json::parse(R"({"a":1,"a":2})", Json::Duplicates::refuse).ok());
    EXPECT_TRUE(Json::parse(R"({"a":1,"a":2})").ok());
}

TEST(Json, NamesThePlaceOfAMistake) {
    EXPECT_EQ(Json::parse("{\n  \"a\": nope}").message().substr(0, 36),
              "invalid JSON at line 2, column 9: In");
    EXPECT_EQ(Json::parse(R"({"a":1,"a":2})", Json::Duplicates::refuse).message(),
              "invalid JSON at line 1, column 11: a member's name stands there twice");
}

TEST(Json, ReadsEscapesAndSpace) {
    const auto json = Json::parse(
        " \t\r\n[ \"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00E9\\u20ac\\uD83D\\ude00x\\u0000\" , { } "
        ", [ ] , 1E+2 ] ");
    ASSERT_TRUE(json.ok()) << json.message();
    EXPECT_EQ(json->at(0).text(),
              std::string_view("\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80x\0", 20));
    EXPECT_EQ(json->size(), 4U);
    EXPECT_EQ(json->at(3).number_or(0), 100.0);
}

// Small integers are one node for everybody, and outlive whoever holds them.
TEST(Json, SharedIntegersStayWhatTheyAre) {
    for (int round = 0; round < 3; ++round) {
        auto list = Json::parse("[0,1,1,1023,1024,-1]");
        ASSERT_TRUE(list.ok());
        EXPECT_EQ(list->deep_copy().dump(), "[0,1,1,1023,1024,-1]");
        list->set_at(1, Json::integer(7));
        EXPECT_EQ(list->dump(), "[0,7,1,1023,1024,-1]");
    }
}

// Longer than what is written at once, with an escape on either side of each end.
TEST(Json, LongTextReadsBackAsItWas) {
    for (const std::size_t size : {4095U, 4096U, 4097U, 8192U, 100'000U}) {
        const Json text = Json::string(std::string(size, '\n') + "\xc3\xa9");
        EXPECT_EQ(text.dump().size(), 2 * size + 4);
        EXPECT_TRUE(Json::parse(text.dump())->equals(text));
    }
}

// What no double holds is nothing or too large, by its digits and its exponent together.
TEST(Json, NumbersBeyondADoubleAreNothingOrRefused) {
    const std::string zeros(400, '0');
    for (const std::string& text :
         {std::string("1e-999"), std::string("-1e-99999999999999999999"), "0." + zeros + "1",
          "0." + zeros + "1e1", std::string("0E-52")}) {
        const auto zero = Json::parse(text);
        ASSERT_TRUE(zero.ok()) << text << zero.message();
        EXPECT_EQ(zero->number_or(1), 0.0) << text;
    }
    for (const std::string& text : {"1" + zeros, "1" + zeros + "e-1", "-1" + zeros + ".5",
                                    std::string("1e99999999999999999999")}) {
        EXPECT_FALSE(Json::parse(text).ok()) << text;
    }
}

TEST(Json, NumbersReadBackAsTheyWere) {
    for (const char* text : {"0",
                             "-1",
                             "7",
                             "10",
                             "99",
                             "100",
                             "101",
                             "998",
                             "999",
                             "1000",
                             "9223372036854775807",
                             "-9223372036854775808",
                             "0.1",
                             "1.5",
                             "-2.25",
                             "1e+100",
                             "1e-7",
                             "123456789.123",
                             "5e-324",
                             "1.7976931348623157e+308"}) {
        EXPECT_EQ(Json::parse(text)->dump(), text);
    }
    // Beyond 64 bits an integer is a double, as in JavaScript.
    EXPECT_EQ(Json::parse("9223372036854775808")->number_or(0), 9223372036854775808.0);
    EXPECT_EQ(Json::parse("-9223372036854775809")->number_or(0), -9223372036854775808.0);
    EXPECT_FALSE(Json::parse("18446744073709551616")->is_integer());
}

TEST(Json, TextReadsBackAsItWas) {
    std::string all = "\xf0\x9f\x98\x80 \xc3\xa9 \"\\/";
    for (char c = 0; c < 32; ++c) {
        all.push_back(c);
    }
    all.push_back('\x7f');
    const Json json = Json::object({{all.substr(0, 9), Json::string(all)}});
    const auto again = Json::parse(json.dump());
    ASSERT_TRUE(again.ok()) << again.message();
    EXPECT_TRUE(again->equals(json));
    EXPECT_EQ(Json::string("a\n\x01\"/").dump(), R"("a\n\u0001\"/")");
}

// Wherever it stands among bytes that are read and written several at once.
TEST(Json, EveryByteOfATextHasItsPlace) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    const std::string around = "0123456789abcdefg\x7f";
    for (unsigned byte = 1; byte < 0x80; ++byte) {
        for (std::size_t at = 0; at <= around.size(); ++at) {
            std::string text = around;
            text.insert(at, 1, static_cast<char>(byte));
            std::string written = text;
            std::string escape = std::string("\\u00") + kHex[byte >> 4] + kHex[byte & 15];
            const std::size_t short_one =
                std::string_view("\b\f\n\r\t\"\\").find(static_cast<char>(byte));
            if (short_one != std::string_view::npos) {
                escape = {'\\', "bfnrt\"\\"[short_one]};
            }
            if (byte < 0x20 || short_one != std::string_view::npos) {
                written.replace(at, 1, escape);
                // A backslash may happen to begin an escape.
                EXPECT_TRUE(byte == '\\' || !Json::parse('"' + text + '"').ok())
                    << byte << " " << at;
            }
            written = '"' + written + '"';
            ASSERT_EQ(Json::string(text).dump(), written) << byte << " " << at;
            const auto back = Json::parse(written);
            ASSERT_TRUE(back.ok()) << byte << " " << at;
            ASSERT_EQ(back->text(), text) << byte << " " << at;
        }
    }
    // Broken UTF-8 is found there, too.
    for (std::size_t at = 0; at <= around.size(); ++at) {
        std::string text = around;
        text.insert(at, 1, '\xff');
        EXPECT_FALSE(Json::parse('"' + text + '"').ok()) << at;
        text = around;
        text.insert(at, "\xe2\x82\xac");
        EXPECT_EQ(Json::parse('"' + text + '"')->text(), text) << at;
    }
}

TEST(Json, BoundsTheDepth) {
    const std::size_t depth = limits::kJsonDepthMax;
    EXPECT_TRUE(Json::parse(std::string(depth, '[') + std::string(depth, ']')).ok());
    EXPECT_FALSE(Json::parse(std::string(depth + 1, '[') + std::string(depth + 1, ']')).ok());
    EXPECT_FALSE(Json::parse(std::string(1'000'000, '[')).ok());
    EXPECT_TRUE(Json::parse("\"" + std::string(depth * 2, '[') + "\"").ok());
    const std::size_t deep = limits::kFlowDepthMax;
    const std::string nested = std::string(deep, '[') + "1.5e3" + std::string(deep, ']');
    const auto flow = Json::parse_flow(nested);
    ASSERT_TRUE(flow.ok()) << flow.message();
    EXPECT_EQ(flow->deep_copy().dump(), std::string(deep, '[') + "1500.0" + std::string(deep, ']'));
    EXPECT_FALSE(Json::parse_flow("[" + nested + "]").ok());
    EXPECT_FALSE(Json::parse_flow(std::string(1'000'000, '[')).ok());
}

TEST(Json, DepthAndLengthAreMeasuredWithoutWriting) {
    const Json value = *Json::parse(R"({"a":[1,-22,333],"b":{"c":null,"d":[true,1.5]},"e":"x"})");
    EXPECT_FALSE(is_deeper_than(value, 3));
    EXPECT_TRUE(is_deeper_than(value, 2));
    EXPECT_FALSE(is_deeper_than(Json::integer(1), 0));
    EXPECT_TRUE(is_deeper_than(Json::array(), 0));
    EXPECT_FALSE(is_surely_within(value, value.dump().size() - 1));
    EXPECT_TRUE(is_surely_within(value, 200));
    EXPECT_FALSE(is_surely_within(Json(), 200));
    for (const char* text :
         {"[]", "{}", "[[],[]]", "-9223372036854775808", "[-1,0,9,10,99,100,101,998,999,1000]",
          "1.7976931348623157e308", "\"\\u0001\\u0001\"", "{\"\\u0002\":\"\\\"\"}",
          "[true,false,null]", "-4.9e-324"}) {
        const Json one = *Json::parse(text);
        const std::size_t size = one.dump().size();
        for (std::size_t bytes = 0; bytes < size; ++bytes) {
            EXPECT_FALSE(is_surely_within(one, bytes)) << text << " " << bytes;
        }
        EXPECT_TRUE(is_surely_within(one, 8 * size + 32)) << text;
    }
    Json numbers = Json::array();
    for (int i = 1; i <= 100; ++i) {
        numbers.append(Json::integer(i));
    }
    EXPECT_TRUE(is_surely_within(numbers, numbers.dump().size() + 4));
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
    EXPECT_EQ(Json::string("a\xff"
                           "b\xed\xa0\x80")
                  .text(),
              "a\xef\xbf\xbd"
              "b\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
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

// Zeros with an exponent were once whatever lay in memory.
TEST(Json, NumbersAreTheNearestDouble) {
    const struct {
        const char* text;
        double value;
    } cases[] = {
        {"0e111", 0},
        {"-0e300", 0},
        {"0.000E25", 0},
        {"0e-400", 0},
        {"1e-400", 0},
        {"1e-999999999999", 0},
        {"5e-324", 5e-324},
        {"1.7976931348623157e308", 1.7976931348623157e308},
        {"18446744073709551615", 18446744073709551615.0},
        {"0.1", 0.1},
        {"1.5E+3", 1500},
    };
    for (const auto& c : cases) {
        const auto alone = Json::parse(c.text);
        const auto inside = Json::parse(std::string("[") + c.text + "]");
        ASSERT_TRUE(alone && inside) << c.text;
        EXPECT_EQ(alone->number_or(-1), c.value) << c.text;
        EXPECT_EQ(inside->at(0).number_or(-1), c.value) << c.text;
    }
    EXPECT_EQ(Json::parse("-9223372036854775808")->integer_or(0),
              std::numeric_limits<std::int64_t>::min());
    for (const char* bad : {"1e400", "[-1e400]", "[-]", "01", "1.", "1e", ".5", "+1", "0x1"}) {
        EXPECT_FALSE(Json::parse(bad)) << bad;
    }
}

// As JavaScript writes them; a real number still looks like one.
TEST(Json, NumbersAreWrittenShortAndClose) {
    EXPECT_EQ(Json::real(0.1 + 0.2).dump(), "0.30000000000000004");
    EXPECT_EQ(Json::real(3).dump(), "3.0");
    EXPECT_EQ(Json::real(-0.0).dump(), "-0.0");
    EXPECT_EQ(Json::real(1e20).dump(), "100000000000000000000.0");
    EXPECT_EQ(Json::real(1e21).dump(), "1e+21");
    for (const double value : {5e-324, 1.7976931348623157e308, 1e21, 123456789.125, -2.5e-7}) {
        EXPECT_EQ(Json::parse(Json::real(value).dump())->number_or(0), value);
    }
}

}  // namespace
}  // namespace sallyport
