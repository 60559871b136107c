// The tables in PostgreSQL, as a list of forward migrations. A migration that was released is never
// changed: what comes next is appended.
#pragma once

#include "common/result.hpp"
#include "engine/adapters/postgres/connection.hpp"

#include <cstdint>

namespace sallyport::engine {

// Brings the database to the newest schema; processes that start together take turns. Refuses one
// that a newer engine has written.
Status migrate_postgres(PostgresSession& session, std::int64_t now_ms);

}  // namespace sallyport::engine
