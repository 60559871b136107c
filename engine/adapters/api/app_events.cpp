// Events of apps that know one address for all their accounts (engine contract 1.3): open to
// everyone, believed when the app's piece says that the app has sent them. What is acknowledged is
// on disk.
#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "engine/adapters/api/files.hpp"
#include "engine/adapters/api/hosted_pieces.hpp"
#include "engine/adapters/api/run_parts.hpp"
#include "engine/core/pieces/webhook.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::engine {
namespace {

// Flows whose triggers are asked at the same time.
constexpr std::size_t kAtOnce = 8;

// One event on its way to the flows that listen.
struct Delivery {
    CallPtr call;
    std::string piece;
    Json payload;
    std::vector<WebhookFile> files;  // that the request carries
    std::string id;                  // the same when the app sends the event again
    std::vector<std::string> flows;
    std::size_t next = 0;
    std::size_t under_way = 0;
    bool failed = false;  // not by a fault of the flow's: the app is to send it again
};
using DeliveryPtr = std::shared_ptr<Delivery>;

void deliver_more(Api& api, const DeliveryPtr& delivery);

void delivered(Api& api, const DeliveryPtr& delivery, bool good) {
    delivery->failed = delivery->failed || !good;
    --delivery->under_way;
    deliver_more(api, delivery);
}

void fire(Api& api, const DeliveryPtr& delivery, const RunnableFlow& flow, const Json& payload) {
    HostedTriggers::Occasion occasion;
    occasion.payload = payload;
    occasion.delivery_id = delivery->id;
    occasion.on_failure = [&api, delivery] { delivered(api, delivery, true); };
    occasion.on_handshake = [&api, delivery](const Json&) { delivered(api, delivery, true); };
    api.ports.triggers->fire(flow, std::move(occasion),
                             [&api, delivery](const Result<std::vector<StartedRun>>& started) {
                                 // What is beyond the quota now is so the next time as well.
                                 delivered(api, delivery, started.ok() || is_over_quota(started));
                             });
}

// Each flow has files of its own: they belong to its project.
void keep_and_fire(Api& api, const DeliveryPtr& delivery, const RunnableFlow& flow) {
    if (delivery->files.empty()) {
        return fire(api, delivery, flow, delivery->payload);
    }
    CarriedFiles carried = carried_files(api, delivery->files);
    const Json payload = webhook_payload(delivery->call->request, carried.urls).payload;
    keep_files(api, flow.project_id, std::move(carried.files),
               [&api, delivery, flow, payload](const FilesKept& kept) {
                   if (kept.outcome != FilesKept::Outcome::all) {
                       return delivered(api, delivery, false);
                   }
                   fire(api, delivery, flow, payload);
               });
}

void deliver(Api& api, const DeliveryPtr& delivery, const std::string& flow_id) {
    api.ports.catalog.published(
        flow_id, [&api, delivery](const Result<std::optional<RunnableFlow>>& found) {
            if (!found.ok()) {
                return delivered(api, delivery, false);
            }
            const bool listens = found->has_value() && (*found)->enabled &&
                                 (*found)->program != nullptr &&
                                 (*found)->program->trigger().piece == delivery->piece;
            if (!listens) {
                return delivered(api, delivery, true);
            }
            keep_and_fire(api, delivery, **found);
        });
}

// Every flow is its own: what one makes of the event is nothing to the others.
void deliver_more(Api& api, const DeliveryPtr& delivery) {
    while (delivery->next < delivery->flows.size() && delivery->under_way < kAtOnce) {
        ++delivery->under_way;
        deliver(api, delivery, delivery->flows[delivery->next++]);
    }
    if (delivery->under_way == 0) {
        delivery->failed ? delivery->call->fail_unavailable()
                         : delivery->call->reply(200, Json::object());
    }
}

// Apps send an event again until it is acknowledged, in the same words; so does who has recorded
// one.
std::string delivery_id_of(const CallPtr& call) {
    return call->delivery_id.empty()
               ? "app:" + hex_encode(digest(DigestAlgorithm::sha256,
                                            call->request.target + "\n" + call->request.body))
               : call->delivery_id;
}

void on_event(Api& api, const CallPtr& call, const AppSecret& app, const Json& payload,
              const std::vector<WebhookFile>& files, const Result<AppEvent>& event) {
    if (!event.ok()) {
        api.ports.log.write(
            LogLevel::warn, "app_event_not_read",
            {{"piece", Json::string(app.piece)}, {"problem", Json::string(event.message())}});
        return call->fail_unavailable();
    }
    if (event->reply.exists()) {
        return call->reply(to_web_response(event->reply));
    }
    if (event->event.empty()) {
        return call->reply(400, Json::object());
    }
    if (!event->verified) {
        return call->reply(401, Json::object());
    }
    const auto delivery = std::make_shared<Delivery>();
    delivery->call = call;
    delivery->piece = app.piece;
    delivery->payload = payload;
    delivery->files = files;
    delivery->id = delivery_id_of(call);
    api.ports.apps->flows_for(app, *event,
                              [&api, delivery](const Result<std::vector<std::string>>& flows) {
                                  if (!api.failed(delivery->call, flows)) {
                                      delivery->flows = *flows;
                                      ++delivery->under_way;
                                      delivered(api, delivery, true);
                                  }
                              });
}

void receive_event(Api& api, const CallPtr& call) {
    const AppSecret* const app =
        api.ports.apps == nullptr ? nullptr : api.ports.apps->find(call->params[0]);
    if (app == nullptr) {
        return call->fail_not_found("piece", call->params[0]);
    }
    if (call->request.body.size() > api.options.webhook_payload_bytes_max) {
        return call->reply(413, Json::object({{"message", Json::string("Payload too large")}}));
    }
    remove_gateway_headers(call->request);
    const auto files = webhook_files(call->request);
    if (!files.ok()) {
        return call->reply(400, Json::object({{"message", Json::string(files.message())}}));
    }
    // Nothing is kept before the piece has said that the app has sent it.
    const CarriedFiles carried = carried_files(api, *files);
    if (refused_as_too_large(api, call, carried.files)) {
        return;
    }
    const WebhookPayload read = webhook_payload(call->request, carried.urls);
    if (!read.payload.exists()) {
        return call->fail_framework(read.refusal.status, read.refusal.code, read.refusal.message);
    }
    with_installed_piece(
        api, call, app->piece,
        [&api, call, app, payload = read.payload, files = *files](const Json& installed) {
            api.ports.apps->read(*app, std::string(installed["version"].text()), payload,
                                 [&api, call, app, payload, files](const Result<AppEvent>& event) {
                                     on_event(api, call, *app, payload, files, event);
                                 });
        });
}

}  // namespace

const std::vector<ApiRoute> kAppEventRoutes = {
    {"*", "app-events/:pieceUrl", ApiRoute::Access::open, receive_event},
};

}  // namespace sallyport::engine
