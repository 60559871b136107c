// What stands in a list's address: the cursor, form fields and record filters. A cursor that is
// taken is one that we could have given.
#include "engine/core/form_json.hpp"
#include "engine/core/page_cursor.hpp"
#include "engine/core/record_filter.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

using sallyport::Json;
using namespace sallyport::engine;

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

void check_cursor(std::string_view text) {
    const auto cursor = decode_cursor(text);
    if (!cursor) {
        return;
    }
    require(cursor->at_ms >= 0 && !cursor->id.empty());
    const auto again = decode_cursor(encode_cursor(*cursor));
    require(again && again->direction == cursor->direction && again->at_ms == cursor->at_ms &&
            again->id == cursor->id);
}

void check_form(const FormPairs& pairs) {
    FormPairs again;
    for (const auto& [name, value] : pairs) {
        for (auto& pair : parse_form(percent_encode(name) + "=" + percent_encode(value))) {
            again.push_back(std::move(pair));
        }
    }
    require(again == pairs);
    require(Json::parse(form_to_json(pairs).dump()).ok());
}

void check_filters(const FormPairs& pairs) {
    static const Json cells = *Json::parse(
        R"({"t":{"value":"Text"},"n":{"value":"12.5"},"d":{"value":"2026-01-01T00:00:00Z"},
            "e":{"value":""},"z":{"value":null}})");
    static const FieldTypes types = {{"n", "NUMBER"}, {"d", "DATE"}};
    const auto filters = read_record_filters(pairs);
    if (!filters.ok()) {
        require(!filters.message().empty());
        return;
    }
    require(filters->size() <= 200);
    bool all = true;
    for (const RecordFilter& filter : *filters) {
        all = passes(cells, {filter}, types) && all;
    }
    require(passes(cells, *filters, types) == all);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check_cursor(text);
    const FormPairs pairs = parse_form(text);
    check_form(pairs);
    check_filters(pairs);
    return 0;
}
