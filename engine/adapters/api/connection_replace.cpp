// POST app-connections/replace: every flow of the project that uses one connection uses another
// from then on: its latest version, and what is published when the request says so.
#include "engine/adapters/api/entities.hpp"
#include "engine/adapters/api/flow_parts.hpp"
#include "engine/adapters/stored_secrets.hpp"
#include "engine/adapters/time_zones.hpp"
#include "engine/core/flows/connection_references.hpp"
#include "engine/core/flows/model.hpp"
#include "engine/core/shape.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::size_t kFlowsAPage = 100;
// Whoever goes on publishing flows with the connection that goes is believed in the end.
constexpr int kRoundsMax = 3;
constexpr const char* kInUse =
    "Published flows use the connection: it is deleted together with applyToPublishedVersions "
    "alone";

struct Replacement {
    CallPtr call;
    EntityRow source;
    EntityRow target;
    bool delete_source = false;
    bool republish = false;    // published versions still to be gone through
    bool republishes = false;  // whenever there are some
    int rounds = 1;
    std::vector<std::string> flows;       // still to be looked at
    std::optional<PageCursor> following;  // of the list of flows
    bool listed = false;
    bool in_progress = false;                                          // a flow is another call's
    std::shared_ptr<FlowClaim> claim = std::make_shared<FlowClaim>();  // on the flow looked at
};
using ReplacementPtr = std::shared_ptr<Replacement>;

void fail_replacement(const CallPtr& call, const char* message) {
    call->fail(ApiError::validation, Json::object({{"message", Json::string(message)}}));
}

// Flows whose published or latest version uses the connection that goes.
FlowQuery users_of_source(const Replacement& work, bool published) {
    FlowQuery wanted;
    wanted.project_id = work.source.scope;
    wanted.connection_ids = {work.source.key};
    wanted.published = published;
    wanted.limit = kFlowsAPage;
    return wanted;
}

// Puts the other connection into the version's steps. False when there was nothing to change.
bool put_connection(VersionRow& version, const std::string& from, const std::string& to) {
    const Json trigger = json_or(version.trigger, Json::object());
    const std::string before = trigger.dump();
    visit_steps(trigger, [&](Json step) {
        step.set("settings", settings_with_connection(step["settings"], from, to));
    });
    version.trigger = trigger.dump();
    if (version.trigger == before) {
        return false;
    }
    Json connections = Json::array();
    for (const std::string& id : connection_ids(trigger)) {
        connections.append(Json::string(id));
    }
    version.connection_ids = connections.dump();
    return true;
}

void next_flow(Api& api, const ReplacementPtr& work);
void next_page(Api& api, const ReplacementPtr& work);

void finish(Api& api, const ReplacementPtr& work) {
    if (!work->delete_source) {
        return work->call->reply(204, Json());
    }
    api.ports.flows.delete_unused_connection(
        work->source, [&api, work](const Result<bool>& deleted) {
            if (api.failed(work->call, deleted)) {
                return;
            }
            if (*deleted) {
                return work->call->reply(204, Json());
            }
            // Published since they were looked through.
            if (!work->republishes || work->rounds == kRoundsMax) {
                return fail_replacement(work->call, kInUse);
            }
            work->rounds += 1;
            work->republish = true;
            work->listed = false;
            next_page(api, work);
        });
}

void next_page(Api& api, const ReplacementPtr& work) {
    if (work->listed && !work->following) {
        if (!std::exchange(work->republish, false)) {
            return finish(api, work);
        }
        work->listed = false;  // what is published is done; the drafts come next
    }
    FlowQuery wanted = users_of_source(*work, work->republish);
    wanted.cursor = work->following;
    api.ports.flows.list_flows(wanted, [&api, work](const Result<Page<StoredFlow>>& page) {
        if (api.failed(work->call, page)) {
            return;
        }
        work->listed = true;
        work->following = page->next;
        for (const StoredFlow& flow : page->rows) {
            work->flows.push_back(flow.flow.id);
        }
        next_flow(api, work);
    });
}

// ---- what is published

// A claimed flow that stays as it is.
void leave_flow(Api& api, const ReplacementPtr& work) {
    end_claim(api, std::exchange(*work->claim, FlowClaim()),
              [&api, work] { next_flow(api, work); });
}

// A version that says when a hosted trigger wants to be asked again.
void take_new_schedule(StoredFlow& stored, const std::optional<HostedTriggers::Enabled>& enabled,
                       std::int64_t now_ms) {
    if (!enabled || enabled->cron.empty()) {
        return;
    }
    const auto next = next_fire_ms(enabled->cron, enabled->timezone, now_ms);
    if (next.ok()) {
        stored.schedule_changed = true;
        stored.schedule = ScheduleRow{stored.flow.id, enabled->cron, enabled->timezone, *next};
    }
}

// The published version is history and stays: a copy of it is published in its place. A draft that
// was begun since stays the latest version, for which the copy is dated before it.
bool publish_copy(StoredFlow& stored, VersionRow copy, const std::string& replaced_id,
                  std::int64_t now_ms) {
    if (stored.flow.published_version_id != replaced_id) {
        return false;  // somebody published in between
    }
    const bool has_draft = stored.version.id != replaced_id;
    copy.created_ms =
        has_draft ? stored.version.created_ms - 1 : std::max(now_ms, stored.version.created_ms + 1);
    copy.updated_ms = stored.flow.updated_ms = now_ms;
    stored.flow.published_version_id = copy.id;
    stored.flow.claimed_until_ms = 0;
    stored.version = std::move(copy);
    return true;
}

void store_copy(Api& api, const ReplacementPtr& work, const StoredFlow& next,
                const std::string& replaced_id,
                const std::optional<HostedTriggers::Enabled>& enabled) {
    api.ports.flows.change_flow(
        next.flow.id,
        [copy = next.version, replaced_id, enabled, now = api.now_ms()](StoredFlow& stored) {
            const bool published = publish_copy(stored, copy, replaced_id, now);
            if (published) {
                take_new_schedule(stored, enabled, now);
            }
            return published;
        },
        [&api, work, next](const Result<std::optional<StoredFlow>>& changed) {
            api.ports.catalog.forget(next.flow.id);
            if (api.failed(work->call, changed)) {
                return;
            }
            if (changed->has_value() && (*changed)->version.id == next.version.id) {
                return note_publication(api, work->call, **changed,
                                        [&api, work] { next_flow(api, work); });
            }
            if (changed->has_value()) {
                work->flows.push_back(next.flow.id);  // once more, from what is published now
            }
            leave_flow(api, work);
        });
}

void republish(Api& api, const ReplacementPtr& work, const StoredFlow& published) {
    StoredFlow next = published;
    if (!put_connection(next.version, work->source.key, work->target.key)) {
        return leave_flow(api, work);
    }
    next.version.id = api.ports.entropy.id();
    next.version.updated_by = work->call->user.id;
    const std::string replaced_id = published.version.id;
    if (published.flow.status != "ENABLED") {
        return store_copy(api, work, next, replaced_id, std::nullopt);
    }
    switch_trigger(
        api, work->call, next, true, true,
        [&api, work, next, replaced_id](const std::optional<HostedTriggers::Enabled>& enabled) {
            store_copy(api, work, next, replaced_id, enabled);
        });
}

// Nobody else publishes the flow meanwhile, nor switches it on or off.
void look_at_published(Api& api, const ReplacementPtr& work, const std::string& id) {
    claim_flow(api, work->call, id, [&api, work, id](const StoredFlow&, const FlowClaim& claim) {
        *work->claim = claim;
        api.ports.flows.flow(id, FlowStore::Which::published_or_latest, {},
                             [&api, work](const Result<std::optional<StoredFlow>>& found) {
                                 if (api.failed(work->call, found)) {
                                     return;
                                 }
                                 const bool published =
                                     found->has_value() &&
                                     (*found)->flow.published_version_id == (*found)->version.id;
                                 published ? republish(api, work, **found) : leave_flow(api, work);
                             });
    });
}

// ---- drafts

bool change_latest(StoredFlow& stored, Replacement& work, const std::string& draft_id,
                   std::int64_t now_ms) {
    VersionRow& version = stored.version;
    work.in_progress = is_anothers(stored.flow, FlowClaim(), now_ms);
    if (work.in_progress || !put_connection(version, work.source.key, work.target.key)) {
        return false;
    }
    if (version.state == "LOCKED") {
        version.id = draft_id;
        version.state = "DRAFT";
        version.created_ms = now_ms;
    }
    version.updated_by = work.call->user.id;
    version.updated_ms = std::max(now_ms, version.updated_ms + 1);  // another tag (flow_tags.hpp)
    stored.flow.updated_ms = now_ms;
    return true;
}

// Changed flows move to the head of the list, which is read downwards: none is missed.
void next_flow(Api& api, const ReplacementPtr& work) {
    if (work->flows.empty()) {
        return next_page(api, work);
    }
    const std::string id = work->flows.back();
    work->flows.pop_back();
    if (work->republish) {
        return look_at_published(api, work, id);
    }
    api.ports.flows.change_flow(
        id,
        [work, draft = api.ports.entropy.id(), now = api.now_ms()](StoredFlow& stored) {
            return change_latest(stored, *work, draft, now);
        },
        [&api, work, id](const Result<std::optional<StoredFlow>>& changed) {
            api.ports.catalog.forget(id);
            if (!api.failed(work->call, changed)) {
                work->in_progress ? fail_in_progress(work->call, id) : next_flow(api, work);
            }
        });
}

// A connection that published flows go on using is not deleted under them.
void need_no_published_user(Api& api, const ReplacementPtr& work) {
    if (!work->delete_source || work->republish) {
        return next_page(api, work);
    }
    FlowQuery wanted = users_of_source(*work, true);
    wanted.limit = 1;
    api.ports.flows.list_flows(wanted, [&api, work](const Result<Page<StoredFlow>>& page) {
        if (api.failed(work->call, page)) {
            return;
        }
        if (!page->rows.empty()) {
            return fail_replacement(work->call, kInUse);
        }
        next_page(api, work);
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
                return fail_replacement(work->call, "Connections must be of one piece");
            }
            need_no_published_user(api, work);
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
    if (call->body["sourceAppConnectionId"].text() == call->body["targetAppConnectionId"].text()) {
        return fail_replacement(call, "A connection cannot be replaced with itself");
    }
    const auto work = std::make_shared<Replacement>();
    work->call = call;
    work->delete_source = call->body["deleteSourceConnection"].is_true();
    work->republishes = work->republish = call->body["applyToPublishedVersions"].is_true();
    hold_until_answered(api, call, work->claim);
    const std::string project(call->body["projectId"].text());
    api.with_project(call, project,
                     [&api, work, project](const ProjectRow&) { find_both(api, work, project); });
}

}  // namespace sallyport::engine
