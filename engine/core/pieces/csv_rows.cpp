// The CSV piece's steps on the rows of a text: those that a condition holds for, one of each, some
// of the columns, several texts as one, one text in parts.
#include "engine/core/expressions/js_text.hpp"
#include "engine/core/lower_case.hpp"
#include "engine/core/pieces/csv.hpp"
#include "engine/core/pieces/input.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <optional>
#include <unordered_map>
#include <unordered_set>

namespace sallyport::engine {
namespace {

constexpr std::int64_t kChunkRowsMax = 10'000;  // as published
// The names of the columns stand in every part: long ones make much of little.
constexpr std::size_t kPartsBytesMax = 2 * kCsvBytesMax;

Result<CsvTable> table_of(const Json& input) {
    return csv_table_of(input["csv_text"], "CSV Text", input);
}

// A list, or the text of one.
std::vector<std::string> names_of(const Json& input, std::string_view name) {
    const Json list = input_json(input, name);
    return csv_name_list(list.is_array() ? list : input[name]);
}

std::optional<double> cell_number(const std::string& trimmed) {
    const double number = trimmed.empty() ? std::nan("") : js_text_to_number(trimmed);
    return std::isfinite(number) ? std::optional(number) : std::nullopt;
}

struct Condition {
    std::string name;
    std::string value;  // trimmed
    bool case_sensitive = false;
    std::optional<double> number = {};  // of `value`

    std::string plain(std::string text) const { return case_sensitive ? text : lower_case(text); }

    // Nothing when the cell has no place in any order.
    std::optional<double> order(const std::string& cell) const {
        if (cell.empty()) {
            return std::nullopt;
        }
        const auto own = cell_number(cell);
        return own && number ? *own - *number : js_compare(plain(cell), plain(value));
    }
};

using Holds = std::function<bool(const std::string& trimmed_cell, const Condition& condition)>;

const std::unordered_map<std::string, Holds>& conditions() {
    const auto ordered = [](auto test) -> Holds {
        return [test](const std::string& cell, const Condition& is) {
            const auto order = is.order(cell);
            return order && test(*order);
        };
    };
    const auto plain = [](auto test) -> Holds {
        return [test](const std::string& cell, const Condition& is) {
            return test(is.plain(cell), is.plain(is.value));
        };
    };
    using Text = const std::string&;
    static const std::unordered_map<std::string, Holds> kConditions = {
        {"equals", plain([](Text a, Text b) { return a == b; })},
        {"not_equals", plain([](Text a, Text b) { return a != b; })},
        {"contains", plain([](Text a, Text b) { return a.find(b) != std::string::npos; })},
        {"not_contains", plain([](Text a, Text b) { return a.find(b) == std::string::npos; })},
        {"starts_with", plain([](Text a, Text b) { return a.starts_with(b); })},
        {"ends_with", plain([](Text a, Text b) { return a.ends_with(b); })},
        {"is_empty", plain([](Text a, Text) { return a.empty(); })},
        {"is_not_empty", plain([](Text a, Text) { return !a.empty(); })},
        {"greater_than", ordered([](double order) { return order > 0; })},
        {"greater_or_equal", ordered([](double order) { return order >= 0; })},
        {"less_than", ordered([](double order) { return order < 0; })},
        {"less_or_equal", ordered([](double order) { return order <= 0; })}};
    return kConditions;
}

Result<Condition> condition_of(const Json& input) {
    Condition condition;
    condition.name = *input_text_or(input, "condition", "equals");
    condition.value = csv_trimmed(*input_text_or(input, "value", ""));
    condition.case_sensitive = input_flag(input, "case_sensitive");
    condition.number = cell_number(condition.value);
    if (!conditions().contains(condition.name)) {
        return Error{"Unknown condition \"" + condition.name + "\"."};
    }
    const std::vector<std::string_view> alone = {"is_empty", "is_not_empty", "equals",
                                                 "not_equals"};
    if (condition.value.empty() &&
        std::find(alone.begin(), alone.end(), condition.name) == alone.end()) {
        std::string words = condition.name;
        std::replace(words.begin(), words.end(), '_', ' ');
        return Error{"Enter a value to compare with for the \"" + words + "\" condition."};
    }
    return condition;
}

// What rows have alike: the texts of these columns, told apart by their lengths.
std::string signature(const CsvRecord& row, const std::vector<std::size_t>& columns, bool trim,
                      bool lower) {
    std::string signature;
    for (const std::size_t column : columns) {
        std::string cell = trim ? csv_trimmed(row[column]) : row[column];
        cell = lower ? lower_case(cell) : cell;
        signature += std::to_string(cell.size()) + ":" + cell;
    }
    return signature;
}

// The table with these columns alone, in this order.
CsvTable with_columns(const CsvTable& table, const std::vector<std::size_t>& columns) {
    CsvTable out;
    out.delimiter = table.delimiter;
    for (const std::size_t column : columns) {
        out.headers.push_back(table.headers[column]);
    }
    for (const CsvRecord& row : table.rows) {
        CsvRecord& record = out.rows.emplace_back();
        for (const std::size_t column : columns) {
            record.push_back(row[column]);
        }
    }
    return out;
}

Result<std::vector<CsvTable>> tables_of(const Json& texts, const Json& input) {
    std::vector<CsvTable> tables;
    std::size_t cells = 0;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        auto table = csv_table_of(texts.at(i), "CSV Text " + std::to_string(i + 1), input);
        if (!table.ok()) {
            return table.error();
        }
        cells += table->rows.size() * table->headers.size();
        if (const Status allowed = csv_cells_allowed(cells, 1); !allowed.ok()) {
            return allowed.error();
        }
        tables.push_back(*std::move(table));
    }
    return tables;
}

}  // namespace

Result<Json> filter_csv_rows(const Json& input, const PieceWorld&) {
    auto table = table_of(input);
    if (!table.ok()) {
        return table.error();
    }
    const auto column = csv_column(*table, input["column"]);
    if (!column.ok()) {
        return column.error();
    }
    const auto condition = condition_of(input);
    if (!condition.ok()) {
        return condition.error();
    }
    const Holds& holds = conditions().at(condition->name);
    table->rows.erase(std::remove_if(table->rows.begin(), table->rows.end(),
                                     [&](const CsvRecord& row) {
                                         return !holds(csv_trimmed(row[*column]), *condition);
                                     }),
                      table->rows.end());
    return csv_result(*table);
}

Result<Json> remove_duplicate_csv_rows(const Json& input, const PieceWorld&) {
    auto table = table_of(input);
    if (!table.ok()) {
        return table.error();
    }
    const std::vector<std::string> names = names_of(input, "key_columns");
    const auto columns = csv_columns(*table, names.empty() ? table->headers : names);
    if (!columns.ok()) {
        return columns.error();
    }
    const bool trim = input_flag(input, "trim_whitespace", true);
    const bool lower = !input_flag(input, "case_sensitive", true);
    const bool last = *input_text_or(input, "keep", "first") == "last";
    std::unordered_set<std::string> seen;
    const auto repeated = [&](const CsvRecord& row) {
        return !seen.insert(signature(row, *columns, trim, lower)).second;
    };
    std::vector<CsvRecord>& rows = table->rows;
    const std::size_t before = rows.size();
    if (last) {
        std::reverse(rows.begin(), rows.end());
    }
    rows.erase(std::remove_if(rows.begin(), rows.end(), repeated), rows.end());
    if (last) {
        std::reverse(rows.begin(), rows.end());
    }
    Result<Json> result = csv_result(*table);
    if (result.ok()) {
        result->set("removed_count",
                    Json::integer(static_cast<std::int64_t>(before - rows.size())));
    }
    return result;
}

Result<Json> select_csv_columns(const Json& input, const PieceWorld&) {
    const auto table = table_of(input);
    if (!table.ok()) {
        return table.error();
    }
    const std::vector<std::string> names = names_of(input, "columns");
    if (names.empty()) {
        return Error{"List at least one column."};
    }
    auto columns = csv_columns(*table, names);
    if (!columns.ok()) {
        return columns.error();
    }
    if (*input_text_or(input, "mode", "keep") == "remove") {
        const std::unordered_set<std::size_t> gone(columns->begin(), columns->end());
        columns->clear();
        for (std::size_t i = 0; i < table->headers.size(); ++i) {
            if (!gone.contains(i)) {
                columns->push_back(i);
            }
        }
    }
    return csv_result(with_columns(*table, *columns));
}

Result<Json> merge_csv(const Json& input, const PieceWorld&) {
    const Json texts = input_json(input, "csv_texts");
    if (!texts.is_array() || texts.size() < 2) {
        return Error{"Add at least two CSV texts to merge."};
    }
    auto tables = tables_of(texts, input);
    if (!tables.ok()) {
        return tables.error();
    }
    CsvTable merged;
    merged.delimiter = tables->front().delimiter;
    std::unordered_map<std::string, std::size_t> places;
    std::size_t total = 0;
    for (const CsvTable& table : *tables) {
        total += table.rows.size();
        for (const std::string& name : table.headers) {
            if (places.emplace(name, merged.headers.size()).second) {
                merged.headers.push_back(name);
            }
        }
    }
    for (const Status& allowed :
         {csv_rows_allowed(total), csv_cells_allowed(total, merged.headers.size())}) {
        if (!allowed.ok()) {
            return allowed.error();
        }
    }
    for (CsvTable& table : *tables) {
        for (CsvRecord& row : table.rows) {
            CsvRecord& wide = merged.rows.emplace_back(merged.headers.size());
            for (std::size_t i = 0; i < row.size(); ++i) {
                wide[places[table.headers[i]]] = std::move(row[i]);
            }
        }
    }
    return csv_result(merged);
}

Result<Json> split_csv(const Json& input, const PieceWorld&) {
    const auto size = input_whole(input, "rows_per_chunk", 1, kChunkRowsMax);
    if (!size.ok()) {
        return Error{"Rows per Chunk must be a whole number from 1 to 10000."};
    }
    const auto table = table_of(input);
    if (!table.ok()) {
        return table.error();
    }
    const bool repeated = input_flag(input, "repeat_header", true);
    const auto step = static_cast<std::size_t>(*size);
    Json chunks = Json::array();
    std::size_t bytes = 0;
    for (std::size_t begin = 0; begin < table->rows.size(); begin += step) {
        const std::size_t end = std::min(begin + step, table->rows.size());
        const std::string csv = csv_write(*table, begin, end, repeated || begin == 0);
        bytes += csv.size();
        if (bytes > kPartsBytesMax) {
            return Error{"The chunks are larger than " + std::to_string(kPartsBytesMax >> 20U) +
                         " MB: the column names stand in each of them."};
        }
        chunks.append(
            Json::object({{"index", Json::integer(static_cast<std::int64_t>(chunks.size()) + 1)},
                          {"csv", Json::string(csv)},
                          {"row_count", Json::integer(static_cast<std::int64_t>(end - begin))}}));
    }
    return Json::object(
        {{"chunks", chunks},
         {"chunk_count", Json::integer(static_cast<std::int64_t>(chunks.size()))},
         {"total_rows", Json::integer(static_cast<std::int64_t>(table->rows.size()))},
         {"headers", csv_names(table->headers)}});
}

}  // namespace sallyport::engine
