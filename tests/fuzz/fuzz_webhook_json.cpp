// The reader of single JSON values against jansson: whatever the text and however it is cut, a
// value that is found is the one that a parser of the whole document sees. PHP's spelling of a
// document is the same document.
#include "common/json.hpp"
#include "module/policy/webhook_escape.hpp"
#include "module/policy/webhook_json.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory_resource>
#include <string>
#include <string_view>

using namespace sallyport::policy::webhook;
using sallyport::Json;

namespace {

const std::array<JsonPath, 5>& paths() {
    static const std::array<JsonPath, 5> all = {{{"id", {"id"}},
                                                 {"a.b", {"a", "b"}},
                                                 {"v.1.id", {"v", "1", "id"}},
                                                 {"0.c", {"0", "c"}},
                                                 {"a", {"a"}}}};
    return all;
}

// The value at `path` of the whole document; a number stands for a place in arrays alone.
Json walk(Json at, const JsonPath& path) {
    for (const std::string& segment : path.segments) {
        if (at.is_array()) {
            const bool place = segment == "0" || segment == "1";
            at = place ? at.at(segment == "0" ? 0 : 1) : Json();
        } else {
            at = at[segment];
        }
    }
    return at;
}

void require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    const std::size_t piece = 1 + data[0] % 17;
    std::pmr::monotonic_buffer_resource memory;
    JsonPicker cut(paths(), &memory);
    JsonPicker whole(paths(), &memory);
    for (std::size_t at = 0; at < text.size(); at += piece) {
        cut.feed(text.substr(at, piece));
    }
    cut.end();
    whole.feed(text);
    whole.end();
    const auto parsed = Json::parse(text, Json::Duplicates::refuse);
    if (parsed) {
        const auto php = php_json(text, &memory);
        require(php.has_value() && php_json(*php, &memory) == php);
        const auto again = Json::parse(*php, Json::Duplicates::refuse);
        require(again && again->equals(*parsed));
    }
    for (std::size_t i = 0; i < paths().size(); ++i) {
        const JsonValue value = whole.value(i);
        require(value.state == cut.value(i).state && value.text == cut.value(i).text);
        const auto span = whole.span(i);
        const auto other = cut.span(i);
        require(span.has_value() == other.has_value());
        if (span) {
            require(span->begin < span->end && span->end <= text.size() &&
                    span->begin == other->begin && span->end == other->end);
        }
        if (!parsed) {
            continue;
        }
        const Json seen = walk(*parsed, paths()[i]);
        require(value.state != JsonValue::State::null || seen.is_null());
        if (value.state == JsonValue::State::found) {
            require(seen.exists());
            require(!seen.is_string() || seen.text() == value.text);
            require(!seen.is_boolean() || seen.dump() == value.text);
        }
        if (seen.exists() && span) {
            const auto again = Json::parse(text.substr(span->begin, span->end - span->begin),
                                           Json::Duplicates::refuse);
            require(again && again->equals(seen));
        }
    }
    return 0;
}
