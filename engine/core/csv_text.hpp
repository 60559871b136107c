// CSV as text, read the way the published piece's parser reads it and written so that it can be
// read back. Strict reading is RFC 4180: a quote stands around a whole field or nowhere, every
// record has as many fields as the first. Pure.
#pragma once

#include "common/result.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

// A cell costs 32 bytes here and four times that as JSON: a file of commas alone would take memory
// by the gigabyte.
inline constexpr std::size_t kCsvCellsMax = 2'000'000;

using CsvRecord = std::vector<std::string>;

struct CsvReading {
    char delimiter = ',';
    // Quotes may stand inside fields, records may be shorter or longer than the first, and empty
    // lines are left out.
    bool lenient = false;
    bool trim = false;   // blanks around fields do not count
    bool named = false;  // the first record names the columns, which errors then speak of
};

// Records end with whatever the first one ends with (LF, CRLF or CR). A byte order mark is skipped.
// Errors name the line. REQUIRES: valid UTF-8.
Result<std::vector<CsvRecord>> read_csv(std::string_view text, const CsvReading& how);

// One record and its LF. Fields with a delimiter, a quote or an end of line are quoted.
void append_csv(std::string& out, const CsvRecord& record, char delimiter);

}  // namespace sallyport::engine
