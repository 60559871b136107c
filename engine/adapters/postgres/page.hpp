// Lists with a variable number of conditions: the SQL and its numbered parameters grow together.
#pragma once

#include "engine/adapters/keyset_page.hpp"
#include "engine/adapters/postgres/connection.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

class PostgresListQuery {
  public:
    explicit PostgresListQuery(std::string sql) { statement_.sql = std::move(sql); }

    // `?` in `sql` becomes the parameter's number.
    template <typename Value>
    PostgresListQuery& add(std::string_view sql, const Value& value) {
        statement_.add(value);
        for (const char c : sql) {
            if (c == '?') {
                statement_.sql += "$" + std::to_string(statement_.params.size());
            } else {
                statement_.sql += c;
            }
        }
        return *this;
    }
    PostgresListQuery& add(std::string_view sql) {
        statement_.sql += sql;
        return *this;
    }
    // ` AND column IN ($3, $4)`; nothing for an empty list.
    PostgresListQuery& add_in(std::string_view column, const std::vector<std::string>& values) {
        for (std::size_t i = 0; i < values.size(); ++i) {
            add(i == 0 ? " AND " + std::string(column) + " IN (?" : std::string(", ?"), values[i]);
        }
        return add(values.empty() ? "" : ")");
    }
    // ` AND (strpos(column, $3) > 0 OR …)`; nothing for no needles.
    PostgresListQuery& add_holds(std::string_view column, const std::vector<std::string>& needles) {
        for (std::size_t i = 0; i < needles.size(); ++i) {
            add((i == 0 ? " AND (strpos(" : " OR strpos(") + std::string(column) + ", ?) > 0",
                needles[i]);
        }
        return add(needles.empty() ? "" : ")");
    }
    // The page and its order, newest first unless told; a previous page is read the other way.
    PostgresStatement page(const std::optional<PageCursor>& cursor, const std::string& time,
                           const std::string& id, std::size_t limit, bool oldest_first = false) && {
        const bool back = goes_back(cursor) != oldest_first;
        if (cursor) {
            add(" AND (" + time + ", " + id + (back ? ") > (?::bigint, " : ") < (?::bigint, "),
                cursor->at_ms);
            add("?)", cursor->id);
        }
        const std::string order = back ? " ASC" : " DESC";
        add(" ORDER BY " + time + order + ", " + id + order);
        add(" LIMIT ?::bigint", static_cast<std::int64_t>(limit + 1));
        return std::move(statement_);
    }
    // The first rows in an order of its own: no cursor leads on.
    PostgresStatement ordered(std::string_view order, std::size_t limit) && {
        add(" ORDER BY ");
        add(order);
        add(" LIMIT ?::bigint", static_cast<std::int64_t>(limit + 1));
        return std::move(statement_);
    }
    PostgresStatement all() && { return std::move(statement_); }
    // Of a statement that changes rows.
    PostgresStatement returning(std::string_view columns) && {
        add(" RETURNING ");
        add(columns);
        return std::move(statement_);
    }

  private:
    PostgresStatement statement_;
};

}  // namespace sallyport::engine
