#include "engine/adapters/item_triggers.hpp"

#include "engine/adapters/http_calls.hpp"
#include "engine/core/run_record.hpp"

#include <utility>
#include <variant>

namespace sallyport::engine {
namespace {

constexpr const char* kKey = "seen";  // within the flow's scope
constexpr std::int64_t kRequestMs = 30'000;

// The answer as JSON, whatever type it says it is.
Result<Json> read_answer(const HttpOutcome& outcome) {
    if (const auto* failure = std::get_if<HttpFailure>(&outcome)) {
        return Error{std::string(to_string(failure->error)) + ": " + failure->message};
    }
    const auto& response = std::get<HttpResponse>(outcome);
    if (response.status < 200 || response.status > 299) {
        return Error{"the address answered " + std::to_string(response.status)};
    }
    Result<Json> answer = Json::parse(response.body);
    if (!answer.ok()) {
        return Error{"the answer is no JSON: " + answer.message()};
    }
    if (is_too_deep(*answer)) {
        return Error{"the answer is nested too deeply"};
    }
    return answer;
}

}  // namespace

struct ItemTriggers::Look {
    RunnableFlow flow;
    ListSettings settings;
    std::string before;  // the memory as it was stored; empty: none
    ItemRound round;
    std::size_t next = 0;
    std::function<void()> done;
};

void ItemTriggers::look(const RunnableFlow& flow, std::function<void()> done) {
    const auto look = std::make_shared<Look>();
    look->flow = flow;
    look->done = std::move(done);
    Result<ListSettings> settings = list_settings(flow.program->trigger().settings["input"]);
    if (!settings.ok()) {
        return give_up(*look, settings.message());
    }
    look->settings = *std::move(settings);
    ports_.entities.entity_by_key(
        kItemMemoryKind, flow.program->flow_id, kKey,
        [this, look](const Result<std::optional<EntityRow>>& found) {
            if (!found.ok()) {
                return give_up(*look, found.message());
            }
            look->before = found->has_value() ? (*found)->body : std::string();
            fetch(look->flow, look->settings, [this, look](const Result<Json>& list) {
                list.ok() ? take(look, *list) : give_up(*look, list.message());
            });
        });
}

void ItemTriggers::sample(const RunnableFlow& flow, std::function<void(Result<Json>)> done) {
    const Result<ListSettings> settings = list_settings(flow.program->trigger().settings["input"]);
    settings.ok() ? fetch(flow, *settings, std::move(done)) : done(settings.error());
}

void ItemTriggers::fetch(const RunnableFlow& flow, const ListSettings& settings,
                         std::function<void(Result<Json>)> done) {
    const Program& program = *flow.program;
    resolver_.resolve(
        flow.project_id, program.trigger().settings["input"], Json::object(), program.schema,
        [this, flow, settings, done = std::move(done)](Result<ResolvedInput> resolved) {
            if (!resolved.ok()) {
                return done(resolved.error());
            }
            send(flow, resolved->value, [settings, done](const Result<Json>& answer) {
                done(answer.ok() ? find_list(settings, *answer) : answer);
            });
        });
}

void ItemTriggers::send(const RunnableFlow& flow, const Json& input,
                        std::function<void(Result<Json>)> done) {
    Result<HttpCall> call = http_call(input);
    if (!call.ok()) {
        return done(call.error());
    }
    ports_.http.send(
        request_of(*std::move(call), flow.project_id, kRequestMs, time_ms_max_),
        [done = std::move(done)](const HttpOutcome& outcome) { done(read_answer(outcome)); });
}

void ItemTriggers::take(const std::shared_ptr<Look>& look, const Json& list) {
    const Result<Json> memory = look->before.empty() ? Json::object() : Json::parse(look->before);
    Result<ItemRound> round =
        look_at_items(look->settings, memory.ok() ? *memory : Json::object(), list);
    if (!round.ok()) {
        return give_up(*look, round.message());
    }
    look->round = *std::move(round);
    start_next(look);
}

// One after the other: a burst of items does not become a burst of transactions.
void ItemTriggers::start_next(const std::shared_ptr<Look>& look) {
    if (look->next == look->round.items.size()) {
        return remember(look);
    }
    NewItem& item = look->round.items[look->next++];
    StartRun run;
    run.program = look->flow.program;
    run.project_id = look->flow.project_id;
    run.payload = std::move(item.item);
    run.delivery_id = std::move(item.delivery_id);
    run.priority = StartRun::kPolling;
    ports_.runs.start(std::move(run), [this, look](const Result<StartedRun>& started) {
        // What is not remembered is new at the next look as well.
        started.ok() ? start_next(look) : give_up(*look, started.message());
    });
}

// Unless somebody else has changed it meanwhile: the flow was switched off and on, or another
// engine looked.
void ItemTriggers::remember(const std::shared_ptr<Look>& look) {
    if (!look->round.changed) {
        return look->done();
    }
    EntityRow fresh;
    fresh.kind = kItemMemoryKind;
    fresh.id = ports_.entropy.id();
    fresh.scope = look->flow.program->flow_id;
    fresh.key = kKey;
    fresh.body = look->round.memory.dump();
    fresh.created_ms = fresh.updated_ms = ports_.clock.now_ms();
    ports_.entities.change_entity(
        fresh.kind, fresh.scope, fresh.key,
        [fresh, before = look->before](std::optional<EntityRow>& row) {
            if ((row ? row->body : std::string()) != before) {
                return false;
            }
            if (!row) {
                row = fresh;
            }
            row->body = fresh.body;
            row->updated_ms = fresh.updated_ms;
            return true;
        },
        [this, look](const Result<std::optional<EntityRow>>& stored) {
            stored.ok() ? look->done() : give_up(*look, stored.message());
        });
}

void ItemTriggers::give_up(const Look& look, const std::string& problem) {
    ports_.log.write(
        LogLevel::warn, "trigger_failed",
        {{"flow", Json::string(look.flow.program->flow_id)}, {"problem", Json::string(problem)}});
    look.done();
}

}  // namespace sallyport::engine
