#include "engine/adapters/mcp/relay.hpp"

#include "engine/adapters/stored_secrets.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace sallyport::engine {
namespace {

constexpr const char* kRelayKind = "mcp_message";
constexpr std::int64_t kRelayLookMs = 200;
constexpr std::int64_t kRelayAskMs = 100;
// An engine that has not looked by then is gone.
constexpr std::int64_t kRelayWaitMs = 5'000;
constexpr std::size_t kRelayUnderWayMax = 64;
constexpr std::size_t kRelayAtOnce = 50;
// What nobody took and nobody could take back.
constexpr std::int64_t kRelayOldMs = 60'000;
constexpr std::size_t kRelayOldAtOnce = 100;

Json relay_body(const EntityRow& row) {
    const Result<Json> body = Json::parse(row.body);
    return body.ok() ? *body : Json::object();
}

}  // namespace

struct McpRelay::Sending {
    EntityRow row;
    std::int64_t begun_ms = 0;
    std::function<void(Outcome)> done;
};

McpRelay::McpRelay(Ports ports, bool shared)
    : ports_(ports), shared_(shared), name_(ports_.entropy.id()) {}

McpRelay::~McpRelay() = default;

void McpRelay::listen(std::function<bool()> wanted, std::function<void(const McpRelayed&)> take) {
    wanted_ = std::move(wanted);
    take_ = std::move(take);
    if (shared_ && !std::exchange(looking_, true)) {
        look_later();
    }
}

void McpRelay::look_later() {
    ports_.loop.after(kRelayLookMs, [this, alive = std::weak_ptr<bool>(alive_)] {
        if (!alive.expired()) {
            look();
        }
    });
}

void McpRelay::look() {
    if (!wanted_()) {
        looking_ = false;
        return;
    }
    EntityQuery mine;
    mine.kind = kRelayKind;
    mine.scope = name_;
    mine.oldest_first = true;
    mine.limit = kRelayAtOnce;
    ports_.entities.list_entities(mine, [this](const Result<Page<EntityRow>>& page) {
        if (!page.ok() || page->rows.empty()) {
            return look_later();
        }
        std::vector<std::string> ids;
        for (const EntityRow& row : page->rows) {
            ids.push_back(row.id);
        }
        ports_.entities.take_children(kRelayKind, name_, std::move(ids),
                                      [this](Result<std::vector<EntityRow>> rows) {
                                          if (rows.ok()) {
                                              take_all(*std::move(rows));
                                          }
                                          look_later();
                                      });
    });
}

void McpRelay::take_all(std::vector<EntityRow> rows) {
    std::sort(rows.begin(), rows.end(),
              [](const EntityRow& a, const EntityRow& b) { return a.created_ms < b.created_ms; });
    for (const EntityRow& row : rows) {
        const Result<Json> opened = open_value(ports_.secrets, row, relay_body(row));
        if (opened.ok()) {
            take_({std::string((*opened)["session"].text()), std::string((*opened)["body"].text()),
                   std::string((*opened)["address"].text())});
        }
    }
}

void McpRelay::send(const std::string& engine, const McpRelayed& message,
                    std::function<void(Outcome)> done) {
    if (!shared_ || engine == name_) {
        return done(Outcome::nobody);
    }
    if (under_way_ >= kRelayUnderWayMax) {
        return done(Outcome::busy);
    }
    ++under_way_;
    const auto sending = std::make_shared<Sending>();
    EntityRow& row = sending->row;
    row.kind = kRelayKind;
    row.id = ports_.entropy.id();
    row.scope = engine;
    row.key = row.id;
    row.created_ms = row.updated_ms = ports_.clock.now_ms();
    Json body = Json::object();
    seal_value(ports_.secrets, row, body,
               Json::object({{"session", Json::string(message.session)},
                             {"body", Json::string(message.body)},
                             {"address", Json::string(message.client_address)}}));
    row.body = body.dump();
    sending->begun_ms = ports_.clock.steady_ms();
    sending->done = std::move(done);
    ports_.entities.remove_old_entities(kRelayKind, row.created_ms - kRelayOldMs, kRelayOldAtOnce,
                                        [](const Result<std::size_t>&) {});
    ports_.entities.change_entity(
        row.kind, row.scope, row.key,
        [row](std::optional<EntityRow>& stored) {
            stored = row;
            return true;
        },
        [this, sending](const Result<std::optional<EntityRow>>& stored) {
            stored.ok() ? wait(sending) : end(sending, Outcome::failed);
        });
}

// Until it is gone: whoever takes a message takes it out.
void McpRelay::wait(const std::shared_ptr<Sending>& sending) {
    ports_.loop.after(kRelayAskMs, [this, sending, alive = std::weak_ptr<bool>(alive_)] {
        if (alive.expired()) {
            return;
        }
        if (ports_.clock.steady_ms() - sending->begun_ms > kRelayWaitMs) {
            return withdraw(sending);
        }
        ports_.entities.entity(kRelayKind, sending->row.id,
                               [this, sending](const Result<std::optional<EntityRow>>& found) {
                                   found.ok() && !found->has_value() ? end(sending, Outcome::taken)
                                                                     : wait(sending);
                               });
    });
}

void McpRelay::withdraw(const std::shared_ptr<Sending>& sending) {
    const EntityRow& row = sending->row;
    ports_.entities.take_children(row.kind, row.scope, {row.id},
                                  [this, sending](const Result<std::vector<EntityRow>>& rows) {
                                      end(sending, !rows.ok()      ? Outcome::failed
                                                   : rows->empty() ? Outcome::taken
                                                                   : Outcome::nobody);
                                  });
}

void McpRelay::end(const std::shared_ptr<Sending>& sending, Outcome outcome) {
    --under_way_;
    sending->done(outcome);
}

}  // namespace sallyport::engine
