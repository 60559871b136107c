#include "engine/adapters/sqlite/db.hpp"

#include "engine/adapters/sqlite/vfs.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace sallyport::engine {
namespace {

// Another process (a backup, the command line) may hold the lock for a moment.
constexpr int kBusyTimeoutMs = 5000;
// Page cache: enough for the inner nodes of a history of 100 000 runs.
constexpr const char* kCommonPragmas =
    "PRAGMA foreign_keys=ON;"
    "PRAGMA temp_store=MEMORY;"
    "PRAGMA cache_size=-16384;"
    "PRAGMA trusted_schema=OFF;";

// SQLite would create the file readable by the group. A file that is there is not opened: closing
// it would drop every lock that SQLite's other connections of this process hold on it (fcntl(2)),
// and the next process that looks at the database would take its log for one that nobody uses.
Status create_private(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0) {
        ::close(fd);
        return Done{};
    }
    struct stat there {};
    if (errno == EEXIST && ::lstat(path.c_str(), &there) == 0 && S_ISREG(there.st_mode) &&
        ::faccessat(AT_FDCWD, path.c_str(), R_OK | W_OK, AT_EACCESS) == 0) {
        return Done{};
    }
    return Error{"cannot open " + path +
                 ": check that its folder exists, that both are writable, and that it is a file"};
}

}  // namespace

Result<std::unique_ptr<SqliteDb>> SqliteDb::open(const std::string& path,
                                                 SqliteDurability durability, bool read_only) {
    // Statistics that nobody reads take a lock for every allocation. Has no effect once SQLite is
    // in use.
    static const int configured = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    static_cast<void>(configured);
    if (!read_only) {
        const Status created = create_private(path);
        if (!created.ok()) {
            return created.error();
        }
    }
    sqlite3* handle = nullptr;
    const int flags = (read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) |
                      SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    const bool gather = !read_only && durability == SqliteDurability::full;
    const int code =
        sqlite3_open_v2(path.c_str(), &handle, flags, gather ? gathering_vfs() : nullptr);
    std::unique_ptr<SqliteDb> db(new SqliteDb(handle));
    if (code != SQLITE_OK) {
        return Error{"cannot open " + path + ": " + sqlite3_errstr(code)};
    }
    sqlite3_busy_timeout(handle, kBusyTimeoutMs);
    Status status = db->execute(kCommonPragmas);
    if (status.ok() && !read_only) {
        status = db->execute(durability == SqliteDurability::full
                                 ? "PRAGMA synchronous=FULL; PRAGMA journal_mode=WAL;"
                                 : "PRAGMA synchronous=NORMAL; PRAGMA journal_mode=WAL;");
    }
    if (!status.ok()) {
        return Error{path + ": " + status.message()};
    }
    return db;
}

SqliteDb::~SqliteDb() {
    for (const auto& [sql, statement] : statements_) {
        sqlite3_finalize(statement);
    }
    sqlite3_close(handle_);
}

Status SqliteDb::execute(const char* sql) {
    if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
        return error("database");
    }
    return Done{};
}

std::int64_t SqliteDb::changes() const {
    return sqlite3_changes64(handle_);
}

bool SqliteDb::in_transaction() const {
    return sqlite3_get_autocommit(handle_) == 0;
}

Error SqliteDb::error(std::string_view what) const {
    return Error{std::string(what) + ": " + sqlite3_errmsg(handle_)};
}

void SqliteDb::keep_log() {
    sqlite3_wal_hook(
        handle_,
        [](void* frames_of, sqlite3*, const char*, int frames) {
            *static_cast<std::size_t*>(frames_of) = static_cast<std::size_t>(frames);
            return SQLITE_OK;
        },
        &log_frames_);
}

SqliteDb::Checkpoint SqliteDb::checkpoint() {
    int frames = 0;
    int written = 0;
    // Busy, or a disk that fails: what is left is written back next time.
    if (sqlite3_wal_checkpoint_v2(handle_, nullptr, SQLITE_CHECKPOINT_PASSIVE, &frames, &written) !=
            SQLITE_OK ||
        frames < 0) {
        return {};
    }
    return {static_cast<std::size_t>(frames), static_cast<std::size_t>(written)};
}

sqlite3_stmt* SqliteDb::prepared(std::string_view sql) {
    const auto found = statements_.find(sql);
    if (found != statements_.end()) {
        return found->second;
    }
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                           SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK) {
        return nullptr;
    }
    statements_.emplace(std::string(sql), statement);
    return statement;
}

SqliteQuery::SqliteQuery(SqliteDb& db, std::string_view sql)
    : db_(db), statement_(db.prepared(sql)) {
    if (statement_ == nullptr) {
        note(SQLITE_ERROR);
    }
}

SqliteQuery::~SqliteQuery() {
    if (statement_ != nullptr) {
        sqlite3_reset(statement_);
        sqlite3_clear_bindings(statement_);
    }
}

void SqliteQuery::note(int code) {
    if (code != SQLITE_OK && !failed_) {
        failed_ = true;
        message_ = sqlite3_errmsg(db_.handle_);
    }
}

SqliteQuery& SqliteQuery::bind(std::string_view text) {
    ++bound_;
    if (!failed_) {
        note(sqlite3_bind_text64(statement_, bound_, text.data() == nullptr ? "" : text.data(),
                                 text.size(), SQLITE_STATIC, SQLITE_UTF8));
    }
    return *this;
}

SqliteQuery& SqliteQuery::bind_blob(std::string_view bytes) {
    ++bound_;
    if (!failed_) {
        note(sqlite3_bind_blob64(statement_, bound_, bytes.data(), bytes.size(), SQLITE_STATIC));
    }
    return *this;
}

SqliteQuery& SqliteQuery::bind(std::int64_t value) {
    ++bound_;
    if (!failed_) {
        note(sqlite3_bind_int64(statement_, bound_, value));
    }
    return *this;
}

SqliteQuery& SqliteQuery::bind_null_if_empty(std::string_view text) {
    if (!text.empty()) {
        return bind(text);
    }
    ++bound_;
    if (!failed_) {
        note(sqlite3_bind_null(statement_, bound_));
    }
    return *this;
}

bool SqliteQuery::row() {
    if (failed_) {
        return false;
    }
    const int code = sqlite3_step(statement_);
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        note(code);
    }
    return code == SQLITE_ROW;
}

Status SqliteQuery::run() {
    while (row()) {
    }
    return status();
}

Status SqliteQuery::status() const {
    return failed_ ? Status(Error{"database: " + message_}) : Status(Done{});
}

std::string SqliteQuery::text(int column) const {
    const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return data == nullptr
               ? std::string()
               : std::string(data,
                             static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
}

std::string_view SqliteQuery::blob(int column) const {
    const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
    return data == nullptr
               ? std::string_view()
               : std::string_view(
                     data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
}

std::int64_t SqliteQuery::integer(int column) const {
    return sqlite3_column_int64(statement_, column);
}

}  // namespace sallyport::engine
