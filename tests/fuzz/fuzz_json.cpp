// JSON from anywhere: what is read is written as JSON that reads the same, and where jansson's
// reader takes the text too, both see as many members.
#include "common/json.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using sallyport::Json;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    (void)Json::parse(text, Json::Duplicates::refuse);
    const auto first = Json::parse(text);
    if (!first.ok()) {
        if (first.message().empty()) {
            std::abort();
        }
        return 0;
    }
    const std::string written = first->dump();
    const auto again = Json::parse(written);
    if (!again.ok() || !again->equals(*first) || again->dump() != written) {
        std::abort();
    }
    const Json other = Json::steal(json_loadb(text.data(), text.size(), JSON_DECODE_ANY, nullptr));
    if (other.exists() && other.size() != first->size()) {
        std::abort();
    }
    return 0;
}
