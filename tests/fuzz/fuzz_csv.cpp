// CSV from any text: no crash; strictly read, every record of one length and what was read is
// written and read back the same; leniently read, a table whose rows are as wide as its names,
// which are told apart, and whose text is the same table again.
#include "common/json.hpp"
#include "engine/core/csv_table.hpp"

#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>

namespace {

using namespace sallyport::engine;  // NOLINT: one file

void check(bool holds) {
    if (!holds) {
        std::abort();
    }
}

void read_strictly(std::string_view text, char delimiter) {
    CsvReading how;
    how.delimiter = delimiter;
    const auto records = read_csv(text, how);
    if (!records.ok()) {
        return check(!records.message().empty());
    }
    std::string written = "\xef\xbb\xbf";  // a mark that a field begins with stays a field's
    for (const CsvRecord& record : *records) {
        check(record.size() == records->front().size());
        append_csv(written, record, delimiter);
    }
    const auto again = read_csv(written, how);
    check(again.ok() && *again == *records);
}

void read_leniently(std::string_view text, char delimiter, bool trim) {
    CsvTableReading how;
    how.trim = trim;
    const auto table = csv_table(text, delimiter, how);
    if (!table.ok()) {
        return check(!table.message().empty());
    }
    const std::set<std::string> names(table->headers.begin(), table->headers.end());
    check(names.size() == table->headers.size());
    for (const CsvRecord& row : table->rows) {
        check(row.size() == names.size());
    }
    // Twice marked: the reader skips as many.
    const std::string written =
        "\xef\xbb\xbf\xef\xbb\xbf" + csv_write(*table, 0, table->rows.size(), true);
    const auto again = csv_table(written, delimiter, {});
    check(again.ok() && again->headers == table->headers && again->rows == table->rows);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // As text of a step is: valid UTF-8.
    const sallyport::Json clean =
        sallyport::Json::string({reinterpret_cast<const char*>(data), size});
    for (const char delimiter : {',', '\t', ';', '|'}) {
        read_strictly({reinterpret_cast<const char*>(data), size}, delimiter);
        read_leniently(clean.text(), delimiter, false);
        read_leniently(clean.text(), delimiter, true);
    }
    return 0;
}
