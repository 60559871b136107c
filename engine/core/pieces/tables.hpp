// The tables piece, natively: which requests to the engine's own API its steps are, and what of the
// answers they give; what its triggers listen to and how an editor shows their forms. Flows name
// tables and fields by external ids, which stay when they are exported. Pure.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace sallyport::engine {

inline constexpr std::string_view kTablesPiece = "@activepieces/piece-tables";

inline constexpr std::string_view kCreateRecords = "tables-create-records";
inline constexpr std::string_view kUpdateRecord = "tables-update-record";
inline constexpr std::string_view kDeleteRecords = "tables-delete-record";
inline constexpr std::string_view kFindRecords = "tables-find-records";
inline constexpr std::string_view kGetRecord = "tables-get-record";
inline constexpr std::string_view kClearTable = "tables-clear-table";
inline constexpr std::string_view kCreateTable = "tables-create-table";
inline constexpr std::string_view kDeleteTable = "tables-delete-table";
inline constexpr std::string_view kDownloadTable = "tables-download-table";

// ---- inputs. `fields` is what GET fields answers: [{id, externalId, name, type, …}].

// The external id of the input's table; an error when it names none.
Result<std::string> named_table(const Json& input);
// The id of the input's record.
Result<std::string> named_record(const Json& input);
// The texts of the input's ids of records.
Result<Json> named_records(const Json& input);
// [[{fieldId, value}]]: of `records`, by the names of fields, or else of the form, by external ids.
// Blank values and columns that the table has not are left out.
Result<Json> created_rows(const Json& input, const Json& fields);
// [{fieldId, value}]
Result<Json> updated_cells(const Json& input, const Json& fields);
// [{fieldId, operator, value?}]
Result<Json> record_filters(const Json& input, const Json& fields);
// How many records are wanted; as many as there are when the input does not say.
Result<std::size_t> records_wanted(const Json& input);
// The body that makes the table. Performed again, it has the same ids: they come from `key`.
Result<Json> created_table(const Json& input, const std::string& project, const std::string& key);

// ---- outputs

// {id, created, updated, cells: {fieldId: {fieldName, updated, created, value}}}
Json shown_record(const Json& record);
Json shown_records(const Json& records);
// The table that was made, with its fields as they were asked for.
Json shown_table(const Json& table, const Json& fields);
// A table's export as CSV.
std::string table_csv(const Json& exported, bool with_names);
// Why the API said no.
std::string table_problem(int status, std::string_view body);

// ---- triggers

struct TableTrigger {
    std::string table;  // its external id
    std::string event;  // of the API: RECORD_CREATED, …
};
// Nothing when the trigger is none of the piece, or names no table. `settings` are the trigger's.
std::optional<TableTrigger> table_trigger(const Json& settings);

// ---- forms

// The properties that a DYNAMIC one of the action stands for, with the table's fields. Of no table
// at all, `fields` is empty.
Json table_form(std::string_view action, const Json& fields);

}  // namespace sallyport::engine
