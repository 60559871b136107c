// The real sandbox against published implementations: formulas through templates against the
// contract's evaluator (the same value, or an error from both), Intl against Node.js's.
#include "engine/core/expressions/js_text.hpp"
#include "engine/core/expressions/template.hpp"
#include "tests/engine/contract_oracle.hpp"
#include "tests/engine/jsbox_fixture.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sallyport::test {
namespace {

using Words = std::vector<std::string>;

constexpr std::size_t kFormulasARun = 100;

constexpr const char* kData =
    R"({"s":{"name":"Ada Lovelace","mail":"Mail ada@example.org now","n":41.5,"zero":0,"t":true,"f":false,"empty":"","nul":null,"list":[{"a":3,"b":"x"},{"a":1,"b":"y"},{"a":3,"b":"x"},{"b":"z"}],"tags":["p","q","r"],"nested":[[1,2],[3]],"date":"2025-03-31T14:05:09Z","day":"2024-02-29","url":"see https://a.example/x?y=1 ok","csv":"a, b ,c"}})";

const Words kValues = {"{{s.name}}", "{{s.mail}}",   "{{s.n}}",     "{{s.zero}}",
                       "{{s.t}}",    "{{s.f}}",      "{{s.empty}}", "{{s.nul}}",
                       "{{s.list}}", "{{s.tags}}",   "{{s.date}}",  "{{s.day}}",
                       "{{s.url}}",  "{{s.nested}}", "Hello World", "\"quoted; text\"",
                       "12",         "-3.7",         "1 + 2",       "'it'"};

const Words kOfOneValue = {
    "uppercase",        "lowercase",     "titlecase",   "trim",      "length",   "word_count",
    "remove_spaces",    "extract_email", "extract_url", "absolute",  "round_up", "round_down",
    "cents_to_dollars", "to_number",     "first_item",  "last_item", "count",    "flatten",
    "is_empty",         "is_not_empty",  "not"};

// Texts that no engine takes for a date by accident, and dates.
const Words kDates = {"{{s.date}}",        "{{s.day}}",    "{{s.name}}",
                      "{{s.nul}}",         "{{s.empty}}",  "\"2025-01-15\"",
                      "\"2025/1/5 8:09\"", "\"20250115\"", "\"2024-12-31T23:59:59.999Z\"",
                      "2025-01-15",        "{{s.tags}}"};
const Words kOfOneDate = {"format_date_long", "get_day",        "get_month",    "get_year",
                          "get_day_of_week",  "start_of_month", "end_of_month", "to_date"};
struct OfTwo {
    const char* name;
    Words first;
    Words second;
};
const std::vector<OfTwo> kOfTwoValues = {
    {"combine", {"{{s.name}}", "a"}, {"b", "{{s.n}}"}},
    {"prefix", kValues, {"-", "{{s.n}}"}},
    {"suffix", kValues, {"\" x\""}},
    {"remove", {"{{s.name}}"}, {"a", "\" \""}},
    {"first_n", kValues, {"3", "{{s.zero}}", "-2"}},
    {"last_n", kValues, {"3", "0", "100"}},
    {"truncate", kValues, {"4", "40"}},
    {"contains", kValues, {"a", "{{s.nul}}", "\"l\""}},
    {"starts_with", kValues, {"A", "Hel"}},
    {"ends_with", kValues, {"e", "World"}},
    {"add", kValues, {"1", "{{s.n}}"}},
    {"subtract", {"{{s.n}}", "{{s.t}}", "{{s.nul}}"}, {"1", "{{s.n}}"}},
    {"multiply", {"{{s.n}}", "{{s.empty}}"}, {"2"}},
    {"divide", {"{{s.n}}", "7"}, {"2", "0", "{{s.zero}}"}},
    {"round", {"2.345", "{{s.n}}", "1.005", "-2.5"}, {"0", "1", "2"}},
    {"percentage", {"5", "{{s.n}}"}, {"0", "20"}},
    {"format_number", {"1234567.891", "0", "-12.5", "{{s.n}}", "999"}, {"0", "2", "3"}},
    {"format_currency", {"12", "{{s.n}}"}, {"$", "\"EUR \""}},
    {"min", {"3", "{{s.n}}"}, {"7", "{{s.nul}}"}},
    {"max", {"3", "{{s.n}}"}, {"7", "{{s.nul}}"}},
    {"format_date",
     {"{{s.date}}", "{{s.day}}", "\"2025-01-15 08:09:10\"", "{{s.name}}", "2025-01-15"},
     {"YYYY-MM-DD", "MMM D, YYYY", "\"[at] dddd ddd dd d\"", "\"YY/M/DD HH:mm:ss.SSS\"",
      "\"h:mm A hh a H m s\"", "MMMM"}},
    {"format_time", {"{{s.date}}"}, {"h:mm A", "HH:mm"}},
    {"add_days", {"{{s.date}}", "{{s.day}}", "{{s.name}}"}, {"1", "-1", "0.5"}},
    {"subtract_days", {"{{s.day}}"}, {"60"}},
    {"add_hours", {"{{s.date}}"}, {"10"}},
    {"days_between", {"{{s.date}}", "{{s.day}}"}, {"{{s.day}}", "\"2025-12-25\"", "{{s.nul}}"}},
    {"convert_timezone",
     {"{{s.date}}", "{{s.day}}"},
     {"UTC", "America/New_York", "\"Asia/Kolkata\"", "Europe/Berlin", "Pacific/Chatham", "Mars/X",
      "{{s.nul}}"}},
    {"pluck", {"{{s.list}}", "{{s.tags}}", "{{s.nul}}"}, {"a", "b"}},
    {"join_list", {"{{s.tags}}", "{{s.n}}"}, {"-", "\", \""}},
    {"item_at", {"{{s.tags}}"}, {"0", "2", "5"}},
    {"sum", {"{{s.list}}", "{{s.tags}}"}, {"a", "b"}},
    {"average", {"{{s.list}}", "{{s.nul}}"}, {"a"}},
    {"max_in_list", {"{{s.list}}", "{{s.tags}}"}, {"a"}},
    {"min_in_list", {"{{s.list}}"}, {"a", "b"}},
    {"deduplicate", {"{{s.list}}", "{{s.tags}}"}, {"a", "b"}},
    {"split_text_to_list", {"{{s.csv}}", "a-b"}, {"\",\"", "-"}},
    {"if_empty", kValues, {"none", "{{s.n}}"}},
    {"if_null", kValues, {"none"}},
    {"is_equal", kValues, {"12", "{{s.n}}", "true", "Hello World"}},
    {"and", {"true", "{{s.f}}", "1 > 2"}, {"true", "{{s.t}}"}},
    {"or", {"false", "{{s.f}}"}, {"1 == 1", "{{s.nul}}"}},
    {"coalesce", kValues, {"x", "{{s.n}}"}},
};

const Words kOthers = {"replace({{s.name}};a;o)",
                       R"(replace(first_name;"_";" "))",
                       R"(split({{s.name}};" ";1))",
                       "split(a-b-c;-;5)",
                       R"(extract_between(Status [urgent] ;"[";"]"))",
                       "extract_between(abc;x;y)",
                       "filter_list({{s.list}};a;3)",
                       "filter_list({{s.list}};b;x)",
                       "sort_list({{s.list}};a;desc)",
                       "sort_list({{s.list}};a;asc)",
                       "switch({{s.n}};41.5;yes;no)",
                       "switch(US;US;North America;CA;Canada;Other)",
                       "switch(XX;US;a;CA;b)",
                       "if({{s.n}} > 40; high ; low)",
                       "if({{s.t}};uppercase(yes);divide(1;0))",
                       R"(if({{s.f}};divide(1;0);"no"))",
                       R"(if(is_empty({{s.empty}});"safe";divide(1;0)))",
                       "combine(a;b;c)",
                       R"(combine(uppercase({{s.name}});lowercase(ABC);" "))",
                       "1 + 2 * 3",
                       "(1 + 2) * 3",
                       "2 ^ 3 ^ 2",
                       "-2 ^ 2",
                       "10 % 4",
                       "7 / 2",
                       R"("a" || "b")",
                       "1 || 2",
                       "{{s.n}} + 1",
                       "{{s.n}} >= 41 and {{s.t}}",
                       "not {{s.t}}",
                       "true ? 1 : 2",
                       R"(1 == 1 ? "y" : "n")",
                       "{{s.tags}}",
                       "{{s.list}}",
                       "{{s.missing}}",
                       "PI",
                       "sqrt(16)",
                       "abs(-2)",
                       "floor(2.7)",
                       "unknown(1)",
                       "foo",
                       "1 +",
                       "(1",
                       R"("")",
                       "",
                       "add(1;;2)",
                       "add(;1)",
                       "combine(a;)",
                       "upper case(x)",
                       "[1,2,3]",
                       "count([1,2,3])",
                       R"(sum([{"a":1},{"a":2}];a))",
                       "1e3",
                       "0x10",
                       "3 > 2 > 1",
                       R"("it\"s")",
                       R"('a\nb')",
                       "add(1, 2)",
                       "min(1,2)",
                       "not(true)",
                       "round(2.5)",
                       "and(true;or(false;true))",
                       "uppercase(trim(  x  ))",
                       "combine(if({{s.t}};a;b);c)",
                       "1 in [1,2]",
                       R"("x" == "x")",
                       "{{s.n}} != 41.5",
                       "add(multiply(2;3);divide(8;4))"};

Words every_formula() {
    Words out = kOthers;
    for (const std::string& name : kOfOneValue) {
        for (const std::string& value : kValues) {
            out.push_back(name + "(" + value + ")");
        }
    }
    for (const std::string& name : kOfOneDate) {
        for (const std::string& value : kDates) {
            out.push_back(name + "(" + value + ")");
        }
    }
    for (const OfTwo& row : kOfTwoValues) {
        for (const std::string& first : row.first) {
            for (const std::string& second : row.second) {
                out.push_back(std::string(row.name) + "(" + first + ";" + second + ")");
                out.push_back(std::string(row.name) + "( " + first + " ; " + second + " )");
            }
        }
    }
    return out;
}

// What the sandbox hands over is JSON: what has no form in it is null, and an input's empty text.
std::string shown(const Json& value) {
    return value.exists() && !value.is_null() ? engine::js_stringify(value, 1 << 20).value_or("?")
                                              : "\"\"";
}

class SandboxOracle : public JsboxFixture {
  protected:
    // The formulas as inputs of a step whose scope is the oracle's data.
    Words ours(const Words& formulas) {
        engine::TemplateScope scope;
        scope.steps = *Json::parse(kData);
        std::vector<Json> inputs;
        Words asked;
        for (const std::string& formula : formulas) {
            inputs.push_back(Json::string("ap-formula-v1::{" + formula + "}::ap-formula-v1"));
            const auto first = engine::resolve_template(inputs.back(), scope);
            EXPECT_EQ(first.expressions.size(), 1U) << formula << " " << first.error;
            asked.push_back(first.expressions.empty() ? "null" : first.expressions.front());
        }
        const auto answered = evaluate(asked, kData);
        EXPECT_EQ(answered.status, engine::SandboxStatus::ok) << answered.error;
        EXPECT_EQ(answered.results.size(), formulas.size());
        Words out;
        for (std::size_t i = 0; i < answered.results.size(); ++i) {
            const engine::SandboxAnswer answer[] = {
                {answered.results[i].ok, answered.results[i].value}};
            const auto done = engine::resolve_template(inputs[i], scope, answer);
            out.push_back(done.status == engine::TemplateResult::Status::resolved
                              ? shown(done.value)
                              : "error");
        }
        return out;
    }
    Words theirs(const Words& formulas) {
        Json expressions = Json::array();
        for (const std::string& formula : formulas) {
            expressions.append(Json::string(formula));
        }
        const Json answer = oracle.ask(Json::object({{"do", Json::string("formulas")},
                                                     {"expressions", expressions},
                                                     {"data", *Json::parse(kData)}}));
        Words out;
        answer["answers"].each_element([&out](const Json& one) {
            out.push_back(one.has("error") ? "error" : shown(one["value"]));
        });
        return out;
    }

    ContractOracle oracle;
};

TEST_F(SandboxOracle, FormulasSayWhatTheEvaluatorSays) {
    start();
    const Words formulas = every_formula();
    EXPECT_GT(formulas.size(), 1500U);
    for (std::size_t at = 0; at < formulas.size(); at += kFormulasARun) {
        const auto begin = formulas.begin() + static_cast<std::ptrdiff_t>(at);
        const Words some(begin, begin + static_cast<std::ptrdiff_t>(
                                            std::min(kFormulasARun, formulas.size() - at)));
        const Words expected = theirs(some);
        const Words found = ours(some);
        ASSERT_EQ(expected.size(), some.size());
        ASSERT_EQ(found.size(), some.size());
        for (std::size_t i = 0; i < some.size(); ++i) {
            EXPECT_EQ(found[i], expected[i]) << some[i];
        }
    }
}

// Examples of the language's own reference that its evaluator refuses: words in a list are texts.
TEST_F(SandboxOracle, WordsInListsAreTexts) {
    start();
    EXPECT_EQ(ours({R"(join_list( [bug;urgent;backend] ; ", " ))", "count([a;b])",
                    "flatten( [[a;b];[c;d]] )", "combine({{s.name}} and more;x)"}),
              (Words{R"("bug, urgent, backend")", "2", R"(["a","b","c","d"])",
                     R"("Ada Lovelace and morex")"}));
}

// Intl in the sandbox and in Node.js.
TEST_F(SandboxOracle, IntlSaysWhatNodeSays) {
    start();
    const Json answer = oracle.ask(Json::object({{"do", Json::string("intl")}}));
    const Json cases = answer["cases"];
    // A Node.js with other data says nothing of dates.
    EXPECT_GT(cases.size(), answer["same_data"].boolean_or(false) ? 7000U : 3500U);
    for (std::size_t at = 0; at < cases.size(); at += kFormulasARun) {
        Words expressions;
        for (std::size_t i = at; i < std::min(cases.size(), at + kFormulasARun); ++i) {
            expressions.emplace_back(cases.at(i)["expression"].text());
        }
        const auto answered = evaluate(expressions);
        ASSERT_EQ(answered.status, engine::SandboxStatus::ok) << answered.error;
        for (std::size_t i = 0; i < expressions.size(); ++i) {
            const auto& result = answered.results[i];
            const std::string found =
                result.ok ? result.value.dump() : result.error.substr(0, result.error.find(':'));
            EXPECT_EQ(found, cases.at(at + i)["answer"].text()) << expressions[i];
        }
    }
}

}  // namespace
}  // namespace sallyport::test
