#include "engine/adapters/runs/app_listeners.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::size_t kFlowsPage = 500;

AppEvent event_from(const Json& read) {
    AppEvent event;
    event.reply = read["reply"].is_object() ? read["reply"] : Json();
    event.event = read["event"].text();
    event.identifier = read["identifierValue"].text();
    event.verified = read["verified"].is_true();
    return event;
}

}  // namespace

const AppSecret* AppListeners::find(const std::string& name) const {
    if (secrets_ == nullptr) {
        return nullptr;
    }
    const auto found = secrets_->find(name);
    return found == secrets_->end() ? nullptr : &found->second;
}

void AppListeners::listen(const std::string& flow_id, const std::string& piece,
                          const Json& listeners, std::function<void(Status)> done) {
    const AppSecret* const app = find(app_address_name(piece));
    if (app == nullptr || app->piece != piece) {
        return done(Error{"AP_APP_WEBHOOK_SECRETS has no secret for '" + piece +
                          "': nobody could tell who sends its events"});
    }
    const auto keys = app_listener_keys(piece, listeners);
    if (!keys.ok()) {
        return done(keys.error());
    }
    std::vector<EntityRow> rows;
    for (const std::string& key : *keys) {
        EntityRow row;
        row.kind = kAppListenerKind;
        row.id = ports_.entropy.id();
        row.scope = flow_id;
        row.key = key;
        row.body = Json::object({{"piece", Json::string(piece)}}).dump();
        row.created_ms = row.updated_ms = ports_.clock.now_ms();
        rows.push_back(std::move(row));
    }
    leave(flow_id,
          [this, rows = std::move(rows), done = std::move(done)](const Status& left) mutable {
              left.ok() ? put_next(std::move(rows), std::move(done)) : done(left);
          });
}

void AppListeners::leave(const std::string& flow_id, std::function<void(Status)> done) {
    ports_.entities.clear_children(kAppListenerKind, flow_id,
                                   [done = std::move(done)](const Result<std::int64_t>& gone) {
                                       done(gone.ok() ? Status(Done{}) : Status(gone.error()));
                                   });
}

void AppListeners::put_next(std::vector<EntityRow> rows, std::function<void(Status)> done) {
    if (rows.empty()) {
        return done(Done{});
    }
    const EntityRow row = std::move(rows.back());
    rows.pop_back();
    ports_.entities.change_entity(
        row.kind, row.scope, row.key,
        [row](std::optional<EntityRow>& stored) {
            stored = row;
            return true;
        },
        [this, rows = std::move(rows),
         done = std::move(done)](const Result<std::optional<EntityRow>>& stored) mutable {
            stored.ok() ? put_next(std::move(rows), std::move(done)) : done(stored.error());
        });
}

void AppListeners::read(const AppSecret& app, const std::string& version, const Json& payload,
                        std::function<void(Result<AppEvent>)> done) {
    const Result<Json> secret = Json::parse(app.secret.reveal());
    PieceTask task;
    task.piece = app.piece;
    task.version = version;
    task.input = Json::object();
    task.time_ms_max = time_ms_max_;
    task.task = Json::object(
        {{"do", Json::string("event")},
         {"payload", payload},
         {"webhookSecret", secret.ok() ? *secret : Json::null()},
         {"appWebhookUrl", Json::string(ports_.pieces.app_url(app_address_name(app.piece)))}});
    ports_.pieces.run(std::move(task), [done = std::move(done)](const SandboxResult& ran) {
        done(ran.status == SandboxStatus::ok ? Result<AppEvent>(event_from(ran.value))
                                             : Error{ran.error});
    });
}

void AppListeners::flows_for(const AppSecret& app, const AppEvent& event, Found done) {
    EntityQuery query;
    query.kind = kAppListenerKind;
    query.every_scope = true;
    query.keys = {app_listener_key(app.piece, event.event, event.identifier)};
    query.limit = kFlowsPage;
    find_more(std::move(query), {}, std::move(done));
}

void AppListeners::find_more(EntityQuery query, std::vector<std::string> found, Found done) {
    ports_.entities.list_entities(
        query, [this, query, found = std::move(found),
                done = std::move(done)](const Result<Page<EntityRow>>& page) mutable {
            if (!page.ok()) {
                return done(page.error());
            }
            for (const EntityRow& row : page->rows) {
                found.push_back(row.scope);
            }
            if (!page->next) {
                return done(std::move(found));
            }
            query.cursor = page->next;
            find_more(std::move(query), std::move(found), std::move(done));
        });
}

}  // namespace sallyport::engine
