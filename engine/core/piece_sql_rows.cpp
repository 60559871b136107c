// The Postgres piece's actions that name a table instead of writing SQL.
#include "engine/core/piece_input.hpp"
#include "engine/core/piece_sql.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {
namespace {

constexpr std::string_view kTablesQuery =
    "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE'"
    " AND table_schema NOT IN ('pg_catalog', 'information_schema')"
    " ORDER BY table_schema, table_name";

bool is_identifier(const Json& name) {
    return !name.text().empty() && name.text().find('\0') == std::string_view::npos;
}

// As SQL quotes identifiers: whatever stands in it is a name.
std::string quoted(std::string_view name) {
    std::string out = "\"";
    for (const char c : name) {
        out += c == '"' ? std::string("\"\"") : std::string(1, c);
    }
    return out + "\"";
}

Result<std::string> quoted_table(const Json& input) {
    const Json table = input_json(input, "table");
    if (!is_identifier(table["table_schema"]) || !is_identifier(table["table_name"])) {
        return input_error("table", "Expected {\"table_schema\": …, \"table_name\": …}");
    }
    return quoted(table["table_schema"].text()) + "." + quoted(table["table_name"].text());
}

struct ColumnValues {
    std::vector<std::string> columns;  // quoted
    Json values = Json::array();
};

Result<ColumnValues> column_values(const Json& input) {
    const Json given = input_json(input, "values");
    ColumnValues out;
    bool good = given.is_object();
    given.each_member([&](std::string_view name, const Json& value) {
        good = good && is_identifier(Json::string(name));
        out.columns.push_back(quoted(name));
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
    if (!is_identifier(input["search_column"])) {
        return input_error("search_column", "Expected the name of a column");
    }
    if (!value.ok()) {
        return value.error();
    }
    arguments.append(Json::string(*value));
    return " WHERE " + quoted(input["search_column"].text()) + " = $" +
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
        good = good && is_identifier(column);
        selected += (selected.empty() ? "" : ", ") +
                    (column.text() == "*" ? std::string("*") : quoted(column.text()));
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
    Result<SqlQuery> query = action == "update-row"   ? update_query(*table, input)
                             : action == "delete-row" ? delete_query(*table, input)
                                                      : find_query(*table, settings, input);
    if (query.ok()) {
        query->gives = SqlQuery::Gives::counted_rows;
    }
    return query;
}

Json sql_output(SqlQuery::Gives gives, const Json& rows) {
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
    }
    return rows;
}

}  // namespace sallyport::engine
