// Records out of a file: CSV by the order of its columns, as Activepieces had it, or JSON by the
// names of fields, as an export gives it. All of them are stored, or none.
#include "common/bytes.hpp"
#include "engine/adapters/api/tables.hpp"
#include "engine/core/csv_text.hpp"
#include "engine/core/multipart.hpp"
#include "engine/core/time_text.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace sallyport::engine {
namespace {

struct ImportFile {
    std::string table_id;
    std::string data;
    bool is_json = false;
    bool skip_first = false;  // of CSV: the names of the columns
};

// One record's values in the order of the table's fields; null: no cell.
using Values = std::vector<Json>;

bool is_json_file(const MultipartPart& part) {
    const std::string type = ascii_lower(part.content_type);
    return type.starts_with("application/json") ||
           (part.file_name && ascii_lower(*part.file_name).ends_with(".json"));
}

Result<ImportFile> file_from(const CallPtr& call) {
    const auto parts = parse_multipart(call->request.header("content-type"), call->request.body);
    if (!parts.ok()) {
        return Error{"body: " + parts.message()};
    }
    ImportFile file;
    bool found = false;
    for (const MultipartPart& part : *parts) {
        if (part.name == "tableId") {
            file.table_id = part.data;
        } else if (part.name == "skipFirstRow") {
            if (part.data != "true" && part.data != "false") {
                return Error{"body/skipFirstRow must be true or false"};
            }
            file.skip_first = part.data == "true";
        } else if (part.name == "file") {
            found = true;
            file.data = part.data;
            file.is_json = is_json_file(part);
        }
    }
    if (!found || file.table_id.empty()) {
        return Error{"body must have file and tableId"};
    }
    return file;
}

Result<std::vector<Values>> from_csv(const ImportFile& file, std::size_t fields) {
    const auto records = read_csv(file.data, {});
    if (!records.ok()) {
        return Error{"body/file: " + records.message()};
    }
    std::vector<Values> rows;
    for (std::size_t i = file.skip_first ? 1 : 0; i < records->size(); ++i) {
        const CsvRecord& record = (*records)[i];
        if (record.size() > fields) {
            return Error{"body/file has " + std::to_string(record.size()) +
                         " columns, the table has " + std::to_string(fields) + " fields"};
        }
        Values values(fields);
        for (std::size_t column = 0; column < record.size(); ++column) {
            values[column] = Json::string(record[column]);
        }
        rows.push_back(std::move(values));
    }
    return rows;
}

// A cell's value is a text or null; numbers and truths are kept as their texts.
bool put_value(Json& out, const Json& value) {
    out = value.is_number() || value.is_boolean() ? Json::string(value.dump()) : value;
    return out.is_string() || out.is_null();
}

Result<Values> from_object(const Json& object, const std::vector<EntityRow>& fields) {
    Values values(fields.size());
    std::string problem = object.is_object() ? "" : "must be a list of objects";
    object.each_member([&](std::string_view name, const Json& value) {
        const auto field = std::find_if(fields.begin(), fields.end(),
                                        [name](const EntityRow& one) { return one.label == name; });
        if (field == fields.end()) {
            problem = "has '" + std::string(name) + "', which is no field of the table";
        } else if (!put_value(values[static_cast<std::size_t>(field - fields.begin())], value)) {
            problem = "has a value of '" + std::string(name) + "' that is neither text nor null";
        }
    });
    return problem.empty() ? Result<Values>(std::move(values)) : Error{"body/file " + problem};
}

Result<std::vector<Values>> from_json(const ImportFile& file,
                                      const std::vector<EntityRow>& fields) {
    const Result<Json> parsed = Json::parse(file.data);
    if (!parsed.ok()) {
        return Error{"body/file: " + parsed.message()};
    }
    const Json list = parsed->is_object() ? (*parsed)["rows"] : *parsed;
    if (!list.is_array()) {
        return Error{"body/file must be a list of objects, or {rows: […]}"};
    }
    std::vector<Values> rows;
    Status status = Done{};
    list.each_element([&](const Json& one) {
        Result<Values> values = from_object(one, fields);
        if (values.ok()) {
            rows.push_back(*std::move(values));
        } else {
            status = values.error();
        }
    });
    return status.ok() ? Result<std::vector<Values>>(std::move(rows)) : status.error();
}

EntityRow record_of(Api& api, const EntityRow& table, const std::vector<EntityRow>& fields,
                    const Values& values) {
    const Json now = Json::string(iso_time(api.now_ms()));
    Json cells = Json::object();
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (values[i].exists()) {
            cells.set(fields[i].id,
                      Json::object({{"value", values[i]}, {"created", now}, {"updated", now}}));
        }
    }
    return new_entity(api, kRecordKind, table.id, "", "",
                      Json::object({{"projectId", Json::string(table.scope)}, {"cells", cells}}));
}

// Records of one moment are listed by their ids: given out in the file's order.
void give_ids(Api& api, std::vector<EntityRow>& rows) {
    std::vector<std::string> ids;
    std::generate_n(std::back_inserter(ids), rows.size(),
                    [&api] { return api.ports.entropy.id(); });
    std::sort(ids.begin(), ids.end());
    const std::int64_t now = api.now_ms();
    for (std::size_t i = 0; i < rows.size(); ++i) {
        rows[i].id = rows[i].key = ids[i];
        rows[i].created_ms = rows[i].updated_ms = now;
    }
}

void store_rows(Api& api, const CallPtr& call, const EntityRow& table,
                const std::vector<EntityRow>& fields, const std::vector<Values>& values) {
    std::vector<EntityRow> rows;
    for (const Values& one : values) {
        rows.push_back(record_of(api, table, fields, one));
        if (rows.back().body.size() > kRecordBytesMax) {
            return call->fail(
                ApiError::file_too_large,
                Json::object({{"message", Json::string("A record has at most 256 KB")}}));
        }
    }
    give_ids(api, rows);
    const Json count = Json::integer(static_cast<std::int64_t>(rows.size()));
    if (rows.empty()) {
        return call->reply(200, count);
    }
    add_children_and_go(
        api, call, std::move(rows), api.options.records_max,
        "Max records per table reached: ", [call, count] { call->reply(200, count); });
}

}  // namespace

void import_records(Api& api, const CallPtr& call) {
    const Result<ImportFile> file = file_from(call);
    if (!file.ok()) {
        return call->fail_validation(file.message());
    }
    if (file->data.size() > api.options.file_bytes_max) {
        return call->fail(ApiError::file_too_large,
                          Json::object({{"message", Json::string("The file is too large")}}));
    }
    with_table(api, call, file->table_id, [&api, call, file = *file](const EntityRow& table) {
        with_fields(api, call, table.id,
                    [&api, call, file, table](const std::vector<EntityRow>& fields) {
                        const auto rows =
                            file.is_json ? from_json(file, fields) : from_csv(file, fields.size());
                        if (!rows.ok()) {
                            return call->fail_validation(rows.message());
                        }
                        store_rows(api, call, table, fields, *rows);
                    });
    });
}

}  // namespace sallyport::engine
