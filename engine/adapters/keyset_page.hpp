// Pages by key, for every store: which way a cursor leads, and the cursors to a page's neighbours.
#pragma once

#include "engine/ports/store.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace sallyport::engine {

inline bool goes_back(const std::optional<PageCursor>& cursor) {
    return cursor && cursor->direction == PageCursor::Direction::previous;
}

// `key` gives {time, id} of a row.
template <typename Row, typename Key>
Page<Row> make_page(std::vector<Row> rows, const std::optional<PageCursor>& cursor,
                    std::size_t limit, Key key) {
    const bool back = goes_back(cursor);
    const bool more = rows.size() > limit;
    if (more) {
        rows.resize(limit);
    }
    if (back) {
        std::reverse(rows.begin(), rows.end());
    }
    Page<Row> page;
    if (!rows.empty() && (back || more)) {
        const auto [at_ms, id] = key(rows.back());
        page.next = PageCursor{PageCursor::Direction::next, at_ms, id};
    }
    if (!rows.empty() && ((back && more) || (!back && cursor))) {
        const auto [at_ms, id] = key(rows.front());
        page.previous = PageCursor{PageCursor::Direction::previous, at_ms, id};
    }
    page.rows = std::move(rows);
    return page;
}

inline Page<EntityRow> entity_page(std::vector<EntityRow> rows, const EntityQuery& query) {
    Page<EntityRow> page =
        make_page(std::move(rows), query.cursor, query.limit,
                  [](const EntityRow& row) { return std::pair(row.created_ms, row.id); });
    if (query.by_label) {
        page.next.reset();
    }
    return page;
}

}  // namespace sallyport::engine
