// The database's tables, as a list of forward migrations. A migration that was released is never
// changed: what comes next is appended.
#pragma once

#include "common/result.hpp"
#include "engine/adapters/sqlite/db.hpp"
#include "engine/ports/log.hpp"

#include <cstdint>

namespace sallyport::engine {

// Brings the database to the newest schema. Refuses one that a newer engine has written. Says so
// first where there is something to change: with a long history it takes a while.
Status migrate_schema(SqliteDb& db, std::int64_t now_ms, Log& log);

}  // namespace sallyport::engine
