// Values on their way to and from PostgreSQL: lists written as array literals are read back the
// same, and no answer of a server breaks the reader.
#include "engine/core/piece_sql.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using sallyport::Json;
    using namespace sallyport::engine;  // NOLINT: one function
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    for (const std::uint32_t type : {16U, 23U, 701U, 114U, 1114U, 1184U, 1007U, 1009U, 199U, 99U}) {
        if (!postgres_value(type, text).exists()) {
            std::abort();
        }
    }
    Json list = Json::array();
    std::string item;
    for (const char c : text) {
        if (c != '\0') {
            item += c;
            continue;
        }
        list.append(item == "null" ? Json::null() : Json::string(item));
        item.clear();
    }
    list.append(Json::string(item));
    constexpr std::uint32_t kTextArray = 1009;
    const auto literal = postgres_argument(list);
    if (!literal || !postgres_value(kTextArray, *literal).equals(list)) {
        std::abort();
    }
    return 0;
}
