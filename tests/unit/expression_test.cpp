// The native evaluator against tests/vectors/templates.json: expressions and what JavaScript makes
// of them. The same table goes through the sandbox.
#include "engine/core/expressions/expression.hpp"

#include "engine/core/expressions/js_text.hpp"
#include "engine/core/expressions/parser.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace sallyport::engine {
namespace {

Json vectors() {
    std::ifstream file(SALLYPORT_VECTORS_DIR "/templates.json");
    std::stringstream text;
    text << file.rdbuf();
    auto parsed = Json::parse(text.str());
    EXPECT_TRUE(parsed.ok()) << (parsed.ok() ? "" : parsed.message());
    return parsed.ok() ? *parsed : Json::object();
}

std::string shown(const Evaluation& evaluation) {
    switch (evaluation.verdict) {
        case Verdict::threw:
            return "throws";
        case Verdict::needs_sandbox:
            return "sandbox";
        case Verdict::value:
            break;
    }
    const auto json = evaluation.value.to_json();
    if (!json) {
        return to_text(evaluation.value).value_or("?");
    }
    return js_stringify(*json, 1 << 20).value_or("?");
}

std::string expected(const Json& entry) {
    if (entry.has("native") && !entry["native"].is_true()) {
        return "sandbox";
    }
    return entry.has("throws")      ? "throws"
           : entry.has("undefined") ? "undefined"
           : entry.has("number")    ? std::string(entry["number"].text())
                                    : js_stringify(entry["value"], 1 << 20).value_or("?");
}

TEST(Expression, AgreesWithJavaScript) {
    const Json table = vectors();
    ASSERT_GE(table["cases"].size(), 500u);
    table["cases"].each_element([&](const Json& entry) {
        const std::string expression(entry["expression"].text());
        EXPECT_EQ(shown(evaluate_expression(expression, table["steps"])), expected(entry))
            << expression;
    });
}

TEST(Expression, BoundsAreTheSandboxs) {
    const Json scope = Json::object({{"s", Json::string(std::string(1 << 20, 'a'))}});
    const auto nested = [](const char* open, const char* close, int times) {
        std::string text = "1";
        for (int i = 0; i < times; ++i) {
            text = open + text + close;
        }
        return text;
    };
    std::string chain = "1";
    std::string members = "s";
    for (int i = 0; i < 900; ++i) {
        chain += "+1";
        members += "?.x";
    }
    for (const std::string& expression :
         {nested("(", ")", 5000), nested("[", "]", 5000), nested("-", "", 5000),
          nested("{a:", "}", 5000), nested("`${", "}`", 5000), nested("1?1:", "", 5000),
          nested("2**", "", 5000), chain, members, std::string(kExpressionBytesMax + 1, '1'),
          std::string("s.repeat(5)"), std::string("s + s + s + s + s"), std::string("s.split('')"),
          std::string("s.padEnd(9999999)"), std::string("s.replaceAll('a', 'bbbbbbbb')")}) {
        EXPECT_EQ(shown(evaluate_expression(expression, scope)), "sandbox")
            << expression.substr(0, 40);
    }
    const Json smaller = Json::object({{"s", Json::string(std::string(100'000, 'a'))}});
    EXPECT_EQ(shown(evaluate_expression("s.indexOf(s.slice(1) + 'b')", smaller)), "-1");
    EXPECT_EQ(shown(evaluate_expression(nested("(", ")", 10), scope)), "1");
}

TEST(Expression, ScopeHidesGlobals) {
    const Json scope = Json::object(
        {{"Math", Json::object({{"max", Json::integer(1)}})}, {"isNaN", Json::integer(2)}});
    EXPECT_EQ(shown(evaluate_expression("Math.max", scope)), "1");
    EXPECT_EQ(shown(evaluate_expression("Math.max(1)", scope)), "throws");
    EXPECT_EQ(shown(evaluate_expression("isNaN + 1", scope)), "3");
}

TEST(Expression, IntegersBeyondDoublesPassUnchanged) {
    const Json scope = Json::object({{"id", Json::integer(9007199254740993)}});
    EXPECT_EQ(shown(evaluate_expression("id", scope)), "9007199254740993");
    EXPECT_EQ(shown(evaluate_expression("id + 0", scope)), "9007199254740992");
}

TEST(JsText, NumbersRoundTrip) {
    const std::pair<double, const char*> cases[] = {
        {0, "0"},
        {-0.0, "0"},
        {1, "1"},
        {-1.5, "-1.5"},
        {1e21, "1e+21"},
        {1e20, "100000000000000000000"},
        {123456789012345680.0, "123456789012345680"},
        {1e-6, "0.000001"},
        {1e-7, "1e-7"},
        {1.5e-10, "1.5e-10"},
        {6.4, "6.4"},
        {5e-324, "5e-324"},
        {1.7976931348623157e308, "1.7976931348623157e+308"}};
    for (const auto& [value, text] : cases) {
        EXPECT_EQ(js_number_text(value), text);
        EXPECT_EQ(js_text_to_number(text), value) << text;
    }
}

TEST(JsText, StringifyKeepsJavaScriptsOrderAndBounds) {
    const Json value =
        *Json::parse(R"({"b":1,"10":2,"9":{"x":[1.0,2.5,null,true]},"01":"\u2028/"})");
    EXPECT_EQ(js_stringify(value, 1000),
              "{\"9\":{\"x\":[1,2.5,null,true]},\"10\":2,\"b\":1,\"01\":\"\u2028/\"}");
    EXPECT_FALSE(js_stringify(value, 10));
}

}  // namespace
}  // namespace sallyport::engine
