#include "engine/core/csv_table.hpp"

#include "engine/core/expressions/js_text.hpp"
#include "engine/core/lower_case.hpp"
#include "engine/core/pieces/input.hpp"
#include "engine/core/utf8_text.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::string_view kTooBig =
    " For bigger files, use the Subflows piece's \"Stream CSV to Subflows\" action, which "
    "processes "
    "the file in batches.";
constexpr std::string_view kCandidates = ",;\t|";
// What a delimiter is guessed from, in UTF-16 units and records.
constexpr std::size_t kSampleUnits = std::size_t{64} * 1024;
constexpr std::size_t kSampleRecords = 20;
constexpr std::size_t kShownBytesMax = 4096;  // of names in an error

using Counts = std::array<std::size_t, kCandidates.size()>;

bool is_blank_text(std::string_view text) {
    return js_trim_start(text).empty();
}

// How often each candidate stands outside of quotes, record by record.
std::vector<Counts> sample_counts(std::string_view text) {
    std::vector<Counts> records;
    Counts counts{};
    bool quoted = false;
    bool filled = false;
    std::size_t units = 0;
    for (std::size_t i = 0; i < text.size() && records.size() < kSampleRecords; ++i) {
        const char c = text[i];
        const auto byte = static_cast<unsigned char>(c);
        units += (byte & 0xc0U) == 0x80U ? 0 : byte >= 0xf0U ? 2 : 1;
        if (units > kSampleUnits) {
            break;
        }
        const std::size_t at = kCandidates.find(c);
        if (c == '"') {
            quoted = !quoted;
            filled = true;
        } else if (!quoted && (c == '\n' || c == '\r')) {
            if (filled) {
                records.push_back(counts);
            }
            counts = {};
            filled = false;
        } else {
            if (!quoted && at != std::string_view::npos) {
                ++counts[at];
            }
            filled = filled || byte >= 0x80U || !is_blank_text(text.substr(i, 1));
        }
    }
    if (filled && records.size() < kSampleRecords) {
        records.push_back(counts);
    }
    return records;
}

// The one that the most records have as often as the first has.
char guessed_delimiter(std::string_view text) {
    if (text.starts_with(kByteOrderMark)) {
        text.remove_prefix(kByteOrderMark.size());
    }
    const std::vector<Counts> records = sample_counts(text);
    char best = ',';
    std::pair<std::size_t, std::size_t> most{0, 0};
    for (std::size_t i = 0; i < kCandidates.size() && !records.empty(); ++i) {
        const std::size_t first = records.front()[i];
        const auto alike = static_cast<std::size_t>(
            std::count_if(records.begin(), records.end(),
                          [&](const Counts& counts) { return counts[i] == first; }));
        if (first > 0 && std::pair(alike, first) > most) {
            most = {alike, first};
            best = kCandidates[i];
        }
    }
    return best;
}

// Blank names are the column's number; what is taken gets one.
std::vector<std::string> unique_names(const CsvRecord& given, std::size_t width) {
    std::vector<std::string> names;
    std::unordered_set<std::string> taken;
    std::unordered_map<std::string, std::size_t> next;  // where to go on
    for (std::size_t i = 0; i < width; ++i) {
        std::string base = i < given.size() ? csv_trimmed(given[i]) : std::string();
        if (base.empty()) {
            base = "column_" + std::to_string(i + 1);
        }
        std::string name = base;
        std::size_t& number = next.try_emplace(base, 2).first->second;
        while (!taken.insert(name).second) {
            name = base + "_" + std::to_string(number++);
        }
        names.push_back(std::move(name));
    }
    return names;
}

Error no_column(const CsvTable& table, const std::string& name) {
    if (table.headers.empty()) {
        return Error{"The CSV is empty, so it has no column named \"" + name + "\"."};
    }
    std::string all;
    for (std::size_t i = 0; i < table.headers.size() && all.size() < kShownBytesMax; ++i) {
        all += (i == 0 ? "" : ", ") + table.headers[i];
    }
    return Error{"Column \"" + name + "\" not found. Available columns: " + all};
}

Error too_many_cells() {
    return Error{"The table has more than " + std::to_string(kCsvCellsMax) + " cells." +
                 std::string(kTooBig)};
}

}  // namespace

std::string csv_trimmed(std::string_view text) {
    return std::string(js_trim_end(js_trim_start(text)));
}

Status csv_bytes_allowed(std::size_t bytes, std::string_view label) {
    if (bytes <= kCsvBytesMax) {
        return Done{};
    }
    return Error{std::string(label) + " is larger than " + std::to_string(kCsvBytesMax >> 20U) +
                 " MB." + std::string(kTooBig)};
}

Status csv_rows_allowed(std::size_t rows) {
    if (rows <= kCsvRowsMax) {
        return Done{};
    }
    return Error{"The data has " + std::to_string(rows) + " rows; this action handles up to " +
                 std::to_string(kCsvRowsMax) + "." + std::string(kTooBig)};
}

Status csv_cells_allowed(std::size_t rows, std::size_t columns) {
    return rows > 0 && columns > kCsvCellsMax / rows ? Status(too_many_cells()) : Status(Done{});
}

Result<std::string_view> csv_text_of(const Json& value, std::string_view label) {
    if (!value.is_string()) {
        return Error{std::string(label) +
                     " must be text. Map the CSV text from an earlier step, or paste it."};
    }
    const Status allowed = csv_bytes_allowed(value.text().size(), label);
    return allowed.ok() ? Result<std::string_view>(value.text()) : allowed.error();
}

Result<char> csv_delimiter(const Json& input, std::string_view name, std::string_view text) {
    const auto chosen = input_choice(input, name, "auto", {"auto", ",", ";", "\t", "|"});
    if (!chosen.ok()) {
        return chosen.error();
    }
    return *chosen == "auto" ? guessed_delimiter(text) : chosen->front();
}

Result<std::vector<CsvRecord>> csv_records(std::string_view text, char delimiter, bool trim) {
    CsvReading how;
    how.delimiter = delimiter;
    how.lenient = true;
    how.trim = trim;
    if (text.starts_with(kByteOrderMark)) {  // one more than the reader skips, as published
        text.remove_prefix(kByteOrderMark.size());
    }
    auto records = read_csv(text, how);
    if (!records.ok()) {
        return Error{"Could not read the CSV: " + records.message() +
                     ". Check that the delimiter is right and that quoted values are closed."};
    }
    const auto is_empty = [](const CsvRecord& record) {
        return std::all_of(record.begin(), record.end(),
                           [](const std::string& cell) { return is_blank_text(cell); });
    };
    records->erase(std::remove_if(records->begin(), records->end(), is_empty), records->end());
    const Status allowed = csv_rows_allowed(records->empty() ? 0 : records->size() - 1);
    if (!allowed.ok()) {
        return allowed.error();
    }
    return records;
}

Result<CsvTable> csv_table(std::string_view text, char delimiter, CsvTableReading how) {
    auto records = csv_records(text, delimiter, how.trim);
    if (!records.ok()) {
        return records.error();
    }
    CsvTable table;
    table.delimiter = delimiter;
    if (records->empty()) {
        return table;
    }
    std::size_t width = 0;
    for (const CsvRecord& record : *records) {
        width = std::max(width, record.size());
    }
    if (const Status allowed = csv_cells_allowed(records->size(), width); !allowed.ok()) {
        return allowed.error();
    }
    table.headers = unique_names(how.header_row ? records->front() : CsvRecord(), width);
    if (how.header_row) {
        records->erase(records->begin());
    }
    for (CsvRecord& record : *records) {
        record.resize(width);
    }
    table.rows = *std::move(records);
    return table;
}

Result<CsvTable> csv_table_of(const Json& text, std::string_view label, const Json& input) {
    const auto given = csv_text_of(text, label);
    if (!given.ok()) {
        return given.error();
    }
    const auto delimiter = csv_delimiter(input, "delimiter", *given);
    if (!delimiter.ok()) {
        return delimiter.error();
    }
    return csv_table(*given, *delimiter);
}

Status csv_rows_bytes_allowed(const std::vector<std::string>& names,
                              const std::vector<CsvRecord>& rows, std::size_t begin) {
    std::size_t name_bytes = 0;
    for (const std::string& name : names) {
        name_bytes += name.size();
    }
    std::size_t bytes = name_bytes * rows.size();
    for (std::size_t i = begin; i < rows.size() && bytes <= kCsvRowsBytesMax; ++i) {
        for (const std::string& cell : rows[i]) {
            bytes += cell.size();
        }
    }
    if (bytes <= kCsvRowsBytesMax) {
        return Done{};
    }
    return Error{"The rows are larger than " + std::to_string(kCsvRowsBytesMax >> 20U) +
                 " MB with the names of their columns." + std::string(kTooBig)};
}

Result<Json> csv_rows(const CsvTable& table) {
    const Status allowed = csv_rows_bytes_allowed(table.headers, table.rows, 0);
    if (!allowed.ok()) {
        return allowed.error();
    }
    Json rows = Json::array();
    for (const CsvRecord& record : table.rows) {
        Json row = Json::object();
        for (std::size_t i = 0; i < table.headers.size(); ++i) {
            row.set(table.headers[i], Json::string(record[i]));
        }
        rows.append(row);
    }
    return rows;
}

Json csv_names(const std::vector<std::string>& names) {
    Json list = Json::array();
    for (const std::string& name : names) {
        list.append(Json::string(name));
    }
    return list;
}

std::string csv_write(const CsvTable& table, std::size_t begin, std::size_t end, bool with_header) {
    std::string out;
    if (table.headers.empty()) {
        return out;
    }
    if (with_header) {
        append_csv(out, table.headers, table.delimiter);
    }
    for (std::size_t i = begin; i < std::min(end, table.rows.size()); ++i) {
        append_csv(out, table.rows[i], table.delimiter);
    }
    return out;
}

Result<Json> csv_result(const CsvTable& table) {
    Result<Json> rows = csv_rows(table);
    if (!rows.ok()) {
        return rows.error();
    }
    return Json::object({{"csv", Json::string(csv_write(table, 0, table.rows.size(), true))},
                         {"rows", *rows},
                         {"row_count", Json::integer(static_cast<std::int64_t>(table.rows.size()))},
                         {"headers", csv_names(table.headers)}});
}

Result<std::vector<std::size_t>> csv_columns(const CsvTable& table,
                                             const std::vector<std::string>& names) {
    std::unordered_map<std::string, std::size_t> exact;
    std::unordered_map<std::string, std::vector<std::size_t>> loose;
    for (std::size_t i = 0; i < table.headers.size(); ++i) {
        exact.emplace(table.headers[i], i);
        loose[lower_case(table.headers[i])].push_back(i);
    }
    std::vector<std::size_t> columns;
    std::unordered_set<std::size_t> seen;
    for (const std::string& name : names) {
        const auto found = exact.find(name);
        const auto alike = loose.find(lower_case(name));
        if (found == exact.end() && (alike == loose.end() || alike->second.size() != 1)) {
            return no_column(table, name);
        }
        const std::size_t column = found != exact.end() ? found->second : alike->second.front();
        if (seen.insert(column).second) {
            columns.push_back(column);
        }
    }
    return columns;
}

Result<std::size_t> csv_column(const CsvTable& table, const Json& requested) {
    const std::string name = csv_trimmed(csv_cell(requested));
    if (name.empty()) {
        return Error{"Enter a column name."};
    }
    const auto columns = csv_columns(table, {name});
    return columns.ok() ? Result<std::size_t>(columns->front()) : columns.error();
}

std::vector<std::string> csv_name_list(const Json& value) {
    std::vector<std::string> names;
    const auto add = [&names](const Json& one) {
        std::string name = csv_trimmed(csv_cell(one));
        if (!name.empty()) {
            names.push_back(std::move(name));
        }
    };
    if (value.is_array()) {
        value.each_element(add);
    } else {
        add(value);
    }
    return names;
}

std::string csv_cell(const Json& value) {
    const bool structured = value.is_object() || value.is_array();
    const bool nothing = !value.exists() || value.is_null() || (structured && value.size() == 0);
    return nothing ? std::string() : value_text(value);
}

}  // namespace sallyport::engine
