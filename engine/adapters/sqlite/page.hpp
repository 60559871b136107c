// Keyset pages: which rows, in which order, and the cursors to their neighbours.
#pragma once

#include "engine/adapters/keyset_page.hpp"
#include "engine/adapters/sqlite/db.hpp"

#include <string>

namespace sallyport::engine {

// ` AND (time, id) < (?, ?) ORDER BY time DESC, id DESC LIMIT ?`; a previous page is read upwards,
// and so is a list whose oldest rows come first.
inline std::string page_clause(const std::optional<PageCursor>& cursor, std::string_view time,
                               std::string_view id, bool oldest_first = false) {
    const bool back = goes_back(cursor) != oldest_first;
    const std::string key = std::string(time) + ", " + std::string(id);
    std::string sql;
    if (cursor) {
        sql += " AND (" + key + (back ? ") > (?, ?)" : ") < (?, ?)");
    }
    const std::string_view order = back ? " ASC" : " DESC";
    sql += " ORDER BY ";
    sql += time;
    sql += order;
    sql += ", ";
    sql += id;
    sql += order;
    return sql + " LIMIT ?";
}

inline void bind_page(SqliteQuery& query, const std::optional<PageCursor>& cursor,
                      std::size_t limit) {
    if (cursor) {
        query.bind(cursor->at_ms);
        query.bind(cursor->id);
    }
    // One more than asked for tells whether there is another page.
    query.bind(static_cast<std::int64_t>(limit + 1));
}

// ` AND column IN (?, ?)`; nothing for an empty list.
inline std::string in_clause(std::string_view column, const std::vector<std::string>& values) {
    if (values.empty()) {
        return {};
    }
    std::string sql = " AND " + std::string(column) + " IN (?";
    for (std::size_t i = 1; i < values.size(); ++i) {
        sql += ", ?";
    }
    return sql + ")";
}

inline void bind_list(SqliteQuery& query, const std::vector<std::string>& values) {
    for (const std::string& value : values) {
        query.bind(value);
    }
}

}  // namespace sallyport::engine
