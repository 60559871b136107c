#include "engine/adapters/store_steps.hpp"

#include "engine/core/piece_queue.hpp"
#include "engine/core/piece_store.hpp"

#include <memory>
#include <utility>

namespace sallyport::engine {
namespace {

// One action on its way: belongs to the store's thread until it is done.
struct Work {
    bool is_queue = false;
    std::string action;
    Json input;
    EntityRow fresh;  // when there is none yet
    std::optional<Result<StoreOutcome>> outcome;
};

bool perform_on(Work& work, std::optional<EntityRow>& row) {
    Json stored;
    if (row) {
        const Result<Json> body = Json::parse(row->body);
        stored = body.ok() ? (*body)["value"] : Json();
    }
    work.outcome = work.is_queue ? queue_outcome(work.action, work.input, stored)
                                 : store_outcome(work.action, work.input, stored);
    if (!work.outcome->ok()) {
        return false;
    }
    const StoreOutcome& outcome = **work.outcome;
    switch (outcome.kind) {
        case StoreOutcome::Kind::keep:
            return false;
        case StoreOutcome::Kind::remove: {
            const bool there = row.has_value();
            row.reset();
            return there;
        }
        case StoreOutcome::Kind::put:
            break;
    }
    if (!row) {
        row = work.fresh;
    }
    row->body = Json::object({{"value", outcome.value}}).dump();
    row->updated_ms = work.fresh.updated_ms;
    return true;
}

}  // namespace

void StoreSteps::perform(const StepCall& call, StepDone done) {
    const bool is_queue = call.step.piece == kQueuePiece;
    const Result<std::string> key =
        is_queue ? queue_store_key(call.input) : store_key(call.input, call.flow_id, call.run_id);
    if (!key.ok()) {
        return done(step_failed(key.message()));
    }
    const auto work = std::make_shared<Work>();
    work->is_queue = is_queue;
    work->action = call.step.action;
    work->input = call.input.deep_copy();
    EntityRow& fresh = work->fresh;
    fresh.kind = kStoreEntryKind;
    fresh.id = entropy_.id();
    fresh.scope = call.project_id;
    fresh.key = fresh.label = *key;
    fresh.created_ms = fresh.updated_ms = call.now_ms;
    store_.change_entity(
        fresh.kind, fresh.scope, fresh.key,
        [work](std::optional<EntityRow>& row) { return perform_on(*work, row); },
        [work, done = std::move(done)](const Result<std::optional<EntityRow>>& stored) {
            if (!stored.ok() || !work->outcome) {
                return done(step_failed("The store could not be reached"));
            }
            if (!work->outcome->ok()) {
                return done(step_failed(work->outcome->message()));
            }
            StepResult result;
            result.output = (**work->outcome).output;
            done(std::move(result));
        });
}

}  // namespace sallyport::engine
