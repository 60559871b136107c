// The pieces that ask databases: what a step's input asks for. Values go in as parameters alone: a
// query that holds a template is refused before anything is filled in. Pure.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

inline constexpr std::string_view kPostgresPiece = "@activepieces/piece-postgres";
inline constexpr std::string_view kSqlitePiece = "@activepieces/piece-sqlite";

// Of one answer.
inline constexpr std::int64_t kSqlRowsMax = 10'000;
inline constexpr std::size_t kSqlBytesMax = 8u << 20;
inline constexpr std::size_t kSqlArgumentsMax = 1000;
// Of one statement that inserts many rows: the protocol counts them in sixteen bits.
inline constexpr std::size_t kSqlInsertedValuesMax = 65'535;

struct SqlQuery {
    // What the step gives: the rows, {rows, rowCount}, {row, rowCount}, {tables} or {rowCount}.
    enum class Gives { rows, counted_rows, one_row, tables, count };
    std::string text;
    Json arguments;  // a list of its own: another thread may have it
    std::int64_t time_ms = 30'000;
    std::int64_t connect_ms = 30'000;  // of it, to the server
    std::int64_t rows_max = kSqlRowsMax;
    Gives gives = Gives::rows;
    // Whether an answer that grows too large ends there, instead of being an error.
    bool may_be_cut = false;
    // Whether a text of a list (`["a"]`) is meant as a list where the server wants an array: forms
    // have texts alone.
    bool texts_of_lists = false;
};
// Whether what was written for an input holds {{…}}: a text that is SQL may not, for a value in it
// would be SQL, too.
bool holds_template(const Json& settings, std::string_view name);
// `settings` are the step's own, `input` is what was made of them.
Result<SqlQuery> sql_query(const Json& settings, const Json& input);
// Any action of the Postgres piece: run-query, and those that name a table, its columns and values.
// Names are quoted, values are parameters; a condition is held to what a query is held to.
Result<SqlQuery> postgres_query(std::string_view action, const Json& settings, const Json& input);
// The step's output. `changed` is how many rows the server says it changed.
Json sql_output(SqlQuery::Gives gives, const Json& rows, std::int64_t changed);

// The trigger: rows whose column is past the greatest value seen (the least, when the newest come
// first in ascending order), and those of that very value that were not there.
inline constexpr std::string_view kNewRow = "new-row";
// `settings` are the trigger's own. What stands in them as a template is not looked at.
Status check_new_row(const Json& settings);
// What changes with whatever makes the rows: another table, column, direction or connection.
std::string new_row_source(const Json& settings);
// Oldest first, from `memory` on (core/item_memory.hpp); without one, those of the newest value.
Result<SqlQuery> new_row_query(const Json& settings, const Json& input, const Json& memory);
// The newest few, newest first: what a test of the trigger shows.
Result<SqlQuery> new_row_sample(const Json& input);

// An argument as PostgreSQL reads it: lists as array literals, objects as JSON; nothing is NULL.
std::optional<std::string> postgres_argument(const Json& value);
// Of a type of arrays that we know, by its number.
bool is_postgres_array(std::uint32_t type);
// A value as the step gives it, by its type's number (pg_type.oid): numbers, booleans and JSON as
// such, times as ISO 8601, 64-bit and exact numbers as text, arrays as lists, the rest as text.
Json postgres_value(std::uint32_t type, std::string_view text);

struct PostgresServerInput {
    std::string host;
    std::int64_t port = 5432;
    std::string user;
    std::string password;
    std::string database;
    bool tls = true;
    bool verify = true;
    std::string certificate;  // PEM; empty: the system's authorities
};
Result<PostgresServerInput> postgres_server(const Json& auth);

// The file's name without its ending: letters, digits, `-` and `_`.
Result<std::string> sqlite_database(const Json& input);

}  // namespace sallyport::engine
