// The table of expressions once more, through the sandbox: what the native evaluator answers and
// what it leaves to the sandbox must be one language.
#include "engine/core/expressions/js_text.hpp"
#include "tests/engine/jsbox_fixture.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace sallyport::test {
namespace {

constexpr std::size_t kExpressionsARun = 50;

std::string shown(const Json& value) {
    return value.exists() ? engine::js_stringify(value, 1 << 20).value_or("?") : "undefined";
}

// What crosses the boundary is JSON: a number that is not finite arrives as null, and null as
// nothing.
std::string expected(const Json& entry) {
    const bool nothing = entry.has("undefined") || (entry.has("value") && entry["value"].is_null());
    return entry.has("throws")   ? "throws"
           : nothing             ? "undefined"
           : entry.has("number") ? "null"
                                 : shown(entry["value"]);
}

class TemplateSandboxTest : public JsboxFixture {};

TEST_F(TemplateSandboxTest, TableHoldsInTheSandbox) {
    std::ifstream file(SALLYPORT_VECTORS_DIR "/templates.json");
    std::stringstream text;
    text << file.rdbuf();
    const auto table = Json::parse(text.str());
    ASSERT_TRUE(table.ok());
    start();
    const Json cases = (*table)["cases"];
    const std::string scope = (*table)["steps"].dump();
    for (std::size_t at = 0; at < cases.size(); at += kExpressionsARun) {
        std::vector<std::string> expressions;
        for (std::size_t i = at; i < cases.size() && i < at + kExpressionsARun; ++i) {
            expressions.emplace_back(cases.at(i)["expression"].text());
        }
        const auto result = evaluate(expressions, scope);
        ASSERT_EQ(result.status, engine::SandboxStatus::ok) << result.error;
        ASSERT_EQ(result.results.size(), expressions.size());
        for (std::size_t i = 0; i < expressions.size(); ++i) {
            const auto& answer = result.results[i];
            EXPECT_EQ(answer.ok ? shown(answer.value) : "throws", expected(cases.at(at + i)))
                << expressions[i] << " " << answer.error;
        }
    }
}

}  // namespace
}  // namespace sallyport::test
