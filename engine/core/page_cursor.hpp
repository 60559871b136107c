// List cursors. Opaque to clients: base64 of `next_` or `prev_` and the position, which is the sort
// time and the id of the row at the page's edge.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::engine {

struct PageCursor {
    enum class Direction { next, previous };
    Direction direction = Direction::next;
    std::int64_t at_ms = 0;
    std::string id;
};

std::string encode_cursor(const PageCursor& cursor);
std::optional<PageCursor> decode_cursor(std::string_view text);

}  // namespace sallyport::engine
