// Routers: every operator, groups, fallback, and which branches run.
#include "engine/core/runs/router.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {
namespace {

struct Case {
    std::string_view name;
    std::string_view first;  // JSON; empty: not given
    std::string_view second;
    bool holds;
    bool case_sensitive = false;
};

const Case kCases[] = {
    {"TEXT_CONTAINS", R"("Hello World")", R"("WORLD")", true},
    {"TEXT_CONTAINS", R"("Hello World")", R"("WORLD")", false, true},
    {"TEXT_CONTAINS", R"("ÄPFEL")", R"("äpf")", true},
    {"TEXT_CONTAINS", R"({"a":1})", R"("\"a\":1")", true},
    {"TEXT_CONTAINS", R"("x")", R"("")", true},
    {"TEXT_DOES_NOT_CONTAIN", R"("Hello")", R"("hell")", false},
    {"TEXT_DOES_NOT_CONTAIN", R"("Hello")", R"("bye")", true},
    {"TEXT_EXACTLY_MATCHES", R"("A")", R"("a")", true},
    {"TEXT_EXACTLY_MATCHES", R"("A")", R"("a")", false, true},
    {"TEXT_EXACTLY_MATCHES", "5", R"("5")", true},
    {"TEXT_EXACTLY_MATCHES", "[1,2]", R"("[1,2]")", true},
    {"TEXT_DOES_NOT_EXACTLY_MATCH", R"("A")", R"("b")", true},
    {"TEXT_DOES_NOT_EXACTLY_MATCH", R"("A")", R"("a")", false},
    {"TEXT_START_WITH", R"("Hello")", R"("he")", true},
    {"TEXT_START_WITH", R"("Hello")", R"("lo")", false},
    {"TEXT_DOES_NOT_START_WITH", R"("Hello")", R"("lo")", true},
    {"TEXT_DOES_NOT_START_WITH", R"("Hello")", R"("HE")", false},
    {"TEXT_ENDS_WITH", R"("Hello")", R"("LO")", true},
    {"TEXT_ENDS_WITH", R"("Hello")", R"("he")", false},
    {"TEXT_DOES_NOT_END_WITH", R"("Hello")", R"("he")", true},
    {"TEXT_DOES_NOT_END_WITH", R"("Hello")", R"("LO")", false},
    {"NUMBER_IS_GREATER_THAN", "10", R"("9")", true},
    {"NUMBER_IS_GREATER_THAN", R"("10")", R"("9")", true},
    {"NUMBER_IS_GREATER_THAN", R"("b")", R"("a")", true},
    {"NUMBER_IS_GREATER_THAN", R"("b")", "1", false},
    {"NUMBER_IS_GREATER_THAN", "1", "1", false},
    {"NUMBER_IS_LESS_THAN", R"("-3")", "0", true},
    {"NUMBER_IS_LESS_THAN", R"("x")", "0", false},
    {"NUMBER_IS_LESS_THAN", "2", "1.5", false},
    {"NUMBER_IS_EQUAL_TO", R"("1.0")", "1", true},
    {"NUMBER_IS_EQUAL_TO", R"("0x10")", "16", true},
    {"NUMBER_IS_EQUAL_TO", R"("abc")", R"("abc")", true},
    {"NUMBER_IS_EQUAL_TO", R"("abc")", "1", false},
    {"BOOLEAN_IS_TRUE", "true", "", true},
    {"BOOLEAN_IS_TRUE", R"("yes")", "", true},
    {"BOOLEAN_IS_TRUE", "0", "", false},
    {"BOOLEAN_IS_TRUE", R"("")", "", false},
    {"BOOLEAN_IS_FALSE", "false", "", true},
    {"BOOLEAN_IS_FALSE", "null", "", true},
    {"BOOLEAN_IS_FALSE", "[]", "", false},
    {"DATE_IS_BEFORE", R"("2026-01-01")", R"("2026-01-02T00:00:00Z")", true},
    {"DATE_IS_BEFORE", R"("2026-01-02")", R"("2026-01-02")", false},
    {"DATE_IS_BEFORE", R"("soon")", R"("2026-01-02")", false},
    {"DATE_IS_EQUAL", R"("2026-01-01T01:00:00+01:00")", R"("2026-01-01T00:00:00Z")", true},
    {"DATE_IS_EQUAL", R"("soon")", R"("soon")", false},
    {"DATE_IS_AFTER", R"("2026-01-03")", R"("2026-01-02")", true},
    {"DATE_IS_AFTER", R"("2026-01-01")", R"("2026-01-02")", false},
    {"LIST_CONTAINS", R"(["A","b"])", R"("a")", true},
    {"LIST_CONTAINS", R"(["A","b"])", R"("a")", false, true},
    {"LIST_CONTAINS", R"("[1,2]")", "2", true},
    {"LIST_CONTAINS", R"("plain")", R"("plain")", true},
    {"LIST_DOES_NOT_CONTAIN", "[1,2]", "3", true},
    {"LIST_DOES_NOT_CONTAIN", "[1,2]", "2", false},
    {"LIST_IS_EMPTY", "[]", "", true},
    {"LIST_IS_EMPTY", R"("[]")", "", true},
    {"LIST_IS_EMPTY", "[0]", "", false},
    {"LIST_IS_NOT_EMPTY", "[0]", "", true},
    {"LIST_IS_NOT_EMPTY", "[]", "", false},
    {"EXISTS", "0", "", true},
    {"EXISTS", R"("")", "", false},
    {"EXISTS", "null", "", false},
    {"EXISTS", "", "", false},
    {"DOES_NOT_EXIST", "", "", true},
    {"DOES_NOT_EXIST", "false", "", false},
};

Json json(std::string_view text) {
    const Result<Json> parsed = Json::parse(text);
    EXPECT_TRUE(parsed.ok()) << text;
    return parsed.ok() ? *parsed : Json();
}

TEST(Router, Operators) {
    for (const Case& test : kCases) {
        Json condition = Json::object({{"operator", Json::string(test.name)}});
        if (!test.first.empty()) {
            condition.set("firstValue", json(test.first));
        }
        if (!test.second.empty()) {
            condition.set("secondValue", json(test.second));
        }
        condition.set("caseSensitive", Json::boolean(test.case_sensitive));
        const Result<bool> holds = evaluate_condition(condition);
        ASSERT_TRUE(holds.ok()) << condition.dump();
        EXPECT_EQ(*holds, test.holds) << condition.dump();
    }
}

TEST(Router, AnUnknownOperatorIsAnError) {
    const Result<bool> holds = evaluate_condition(json(R"({"operator":"NUMBER_IS_PRIME"})"));
    ASSERT_FALSE(holds.ok());
    EXPECT_EQ(holds.message(), "A condition has the unknown operator 'NUMBER_IS_PRIME'");
    EXPECT_FALSE(
        evaluate_router(
            json(R"({"branches":[{"branchType":"CONDITION","conditions":[[{"operator":"X"}]]}]})"))
            .ok());
    EXPECT_FALSE(evaluate_router(json("{}")).ok());
}

const std::string kYes = R"([[{"operator":"BOOLEAN_IS_TRUE","firstValue":true}]])";
const std::string kNo = R"([[{"operator":"BOOLEAN_IS_TRUE","firstValue":false}]])";
// No in the first group, yes in the second; and the two joined in one group.
const std::string kEither =
    R"([[{"operator":"EXISTS"}],[{"operator":"BOOLEAN_IS_TRUE","firstValue":true}]])";
const std::string kBoth =
    R"([[{"operator":"EXISTS"},{"operator":"BOOLEAN_IS_TRUE","firstValue":true}]])";

std::string condition(const std::string& groups) {
    return R"({"branchName":"b","branchType":"CONDITION","conditions":)" + groups + "}";
}
const std::string kFallback = R"({"branchName":"else","branchType":"FALLBACK"})";

TEST(Router, GroupsFallbackAndWhichBranchesRun) {
    struct Choice {
        std::vector<std::string> branches;
        std::string_view execution;
        std::vector<std::size_t> run;
    };
    const Choice choices[] = {
        {{condition(kYes), condition(kYes), kFallback}, "EXECUTE_FIRST_MATCH", {0}},
        {{condition(kYes), condition(kYes), kFallback}, "EXECUTE_ALL_MATCH", {0, 1}},
        {{condition(kNo), condition(kNo), kFallback}, "EXECUTE_FIRST_MATCH", {2}},
        {{condition(kNo), kFallback, condition(kYes)}, "EXECUTE_FIRST_MATCH", {2}},
        {{condition(kEither), kFallback}, "EXECUTE_ALL_MATCH", {0}},
        {{condition(kBoth), kFallback}, "EXECUTE_ALL_MATCH", {1}},
        {{condition("[]")}, "EXECUTE_ALL_MATCH", {}},
        {{}, "EXECUTE_ALL_MATCH", {}},
    };
    for (const Choice& choice : choices) {
        std::string list;
        for (const std::string& branch : choice.branches) {
            list += (list.empty() ? "" : ",") + branch;
        }
        const Json settings = json(R"({"executionType":")" + std::string(choice.execution) +
                                   R"(","branches":[)" + list + "]}");
        const Result<Json> output = evaluate_router(settings);
        ASSERT_TRUE(output.ok());
        EXPECT_EQ(branches_to_run(settings, *output), choice.run) << settings.dump();
    }
}

}  // namespace
}  // namespace sallyport::engine
