#include "engine/adapters/sqlite/store.hpp"

#include "engine/adapters/sqlite/schema.hpp"

namespace sallyport::engine {

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::string& path,
                                                       SqliteDurability durability, Loop& loop,
                                                       const Clock& clock, Log& log) {
    auto writer = SqliteDb::open(path, durability, false);
    if (!writer.ok()) {
        return writer.error();
    }
    const Status migrated = migrate_schema(**writer, clock.now_ms(), log);
    if (!migrated.ok()) {
        return Error{path + ": " + migrated.message()};
    }
    auto checkpointer = SqliteDb::open(path, durability, false);
    if (!checkpointer.ok()) {
        return checkpointer.error();
    }
    auto reader = SqliteDb::open(path, durability, true);
    if (!reader.ok()) {
        return reader.error();
    }
    auto lister = SqliteDb::open(path, durability, true);
    if (!lister.ok()) {
        return lister.error();
    }
    return std::unique_ptr<SqliteStore>(new SqliteStore(
        {*std::move(writer), *std::move(checkpointer), *std::move(reader), *std::move(lister)},
        loop));
}

}  // namespace sallyport::engine
