// What the routes about tables, their fields and their records share.
#pragma once

#include "engine/adapters/api/entities.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

inline constexpr const char* kTableKind = "table";
// The children of a table.
inline constexpr const char* kFieldKind = "table_field";
inline constexpr const char* kRecordKind = "table_record";
inline constexpr const char* kTableHookKind = "table_hook";

// Goes on with the table when it is there and the caller may use its project.
void with_table(Api& api, const CallPtr& call, const std::string& id, WithEntity then);

// The fields of a table in their order: at most api.options.fields_max.
using WithFields = std::function<void(const std::vector<EntityRow>&)>;
void with_fields(Api& api, const CallPtr& call, const std::string& table_id, WithFields then);

// A field out of the members of a request; an error names what is wrong, below `where`.
Result<EntityRow> field_from(Api& api, const Json& given, const EntityRow& table,
                             std::int64_t position, std::string_view where);

// Stores children of one table, at most `most` of their kind; answers the call itself when it
// cannot: `full` is the message, followed by the number.
void add_children_and_go(Api& api, const CallPtr& call, std::vector<EntityRow> rows,
                         std::size_t most, std::string_view full, std::function<void()> then);

// Records as they are at the moment, all of them, in their order; stops and answers 413 when they
// are more than an answer may hold.
using WithRecords = std::function<void(const std::vector<EntityRow>&)>;
void with_all_records(Api& api, const CallPtr& call, const std::string& table_id, WithRecords then);

// A field as clients see it.
Json table_field_json(const EntityRow& row);
// A record with its cells by field, each with the field's name.
Json table_record_json(const EntityRow& row, const std::vector<EntityRow>& fields);

// GET records
void list_records(Api& api, const CallPtr& call);
// POST records/import
void import_records(Api& api, const CallPtr& call);

// Of a record as it is stored. A table is no place for files: a page of the largest records still
// fits into memory.
inline constexpr std::size_t kRecordBytesMax = 256 * 1024;

// On requests from inside: what is the same when their step is performed again.
inline constexpr std::string_view kStepKeyHeader = "step-key";

// Starts the flows that listen to this event of the table, one run a record. Nobody waits for
// them.
void tell_listeners(Api& api, const EntityRow& table, std::string_view event,
                    const std::vector<Json>& records);
// Of a flow that listens, a run for each payload.
void start_table_runs(Api& api, const RunnableFlow& flow, const std::vector<Json>& payloads);
// Nobody is there to be told.
void table_event_lost(Api& api, const std::string& problem);

// ---- the tables piece (core/pieces/tables.hpp)

// Goes on with the table that the project's flows know by this external id; `missing` hears that
// there is none. Answers the call when the store fails.
void with_named_table(Api& api, const CallPtr& call, const std::string& project,
                      const std::string& external_id, WithEntity then,
                      std::function<void()> missing);

// What a flow's trigger listens to, noted before the flow is switched on: its table must be there.
// A note alone starts nothing. `latest` and `publishes` as in switch_trigger().
void note_table_trigger(Api& api, const CallPtr& call, const StoredFlow& latest, bool publishes,
                        bool on, std::function<void()> then);
// Removes the flow's notes, but for what the version in force listens to. REQUIRES: when the flow
// is enabled, its version is that one, or nothing is removed.
void tidy_table_triggers(Api& api, const CallPtr& call, const StoredFlow& flow,
                         std::function<void()> then);
// Starts the flows whose trigger this is, one run a record. Nobody waits for them.
void start_table_triggers(Api& api, const EntityRow& table, std::string_view event,
                          const std::vector<Json>& records);
// What the trigger would give of records that are there, at most so many: a list. An error is for
// who makes the flow.
void sample_table_trigger(Api& api, const CallPtr& call, const std::string& project,
                          const Json& trigger_input, std::size_t most,
                          std::function<void(const Result<Json>&)> then);
// POST pieces/options, of the tables piece. REQUIRES: a checked body, a project that the caller may
// use.
void offer_tables(Api& api, const CallPtr& call, const Json& prop, const std::string& project);

// Tables of a folder that goes away are in none.
void tables_leave_folder(Api& api, const std::string& project_id, const std::string& folder_id,
                         std::function<void(Result<Done>)> done);

}  // namespace sallyport::engine
