// Templates of flows (engine contract 1.3). They belong to a platform.
#include "engine/adapters/api/entities.hpp"
#include "engine/adapters/api/flow_parts.hpp"
#include "engine/adapters/keyset_page.hpp"
#include "engine/core/flows/migration.hpp"
#include "engine/core/flows/operations.hpp"
#include "engine/core/shape.hpp"
#include "engine/core/time_text.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr const char* kTemplate = "template";
constexpr const char* kOfficial = "OFFICIAL";  // types
constexpr const char* kShared = "SHARED";
constexpr const char* kPublished = "PUBLISHED";  // a status
constexpr std::size_t kPage = 100;

constexpr std::array kNewTemplate = {
    Field{"name", Kind::text},        Field{"summary", Kind::text},
    Field{"description", Kind::text}, Field{"author", Kind::text},
    Field{"type", Kind::text},        Field{"categories", Kind::text_array}};
constexpr std::array kAnyTemplate = {Field{"name", Kind::text, Need::optional},
                                     Field{"summary", Kind::text, Need::optional},
                                     Field{"description", Kind::text, Need::optional},
                                     Field{"categories", Kind::text_array, Need::optional},
                                     Field{"tags", Kind::array, Need::optional},
                                     Field{"blogUrl", Kind::text, Need::optional},
                                     Field{"metadata", Kind::object, Need::optional},
                                     Field{"flows", Kind::array, Need::optional},
                                     Field{"status", Kind::text, Need::optional}};
// What a client may set.
constexpr std::array<std::string_view, 9> kOwn = {"summary", "description", "categories",
                                                  "tags",    "blogUrl",     "metadata",
                                                  "flows",   "author",      "type"};

// In the row alone: the user who made it.
constexpr const char* kMaker = "madeBy";

Status check_flows(const Json& flows) {
    Status status = Done{};
    flows.each_element([&status](const Json& flow) {
        status = status.ok() ? check_template_flow(flow, "body/flows") : status;
    });
    return status;
}

// The flows given, of whichever schema version, as today's; null is what was left out.
Json with_todays_flows(const Json& given, std::string_view now_iso) {
    if (!given["flows"].is_array()) {
        return given;
    }
    Json flows = Json::array();
    given["flows"].each_element([&flows, now_iso](const Json& flow) {
        Json kept = flow.is_object() ? migrated_import(flow, now_iso).deep_copy() : flow;
        for (const std::string_view name : {"description", "notes"}) {
            if (kept[name].is_null()) {
                kept.erase(name);
            }
        }
        flows.append(kept);
    });
    Json body = given.deep_copy();
    body.set("flows", flows);
    return body;
}

// `#` and six hexadecimal digits.
bool is_colour(std::string_view text) {
    return text.size() == 7 && text.front() == '#' &&
           text.find_first_not_of("0123456789abcdefABCDEF", 1) == std::string_view::npos;
}

Status check_tags(const Json& tags) {
    constexpr std::array kFields = {Field{"title", Kind::text}, Field{"color", Kind::text},
                                    Field{"icon", Kind::text, Need::optional}};
    Status status = Done{};
    tags.each_element([&status, &kFields](const Json& tag) {
        status = status.ok() ? check_shape(tag, kFields, "body/tags") : status;
        if (status.ok() && !is_colour(tag["color"].text())) {
            status = Error{"body/tags/color must be # and six hexadecimal digits"};
        }
    });
    return status;
}

Status check_template(const Json& body, bool is_new) {
    Status shape = check_shape(body, kAnyTemplate, "body");
    shape = shape.ok() && is_new ? check_shape(body, kNewTemplate, "body") : shape;
    shape = shape.ok() ? check_flows(body["flows"]) : shape;
    shape = shape.ok() ? check_tags(body["tags"]) : shape;
    const std::string_view type = body["type"].text();
    if (shape.ok() && is_new && type != kShared && type != "CUSTOM" && type != kOfficial) {
        return Error{"body/type must be one of OFFICIAL, SHARED, CUSTOM"};
    }
    const Json status = body["status"];
    if (shape.ok() && status.is_string() && status.text() != kPublished &&
        status.text() != "ARCHIVED") {
        return Error{"body/status must be PUBLISHED or ARCHIVED"};
    }
    return shape;
}

void collect_pieces(const Json& value, Json& pieces, std::set<std::string>& seen) {
    const Json name = value["pieceName"];
    if (name.is_string() && seen.insert(std::string(name.text())).second) {
        pieces.append(name);
    }
    value.each_member(
        [&](std::string_view, const Json& member) { collect_pieces(member, pieces, seen); });
    value.each_element([&](const Json& item) { collect_pieces(item, pieces, seen); });
}

Json template_json(const EntityRow& row) {
    Json json = entity_json(row);
    json.set("name", Json::string(row.label));
    add_entity_body(json, row, kMaker);
    json.set("platformId", Json::string(row.scope));
    return json;
}

// Null unsets what can be without a value, and leaves the rest.
void put_members(const Json& given, Json& body) {
    for (const std::string_view name : kOwn) {
        const bool unsets = name == "blogUrl" || name == "metadata";
        if (given[name].exists() && (unsets || !given[name].is_null())) {
            body.set(name, given[name].deep_copy());
        }
    }
    if (given["status"].is_string()) {
        body.set("status", given["status"]);
    }
    Json pieces = Json::array();
    std::set<std::string> seen;
    collect_pieces(body["flows"], pieces, seen);
    body.set("pieces", pieces);
}

// What everybody is offered is the administrators'; others share what they have made.
bool may_write(const ApiCall& call, const Json& stored) {
    return call.is_admin() ||
           (stored["type"].text() == kShared && stored[kMaker].text() == call.user.id);
}

bool keeps_shared(const ApiCall& call) {
    return call.is_admin() || call.body["type"].text_or(kShared) == kShared;
}

void create_template(Api& api, const CallPtr& call) {
    const Json given = with_todays_flows(call->body, iso_time(api.now_ms()));
    const Status shape = check_template(given, true);
    if (!shape.ok()) {
        return call->fail_validation(shape.message());
    }
    if (!keeps_shared(*call)) {
        return call->fail_not_allowed();
    }
    Json body = Json::object({{"tags", Json::array()},
                              {"blogUrl", Json::null()},
                              {"metadata", Json::null()},
                              {"flows", Json::array()},
                              {"status", Json::string(kPublished)},
                              {kMaker, Json::string(call->user.id)}});
    put_members(given, body);
    store_and_reply(api, call,
                    new_entity(api, kTemplate, call->user.platform_id, "",
                               std::string(call->body["name"].text()), body),
                    201, template_json);
}

void update_template(Api& api, const CallPtr& call) {
    const Json given = with_todays_flows(call->body, iso_time(api.now_ms()));
    const Status shape = check_template(given, false);
    if (!shape.ok()) {
        return call->fail_validation(shape.message());
    }
    with_platform_entity(api, call, kTemplate, "template",
                         [&api, call, given](const EntityRow& row) {
                             if (!may_write(*call, entity_body(row)) || !keeps_shared(*call)) {
                                 return call->fail_not_allowed();
                             }
                             change_and_reply(
                                 api, call, row, "template",
                                 [given](EntityRow& stored) {
                                     Json body = entity_body(stored);
                                     put_members(given, body);
                                     stored.body = body.dump();
                                     if (given["name"].is_string()) {
                                         stored.label = given["name"].text();
                                     }
                                 },
                                 template_json);
                         });
}

// ---- reading: what is official is offered to everybody, signed in or not; what somebody shares is
// shown to whoever has its address, and listed for the platform's users; the rest is theirs alone.

// What a list may be narrowed to beside its type and name: templates that have all of these.
struct Chosen {
    std::vector<std::string> pieces;
    std::vector<std::string> tags;  // by their titles
    std::vector<std::string> categories;

    bool all() const { return pieces.empty() && tags.empty() && categories.empty(); }
};

bool holds(const Json& list, std::string_view member, const std::vector<std::string>& wanted) {
    return std::all_of(wanted.begin(), wanted.end(), [&](const std::string& one) {
        bool found = false;
        list.each_element([&](const Json& item) {
            found = found || (member.empty() ? item : item[member]).text() == one;
        });
        return found;
    });
}

bool is_chosen(const EntityRow& row, const Chosen& chosen) {
    const Json body = entity_body(row);
    return holds(body["pieces"], "", chosen.pieces) && holds(body["tags"], "title", chosen.tags) &&
           holds(body["categories"], "", chosen.categories);
}

// Reads on, a page of all templates at a time, until there is a page of chosen ones.
struct TemplateScan {
    Chosen chosen;
    std::optional<PageCursor> start;
    std::size_t limit = 0;
    std::vector<EntityRow> found;
};

// False when the page is full.
bool take(TemplateScan& scan, EntityRow row) {
    if (is_chosen(row, scan.chosen)) {
        scan.found.push_back(std::move(row));
    }
    return scan.found.size() <= scan.limit;
}

void reply_with_chosen(Api& api, const CallPtr& call, EntityQuery wanted) {
    wanted.limit = kPage;
    Chosen chosen{form_values(call->query, "pieces"), form_values(call->query, "tags"),
                  form_values(call->query, "category")};
    if (chosen.all()) {
        return reply_with_page(api, call, std::move(wanted), template_json);
    }
    const auto scan = std::make_shared<TemplateScan>();
    if (!read_cursor(call, scan->start)) {
        return;
    }
    wanted.cursor = scan->start;
    scan->chosen = std::move(chosen);
    scan->limit = call->limit(kPage);
    walk_entities(
        api, call, std::move(wanted), [scan](EntityRow row) { return take(*scan, std::move(row)); },
        [call, scan] {
            const auto key = [](const EntityRow& row) { return std::pair(row.created_ms, row.id); };
            call->reply(200,
                        page_json(make_page(std::move(scan->found), scan->start, scan->limit, key),
                                  template_json));
        });
}

void list_for_user(Api& api, const CallPtr& call) {
    EntityQuery wanted;
    wanted.kind = kTemplate;
    wanted.scope = call->user.platform_id;
    wanted.label = call->query_text("search");
    wanted.members = {{"type", form_values(call->query, "type")}};
    reply_with_chosen(api, call, std::move(wanted));
}

void list_for_nobody(Api& api, const CallPtr& call) {
    const std::vector<std::string> types = form_values(call->query, "type");
    if (!types.empty() && std::find(types.begin(), types.end(), kOfficial) == types.end()) {
        return call->reply(200, page_json(Page<EntityRow>{}, template_json));
    }
    EntityQuery wanted;
    wanted.kind = kTemplate;
    wanted.every_scope = true;  // nobody has no platform, and these are for everybody
    wanted.label = call->query_text("search");
    wanted.members = {{"type", {kOfficial}}, {"status", {kPublished}}};
    reply_with_chosen(api, call, std::move(wanted));
}

void list_templates(Api& api, const CallPtr& call) {
    call->user.id.empty() ? list_for_nobody(api, call) : list_for_user(api, call);
}

void get_for_nobody(Api& api, const CallPtr& call) {
    api.ports.entities.entity(
        kTemplate, call->params[0], [&api, call](const Result<std::optional<EntityRow>>& found) {
            if (api.failed(call, found)) {
                return;
            }
            const Json body = found->has_value() ? entity_body(**found) : Json::object();
            const std::string_view type = body["type"].text();
            if (body["status"].text() != kPublished || (type != kOfficial && type != kShared)) {
                return call->fail_not_found("template", call->params[0]);
            }
            call->reply(200, template_json(**found));
        });
}

void get_template(Api& api, const CallPtr& call) {
    if (call->user.id.empty()) {
        return get_for_nobody(api, call);
    }
    with_platform_entity(api, call, kTemplate, "template",
                         [call](const EntityRow& row) { call->reply(200, template_json(row)); });
}

void delete_template(Api& api, const CallPtr& call) {
    with_platform_entity(api, call, kTemplate, "template", [&api, call](const EntityRow& row) {
        may_write(*call, entity_body(row)) ? delete_and_reply(api, call, row)
                                           : call->fail_not_allowed();
    });
}

}  // namespace

const std::vector<ApiRoute> kTemplateRoutes = {
    {"GET", "templates", ApiRoute::Access::guest, list_templates},
    {"POST", "templates", ApiRoute::Access::user, create_template},
    {"GET", "templates/:id", ApiRoute::Access::guest, get_template},
    {"POST", "templates/:id", ApiRoute::Access::user, update_template},
    {"DELETE", "templates/:id", ApiRoute::Access::user, delete_template},
};

}  // namespace sallyport::engine
