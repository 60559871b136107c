#include "engine/core/runs/router.hpp"

#include "engine/core/expressions/js_text.hpp"
#include "engine/core/lower_case.hpp"
#include "engine/core/time_text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

namespace sallyport::engine {
namespace {

// Text of one operand; what a template may become is bounded elsewhere.
constexpr std::size_t kOperandBytesMax = 4 * 1024 * 1024;

std::string text_of(const Json& value) {
    if (value.is_string()) {
        return std::string(value.text());
    }
    return value.exists() ? js_stringify(value, kOperandBytesMax).value_or("") : "";
}

struct Operands {
    Json first;
    Json second;
    bool case_sensitive = false;

    std::string text(const Json& value) const {
        std::string plain = text_of(value);
        return case_sensitive ? plain : lower_case(plain);
    }
    std::string first_text() const { return text(first); }
    std::string second_text() const { return text(second); }
};

// ---- numbers: Number(x), or x as text where that is no number

struct NumberOrText {
    double number = 0;
    std::string text;  // used when `number` is NaN
};

NumberOrText number_of(const Json& value) {
    if (value.is_number()) {
        return {value.number_or(0), {}};
    }
    std::string text = text_of(value);
    const double number = js_text_to_number(text);
    return {number, std::move(text)};
}

// Negative, zero or positive; nothing when the two do not compare.
std::optional<int> compare_numbers(const Operands& on) {
    const NumberOrText a = number_of(on.first);
    const NumberOrText b = number_of(on.second);
    if (std::isnan(a.number) && std::isnan(b.number)) {
        return js_compare(a.text, b.text);
    }
    if (std::isnan(a.number) || std::isnan(b.number)) {
        return std::nullopt;
    }
    return a.number < b.number ? -1 : a.number > b.number ? 1 : 0;
}

// ---- dates

std::optional<std::int64_t> date_of(const Json& value) {
    if (value.is_number()) {
        return static_cast<std::int64_t>(value.number_or(0));
    }
    return parse_iso_time(value.text());
}

std::optional<int> compare_dates(const Operands& on) {
    const auto a = date_of(on.first);
    const auto b = date_of(on.second);
    if (!a || !b) {
        return std::nullopt;
    }
    return *a < *b ? -1 : *a > *b ? 1 : 0;
}

// ---- lists: a list, JSON text of one, or one thing

Json list_of(const Json& value) {
    Json parsed = value;
    if (value.is_string()) {
        const Result<Json> read = Json::parse(value.text());
        parsed = read.ok() ? *read : value;
    }
    if (parsed.is_array()) {
        return parsed;
    }
    Json list = Json::array();
    list.append(parsed);
    return list;
}

bool list_contains(const Operands& on) {
    const std::string wanted = on.second_text();
    bool found = false;
    list_of(on.first).each_element(
        [&](const Json& item) { found = found || on.text(item) == wanted; });
    return found;
}

bool exists(const Json& value) {
    return value.exists() && !value.is_null() && !(value.is_string() && value.text().empty());
}

// ---- the table

using ConditionOperator = bool (*)(const Operands&);

constexpr std::array<std::pair<std::string_view, ConditionOperator>, 22> kConditionOperators = {{
    {"TEXT_CONTAINS",
     [](const Operands& on) {
         return on.first_text().find(on.second_text()) != std::string::npos;
     }},
    {"TEXT_DOES_NOT_CONTAIN",
     [](const Operands& on) {
         return on.first_text().find(on.second_text()) == std::string::npos;
     }},
    {"TEXT_EXACTLY_MATCHES",
     [](const Operands& on) { return on.first_text() == on.second_text(); }},
    {"TEXT_DOES_NOT_EXACTLY_MATCH",
     [](const Operands& on) { return on.first_text() != on.second_text(); }},
    {"TEXT_START_WITH",
     [](const Operands& on) { return on.first_text().starts_with(on.second_text()); }},
    {"TEXT_DOES_NOT_START_WITH",
     [](const Operands& on) { return !on.first_text().starts_with(on.second_text()); }},
    {"TEXT_ENDS_WITH",
     [](const Operands& on) { return on.first_text().ends_with(on.second_text()); }},
    {"TEXT_DOES_NOT_END_WITH",
     [](const Operands& on) { return !on.first_text().ends_with(on.second_text()); }},
    {"NUMBER_IS_GREATER_THAN",
     [](const Operands& on) { return compare_numbers(on).value_or(0) > 0; }},
    {"NUMBER_IS_LESS_THAN", [](const Operands& on) { return compare_numbers(on).value_or(0) < 0; }},
    {"NUMBER_IS_EQUAL_TO", [](const Operands& on) { return compare_numbers(on).value_or(1) == 0; }},
    {"BOOLEAN_IS_TRUE", [](const Operands& on) { return js_truth(on.first); }},
    {"BOOLEAN_IS_FALSE", [](const Operands& on) { return !js_truth(on.first); }},
    {"DATE_IS_BEFORE", [](const Operands& on) { return compare_dates(on).value_or(0) < 0; }},
    {"DATE_IS_EQUAL", [](const Operands& on) { return compare_dates(on).value_or(1) == 0; }},
    {"DATE_IS_AFTER", [](const Operands& on) { return compare_dates(on).value_or(0) > 0; }},
    {"LIST_CONTAINS", [](const Operands& on) { return list_contains(on); }},
    {"LIST_DOES_NOT_CONTAIN", [](const Operands& on) { return !list_contains(on); }},
    {"LIST_IS_EMPTY", [](const Operands& on) { return list_of(on.first).size() == 0; }},
    {"LIST_IS_NOT_EMPTY", [](const Operands& on) { return list_of(on.first).size() != 0; }},
    {"EXISTS", [](const Operands& on) { return exists(on.first); }},
    {"DOES_NOT_EXIST", [](const Operands& on) { return !exists(on.first); }},
}};

// OR over groups, AND inside one.
Result<bool> evaluate_groups(const Json& groups) {
    for (std::size_t i = 0; i < groups.size(); ++i) {
        const Json group = groups.at(i);
        bool all = true;
        for (std::size_t k = 0; k < group.size() && all; ++k) {
            Result<bool> holds = evaluate_condition(group.at(k));
            if (!holds.ok()) {
                return holds;
            }
            all = *holds;
        }
        if (all) {
            return true;
        }
    }
    return false;
}

bool is_fallback(const Json& branch) {
    return branch["branchType"].text() == "FALLBACK";
}

}  // namespace

Result<bool> evaluate_condition(const Json& condition) {
    const std::string_view name = condition["operator"].text();
    const auto found = std::find_if(kConditionOperators.begin(), kConditionOperators.end(),
                                    [name](const auto& row) { return row.first == name; });
    if (found == kConditionOperators.end()) {
        return Error{"A condition has the unknown operator '" + std::string(name) + "'"};
    }
    return found->second(
        {condition["firstValue"], condition["secondValue"], condition["caseSensitive"].is_true()});
}

Result<Json> evaluate_router(const Json& input) {
    const Json branches = input["branches"];
    if (!branches.is_array()) {
        return Error{"The router has no branches"};
    }
    std::vector<bool> evaluations(branches.size());
    bool any = false;
    for (std::size_t i = 0; i < branches.size(); ++i) {
        if (is_fallback(branches.at(i))) {
            continue;
        }
        const Result<bool> holds = evaluate_groups(branches.at(i)["conditions"]);
        if (!holds.ok()) {
            return holds.error();
        }
        evaluations[i] = *holds;
        any = any || *holds;
    }
    Json out = Json::array();
    for (std::size_t i = 0; i < branches.size(); ++i) {
        const bool taken = is_fallback(branches.at(i)) ? !any : evaluations[i];
        out.append(Json::object({{"branchName", Json::string(branches.at(i)["branchName"].text())},
                                 {"branchIndex", Json::integer(static_cast<std::int64_t>(i) + 1)},
                                 {"evaluation", Json::boolean(taken)}}));
    }
    return Json::object({{"branches", out}});
}

std::vector<std::size_t> branches_to_run(const Json& settings, const Json& output) {
    const bool first_only = settings["executionType"].text() == "EXECUTE_FIRST_MATCH";
    const Json branches = output["branches"];
    std::vector<std::size_t> chosen;
    for (std::size_t i = 0; i < branches.size(); ++i) {
        if (branches.at(i)["evaluation"].is_true()) {
            chosen.push_back(i);
            if (first_only) {
                break;
            }
        }
    }
    return chosen;
}

}  // namespace sallyport::engine
