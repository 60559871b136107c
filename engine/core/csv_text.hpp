// CSV as RFC 4180 has it, read strictly: a quote stands around a whole field or nowhere, every
// record has as many fields as the first. Pure.
#pragma once

#include "common/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

// What a file may begin with, for no reader's benefit.
inline constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

using CsvRecord = std::vector<std::string>;

// Records end with whatever the first one ends with (LF, CRLF or CR). A byte order mark is skipped.
// Errors name the line.
Result<std::vector<CsvRecord>> read_csv(std::string_view text, char delimiter);

// One record and its LF. Fields with a delimiter, a quote or an end of line are quoted.
void append_csv(std::string& out, const CsvRecord& record, char delimiter);

}  // namespace sallyport::engine
