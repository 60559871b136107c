#include "engine/core/record_filter.hpp"

#include "engine/core/expressions/js_text.hpp"
#include "engine/core/lower_case.hpp"
#include "engine/core/time_text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

namespace sallyport::engine {
namespace {

using Operator = RecordFilter::Operator;

constexpr std::string_view kParameter = "filters";
// More says nothing that fewer could not, and each is looked at for each record.
constexpr std::size_t kFiltersMax = 100;

constexpr std::array<std::pair<std::string_view, Operator>, 9> kFilterOperators = {{
    {"eq", Operator::eq},
    {"neq", Operator::neq},
    {"gt", Operator::gt},
    {"gte", Operator::gte},
    {"lt", Operator::lt},
    {"lte", Operator::lte},
    {"co", Operator::co},
    {"exists", Operator::exists},
    {"not_exists", Operator::not_exists},
}};

// `filters[3][value]` as {"3", "value"}.
std::optional<std::pair<std::string, std::string>> part_of(std::string_view name) {
    if (!name.starts_with(kParameter) || !name.ends_with(']')) {
        return std::nullopt;
    }
    name.remove_prefix(kParameter.size());
    const std::size_t middle = name.find("][");
    if (!name.starts_with('[') || middle == std::string_view::npos) {
        return std::nullopt;
    }
    return std::pair(std::string(name.substr(1, middle - 1)),
                     std::string(name.substr(middle + 2, name.size() - middle - 3)));
}

Status add_filter(const Json& given, std::vector<RecordFilter>& filters) {
    const std::string_view wanted = given["operator"].text_or("eq");
    const auto known = std::find_if(kFilterOperators.begin(), kFilterOperators.end(),
                                    [wanted](const auto& one) { return one.first == wanted; });
    if (given["fieldId"].text().empty() || known == kFilterOperators.end()) {
        return Error{
            "querystring/filters must have fieldId and operator, one of eq, neq, gt, gte, lt, "
            "lte, co, exists, not_exists"};
    }
    const bool unary = known->second == Operator::exists || known->second == Operator::not_exists;
    if (!unary && !given["value"].is_string()) {
        return Error{"querystring/filters must have a value with this operator"};
    }
    if (filters.size() == kFiltersMax) {
        return Error{"querystring/filters must have at most " + std::to_string(kFiltersMax)};
    }
    filters.push_back(
        {std::string(given["fieldId"].text()), known->second, std::string(given["value"].text())});
    return Done{};
}

Status add_json(std::string_view text, std::vector<RecordFilter>& filters) {
    const Result<Json> given = Json::parse(text);
    if (!given.ok() || (!given->is_object() && !given->is_array())) {
        return Error{"querystring/filters must be filters[0][fieldId]=… or JSON"};
    }
    if (given->is_object()) {
        return add_filter(*given, filters);
    }
    Status status = Done{};
    given->each_element(
        [&](const Json& one) { status = status.ok() ? add_filter(one, filters) : status; });
    return status;
}

// As a number to compare: a time for dates.
std::optional<double> measure(std::string_view text, bool date) {
    if (date) {
        const auto at_ms = parse_iso_time(std::string(text));
        return at_ms ? std::optional(static_cast<double>(*at_ms)) : std::nullopt;
    }
    const double number = js_parse_float(text);
    return std::isnan(number) ? std::nullopt : std::optional(number);
}

bool compares(Operator comparison, double cell, double value) {
    switch (comparison) {
        case Operator::gt:
            return cell > value;
        case Operator::gte:
            return cell >= value;
        case Operator::lt:
            return cell < value;
        case Operator::lte:
            return cell <= value;
        case Operator::eq:
        case Operator::neq:
        case Operator::co:
        case Operator::exists:
        case Operator::not_exists:
            break;
    }
    return false;
}

bool passes_one(const Json& cell, const RecordFilter& filter, bool date) {
    const Json value = cell["value"];
    const bool empty = value.text().empty();
    switch (filter.comparison) {
        case Operator::exists:
            return !empty;
        case Operator::not_exists:
            return empty;
        case Operator::eq:
            return value.is_string() && value.text() == filter.value;
        case Operator::neq:
            return cell.exists() && (!value.is_string() || value.text() != filter.value);
        case Operator::co:
            return value.is_string() &&
                   lower_case(value.text()).find(lower_case(filter.value)) != std::string::npos;
        case Operator::gt:
        case Operator::gte:
        case Operator::lt:
        case Operator::lte:
            break;
    }
    const auto left = measure(value.text(), date);
    const auto right = measure(filter.value, date);
    return left && right && compares(filter.comparison, *left, *right);
}

}  // namespace

Result<std::vector<RecordFilter>> read_record_filters(
    const std::vector<std::pair<std::string, std::string>>& query) {
    std::vector<RecordFilter> filters;
    std::vector<std::pair<std::string, Json>> parts;  // by the index as written
    Status status = Done{};
    for (const auto& [name, value] : query) {
        if (name == kParameter || name == "filters[]") {
            status = add_json(value, filters);
        } else if (const auto part = part_of(name)) {
            auto found = std::find_if(parts.begin(), parts.end(), [&part](const auto& one) {
                return one.first == part->first;
            });
            if (found == parts.end() && parts.size() < kFiltersMax) {
                found = parts.insert(parts.end(), {part->first, Json::object()});
            }
            if (found != parts.end()) {
                found->second.set(part->second, Json::string(value));
            }
        }
        if (!status.ok()) {
            return status.error();
        }
    }
    for (const auto& [index, given] : parts) {
        status = add_filter(given, filters);
        if (!status.ok()) {
            return status.error();
        }
    }
    return filters;
}

bool passes(const Json& cells, const std::vector<RecordFilter>& filters, const FieldTypes& types) {
    return std::all_of(filters.begin(), filters.end(), [&](const RecordFilter& filter) {
        const auto type = types.find(filter.field_id);
        return passes_one(cells[filter.field_id], filter,
                          type != types.end() && type->second == "DATE");
    });
}

}  // namespace sallyport::engine
