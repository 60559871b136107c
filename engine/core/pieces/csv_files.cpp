// The CSV piece's steps that read or make files, and those that go through the sandbox: what is
// wanted there, and what is made of the answer.
#include "common/bytes.hpp"
#include "engine/core/expressions/js_text.hpp"
#include "engine/core/pieces/csv.hpp"
#include "engine/core/pieces/input.hpp"
#include "engine/core/utf8_text.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <unordered_map>
#include <unordered_set>

namespace sallyport::engine {
namespace {

constexpr std::size_t kSheetNameUnitsMax = 31;
// One step's files are kept at once, each with a row of its own in the store.
constexpr std::size_t kChunksMax = 1000;
// The names of the columns stand in every file: long ones make much of little.
constexpr std::size_t kChunksBytesMax = 50U << 20U;

bool is_workbook(std::string_view data) {
    return data.starts_with("PK") || data.starts_with("\xd0\xcf");
}

std::string from_utf16(std::string_view data, bool big_endian) {
    const auto unit = [&](std::size_t at) {
        const auto high = static_cast<unsigned char>(data[at + (big_endian ? 0 : 1)]);
        const auto low = static_cast<unsigned char>(data[at + (big_endian ? 1 : 0)]);
        return static_cast<char32_t>((high << 8U) | low);
    };
    constexpr char32_t kReplacement = 0xfffd;
    std::string out;
    for (std::size_t at = 0; at + 1 < data.size(); at += 2) {
        const char32_t first = unit(at);
        const bool high = first >= 0xd800 && first < 0xdc00;
        const char32_t second = high && at + 3 < data.size() ? unit(at + 2) : 0;
        if (second >= 0xdc00 && second < 0xe000) {
            append_utf8(out, 0x10000 + ((first - 0xd800) << 10U) + (second - 0xdc00));
            at += 2;
        } else {
            append_utf8(out, first >= 0xd800 && first < 0xe000 ? kReplacement : first);
        }
    }
    return out;
}

// Text of a file: UTF-16 where a mark says so, UTF-8 otherwise; what is neither becomes U+FFFD.
std::string text_of_bytes(std::string_view data) {
    if (data.starts_with("\xff\xfe") || data.starts_with("\xfe\xff")) {
        return from_utf16(data.substr(2), data.starts_with("\xfe"));
    }
    return std::string(Json::string(data).text());
}

// REQUIRES: a delimiter was chosen among these in the form, or none was.
Result<char> one_of(const Json& input, std::string_view name, std::vector<std::string_view> all) {
    const auto chosen = input_choice(input, name, ",", all);
    return chosen.ok() ? Result<char>(chosen->front()) : chosen.error();
}

Result<Json> rows_given(const Json& input) {
    const Json given = input["json_array"];
    const Json list = input_json(input, "json_array");
    if (given.is_string() && list.is_string()) {
        return Error{R"(Rows must be a JSON array, for example [{"name":"Ann"}].)"};
    }
    if (!list.is_array()) {
        return Error{"Rows must be a JSON array of objects, not a single object."};
    }
    return list;
}

// Of every row; the columns are all that there are, or those that are asked for.
Result<CsvTable> table_of_objects(const Json& input, const Json& list) {
    CsvTable table;
    std::unordered_map<std::string, std::size_t> places;
    const auto add = [&](const std::string& name) {
        if (places.emplace(name, table.headers.size()).second) {
            table.headers.push_back(name);
        }
    };
    const Json wanted = input_json(input, "columns");
    for (const std::string& name : csv_name_list(wanted.is_array() ? wanted : input["columns"])) {
        add(name);
    }
    const bool all = table.headers.empty();
    std::size_t cells_given = 0;
    std::vector<CsvCells> rows;
    for (std::size_t i = 0; i < list.size(); ++i) {
        if (!list.at(i).is_object()) {
            return Error{"Row " + std::to_string(i + 1) +
                         R"( is not an object. Each row must look like {"column": "value"}.)"};
        }
        const CsvCells& cells = rows.emplace_back(csv_flat(list.at(i)));
        cells_given += cells.size();
        for (const auto& [name, value] : cells) {
            if (all) {
                add(name);
            }
        }
        for (const Status& allowed :
             {csv_cells_allowed(cells_given, 1), csv_cells_allowed(i + 1, table.headers.size())}) {
            if (!allowed.ok()) {
                return allowed.error();
            }
        }
    }
    for (const CsvCells& cells : rows) {
        CsvRecord& record = table.rows.emplace_back(table.headers.size());
        for (const auto& [name, value] : cells) {
            if (const auto place = places.find(name); place != places.end()) {
                record[place->second] = csv_cell(value);
            }
        }
    }
    return table;
}

std::string chunk_base(const std::string& name) {
    std::string base = name;
    if (base.size() >= 4 && ascii_lower(base.substr(base.size() - 4)) == ".csv") {
        base.resize(base.size() - 4);
    }
    return base.empty() ? "chunk" : base;
}

std::string sheet_name_of(const Json& input) {
    const std::string name = csv_trimmed(*input_text_or(input, "sheet_name", ""));
    return name.empty() ? "Sheet1" : name;
}

}  // namespace

std::string csv_file_name(const Json& requested, std::string_view fallback,
                          std::string_view extension) {
    std::string name = csv_trimmed(requested.text_or(""));
    if (name.empty()) {
        name = fallback;
    }
    std::replace_if(
        name.begin(), name.end(), [](char c) { return c == '/' || c == '\\'; }, '_');
    const std::size_t dot = name.rfind('.');
    const bool ends =
        dot != std::string::npos && dot + 1 < name.size() &&
        std::all_of(name.begin() + static_cast<std::ptrdiff_t>(dot) + 1, name.end(), [](char c) {
            return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        });
    return ends ? name : name + "." + std::string(extension);
}

Result<Json> read_csv_file(const Json& input, std::string_view data) {
    if (const Status allowed = csv_bytes_allowed(data.size(), "The file"); !allowed.ok()) {
        return allowed.error();
    }
    if (is_workbook(data)) {
        return Error{
            "This looks like an Excel file, not a CSV. Use the \"Convert Excel to CSV\" action "
            "first."};
    }
    const std::string text = text_of_bytes(data);
    const auto delimiter = csv_delimiter(input, "delimiter", text);
    if (!delimiter.ok()) {
        return delimiter.error();
    }
    CsvTableReading how;
    how.header_row = input_flag(input, "has_header_row", true);
    how.trim = input_flag(input, "trim_whitespace");
    const auto table = csv_table(text, *delimiter, how);
    if (!table.ok()) {
        return table.error();
    }
    const auto rows = csv_rows(*table);
    if (!rows.ok()) {
        return rows.error();
    }
    return Json::object(
        {{"rows", *rows},
         {"row_count", Json::integer(static_cast<std::int64_t>(table->rows.size()))},
         {"headers", csv_names(table->headers)},
         {"delimiter", Json::string(std::string(1, table->delimiter))}});
}

Result<CsvFiles> create_csv_file(const Json& input) {
    const auto list = rows_given(input);
    if (!list.ok()) {
        return list.error();
    }
    if (const Status allowed = csv_rows_allowed(list->size()); !allowed.ok()) {
        return allowed.error();
    }
    const auto delimiter = one_of(input, "delimiter", {",", ";", "\t", "|"});
    if (!delimiter.ok()) {
        return delimiter.error();
    }
    auto table = table_of_objects(input, *list);
    if (!table.ok()) {
        return table.error();
    }
    table->delimiter = *delimiter;
    std::string text(input_flag(input, "add_excel_bom") ? kByteOrderMark : "");
    text += csv_write(*table, 0, table->rows.size(), input_flag(input, "include_header", true));
    const std::string name = csv_file_name(input["file_name"], "export.csv", "csv");
    CsvFiles made;
    made.files.push_back({name, std::move(text)});
    made.output =
        Json::object({{"file_name", Json::string(name)},
                      {"url", Json::string("")},
                      {"row_count", Json::integer(static_cast<std::int64_t>(table->rows.size()))},
                      {"columns", csv_names(table->headers)}});
    return made;
}

Result<CsvFiles> chunk_csv_file(const Json& input, const InputFile& file) {
    const auto rows = input_number(input, "rows_per_chunk");
    if (!rows.ok()) {
        return rows.error();
    }
    if (*rows < 1) {
        return Error{"Rows per file must be at least 1"};
    }
    CsvReading how;
    const auto delimiter = one_of(input, "delimiter", {",", "\t", ";"});
    if (!delimiter.ok()) {
        return delimiter.error();
    }
    how.delimiter = *delimiter;
    const auto records = read_csv(text_of_bytes(file.data), how);
    if (!records.ok()) {
        return records.error();
    }
    const bool named = input_flag(input, "has_headers", true) && !records->empty();
    const double step = std::min(std::ceil(*rows), static_cast<double>(records->size() + 1));
    CsvFiles made;
    std::size_t bytes = 0;
    for (std::size_t at = named ? 1 : 0; at < records->size();) {
        const std::size_t end = std::min(at + static_cast<std::size_t>(step), records->size());
        std::string text;
        if (named) {
            append_csv(text, records->front(), how.delimiter);
        }
        for (; at < end; ++at) {
            append_csv(text, (*records)[at], how.delimiter);
        }
        bytes += text.size();
        if (made.files.size() == kChunksMax || bytes > kChunksBytesMax) {
            return Error{"The file would become more than " + std::to_string(kChunksMax) +
                         " files or " + std::to_string(kChunksBytesMax >> 20U) + " MB"};
        }
        made.files.push_back(
            {chunk_base(file.name) + "-part-" + std::to_string(made.files.size() + 1) + ".csv",
             std::move(text)});
    }
    made.output =
        Json::object({{"files", Json::array()},
                      {"chunkCount", Json::integer(static_cast<std::int64_t>(made.files.size()))}});
    return made;
}

Result<CsvSorting> csv_sorting(const Json& input) {
    auto table = csv_table_of(input["csv_text"], "CSV Text", input);
    if (!table.ok()) {
        return table.error();
    }
    const auto column = csv_column(*table, input["column"]);
    if (!column.ok()) {
        return column.error();
    }
    const bool descending = *input_text_or(input, "direction", "asc") == "desc";
    const std::string as = *input_text_or(input, "compare_as", "text");
    return CsvSorting{*std::move(table), *column, descending,
                      as == "number" || as == "date" ? as : "text"};
}

Json sort_keys(const CsvSorting& sorting) {
    Json keys = Json::array();
    for (const CsvRecord& row : sorting.table.rows) {
        const std::string key = csv_trimmed(row[sorting.column]);
        keys.append(key.empty() ? Json::null() : Json::string(key));
    }
    return Json::object({{"keys", keys},
                         {"compare_as", Json::string(sorting.compare_as)},
                         {"descending", Json::boolean(sorting.descending)}});
}

Json order_by_number(const CsvSorting& sorting) {
    std::vector<std::optional<double>> keys;
    for (const CsvRecord& row : sorting.table.rows) {
        const std::string key = csv_trimmed(row[sorting.column]);
        const double number = key.empty() ? std::nan("") : js_text_to_number(key);
        keys.push_back(std::isfinite(number) ? std::optional(number) : std::nullopt);
    }
    std::vector<std::size_t> order(keys.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        if (!keys[a] || !keys[b]) {
            return keys[a].has_value() && !keys[b];
        }
        return sorting.descending ? *keys[a] > *keys[b] : *keys[a] < *keys[b];
    });
    Json list = Json::array();
    for (const std::size_t at : order) {
        list.append(Json::integer(static_cast<std::int64_t>(at)));
    }
    return list;
}

Result<Json> sorted_rows(const CsvSorting& sorting, const Json& order) {
    CsvTable sorted;
    sorted.headers = sorting.table.headers;
    sorted.delimiter = sorting.table.delimiter;
    order.each_element([&](const Json& at) {
        const std::int64_t row = at.integer_or(-1);
        if (row >= 0 && row < static_cast<std::int64_t>(sorting.table.rows.size())) {
            sorted.rows.push_back(sorting.table.rows[static_cast<std::size_t>(row)]);
        }
    });
    return csv_result(sorted);
}

Result<Json> workbook_to_make(const Json& input) {
    const auto text = csv_text_of(input["csv_text"], "CSV Text");
    if (!text.ok()) {
        return text.error();
    }
    const std::string sheet = sheet_name_of(input);
    if (js_length(sheet) > kSheetNameUnitsMax || sheet.find_first_of(":\\/?*[]") != sheet.npos) {
        return Error{"\"" + sheet +
                     "\" is not a valid sheet name. Use up to 31 characters, without : \\ / ? * "
                     "[ or ]."};
    }
    const auto delimiter = csv_delimiter(input, "delimiter", *text);
    if (!delimiter.ok()) {
        return delimiter.error();
    }
    const auto records = csv_records(*text, *delimiter, false);
    if (!records.ok()) {
        return records.error();
    }
    Json rows = Json::array();
    for (const CsvRecord& record : *records) {
        rows.append(csv_names(record));
    }
    return Json::object(
        {{"make", rows},
         {"sheet_name", Json::string(sheet)},
         {"detect_numbers", Json::boolean(input_flag(input, "detect_numbers", true))}});
}

Result<CsvFiles> made_workbook(const Json& input, const Json& answer) {
    const auto data = base64_decode(answer["base64"].text());
    if (!data) {
        return Error{"The sandbox gave no workbook"};
    }
    const std::string name = csv_file_name(input["file_name"], "data.xlsx", "xlsx");
    CsvFiles made;
    made.files.push_back({name, std::string(as_text(*data))});
    made.output = Json::object({{"file_name", Json::string(name)},
                                {"url", Json::string("")},
                                {"row_count", answer["row_count"]},
                                {"sheet_name", Json::string(sheet_name_of(input))}});
    return made;
}

Result<Json> workbook_to_read(const Json& input, std::string_view data) {
    if (!is_workbook(data)) {
        return Error{
            "The file does not appear to be a valid Excel file (.xlsx or .xls). If you supplied a "
            "URL, make sure it points directly to the file download, not a webpage."};
    }
    const auto delimiter = one_of(input, "delimiter_type", {",", "\t", ";"});
    if (!delimiter.ok()) {
        return delimiter.error();
    }
    return Json::object(
        {{"read", Json::string(base64_encode(as_bytes(data), data.size()))},
         {"sheet_name", Json::string(csv_trimmed(*input_text_or(input, "sheet_name", "")))},
         {"delimiter", Json::string(std::string(1, *delimiter))}});
}

}  // namespace sallyport::engine
