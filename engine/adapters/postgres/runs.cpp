// Runs and their journal in PostgreSQL. Statements that change runs may be performed twice (their
// connection was lost while they were under way) and come to the same result.
#include "common/bytes.hpp"
#include "common/json.hpp"
#include "engine/adapters/failed_runs.hpp"
#include "engine/adapters/like_text.hpp"
#include "engine/adapters/postgres/page.hpp"
#include "engine/adapters/postgres/run_rows.hpp"
#include "engine/adapters/postgres/store.hpp"
#include "engine/adapters/tag_text.hpp"
#include "engine/core/packed_text.hpp"

#include <algorithm>
#include <limits>
#include <unordered_map>

namespace sallyport::engine {
namespace {

// How a commit is stored: as it is, or packed beside an empty text.
struct Entries {
    std::string columns;
    std::string (*value)(const std::string& param);
    std::string (*is)(const std::string& param);
};
const Entries kPlain = {"entries", [](const std::string& param) { return param + "::text"; },
                        [](const std::string& param) { return "entries = " + param + "::text"; }};
const Entries kPacked = {"entries, packed",
                         [](const std::string& param) { return "'', " + param + "::bytea"; },
                         [](const std::string& param) { return "packed = " + param + "::bytea"; }};

// The delivery is claimed, then the run and its first commit follow unless an earlier run has it.
// In a CTE all parts see the database as it was; `delivery` gives what is there now.
//
// One that counts is let in by `counted`, which comes before all that. What is known already is not
// counted again: the lock behind which the statement is sent has let it see what others stored.
std::string create_sql(const Entries& entries, bool counts) {
    const std::string counting =
        "known AS (SELECT run_id FROM webhook_delivery "
        "    WHERE flow_id = $3::text AND delivery_id = $20::text "
        "  UNION ALL SELECT id FROM run WHERE id = $1::text), "
        "counted AS (UPDATE run_count SET runs = runs + 1 "
        "  WHERE project_id = $2::text AND month = $23::bigint AND runs < $24::bigint "
        "    AND NOT EXISTS (SELECT 1 FROM known) RETURNING 1), "
        "let_in AS (SELECT 1 FROM known UNION ALL SELECT 1 FROM counted), ";
    const std::string let_in = counts ? " AND EXISTS (SELECT 1 FROM let_in)" : "";
    return "WITH " + (counts ? counting : "") +
           "delivery AS ("
           "  INSERT INTO webhook_delivery (flow_id, delivery_id, run_id, created_ms) "
           "  SELECT $3::text, $20::text, $1::text, $10::bigint WHERE $20::text IS NOT NULL " +
           let_in +
           "  ON CONFLICT (flow_id, delivery_id) DO UPDATE SET run_id = webhook_delivery.run_id "
           "  RETURNING run_id), "
           "taken AS (SELECT run_id FROM delivery WHERE run_id <> $1::text), "
           "stored AS ("
           "  INSERT INTO run (" SALLYPORT_PG_RUN_COLUMNS
           ", owner) "
           "  SELECT $1::text, $2::text, $3::text, $4::text, $5::text, $6::text, $7::text, "
           "    $8::text, $9::bigint, $10::bigint, $11::bigint, $12::bigint, $13::bigint, "
           "    $14::bigint, $15::text, $16::integer::boolean, $17::bigint, $21::integer, "
           "    $22::text, $18::integer "
           "  WHERE NOT EXISTS (SELECT 1 FROM taken)" +
           let_in +
           " ON CONFLICT (id) DO NOTHING), "
           "journal AS ("
           "  INSERT INTO run_journal (run_id, sequence, " +
           entries.columns + ") SELECT $1::text, 0, " + entries.value("$19") +
           "  WHERE NOT EXISTS (SELECT 1 FROM taken)" + let_in +
           " ON CONFLICT (run_id, sequence) DO NOTHING) "
           "SELECT (SELECT run_id FROM taken)" +
           (counts ? ", NOT EXISTS (SELECT 1 FROM let_in)" : "");
}

PostgresStatement create_statement(bool packed, bool counts) {
    static const std::string plain_sql = create_sql(kPlain, false);
    static const std::string packed_sql = create_sql(kPacked, false);
    static const std::string plain_counted_sql = create_sql(kPlain, true);
    static const std::string packed_counted_sql = create_sql(kPacked, true);
    if (counts) {
        return packed ? PostgresStatement{"create_packed_counted", packed_counted_sql, {}}
                      : PostgresStatement{"create_run_counted", plain_counted_sql, {}};
    }
    return packed ? PostgresStatement{"create_packed", packed_sql, {}}
                  : PostgresStatement{"create_run", plain_sql, {}};
}

// The count's row, there and for this transaction alone. Nothing of it changes by that: a row that
// the condition keeps from being updated is locked all the same.
std::shared_ptr<const PostgresLane::Lock> count_lock(const std::string& project_id,
                                                     std::int64_t month) {
    auto lock = std::make_shared<PostgresLane::Lock>();
    lock->name = project_id + "/" + std::to_string(month);
    lock->take = {"lock_run_count",
                  "INSERT INTO run_count (project_id, month, runs) "
                  "VALUES ($1::text, $2::bigint, 0) ON CONFLICT (project_id, month) "
                  "DO UPDATE SET runs = run_count.runs WHERE run_count.runs < 0",
                  {}};
    lock->take.add(project_id).add(month);
    return lock;
}

// A run that rests or has ended belongs to nobody. `earlier`: this very commit is there already.
std::string append_sql(const Entries& entries) {
    return "WITH mine AS ("
           "  UPDATE run SET status = $4::text, failed_step = $5::text, steps_count = $6::bigint, "
           "    updated_ms = $7::bigint, finished_ms = $8::bigint, resume_ms = $9::bigint, "
           "    queue_class = 0, tags = $12::text, "
           "    owner = CASE WHEN $8::bigint > 0 OR $9::bigint > 0 THEN 0 ELSE owner END "
           "  WHERE id = $1::text AND owner = $10::integer "
           "    AND NOT EXISTS (SELECT 1 FROM run_journal "
           "      WHERE run_id = $1::text AND sequence >= $2::bigint) "
           "  RETURNING id), "
           "journal AS ("
           "  INSERT INTO run_journal (run_id, sequence, " +
           entries.columns + ") SELECT id, $2::bigint, " + entries.value("$3") +
           " FROM mine) "
           "SELECT EXISTS (SELECT 1 FROM mine), "
           "  EXISTS (SELECT 1 FROM run_journal "
           "    WHERE run_id = $1::text AND sequence = $2::bigint AND " +
           entries.is("$3") +
           "), "
           "  CASE WHEN $11::integer = 1 THEN pg_notify('sallyport_run_done', $1::text) END";
}

// A frame that is broken becomes a commit that nobody can read: that run fails, and no other.
std::string commit_text(std::string entries, const std::string& packed_hex) {
    if (packed_hex.empty()) {
        return entries;
    }
    const auto frame = hex_decode(packed_hex);
    return frame ? unpacked_or_empty(as_text(*frame)) : std::string();
}

}  // namespace

void PostgresStore::create_run(NewRun run, StoreDone<RunAccepted> done) {
    const RunRow& row = run.row;
    const auto packed = pack_text(run.commit);
    const bool counts = run.quota.most > 0;
    PostgresStatement create = create_statement(packed.has_value(), counts);
    create.add(row.id).add(row.project_id).add(row.flow_id).add(row.version_id);
    create.add(row.display_name).add(row.environment).add(row.status);
    create.add_null_if_empty(row.failed_step).add(row.steps_count).add(row.created_ms);
    create.add(row.updated_ms).add(row.started_ms).add(row.finished_ms).add(row.resume_ms);
    create.add_null_if_empty(row.parent_run_id).add(std::int64_t{row.fail_parent});
    // What waits is nobody's.
    create.add(row.archived_ms).add(row.queue_class > 0 ? 0 : number_);
    packed ? create.add_bytea(*packed) : create.add(run.commit);
    create.add_null_if_empty(run.delivery_id).add(row.queue_class);
    create.add_null_if_empty(row.tags);
    std::shared_ptr<const PostgresLane::Lock> lock;
    if (counts) {
        create.add(run.quota.month).add(run.quota.most);
        lock = count_lock(row.project_id, run.quota.month);
    }
    writer_->submit(
        std::move(create),
        [id = row.id, counts, done = std::move(done)](const Result<PostgresRows>& rows) {
            if (!rows.ok()) {
                done(rows.error());
                return;
            }
            const std::string earlier = rows->text(0, 0);
            const bool over_quota = counts && rows->boolean(0, 1);
            done(RunAccepted{earlier.empty() ? id : earlier, !earlier.empty(), over_quota});
        },
        std::move(lock));
}

void PostgresStore::counted_runs(std::vector<std::string> project_ids, std::int64_t month,
                                 StoreDone<RunCounts> done) {
    PostgresStatement count{"counted_runs",
                            "SELECT project_id, runs FROM run_count "
                            "WHERE month = $1::bigint AND project_id = ANY ($2::text[])",
                            {}};
    count.add(month).add(array_text(project_ids));
    reader().submit(std::move(count), [done = std::move(done)](const Result<PostgresRows>& rows) {
        if (!rows.ok()) {
            done(rows.error());
            return;
        }
        RunCounts counts;
        for (int i = 0; i < rows->count(); ++i) {
            counts.emplace_back(rows->text(i, 0), rows->integer(i, 1));
        }
        done(std::move(counts));
    });
}

void PostgresStore::forget_counts(std::int64_t before_month, StoreDone<Done> done) {
    PostgresStatement forget{"forget_counts", "DELETE FROM run_count WHERE month < $1::bigint", {}};
    writer_->submit(std::move(forget.add(before_month)),
                    [done = std::move(done)](const Result<PostgresRows>& rows) {
                        done(rows.ok() ? Status(Done{}) : Status(rows.error()));
                    });
}

void PostgresStore::append(JournalCommit commit, StoreDone<Appended> done) {
    static const std::string plain_sql = append_sql(kPlain);
    static const std::string packed_sql = append_sql(kPacked);
    const auto packed = pack_text(commit.text);
    PostgresStatement append = packed ? PostgresStatement{"append_packed", packed_sql, {}}
                                      : PostgresStatement{"append", plain_sql, {}};
    append.add(commit.run_id).add(commit.sequence);
    packed ? append.add_bytea(*packed) : append.add(commit.text);
    append.add(commit.status);
    append.add_null_if_empty(commit.failed_step).add(commit.steps_count).add(commit.updated_ms);
    append.add(commit.finished_ms).add(commit.resume_ms).add(number_);
    // A notice of the database leaves with the commit, and makes commits wait for each other.
    const bool by_bus = commit.announce && bus_ != nullptr && bus_->is_up();
    append.add(std::int64_t{commit.announce && !by_bus}).add_null_if_empty(commit.tags);
    writer_->submit(std::move(append), [this, by_bus, id = std::move(commit.run_id),
                                        done = std::move(done)](const Result<PostgresRows>& rows) {
        if (!rows.ok()) {
            done(rows.error());
            return;
        }
        const bool stored = rows->boolean(0, 0) || rows->boolean(0, 1);
        if (stored && by_bus) {
            tell_done(id);
        }
        done(stored ? Appended::stored : Appended::lost);
    });
}

void PostgresStore::with_commits(const Result<PostgresRows>& rows,
                                 StoreDone<std::vector<StoredRun>> done) {
    if (!rows.ok()) {
        done(rows.error());
        return;
    }
    std::vector<StoredRun> runs;
    std::unordered_map<std::string, std::size_t> index;
    for (int i = 0; i < rows->count(); ++i) {
        runs.push_back({read_run(*rows, i), {}});
    }
    // RETURNING keeps no order.
    std::sort(runs.begin(), runs.end(), [](const StoredRun& left, const StoredRun& right) {
        return left.row.id < right.row.id;
    });
    for (std::size_t i = 0; i < runs.size(); ++i) {
        index[runs[i].row.id] = i;
    }
    if (runs.empty()) {
        done(std::move(runs));
        return;
    }
    PostgresStatement query{"commits",
                            "SELECT run_id, entries, encode(packed, 'hex') FROM run_journal "
                            "WHERE run_id = ANY ($1::text[]) ORDER BY run_id, sequence",
                            {}};
    std::vector<std::string> ids;
    for (const StoredRun& run : runs) {
        ids.push_back(run.row.id);
    }
    query.add(array_text(ids));
    reader().submit(std::move(query),
                    [runs = std::move(runs), index = std::move(index),
                     done = std::move(done)](const Result<PostgresRows>& commits) mutable {
                        if (!commits.ok()) {
                            done(commits.error());
                            return;
                        }
                        for (int i = 0; i < commits->count(); ++i) {
                            runs[index[commits->text(i, 0)]].commits.push_back(
                                commit_text(commits->text(i, 1), commits->text(i, 2)));
                        }
                        done(std::move(runs));
                    });
}

void PostgresStore::run(std::string id, StoreDone<std::optional<StoredRun>> done) {
    PostgresStatement query{
        "run", "SELECT " SALLYPORT_PG_RUN_COLUMNS " FROM run WHERE id = $1", {}};
    reader().submit(std::move(query.add(id)),
                    [this, done = std::move(done)](const Result<PostgresRows>& rows) {
                        with_commits(rows, [done](Result<std::vector<StoredRun>> runs) {
                            if (!runs.ok()) {
                                done(runs.error());
                            } else {
                                done(runs->empty() ? std::optional<StoredRun>()
                                                   : std::optional(std::move(runs->front())));
                            }
                        });
                    });
}

void PostgresStore::list_runs(RunQuery query, StoreDone<Page<RunRow>> done) {
    PostgresListQuery list("SELECT " SALLYPORT_PG_RUN_COLUMNS " FROM run");
    list.add(" WHERE environment = 'PRODUCTION' AND project_id = ?", query.project_id);
    list.add(query.include_archived ? "" : " AND archived_ms = 0");
    list.add_in("flow_id", query.flow_ids).add_in("status", query.statuses);
    list.add(are_failures(query.statuses) ? kFailedRuns : "");
    for (const std::string& tag : tag_texts(query.tags)) {
        list.add(" AND strpos(',' || btrim(tags, '[]') || ',', ?) > 0", tag);
    }
    if (query.created_after_ms) {
        list.add(" AND created_ms >= ?::bigint", *query.created_after_ms);
    }
    if (query.created_before_ms) {
        list.add(" AND created_ms <= ?::bigint", *query.created_before_ms);
    }
    if (!query.failed_step_name.empty()) {
        // Its name comes first; PostgreSQL's own JSON functions refuse some texts that are JSON.
        list.add(" AND starts_with(failed_step, ?)",
                 "{\"name\":" + Json::string(query.failed_step_name).dump() + ",");
    }
    if (!query.failed_step_message.empty()) {
        // The message is the last member, as JSON writes it.
        const std::string text = Json::string(query.failed_step_message).dump();
        list.add(" AND failed_step ILIKE ?",
                 "%\"message\":\"" + like_text(std::string_view(text).substr(1, text.size() - 2)));
    }
    list.add_in("id", query.ids);
    PostgresStatement statement =
        std::move(list).page(query.cursor, "created_ms", "id", query.limit);
    reader().submit(
        std::move(statement), [cursor = query.cursor, limit = query.limit,
                               done = std::move(done)](const Result<PostgresRows>& found) {
            if (!found.ok()) {
                done(found.error());
                return;
            }
            std::vector<RunRow> rows;
            for (int i = 0; i < found->count(); ++i) {
                rows.push_back(read_run(*found, i));
            }
            done(make_page(std::move(rows), cursor, limit,
                           [](const RunRow& row) { return std::pair(row.created_ms, row.id); }));
        });
}

void PostgresStore::count_runs(RunQuery query, StoreDone<std::vector<StatusCount>> done) {
    PostgresStatement count{"count_runs",
                            "SELECT status, count(*) FROM run WHERE project_id = $1 "
                            "AND environment = 'PRODUCTION' AND archived_ms = 0 "
                            "AND created_ms >= $2::bigint AND created_ms <= $3::bigint "
                            "GROUP BY status ORDER BY status",
                            {}};
    constexpr std::int64_t kEver = std::numeric_limits<std::int64_t>::max();
    reader().submit(std::move(count.add(query.project_id)
                                  .add(query.created_after_ms.value_or(0))
                                  .add(query.created_before_ms.value_or(kEver))),
                    [done = std::move(done)](const Result<PostgresRows>& rows) {
                        if (!rows.ok()) {
                            done(rows.error());
                            return;
                        }
                        std::vector<StatusCount> counts;
                        for (int i = 0; i < rows->count(); ++i) {
                            counts.push_back({rows->text(i, 0), rows->integer(i, 1)});
                        }
                        done(std::move(counts));
                    });
}

void PostgresStore::archive_runs(std::string project_id, std::vector<std::string> ids,
                                 std::int64_t now_ms, StoreDone<Done> done) {
    PostgresStatement archive{"archive_runs",
                              "UPDATE run SET archived_ms = $1::bigint "
                              "WHERE id = ANY ($2::text[]) AND project_id = $3",
                              {}};
    archive.add(now_ms).add(array_text(ids)).add(project_id);
    writer_->submit(std::move(archive), [done = std::move(done)](const Result<PostgresRows>& rows) {
        done(rows.ok() ? Status(Done{}) : Status(rows.error()));
    });
}

// ---- whose run it is

void PostgresStore::claim_run(std::string id, StoreDone<ClaimedRun> done) {
    static const std::string sql =
        "WITH mine AS (UPDATE run SET owner = $1::integer WHERE id = $2::text AND " +
        PostgresPresence::free_or_gone() +
        " RETURNING " SALLYPORT_PG_RUN_COLUMNS
        ") SELECT mine.*, EXISTS (SELECT 1 FROM run WHERE id = $2::text) "
        "FROM (SELECT 1) one LEFT JOIN mine ON true";
    PostgresStatement statement{"claim_run", sql, {}};
    statement.add(number_).add(id);
    writer_->submit(
        std::move(statement), [this, done = std::move(done)](const Result<PostgresRows>& rows) {
            if (!rows.ok()) {
                done(rows.error());
                return;
            }
            if (rows->text(0, 0).empty()) {
                const bool exists = rows->boolean(0, kRunColumns);
                done(ClaimedRun{
                    exists ? ClaimedRun::Outcome::elsewhere : ClaimedRun::Outcome::unknown, {}});
                return;
            }
            read_claimed(rows, [done](Result<std::vector<StoredRun>> runs) {
                if (runs.ok()) {
                    done(ClaimedRun{ClaimedRun::Outcome::claimed, std::move(runs->front())});
                } else {
                    done(runs.error());
                }
            });
        });
}

void PostgresStore::release_run(std::string id) {
    PostgresStatement statement{"release_run",
                                "UPDATE run SET owner = 0 WHERE id = $1 AND owner = $2::integer "
                                "AND (finished_ms > 0 OR resume_ms > 0 OR queue_class > 0)",
                                {}};
    writer_->submit(std::move(statement.add(id).add(number_)), [](const Result<PostgresRows>&) {});
}

}  // namespace sallyport::engine
