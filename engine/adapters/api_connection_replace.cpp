// POST app-connections/replace: every flow of the project that uses one connection uses another
// from then on.
#include "engine/adapters/api_entities.hpp"
#include "engine/adapters/api_flow_parts.hpp"
#include "engine/adapters/stored_secrets.hpp"
#include "engine/core/flow_model.hpp"
#include "engine/core/shape.hpp"

#include <array>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::size_t kFlowsAPage = 100;

struct Replacement {
    CallPtr call;
    EntityRow source;
    EntityRow target;
    bool delete_source = false;
    std::vector<std::string> flows;       // still to be looked at
    std::optional<PageCursor> following;  // of the list of flows
    bool listed = false;
};
using ReplacementPtr = std::shared_ptr<Replacement>;

// `connections['a']` and `connections.a` become `connections['b']`, inside `{{ }}` or out of it:
// the word means nothing elsewhere.
std::string replaced(std::string text, const std::string& from, const std::string& to) {
    for (const std::string& old :
         {"connections['" + from + "']", "connections[\"" + from + "\"]"}) {
        const std::string now = "connections['" + to + "']";
        for (std::size_t at = text.find(old); at != std::string::npos;
             at = text.find(old, at + now.size())) {
            text.replace(at, old.size(), now);
        }
    }
    return text;
}

Json replaced_value(const Json& value, const std::string& from, const std::string& to) {
    if (value.is_string()) {
        return Json::string(replaced(std::string(value.text()), from, to));
    }
    if (value.is_array()) {
        Json out = Json::array();
        value.each_element([&](const Json& item) { out.append(replaced_value(item, from, to)); });
        return out;
    }
    if (value.is_object()) {
        Json out = Json::object();
        value.each_member([&](std::string_view key, const Json& member) {
            out.set(key, key == "sourceCode" ? member : replaced_value(member, from, to));
        });
        return out;
    }
    return value;
}

bool change_flow(StoredFlow& stored, const std::string& from, const std::string& to,
                 const std::string& draft_id, std::int64_t now_ms) {
    VersionRow& version = stored.version;
    const Json trigger = json_or(version.trigger, Json::object());
    const std::string before = trigger.dump();
    visit_steps(trigger, [&](Json step) {
        step.set("settings", replaced_value(step["settings"], from, to));
    });
    if (trigger.dump() == before) {
        return false;
    }
    if (version.state == "LOCKED") {
        version.id = draft_id;
        version.state = "DRAFT";
        version.created_ms = now_ms;
    }
    version.trigger = trigger.dump();
    Json connections = Json::array();
    for (const std::string& id : connection_ids(trigger)) {
        connections.append(Json::string(id));
    }
    version.connection_ids = connections.dump();
    version.updated_ms = stored.flow.updated_ms = now_ms;
    return true;
}

void next_flow(Api& api, const ReplacementPtr& work);

void finish(Api& api, const ReplacementPtr& work) {
    if (!work->delete_source) {
        return work->call->reply(200, Json());
    }
    delete_and_reply(api, work->call, work->source, 200);
}

void next_page(Api& api, const ReplacementPtr& work) {
    if (work->listed && !work->following) {
        return finish(api, work);
    }
    FlowQuery wanted;
    wanted.project_id = work->source.scope;
    wanted.cursor = work->following;
    wanted.limit = kFlowsAPage;
    api.ports.flows.list_flows(wanted, [&api, work](const Result<Page<StoredFlow>>& page) {
        if (api.failed(work->call, page)) {
            return;
        }
        work->listed = true;
        work->following = page->next;
        for (const StoredFlow& flow : page->rows) {
            if (flow.version.connection_ids.find(Json::string(work->source.key).dump()) !=
                std::string::npos) {
                work->flows.push_back(flow.flow.id);
            }
        }
        next_flow(api, work);
    });
}

// Changed flows move to the head of the list, which is read downwards: none is missed.
void next_flow(Api& api, const ReplacementPtr& work) {
    if (work->flows.empty()) {
        return next_page(api, work);
    }
    const std::string id = work->flows.back();
    work->flows.pop_back();
    api.ports.flows.change_flow(
        id,
        [from = work->source.key, to = work->target.key, draft = api.ports.entropy.id(),
         now = api.now_ms()](StoredFlow& stored) {
            return change_flow(stored, from, to, draft, now);
        },
        [&api, work, id](const Result<std::optional<StoredFlow>>& changed) {
            api.ports.catalog.forget(id);
            if (!api.failed(work->call, changed)) {
                next_flow(api, work);
            }
        });
}

void find_both(Api& api, const ReplacementPtr& work, const std::string& project) {
    const auto find = [&api, work, project](std::string_view member, EntityRow& into,
                                            std::function<void()> then) {
        const std::string id(work->call->body[member].text());
        api.ports.entities.entity(kConnectionKind, id,
                                  [&api, work, project, id, &into, then = std::move(then)](
                                      const Result<std::optional<EntityRow>>& found) {
                                      if (api.failed(work->call, found)) {
                                          return;
                                      }
                                      if (!found->has_value() || (*found)->scope != project) {
                                          return work->call->fail_not_found("connection", id);
                                      }
                                      into = **found;
                                      then();
                                  });
    };
    find("sourceAppConnectionId", work->source, [&api, work, find] {
        find("targetAppConnectionId", work->target, [&api, work] {
            if (entity_body(work->source)["pieceName"].text() !=
                entity_body(work->target)["pieceName"].text()) {
                return work->call->fail(
                    ApiError::validation,
                    Json::object({{"message", Json::string("Connections must be of one piece")}}));
            }
            next_page(api, work);
        });
    });
}

}  // namespace

void replace_connection(Api& api, const CallPtr& call) {
    constexpr std::array kFields = {
        Field{"sourceAppConnectionId", Kind::text}, Field{"targetAppConnectionId", Kind::text},
        Field{"projectId", Kind::text},
        Field{"deleteSourceConnection", Kind::boolean, Need::optional},
        Field{"applyToPublishedVersions", Kind::boolean, Need::optional}};
    const Status shape = check_shape(call->body, kFields, "body");
    if (!shape.ok()) {
        return call->fail_validation(shape.message());
    }
    const auto work = std::make_shared<Replacement>();
    work->call = call;
    work->delete_source = call->body["deleteSourceConnection"].is_true();
    const std::string project(call->body["projectId"].text());
    api.with_project(call, project,
                     [&api, work, project](const ProjectRow&) { find_both(api, work, project); });
}

}  // namespace sallyport::engine
