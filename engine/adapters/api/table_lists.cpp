// Lists of records: a page of those that pass the filters, read in portions so that neither memory
// nor the loop is taken by a table as a whole.
#include "engine/adapters/api/flow_parts.hpp"
#include "engine/adapters/api/tables.hpp"
#include "engine/adapters/keyset_page.hpp"
#include "engine/core/record_filter.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::engine {
namespace {

// Records read at once.
constexpr std::size_t kPortion = 100;
// A page ends early before it becomes larger.
constexpr std::size_t kPageBytesMax = 8u << 20;
constexpr std::size_t kExportBytesMax = 64u << 20;

struct Scan {
    CallPtr call;
    std::vector<EntityRow> fields;
    std::vector<RecordFilter> filters;
    FieldTypes types;
    std::optional<PageCursor> start;  // where the caller's page begins
    std::size_t limit = 10;
    std::vector<EntityRow> found;  // in the order of reading; one more than `limit` at most
    std::size_t bytes = 0;
};
using ScanPtr = std::shared_ptr<Scan>;

// False when the page is full.
bool take(Scan& scan, EntityRow row) {
    if (!passes(entity_body(row)["cells"], scan.filters, scan.types)) {
        return true;
    }
    const bool full = !scan.found.empty() && scan.bytes + row.body.size() > kPageBytesMax;
    if (full) {
        scan.limit = std::min(scan.limit, scan.found.size());
    }
    scan.bytes += row.body.size();
    scan.found.push_back(std::move(row));
    return scan.found.size() <= scan.limit;
}

void answer(const Scan& scan) {
    const Page<EntityRow> page =
        make_page(scan.found, scan.start, scan.limit,
                  [](const EntityRow& row) { return std::pair(row.created_ms, row.id); });
    scan.call->reply(200, page_json(page, [&scan](const EntityRow& row) {
                         return table_record_json(row, scan.fields);
                     }));
}

EntityQuery records_of(const std::string& table_id) {
    EntityQuery query;
    query.kind = kRecordKind;
    query.scope = table_id;
    query.oldest_first = true;
    query.limit = kPortion;
    return query;
}

// ---- all of them

struct Export {
    CallPtr call;
    EntityQuery query;
    std::vector<EntityRow> rows;
    std::size_t bytes = 0;
    WithRecords then;
};

void collect(Api& api, const std::shared_ptr<Export>& all) {
    api.ports.entities.list_entities(all->query, [&api, all](Result<Page<EntityRow>> page) {
        if (api.failed(all->call, page)) {
            return;
        }
        for (EntityRow& row : page->rows) {
            all->bytes += row.body.size();
            all->rows.push_back(std::move(row));
        }
        if (all->bytes > kExportBytesMax) {
            return all->call->fail(
                ApiError::file_too_large,
                Json::object({{"message", Json::string("The table is larger than 64 MB: read it "
                                                       "by pages with GET /v1/records")}}));
        }
        if (!page->next) {
            return all->then(all->rows);
        }
        all->query.cursor = page->next;
        collect(api, all);
    });
}

}  // namespace

void list_records(Api& api, const CallPtr& call) {
    const Result<std::vector<RecordFilter>> filters = read_record_filters(call->query);
    if (!filters.ok()) {
        return call->fail_validation(filters.message());
    }
    const auto scan = std::make_shared<Scan>();
    if (!read_cursor(call, scan->start)) {
        return;
    }
    scan->call = call;
    scan->filters = *filters;
    scan->limit = call->limit(10);
    const std::string table_id = call->query_text("tableId");
    if (table_id.empty()) {
        return call->fail_validation("querystring must have required property 'tableId'");
    }
    with_table(api, call, table_id, [&api, call, scan](const EntityRow& table) {
        EntityQuery records = records_of(table.id);
        records.cursor = scan->start;
        with_fields(api, call, table.id,
                    [&api, call, scan, records](const std::vector<EntityRow>& fields) {
                        scan->fields = fields;
                        for (const EntityRow& field : fields) {
                            scan->types[field.id] = entity_body(field)["type"].text();
                        }
                        walk_entities(
                            api, call, records,
                            [scan](EntityRow row) { return take(*scan, std::move(row)); },
                            [scan] { answer(*scan); });
                    });
    });
}

void with_all_records(Api& api, const CallPtr& call, const std::string& table_id,
                      WithRecords then) {
    const auto all = std::make_shared<Export>();
    all->call = call;
    all->query = records_of(table_id);
    all->then = std::move(then);
    collect(api, all);
}

}  // namespace sallyport::engine
