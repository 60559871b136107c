// What the properties of the tables piece offer: the project's tables, and the fields of one.
#include "engine/adapters/api/tables.hpp"
#include "engine/core/pieces/tables.hpp"

#include <string>

namespace sallyport::engine {
namespace {

// Tables offered in one list; a search finds the others.
constexpr std::size_t kTablesOffered = 1000;

void offer_names(Api& api, const CallPtr& call, const std::string& project) {
    EntityQuery query;
    query.kind = kTableKind;
    query.scope = project;
    query.label = call->body["searchValue"].text();
    query.by_label = true;
    query.oldest_first = true;
    query.limit = kTablesOffered;
    api.ports.entities.list_entities(query, [&api, call](const Result<Page<EntityRow>>& page) {
        if (api.failed(call, page)) {
            return;
        }
        Json options = Json::array();
        for (const EntityRow& table : page->rows) {
            options.append(Json::object(
                {{"label", Json::string(table.label)}, {"value", Json::string(table.key)}}));
        }
        const bool none = options.size() == 0;
        call->reply(200, Json::object({{"options", options},
                                       {"disabled", Json::boolean(none)},
                                       {"placeholder", Json::string(none ? "There is no table yet"
                                                                         : "Select a table")}}));
    });
}

}  // namespace

void offer_tables(Api& api, const CallPtr& call, const Json& prop, const std::string& project) {
    if (prop["type"].text() == "DROPDOWN") {
        return offer_names(api, call, project);
    }
    const std::string action(call->body["actionOrTriggerName"].text());
    const auto without = [call, action] { call->reply(200, table_form(action, {})); };
    const Result<std::string> name = named_table(call->body["input"]);
    if (!name.ok()) {
        return without();
    }
    with_named_table(
        api, call, project, *name,
        [&api, call, action](const EntityRow& table) {
            with_fields(api, call, table.id, [call, action](const std::vector<EntityRow>& rows) {
                Json fields = Json::array();
                for (const EntityRow& row : rows) {
                    fields.append(table_field_json(row));
                }
                call->reply(200, table_form(action, fields));
            });
        },
        without);
}

}  // namespace sallyport::engine
