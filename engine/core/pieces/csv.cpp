// The CSV piece: text to rows and back, and how an editor sees its steps.
#include "engine/core/pieces/csv.hpp"

#include "engine/core/expressions/js_text.hpp"
#include "engine/core/pieces/input.hpp"

#include <unordered_map>
#include <utility>

namespace sallyport::engine {
namespace {

// A row with more levels than this was not made for a table.
constexpr int kDepthMax = 32;

// `auto` is of older exports, which is not what no delimiter is.
Result<char> delimiter_of(const Json& input, std::string_view text) {
    const bool chosen = !input_text_or(input, "delimiter_type", "")->empty();
    return chosen ? csv_delimiter(input, "delimiter_type", text) : Result<char>(',');
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
    CsvReading how;
    how.delimiter = *delimiter;
    how.named = input_flag(input, "has_headers");
    const auto records = read_csv(input["csv_text"].text(), how);
    if (!records.ok()) {
        return records.error();
    }
    const bool with_names = how.named && !records->empty();
    if (with_names) {
        const Status allowed = csv_rows_bytes_allowed(records->front(), *records, 1);
        if (!allowed.ok()) {
            return allowed.error();
        }
    }
    Json rows = Json::array();
    for (std::size_t i = with_names ? 1 : 0; i < records->size(); ++i) {
        const CsvRecord& record = (*records)[i];
        rows.append(with_names ? row_object(records->front(), record) : row_list(record));
    }
    return rows;
}

std::string cell_text(const Json& value) {
    if (value.is_boolean()) {
        return value.is_true() ? "1" : "";
    }
    return !value.exists() || value.is_null() ? std::string() : value_text(value);
}

void flatten(const Json& value, const std::string& name, int depth, CsvCells& out) {
    const bool nested = (value.is_object() || value.is_array()) && value.size() > 0;
    if (!nested || depth >= kDepthMax) {
        if (depth > 0 || !(value.is_object() || value.is_array())) {
            out.emplace_back(name, value);
        }
        return;
    }
    const std::string prefix = name.empty() ? "" : name + ".";
    if (value.is_object()) {
        for (const auto& [key, member] : js_members(value)) {
            flatten(member, prefix + key, depth + 1, out);
        }
        return;
    }
    std::size_t index = 0;
    value.each_element(
        [&](const Json& item) { flatten(item, prefix + std::to_string(index++), depth + 1, out); });
}

Result<Json> to_csv(const Json& input, const PieceWorld&) {
    // In older exports the list has another name, and names of columns are a choice.
    const bool older = !input["json_array"].exists() && input["csv_object"].exists();
    const Json list = input_json(input, older ? "csv_object" : "json_array");
    if (!list.is_array()) {
        return Error{"The input should be a JSON array."};
    }
    const Result<char> delimiter = delimiter_of(input, "");
    if (!delimiter.ok()) {
        return delimiter.error();
    }
    std::vector<CsvCells> rows;
    CsvRecord names;
    std::unordered_map<std::string, std::size_t> columns;
    list.each_element([&](const Json& item) {
        const CsvCells& cells = rows.emplace_back(csv_flat(item));
        for (const auto& [name, value] : cells) {
            if (columns.emplace(name, names.size()).second) {
                names.push_back(name);
            }
        }
    });
    if (rows.empty()) {
        return Json::string("");
    }
    if (const Status allowed = csv_cells_allowed(rows.size(), names.size()); !allowed.ok()) {
        return allowed.error();
    }
    std::string out;
    if (!older || input_flag(input, "has_headers")) {
        append_csv(out, names, *delimiter);
    }
    for (const CsvCells& cells : rows) {
        CsvRecord record(names.size());
        for (const auto& [name, value] : cells) {
            record[columns[name]] = cell_text(value);
        }
        append_csv(out, record, *delimiter);
    }
    return Json::string(out);
}

// Half a second for a hundred thousand rows.
NativeAction on_rows(std::string_view name, NativeAction::Run run) {
    NativeAction action{name, run};
    action.slow = true;
    return action;
}

}  // namespace

CsvCells csv_flat(const Json& value) {
    CsvCells cells;
    flatten(value, "", 0, cells);
    return cells;
}

const NativePiece kCsvNative = {
    R"json({
 "name":"@activepieces/piece-csv","version":"0.4.16","displayName":"CSV",
 "description":"Read, write and rework tables as text and as files","categories":["CORE"],
 "actions":{
  "convert_csv_to_json":{"displayName":"Convert CSV to JSON","description":"A list of the rows","props":{
   "csv_text":["LONG_TEXT","CSV Text",true,{"defaultValue":""}],
   "has_headers":["CHECKBOX","Has Header Row",false,{"defaultValue":false}],
   "delimiter_type":["STATIC_DROPDOWN","Delimiter",true,{"defaultValue":",","options":[["Comma",","],["Tab","\t"],["Semicolon",";"],["Bar","|"]]}]}},
  "convert_json_to_csv":{"displayName":"Convert JSON to CSV","description":"Text with a row for each object","props":{
   "json_array":["JSON","JSON Array",true],
   "delimiter_type":["STATIC_DROPDOWN","Delimiter",true,{"defaultValue":",","options":[["Comma",","],["Tab","\t"],["Semicolon",";"],["Bar","|"]]}]}},
  "convert_excel_to_csv":{"displayName":"Convert Excel to CSV","description":"Text of one sheet of a workbook","props":{
   "file":["FILE","Excel File",true],"sheet_name":["SHORT_TEXT","Sheet Name",false],
   "delimiter_type":["STATIC_DROPDOWN","Delimiter",true,{"defaultValue":",","options":[["Comma",","],["Tab","\t"],["Semicolon",";"]]}]}},
  "read_csv_file":{"displayName":"Read CSV File","description":"The rows of a file","props":{
   "file":["FILE","CSV File",true],"has_header_row":["CHECKBOX","Has Header Row",false,{"defaultValue":true}],
   "delimiter":["STATIC_DROPDOWN","Delimiter",false,{"defaultValue":"auto","options":"CSV_DELIMITERS"}],
   "trim_whitespace":["CHECKBOX","Trim Spaces",false,{"defaultValue":false}]}},
  "create_csv_file":{"displayName":"Create CSV File","description":"A file with a row for each object","props":{
   "json_array":["JSON","Rows",true,{"defaultValue":[{"name":"Ann","email":"ann@example.com","paid":true},{"name":"Bob","email":"bob@example.com","paid":false}]}],
   "file_name":["SHORT_TEXT","File Name",false,{"defaultValue":"export.csv"}],
   "delimiter":["STATIC_DROPDOWN","Delimiter",false,{"defaultValue":",","options":[["Comma (,)",","],["Semicolon (;)",";"],["Tab","\t"],["Pipe (|)","|"]]}],
   "include_header":["CHECKBOX","Include Header Row",false,{"defaultValue":true}],
   "columns":["ARRAY","Columns",false],
   "add_excel_bom":["CHECKBOX","Excel-Friendly Encoding",false,{"defaultValue":false}]}},
  "convert_csv_to_excel":{"displayName":"Convert CSV to Excel","description":"A workbook with one sheet","props":{
   "csv_text":["LONG_TEXT","CSV Text",true],"delimiter":["STATIC_DROPDOWN","Delimiter",false,{"defaultValue":"auto","options":"CSV_DELIMITERS"}],
   "sheet_name":["SHORT_TEXT","Sheet Name",false,{"defaultValue":"Sheet1"}],
   "file_name":["SHORT_TEXT","File Name",false,{"defaultValue":"data.xlsx"}],
   "detect_numbers":["CHECKBOX","Store Numbers as Numbers",false,{"defaultValue":true}]}},
  "filter_csv_rows":{"displayName":"Filter CSV Rows","description":"The rows that a condition holds for","props":{
   "csv_text":["LONG_TEXT","CSV Text",true],"delimiter":["STATIC_DROPDOWN","Delimiter",false,{"defaultValue":"auto","options":"CSV_DELIMITERS"}],
   "column":["SHORT_TEXT","Column",true],
   "condition":["STATIC_DROPDOWN","Condition",true,{"defaultValue":"equals","options":[["Equals","equals"],["Does not equal","not_equals"],["Contains","contains"],["Does not contain","not_contains"],["Starts with","starts_with"],["Ends with","ends_with"],["Is empty","is_empty"],["Is not empty","is_not_empty"],["Greater than","greater_than"],["Greater than or equal to","greater_or_equal"],["Less than","less_than"],["Less than or equal to","less_or_equal"]]}],
   "value":["SHORT_TEXT","Value",false],"case_sensitive":["CHECKBOX","Case Sensitive",false,{"defaultValue":false}]}},
  "sort_csv_rows":{"displayName":"Sort CSV Rows","description":"The rows in the order of one column","props":{
   "csv_text":["LONG_TEXT","CSV Text",true],"delimiter":["STATIC_DROPDOWN","Delimiter",false,{"defaultValue":"auto","options":"CSV_DELIMITERS"}],
   "column":["SHORT_TEXT","Column",true],
   "direction":["STATIC_DROPDOWN","Direction",false,{"defaultValue":"asc","options":[["Ascending (A → Z, 1 → 9, oldest first)","asc"],["Descending (Z → A, 9 → 1, newest first)","desc"]]}],
   "compare_as":["STATIC_DROPDOWN","Compare As",false,{"defaultValue":"text","options":[["Text","text"],["Number","number"],["Date","date"]]}]}},
  "remove_duplicate_csv_rows":{"displayName":"Remove Duplicate Rows","description":"One of the rows that are alike","props":{
   "csv_text":["LONG_TEXT","CSV Text",true],"delimiter":["STATIC_DROPDOWN","Delimiter",false,{"defaultValue":"auto","options":"CSV_DELIMITERS"}],
   "key_columns":["ARRAY","Compare Columns",false],
   "keep":["STATIC_DROPDOWN","Keep",false,{"defaultValue":"first","options":[["First occurrence","first"],["Last occurrence","last"]]}],
   "case_sensitive":["CHECKBOX","Case Sensitive",false,{"defaultValue":true}],
   "trim_whitespace":["CHECKBOX","Ignore Surrounding Spaces",false,{"defaultValue":true}]}},
  "select_csv_columns":{"displayName":"Select Columns","description":"Some of the columns","props":{
   "csv_text":["LONG_TEXT","CSV Text",true],"delimiter":["STATIC_DROPDOWN","Delimiter",false,{"defaultValue":"auto","options":"CSV_DELIMITERS"}],
   "columns":["ARRAY","Columns",true],
   "mode":["STATIC_DROPDOWN","Mode",false,{"defaultValue":"keep","options":[["Keep only these columns","keep"],["Remove these columns","remove"]]}]}},
  "merge_csv":{"displayName":"Merge CSV Files","description":"The rows of several texts, by the names of their columns","props":{
   "csv_texts":["ARRAY","CSV Texts",true],"delimiter":["STATIC_DROPDOWN","Delimiter",false,{"defaultValue":"auto","options":"CSV_DELIMITERS"}]}},
  "split_csv":{"displayName":"Split CSV","description":"Texts of some rows each","props":{
   "csv_text":["LONG_TEXT","CSV Text",true],"delimiter":["STATIC_DROPDOWN","Delimiter",false,{"defaultValue":"auto","options":"CSV_DELIMITERS"}],
   "rows_per_chunk":["NUMBER","Rows per Chunk",true,{"defaultValue":100}],
   "repeat_header":["CHECKBOX","Repeat Header Row",false,{"defaultValue":true}]}},
  "chunk_csv_file":{"displayName":"Chunk CSV File","description":"Files of some rows each","props":{
   "file":["FILE","CSV File",true],"rows_per_chunk":["NUMBER","Rows per file",true,{"defaultValue":1000}],
   "has_headers":["CHECKBOX","First row is a header",true,{"defaultValue":true}],
   "delimiter":["STATIC_DROPDOWN","Delimiter",true,{"defaultValue":",","options":[["Comma",","],["Tab","\t"],["Semicolon",";"]]}]}}},
 "triggers":{}
})json",
    {on_rows("convert_csv_to_json", to_json),
     on_rows("convert_json_to_csv", to_csv),
     {kExcelToCsv},
     {kReadCsvFile},
     {kCreateCsvFile},
     {kCsvToExcel},
     on_rows("filter_csv_rows", filter_csv_rows),
     {kSortCsvRows},
     on_rows("remove_duplicate_csv_rows", remove_duplicate_csv_rows),
     on_rows("select_csv_columns", select_csv_columns),
     on_rows("merge_csv", merge_csv),
     on_rows("split_csv", split_csv),
     {kChunkCsvFile}}};

}  // namespace sallyport::engine
