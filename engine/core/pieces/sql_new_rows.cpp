// The Postgres piece's trigger: which rows a look asks for.
#include "engine/core/item_memory.hpp"
#include "engine/core/pieces/input.hpp"
#include "engine/core/pieces/sql.hpp"
#include "engine/core/pieces/sql_names.hpp"

#include <string>
#include <string_view>

namespace sallyport::engine {
namespace {

constexpr int kSampleRows = 5;

struct Watched {
    std::string table;   // quoted
    std::string column;  // quoted, of the table by its name `t`
    bool rises = true;   // newer rows have greater values
};

Result<Watched> watched(const Json& input) {
    const Result<std::string> table = quoted_table(input);
    const Result<std::string> direction =
        input_choice(input, "order_direction", "DESC", {"ASC", "DESC"});
    if (!table.ok() || !direction.ok()) {
        return table.ok() ? direction.error() : table.error();
    }
    if (!is_sql_name(input["order_by"])) {
        return input_error("order_by", "Expected the name of a column");
    }
    return Watched{*table, "t." + quoted_name(input["order_by"].text()), *direction == "DESC"};
}

// The column's value beside the row, as text: JSON holds less of some, microseconds for one.
SqlQuery rows_of(const Watched& what, const std::string& rest) {
    SqlQuery query;
    query.text = "SELECT t.*, " + what.column + "::text AS " + quoted_name(kItemKey) + " FROM " +
                 what.table + " AS t" + rest;
    query.arguments = Json::array();
    query.may_be_cut = true;
    return query;
}

std::string order(const Watched& what, bool newest_first) {
    return " ORDER BY " + what.column + (what.rises == newest_first ? " DESC" : " ASC");
}

std::string limit(std::size_t rows) {
    return " LIMIT " + std::to_string(rows);
}

}  // namespace

Status check_new_row(const Json& settings) {
    for (const std::string_view name : {"table", "order_by", "order_direction"}) {
        if (holds_template(settings, name)) {
            return Done{};
        }
    }
    const Result<Watched> what = watched(settings["input"]);
    return what.ok() ? Status(Done{}) : Status(what.error());
}

std::string new_row_source(const Json& settings) {
    // A connection by its name; what is written out may be secret.
    const Json auth = settings["input"]["auth"];
    std::string source(auth.text());
    for (const std::string_view name : {"table", "order_by", "order_direction"}) {
        const Json value = settings["input"][name];
        source += '\n' + (value.exists() ? value.dump() : std::string());
    }
    return item_source(source);
}

Result<SqlQuery> new_row_query(const Json& settings, const Json& input, const Json& memory) {
    const Result<Watched> what = watched(input);
    if (!what.ok()) {
        return what.error();
    }
    const std::string& column = what->column;
    if (memory["source"].text() != new_row_source(settings)) {
        const std::string bare = column.substr(2);
        return rows_of(*what, " WHERE " + column + " = (SELECT " + bare + " FROM " + what->table +
                                  " WHERE " + bare + " IS NOT NULL ORDER BY " + bare +
                                  (what->rises ? " DESC" : " ASC") + limit(1) + ")" +
                                  limit(kNewItemsMax));
    }
    const Json newest = memory["newest"];
    if (!newest.exists()) {
        return rows_of(
            *what, " WHERE " + column + " IS NOT NULL" + order(*what, false) + limit(kNewItemsMax));
    }
    SqlQuery query = rows_of(*what, " WHERE " + column + (what->rises ? " >= $1" : " <= $1") +
                                        order(*what, false) + limit(kNewItemsMax));
    query.arguments.append(newest);
    return query;
}

Result<SqlQuery> new_row_sample(const Json& input) {
    const Result<Watched> what = watched(input);
    if (!what.ok()) {
        return what.error();
    }
    return rows_of(*what, order(*what, true) + " NULLS LAST" + limit(kSampleRows));
}

}  // namespace sallyport::engine
