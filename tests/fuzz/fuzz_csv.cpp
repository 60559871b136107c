// CSV from any text: no crash, every record of one length, and what was read is written and read
// back the same.
#include "engine/core/csv_text.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport::engine;  // NOLINT: one function
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    for (const char delimiter : {',', '\t', ';', '|'}) {
        const auto records = read_csv(text, delimiter);
        if (!records.ok()) {
            if (records.message().empty()) {
                std::abort();
            }
            continue;
        }
        std::string written = "\xef\xbb\xbf";  // a mark that a field begins with stays a field's
        for (const CsvRecord& record : *records) {
            if (record.size() != records->front().size()) {
                std::abort();
            }
            append_csv(written, record, delimiter);
        }
        const auto again = read_csv(written, delimiter);
        if (!again.ok() || *again != *records) {
            std::abort();
        }
    }
    return 0;
}
