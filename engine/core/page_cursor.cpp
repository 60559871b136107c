#include "engine/core/page_cursor.hpp"

#include "common/bytes.hpp"
#include "engine/core/ids.hpp"

namespace sallyport::engine {

std::string encode_cursor(const PageCursor& cursor) {
    const bool next = cursor.direction == PageCursor::Direction::next;
    const std::string text =
        std::string(next ? "next_" : "prev_") + std::to_string(cursor.at_ms) + "." + cursor.id;
    return base64_encode(as_bytes(text), text.size());
}

std::optional<PageCursor> decode_cursor(std::string_view text) {
    const auto bytes = base64_decode(text);
    if (!bytes) {
        return std::nullopt;
    }
    std::string_view inner = as_text(*bytes);
    PageCursor cursor;
    if (inner.starts_with("prev_")) {
        cursor.direction = PageCursor::Direction::previous;
    } else if (!inner.starts_with("next_")) {
        return std::nullopt;
    }
    inner.remove_prefix(5);
    const std::size_t dot = inner.find('.');
    const auto at_ms =
        dot == std::string_view::npos ? std::nullopt : parse_u64(inner.substr(0, dot));
    if (!at_ms || *at_ms > INT64_MAX || !is_id(inner.substr(dot + 1))) {
        return std::nullopt;
    }
    cursor.at_ms = static_cast<std::int64_t>(*at_ms);
    cursor.id = inner.substr(dot + 1);
    return cursor;
}

}  // namespace sallyport::engine
