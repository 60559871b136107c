// A CSV text as a table: columns with names of their own, rows as wide as the widest; and back to
// text. What the CSV piece's steps on rows have in common, its bounds too. Pure.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"
#include "engine/core/csv_text.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

inline constexpr std::size_t kCsvBytesMax = 20U << 20U;  // as published
inline constexpr std::size_t kCsvRowsMax = 100'000;      // as published
// Rows as objects have the names of their columns, each of them: a long name makes much of little.
inline constexpr std::size_t kCsvRowsBytesMax = 64U << 20U;

struct CsvTable {
    std::vector<std::string> headers;
    std::vector<CsvRecord> rows;  // each with a cell for every header
    char delimiter = ',';
};

// `Error`s of what is too much, in the published words. `label` is what it says is too large.
Status csv_bytes_allowed(std::size_t bytes, std::string_view label);
Status csv_rows_allowed(std::size_t rows);

// CSV text of an input. Fails on what is no text or too large.
Result<std::string_view> csv_text_of(const Json& value, std::string_view label);

// Of `input[name]`: a delimiter, or `auto` (also when there is none), which is guessed from the
// first rows.
Result<char> csv_delimiter(const Json& input, std::string_view name, std::string_view text);

// The records that have something in them.
Result<std::vector<CsvRecord>> csv_records(std::string_view text, char delimiter, bool trim);

struct CsvTableReading {
    bool header_row = true;  // false: columns are column_1, column_2, …
    bool trim = false;
};
// REQUIRES: valid UTF-8.
Result<CsvTable> csv_table(std::string_view text, char delimiter, CsvTableReading how = {});

// Of the text of an input, with its `delimiter`; `label` as above.
Result<CsvTable> csv_table_of(const Json& text, std::string_view label, const Json& input);

// Refuses tables that are little as text and much as cells.
Status csv_cells_allowed(std::size_t rows, std::size_t columns);

// As objects by column.
Result<Json> csv_rows(const CsvTable& table);
Status csv_rows_bytes_allowed(const std::vector<std::string>& names,
                              const std::vector<CsvRecord>& rows, std::size_t begin);
Json csv_names(const std::vector<std::string>& names);
// Rows from `begin` to `end`, behind the names of the columns when `with_header`.
std::string csv_write(const CsvTable& table, std::size_t begin, std::size_t end, bool with_header);
// {csv, rows, row_count, headers}: what steps on rows give.
Result<Json> csv_result(const CsvTable& table);

// The columns of those names, each once; a name's case does not count when only one column has it
// in another.
Result<std::vector<std::size_t>> csv_columns(const CsvTable& table,
                                             const std::vector<std::string>& names);
Result<std::size_t> csv_column(const CsvTable& table, const Json& requested);
// Names in a list, or one alone; blank ones do not count.
std::vector<std::string> csv_name_list(const Json& value);

// A value of JSON in a cell.
std::string csv_cell(const Json& value);
std::string csv_trimmed(std::string_view text);

}  // namespace sallyport::engine
