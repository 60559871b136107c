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

struct SqlQuery {
    // What the step gives: the rows, {rows, rowCount}, {row, rowCount} or {tables}.
    enum class Gives { rows, counted_rows, one_row, tables };
    std::string text;
    Json arguments;  // a list of its own: another thread may have it
    std::int64_t time_ms = 30'000;
    std::int64_t rows_max = kSqlRowsMax;
    Gives gives = Gives::rows;
};
// Whether what was written for an input holds {{…}}: a text that is SQL may not, for a value in it
// would be SQL, too.
bool holds_template(const Json& settings, std::string_view name);
// `settings` are the step's own, `input` is what was made of them.
Result<SqlQuery> sql_query(const Json& settings, const Json& input);
// Any action of the Postgres piece: run-query, and those that name a table, its columns and values.
// Names are quoted, values are parameters; a condition is held to what a query is held to.
Result<SqlQuery> postgres_query(std::string_view action, const Json& settings, const Json& input);
// The step's output.
Json sql_output(SqlQuery::Gives gives, const Json& rows);

// An argument as PostgreSQL reads it: lists as array literals, objects as JSON; nothing is NULL.
std::optional<std::string> postgres_argument(const Json& value);
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
