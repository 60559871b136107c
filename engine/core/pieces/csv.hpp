// What the CSV piece's steps do with their input, for the table of pieces and for the adapter that
// performs those with files and those that JavaScript's rules decide. Pure.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"
#include "engine/core/csv_table.hpp"
#include "engine/core/file_input.hpp"
#include "engine/core/pieces/table.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sallyport::engine {

inline constexpr std::string_view kCsvPiece = "@activepieces/piece-csv";
inline constexpr std::string_view kReadCsvFile = "read_csv_file";
inline constexpr std::string_view kCreateCsvFile = "create_csv_file";
inline constexpr std::string_view kChunkCsvFile = "chunk_csv_file";
inline constexpr std::string_view kSortCsvRows = "sort_csv_rows";
inline constexpr std::string_view kCsvToExcel = "convert_csv_to_excel";
inline constexpr std::string_view kExcelToCsv = "convert_excel_to_csv";

// Cells of an object by the names of their columns: members of members are `a.b`.
using CsvCells = std::vector<std::pair<std::string, Json>>;
CsvCells csv_flat(const Json& value);

Result<Json> filter_csv_rows(const Json& input, const PieceWorld& world);
Result<Json> remove_duplicate_csv_rows(const Json& input, const PieceWorld& world);
Result<Json> select_csv_columns(const Json& input, const PieceWorld& world);
Result<Json> merge_csv(const Json& input, const PieceWorld& world);
Result<Json> split_csv(const Json& input, const PieceWorld& world);

// ---- steps that read or keep files

// The step's output.
Result<Json> read_csv_file(const Json& input, std::string_view data);

struct CsvFiles {
    struct File {
        std::string name;
        std::string data;
    };
    std::vector<File> files;
    // The step's output, but for the files' addresses.
    Json output;
};
Result<CsvFiles> create_csv_file(const Json& input);
Result<CsvFiles> chunk_csv_file(const Json& input, const InputFile& file);

// ---- steps whose values are compared as JavaScript compares them

struct CsvSorting {
    CsvTable table;
    std::size_t column = 0;
    bool descending = false;
    std::string compare_as;  // text, number, date
};
Result<CsvSorting> csv_sorting(const Json& input);
// {keys, compare_as, descending} for kSortKeysScript, whose answer is the order of the rows.
Json sort_keys(const CsvSorting& sorting);
Result<Json> sorted_rows(const CsvSorting& sorting, const Json& order);
// As numbers, which needs no script.
Json order_by_number(const CsvSorting& sorting);

// ---- workbooks: what goes into kExcelScript, and what is made of its answer

Result<Json> workbook_to_make(const Json& input);
// `answer` is {base64, row_count}.
Result<CsvFiles> made_workbook(const Json& input, const Json& answer);
Result<Json> workbook_to_read(const Json& input, std::string_view data);

// A name without folders and with an ending.
std::string csv_file_name(const Json& requested, std::string_view fallback,
                          std::string_view extension);

}  // namespace sallyport::engine
