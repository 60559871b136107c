// The Postgres piece's actions that name a table instead of writing SQL.
#include "engine/core/pieces/input.hpp"
#include "engine/core/pieces/sql.hpp"
#include "engine/core/pieces/sql_names.hpp"

#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {
namespace {

constexpr std::string_view kTablesQuery =
    "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE'"
    " AND table_schema NOT IN ('pg_catalog', 'information_schema')"
    " ORDER BY table_schema, table_name";

struct ColumnValues {
    std::vector<std::string> columns;  // quoted
    Json values = Json::array();
};

Result<ColumnValues> column_values(const Json& input) {
    const Json given = input_json(input, "values");
    ColumnValues out;
    bool good = given.is_object();
    given.each_member([&](std::string_view name, const Json& value) {
        good = good && is_sql_name(Json::string(name));
        out.columns.push_back(quoted_name(name));
        out.values.append(value.deep_copy());
    });
    if (!good || out.columns.empty() || out.columns.size() >= kSqlArgumentsMax) {
        return input_error("values", "Expected an object of columns and their values");
    }
    return out;
}

// `"column" = $<number>`; the value is appended to the arguments.
Result<std::string> search_condition(const Json& input, Json& arguments) {
    const auto value = input_text(input, "search_value");
    if (!is_sql_name(input["search_column"])) {
        return input_error("search_column", "Expected the name of a column");
    }
    if (!value.ok()) {
        return value.error();
    }
    arguments.append(Json::string(*value));
    return " WHERE " + quoted_name(input["search_column"].text()) + " = $" +
           std::to_string(arguments.size());
}

Result<SqlQuery> insert_query(const std::string& table, const Json& input) {
    const Result<ColumnValues> given = column_values(input);
    if (!given.ok()) {
        return given.error();
    }
    std::string names;
    std::string places;
    for (std::size_t i = 0; i < given->columns.size(); ++i) {
        names += (i == 0 ? "" : ", ") + given->columns[i];
        places += (i == 0 ? "$" : ", $") + std::to_string(i + 1);
    }
    SqlQuery query;
    query.text = "INSERT INTO " + table + " (" + names + ") VALUES (" + places + ") RETURNING *";
    query.arguments = given->values;
    query.gives = SqlQuery::Gives::one_row;
    return query;
}

struct RowList {
    std::vector<std::string> columns;  // quoted, in the order they are first met
    std::vector<std::string> names;
    Json rows;  // each an object; what is missing from one is the column's default
};

// An empty text is no value unless it is to be kept: forms send it for a field left alone.
Result<RowList> row_list(const Json& input) {
    RowList list;
    const Json batch = input_json(input, "batch");
    const Result<Json> given = input_list(batch.is_object() ? batch : Json::object(), "rows");
    list.rows = Json::array();
    bool good =
        given.ok() && given->size() > 0 && given->size() <= static_cast<std::size_t>(kSqlRowsMax);
    std::set<std::string, std::less<>> known;
    const bool keep_empty = input_flag(input, "keep_empty_strings");
    for (std::size_t i = 0; good && i < given->size(); ++i) {
        const Json given_row = given->at(i);
        Json row = Json::object();
        good = given_row.is_object();
        given_row.each_member([&](std::string_view name, const Json& value) {
            if (!keep_empty && value.is_string() && value.text().empty()) {
                return;
            }
            good = good && is_sql_name(Json::string(name));
            if (known.emplace(name).second) {
                list.names.emplace_back(name);
                list.columns.push_back(quoted_name(name));
            }
            row.set(name, value);
        });
        list.rows.append(row);
    }
    if (!good || list.columns.empty()) {
        return input_error("batch",
                           "Expected {\"rows\": […]} of 1 to 10000 objects of columns and values");
    }
    return list;
}

// One statement: all of the rows are stored, or none.
Result<SqlQuery> insert_rows_query(const std::string& table, const Json& input) {
    const Result<RowList> list = row_list(input);
    if (!list.ok()) {
        return list.error();
    }
    SqlQuery query;
    query.arguments = Json::array();
    query.text = "INSERT INTO " + table + " (";
    for (std::size_t i = 0; i < list->columns.size(); ++i) {
        query.text += (i == 0 ? "" : ", ") + list->columns[i];
    }
    query.text += ") VALUES ";
    for (std::size_t i = 0; i < list->rows.size(); ++i) {
        const Json row = list->rows.at(i);
        std::string places;
        for (const std::string& name : list->names) {
            const Json value = row[name];
            places += places.empty() ? "" : ", ";
            if (!value.exists()) {
                places += "DEFAULT";
                continue;
            }
            query.texts_of_lists = query.texts_of_lists || value.text().starts_with('[');
            query.arguments.append(value.deep_copy());
            places += "$" + std::to_string(query.arguments.size());
        }
        if (query.arguments.size() > kSqlInsertedValuesMax) {
            return input_error("batch", "Expected at most 65535 values in all rows together");
        }
        query.text += (i == 0 ? "(" : ", (") + places + ")";
    }
    const bool rows = input_flag(input, "return_rows");
    query.text += rows ? " RETURNING *" : "";
    query.gives = rows ? SqlQuery::Gives::counted_rows : SqlQuery::Gives::count;
    return query;
}

Result<SqlQuery> update_query(const std::string& table, const Json& input) {
    const Result<ColumnValues> given = column_values(input);
    if (!given.ok()) {
        return given.error();
    }
    std::string changes;
    for (std::size_t i = 0; i < given->columns.size(); ++i) {
        changes += (i == 0 ? "" : ", ") + given->columns[i] + " = $" + std::to_string(i + 1);
    }
    SqlQuery query;
    query.arguments = given->values;
    const Result<std::string> where = search_condition(input, query.arguments);
    if (!where.ok()) {
        return where.error();
    }
    query.text = "UPDATE " + table + " SET " + changes + *where + " RETURNING *";
    return query;
}

Result<SqlQuery> delete_query(const std::string& table, const Json& input) {
    SqlQuery query;
    query.arguments = Json::array();
    const Result<std::string> where = search_condition(input, query.arguments);
    if (!where.ok()) {
        return where.error();
    }
    query.text = "DELETE FROM " + table + *where + " RETURNING *";
    return query;
}

Result<SqlQuery> find_query(const std::string& table, const Json& settings, const Json& input) {
    const auto condition = input_text_or(input, "condition", "");
    const auto arguments = input_list(input, "args");
    const auto columns = input_list(input, "columns");
    if (!condition.ok()) {
        return condition.error();
    }
    if (!arguments.ok() || !columns.ok()) {
        return arguments.ok() ? columns.error() : arguments.error();
    }
    if (holds_template(settings, "condition") ||
        condition->find_first_of(std::string_view(";\0", 2)) != std::string::npos) {
        return input_error("condition",
                           "The condition is one expression and may not hold {{…}} or ;: write "
                           "$1, $2 and put the values into the arguments");
    }
    std::string selected;
    bool good = arguments->size() <= kSqlArgumentsMax;
    columns->each_element([&](const Json& column) {
        good = good && is_sql_name(column);
        selected += (selected.empty() ? "" : ", ") +
                    (column.text() == "*" ? std::string("*") : quoted_name(column.text()));
    });
    if (!good) {
        return input_error("columns", "Expected names of columns, and at most 1000 arguments");
    }
    SqlQuery query;
    query.text = "SELECT " + (selected.empty() ? "*" : selected) + " FROM " + table;
    query.text += condition->empty() ? "" : " WHERE " + *condition;
    if (input["limit"].exists() && !input["limit"].is_null()) {
        const auto limit = input_whole(input, "limit", 1, kSqlRowsMax);
        if (!limit.ok()) {
            return limit.error();
        }
        query.text += "\nLIMIT " + std::to_string(*limit);
    }
    query.arguments = arguments->deep_copy();
    return query;
}

}  // namespace

Result<SqlQuery> postgres_query(std::string_view action, const Json& settings, const Json& input) {
    if (action == "run-query") {
        return sql_query(settings, input);
    }
    if (action == "get-tables") {
        SqlQuery query;
        query.text = kTablesQuery;
        query.arguments = Json::array();
        query.gives = SqlQuery::Gives::tables;
        return query;
    }
    const Result<std::string> table = quoted_table(input);
    if (!table.ok()) {
        return table.error();
    }
    if (action == "insert-row") {
        return insert_query(*table, input);
    }
    if (action == "insert-rows") {
        return insert_rows_query(*table, input);
    }
    Result<SqlQuery> query = action == "update-row"   ? update_query(*table, input)
                             : action == "delete-row" ? delete_query(*table, input)
                                                      : find_query(*table, settings, input);
    if (query.ok()) {
        query->gives = SqlQuery::Gives::counted_rows;
    }
    return query;
}

Json sql_output(SqlQuery::Gives gives, const Json& rows, std::int64_t changed) {
    const Json count = Json::integer(static_cast<std::int64_t>(rows.size()));
    switch (gives) {
        case SqlQuery::Gives::rows:
            return rows;
        case SqlQuery::Gives::counted_rows:
            return Json::object({{"rows", rows}, {"rowCount", count}});
        case SqlQuery::Gives::one_row:
            return Json::object(
                {{"row", rows.size() == 0 ? Json::null() : rows.at(0)}, {"rowCount", count}});
        case SqlQuery::Gives::tables:
            return Json::object({{"tables", rows}});
        case SqlQuery::Gives::count:
            return Json::object({{"rowCount", Json::integer(changed)}});
    }
    return rows;
}

}  // namespace sallyport::engine
