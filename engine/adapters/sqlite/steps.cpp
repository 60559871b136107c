// The SQLite piece's steps: a project's own databases, each a file in a folder of the project below
// the data folder. One statement a step, its values as parameters; no way to another file.
#include "common/bytes.hpp"
#include "engine/adapters/steps/service_steps.hpp"
#include "engine/core/ids.hpp"
#include "engine/core/pieces/input.hpp"
#include "engine/core/pieces/sql.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::int64_t kDatabaseBytesMax = 256ll << 20;
constexpr int kPageBytes = 4096;
constexpr int kValueBytesMax = 8 << 20;
constexpr int kStatementBytesMax = 1 << 20;
constexpr int kBusyMs = 5000;
// Virtual machine steps between two looks at the clock.
constexpr int kStepsBetweenLooks = 10'000;

struct Close {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Database = std::unique_ptr<sqlite3, Close>;
using Statement = std::unique_ptr<sqlite3_stmt, Close>;

// What a statement may do: everything within its own file.
int authorize(void*, int action, const char* first, const char*, const char*, const char*) {
    constexpr std::array<std::string_view, 5> kPragmas = {"table_info", "table_list", "index_list",
                                                          "index_info", "foreign_key_list"};
    switch (action) {
        case SQLITE_ATTACH:
        case SQLITE_DETACH:
            return SQLITE_DENY;
        case SQLITE_PRAGMA: {
            const std::string_view name = first == nullptr ? "" : first;
            return std::find(kPragmas.begin(), kPragmas.end(), name) != kPragmas.end()
                       ? SQLITE_OK
                       : SQLITE_DENY;
        }
        default:
            return SQLITE_OK;
    }
}

int on_progress(void* stop) {
    return static_cast<const StepStop*>(stop)->asked() ? 1 : 0;
}

Result<Database> open_database(const std::string& folder, const std::string& project,
                               const std::string& name) {
    if (!is_id(project)) {
        return Error{"the project has no folder"};
    }
    std::error_code problem;
    std::filesystem::create_directories(folder, problem);
    // Where the operator put the data folder may be a link; below it none is followed.
    const std::filesystem::path place = std::filesystem::canonical(folder, problem) / project;
    std::filesystem::create_directory(place, problem);
    std::filesystem::permissions(place, std::filesystem::perms::owner_all, problem);
    sqlite3* handle = nullptr;
    const std::string path = (place / (name + ".db")).string();
    const int code = sqlite3_open_v2(path.c_str(), &handle,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
                                         SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_PRIVATECACHE,
                                     nullptr);
    Database db(handle);
    if (code != SQLITE_OK) {
        return Error{"the database cannot be opened"};
    }
    sqlite3_busy_timeout(handle, kBusyMs);
    sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, kValueBytesMax);
    sqlite3_limit(handle, SQLITE_LIMIT_SQL_LENGTH, kStatementBytesMax);
    sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    sqlite3_exec(handle, "PRAGMA page_size = 4096", nullptr, nullptr, nullptr);
    const std::string bound =
        "PRAGMA max_page_count = " + std::to_string(kDatabaseBytesMax / kPageBytes);
    sqlite3_exec(handle, bound.c_str(), nullptr, nullptr, nullptr);
    sqlite3_exec(handle, "PRAGMA journal_mode = WAL", nullptr, nullptr, nullptr);
    sqlite3_exec(handle, "PRAGMA temp_store = MEMORY", nullptr, nullptr, nullptr);
    sqlite3_exec(handle, "PRAGMA foreign_keys = ON", nullptr, nullptr, nullptr);
    sqlite3_set_authorizer(handle, authorize, nullptr);
    return db;
}

void bind(sqlite3_stmt* statement, int at, const Json& value) {
    if (!value.exists() || value.is_null()) {
        sqlite3_bind_null(statement, at);
    } else if (value.is_boolean()) {
        sqlite3_bind_int(statement, at, value.is_true() ? 1 : 0);
    } else if (value.is_integer()) {
        sqlite3_bind_int64(statement, at, value.integer_or(0));
    } else if (value.is_number()) {
        sqlite3_bind_double(statement, at, value.number_or(0));
    } else {
        const std::string text = value_text(value);
        sqlite3_bind_text64(statement, at, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
    }
}

Json column(sqlite3_stmt* statement, int at, std::size_t& bytes) {
    switch (sqlite3_column_type(statement, at)) {
        case SQLITE_INTEGER:
            bytes += 8;
            return Json::integer(sqlite3_column_int64(statement, at));
        case SQLITE_FLOAT:
            bytes += 8;
            return Json::real(sqlite3_column_double(statement, at));
        case SQLITE_NULL:
            return Json::null();
        case SQLITE_BLOB: {
            const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement, at));
            const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, at));
            bytes += size * 2;
            return Json::string(base64_encode(data, size));
        }
        default: {
            const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, at));
            const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, at));
            bytes += size;
            return Json::string(std::string_view(text == nullptr ? "" : text, size));
        }
    }
}

StepResult failed(sqlite3* db, const StepStop& stop) {
    return step_failed(stop.asked() ? "sqlite: the query took longer than it may"
                                    : std::string("sqlite: ") + sqlite3_errmsg(db));
}

StepResult ask(sqlite3* db, const SqlQuery& query, const StepStop& stop) {
    sqlite3_stmt* handle = nullptr;
    const char* rest = nullptr;
    const int code = sqlite3_prepare_v2(db, query.text.data(), static_cast<int>(query.text.size()),
                                        &handle, &rest);
    const Statement statement(handle);
    if (code != SQLITE_OK) {
        return failed(db, stop);
    }
    const char* const end = query.text.data() + query.text.size();
    if (handle == nullptr || std::any_of(rest, end, [](char c) {
            return c != ' ' && c != '\n' && c != '\r' && c != '\t' && c != ';';
        })) {
        return step_failed("sqlite: the query must be one statement");
    }
    const int wanted = sqlite3_bind_parameter_count(handle);
    if (static_cast<std::size_t>(wanted) != query.arguments.size()) {
        return step_failed("sqlite: the query has " + std::to_string(wanted) +
                           " parameters, but there are " + std::to_string(query.arguments.size()) +
                           " arguments");
    }
    for (int at = 0; at < wanted; ++at) {
        bind(handle, at + 1, query.arguments.at(static_cast<std::size_t>(at)));
    }
    Json rows = Json::array();
    std::size_t bytes = 0;
    while (true) {
        const int stepped = sqlite3_step(handle);
        if (stepped == SQLITE_DONE) {
            return step_succeeded(rows);
        }
        if (stepped != SQLITE_ROW) {
            return failed(db, stop);
        }
        Json row = Json::object();
        for (int at = 0; at < sqlite3_column_count(handle); ++at) {
            row.set(sqlite3_column_name(handle, at), column(handle, at, bytes));
        }
        rows.append(row);
        if (rows.size() > static_cast<std::size_t>(query.rows_max) || bytes > kSqlBytesMax) {
            return step_failed("sqlite: the answer has more than " +
                               std::to_string(query.rows_max) +
                               " rows or 8 MB; ask for less (LIMIT)");
        }
    }
}

}  // namespace

StepCancel perform_sqlite(ServiceSteps& services, const StepCall& call, StepDone done) {
    const Result<std::string> name = sqlite_database(call.input);
    Result<SqlQuery> query = sql_query(call.step.settings, call.input);
    if (!name.ok() || !query.ok()) {
        done(step_failed(name.ok() ? query.message() : name.message()));
        return {};
    }
    const std::int64_t time =
        std::max<std::int64_t>(1, std::min(query->time_ms, call.time_left_ms));
    const auto what = std::make_shared<const SqlQuery>(*std::move(query));
    return services.threads.run(
        call.project_id, time,
        [folder = services.database_folder, project = call.project_id, name = *name,
         what](const StepStop& stop) {
            const Result<Database> db = open_database(folder, project, name);
            if (!db.ok()) {
                return step_failed("sqlite: " + db.message());
            }
            // const_cast: the callback gets it back as const.
            sqlite3_progress_handler(db->get(), kStepsBetweenLooks, on_progress,
                                     const_cast<StepStop*>(&stop));
            return ask(db->get(), *what, stop);
        },
        std::move(done));
}

}  // namespace sallyport::engine
