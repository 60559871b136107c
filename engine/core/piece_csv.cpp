// The CSV piece: text to rows and back.
#include "engine/core/csv_text.hpp"
#include "engine/core/piece_input.hpp"
#include "engine/core/piece_table.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>

namespace sallyport::engine {
namespace {

// A row with more levels than this was not made for a table.
constexpr int kDepthMax = 32;

constexpr std::string_view kDelimiters = ",\t;|";

// The delimiter that the first line has most of, outside of quotes; a comma when it has none.
char guessed_delimiter(std::string_view text) {
    std::array<std::size_t, kDelimiters.size()> counts{};
    bool quoted = false;
    for (const char c : text) {
        quoted = quoted != (c == '"');
        const std::size_t at = kDelimiters.find(c);
        if (!quoted && at != std::string_view::npos) {
            ++counts[at];
        }
        if (!quoted && c == '\n') {
            break;
        }
    }
    return kDelimiters[static_cast<std::size_t>(std::max_element(counts.begin(), counts.end()) -
                                                counts.begin())];
}

// `auto` is of older exports.
Result<char> delimiter_of(const Json& input, std::string_view text) {
    const auto chosen = input_choice(input, "delimiter_type", ",", {",", "\t", ";", "|", "auto"});
    if (!chosen.ok()) {
        return chosen.error();
    }
    return *chosen == "auto" ? guessed_delimiter(text) : chosen->front();
}

Json row_object(const CsvRecord& names, const CsvRecord& values) {
    Json row = Json::object();
    for (std::size_t i = 0; i < names.size(); ++i) {
        row.set(names[i], Json::string(values[i]));
    }
    return row;
}

Json row_list(const CsvRecord& values) {
    Json row = Json::array();
    for (const std::string& value : values) {
        row.append(Json::string(value));
    }
    return row;
}

Result<Json> to_json(const Json& input, const PieceWorld&) {
    if (!input["csv_text"].is_string()) {
        return Error{"The input should be a string."};
    }
    const Result<char> delimiter = delimiter_of(input, input["csv_text"].text());
    if (!delimiter.ok()) {
        return delimiter.error();
    }
    const auto records = read_csv(input["csv_text"].text(), *delimiter);
    if (!records.ok()) {
        return records.error();
    }
    const bool with_names = input_flag(input, "has_headers");
    Json rows = Json::array();
    for (std::size_t i = with_names ? 1 : 0; i < records->size(); ++i) {
        const CsvRecord& record = (*records)[i];
        rows.append(with_names ? row_object(records->front(), record) : row_list(record));
    }
    return rows;
}

using Cells = std::vector<std::pair<std::string, std::string>>;

std::string cell_text(const Json& value) {
    if (value.is_boolean()) {
        return value.is_true() ? "1" : "";
    }
    return !value.exists() || value.is_null() ? std::string() : value_text(value);
}

// Members of members become `a.b`.
void flatten(const Json& value, const std::string& name, int depth, Cells& out) {
    const bool nested = (value.is_object() || value.is_array()) && value.size() > 0;
    if (!nested || depth >= kDepthMax) {
        out.emplace_back(name, cell_text(value));
        return;
    }
    const std::string prefix = name.empty() ? "" : name + ".";
    value.each_member([&](std::string_view key, const Json& member) {
        flatten(member, prefix + std::string(key), depth + 1, out);
    });
    std::size_t index = 0;
    value.each_element(
        [&](const Json& item) { flatten(item, prefix + std::to_string(index++), depth + 1, out); });
}

Result<Json> to_csv(const Json& input, const PieceWorld&) {
    // In older exports the list has another name, and names of columns are a choice.
    const bool older = !input["json_array"].exists() && input["csv_object"].exists();
    const Json list = input_json(input, older ? "csv_object" : "json_array");
    if (!list.is_array()) {
        return Error{R"({"message":"The input should be a JSON array."})"};
    }
    const Result<char> delimiter = delimiter_of(input, "");
    if (!delimiter.ok()) {
        return delimiter.error();
    }
    std::vector<Cells> rows;
    CsvRecord names;
    std::unordered_map<std::string, std::size_t> columns;
    list.each_element([&](const Json& item) {
        Cells& cells = rows.emplace_back();
        flatten(item, "", 0, cells);
        for (const auto& [name, value] : cells) {
            if (columns.emplace(name, names.size()).second) {
                names.push_back(name);
            }
        }
    });
    if (rows.empty()) {
        return Json::string("");
    }
    std::string out;
    if (!older || input_flag(input, "has_headers")) {
        append_csv(out, names, *delimiter);
    }
    for (Cells& cells : rows) {
        CsvRecord record(names.size());
        for (auto& [name, value] : cells) {
            record[columns[name]] = std::move(value);
        }
        append_csv(out, record, *delimiter);
    }
    return Json::string(out);
}

}  // namespace

const NativePiece kCsvNative = {
    R"json({
 "name":"@activepieces/piece-csv","version":"0.4.0","displayName":"CSV",
 "description":"Convert CSV to rows and back","categories":["CORE"],
 "actions":{
  "convert_csv_to_json":{"displayName":"Convert CSV to JSON","description":"A list of the rows","props":{
   "csv_text":["LONG_TEXT","CSV Text",true,{"defaultValue":""}],
   "has_headers":["CHECKBOX","Has Header Row",false,{"defaultValue":false}],
   "delimiter_type":["STATIC_DROPDOWN","Delimiter",true,{"defaultValue":",","options":[["Comma",","],["Tab","\t"],["Semicolon",";"],["Bar","|"]]}]}},
  "convert_json_to_csv":{"displayName":"Convert JSON to CSV","description":"Text with a row for each object","props":{
   "json_array":["JSON","JSON Array",true],
   "delimiter_type":["STATIC_DROPDOWN","Delimiter",true,{"defaultValue":",","options":[["Comma",","],["Tab","\t"],["Semicolon",";"],["Bar","|"]]}]}}},
 "triggers":{}
})json",
    {{"convert_csv_to_json", to_json}, {"convert_json_to_csv", to_csv}}};

}  // namespace sallyport::engine
