#include "engine/adapters/runs/item_triggers.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

constexpr const char* kKey = "seen";  // within the flow's scope
}  // namespace

struct ItemTriggers::Look {
    RunnableFlow flow;
    std::string before;  // the memory as it was stored; empty: none
    ItemRound round;
    std::size_t next = 0;
    std::function<void()> done;
};

void ItemTriggers::look(const RunnableFlow& flow, std::function<void()> done) {
    const auto look = std::make_shared<Look>();
    look->flow = flow;
    look->done = std::move(done);
    ports_.entities.entity_by_key(
        kItemMemoryKind, flow.program->flow_id, kKey,
        [this, look](const Result<std::optional<EntityRow>>& found) {
            if (!found.ok()) {
                return give_up(*look, found.message());
            }
            look->before = found->has_value() ? (*found)->body : std::string();
            const Result<Json> memory =
                look->before.empty() ? Json::object() : Json::parse(look->before);
            fetch(look->flow, memory.ok() ? *memory : Json::object(), false,
                  [this, look](Result<ItemRound> round) {
                      if (!round.ok()) {
                          return give_up(*look, round.message());
                      }
                      look->round = *std::move(round);
                      start_next(look);
                  });
        });
}

void ItemTriggers::sample(const RunnableFlow& flow, std::function<void(Result<Json>)> done) {
    fetch(flow, Json::object(), true, [done = std::move(done)](const Result<ItemRound>& round) {
        if (!round.ok()) {
            return done(round.error());
        }
        Json list = Json::array();
        for (const NewItem& one : round->items) {
            list.append(one.item);
        }
        done(list);
    });
}

void ItemTriggers::fetch(const RunnableFlow& flow, const Json& memory, bool sample,
                         ItemsFound found) {
    const Program& program = *flow.program;
    ItemQuestion question;
    question.tenant = flow.project_id;
    question.settings = program.trigger().settings;
    question.memory = memory;
    question.sample = sample;
    question.time_ms_max = time_ms_max_;
    question.now_ms = ports_.clock.now_ms();
    resolver_.resolve(flow.project_id, question.settings["input"], Json::object(), program.schema,
                      [this, question, found = std::move(found)](ResolvedInput resolved) mutable {
                          if (!resolved.ok()) {
                              return found(Error{std::move(resolved.error)});
                          }
                          question.input = std::move(resolved.value);
                          ports_.sources.ask(question, std::move(found));
                      });
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
