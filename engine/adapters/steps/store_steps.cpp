#include "engine/adapters/steps/store_steps.hpp"

#include "engine/core/job_queue.hpp"
#include "engine/core/pieces/queue.hpp"
#include "engine/core/pieces/store.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace sallyport::engine {
namespace {

// What an action makes of the row's body, which does not exist when there is no row.
using Act = std::function<Result<StoreOutcome>(const Json& body)>;

// One action on its way: belongs to the store's thread until it is done.
struct Work {
    Act act;
    EntityRow fresh;   // when there is no row yet
    std::string step;  // by its idempotency key
    bool is_noted = false;
    std::optional<Result<StoreOutcome>> outcome;
};

// The step has been here before: what it did stands, and it has the same result.
Result<StoreOutcome> as_noted(const EntityRow& note) {
    const Result<Json> body = Json::parse(note.body);
    if (!body.ok()) {
        return body.error();
    }
    return StoreOutcome{StoreOutcome::Kind::keep, {}, (*body)["output"]};
}

// Puts a job into a queue that a flow works off.
Act adding_job(const StepCall& call) {
    return [id = call.idempotency_key, input = call.input.deep_copy(),
            now_ms = call.now_ms](const Json& body) -> Result<StoreOutcome> {
        const Result<Json> next = add_job(body.exists() ? body : Json::object(), id, input, now_ms);
        if (!next.ok()) {
            return next.error();
        }
        return StoreOutcome{StoreOutcome::Kind::put, *next,
                            Json::object({{"jobId", Json::string(id)}})};
    };
}

Act changing_value(const StepCall& call, bool is_queue, std::size_t bytes_max) {
    return [is_queue, bytes_max, action = call.step.action,
            input = call.input.deep_copy()](const Json& body) {
        const Json stored = body["value"];
        auto outcome = is_queue ? queue_outcome(action, input, stored)
                                : store_outcome(action, input, stored, bytes_max);
        if (outcome.ok() && outcome->kind == StoreOutcome::Kind::put) {
            outcome->value = Json::object({{"value", outcome->value}});
        }
        return outcome;
    };
}

bool perform_on(Work& work, std::optional<EntityRow>& row, std::optional<EntityRow>& note) {
    work.is_noted = note.has_value();
    if (note) {
        work.outcome = as_noted(*note);
        return false;
    }
    const Result<Json> body = row ? Json::parse(row->body) : Json();
    work.outcome = work.act(body.ok() ? *body : Json());
    if (!work.outcome->ok()) {
        return false;
    }
    const StoreOutcome& outcome = **work.outcome;
    const bool removes = outcome.kind == StoreOutcome::Kind::remove;
    if (outcome.kind == StoreOutcome::Kind::keep || (removes && !row)) {
        return false;
    }
    if (removes) {
        row.reset();
    } else {
        row = row ? row : work.fresh;
        row->body = outcome.value.dump();
        row->updated_ms = work.fresh.updated_ms;
    }
    note = EntityRow{kStepNoteKind,
                     work.step,
                     work.fresh.scope,
                     work.step,
                     "",
                     Json::object({{"output", outcome.output}}).dump(),
                     work.fresh.updated_ms,
                     work.fresh.updated_ms};
    work.is_noted = true;
    return true;
}

}  // namespace

void StoreSteps::perform(const StepCall& call, StepDone done) {
    const bool is_job = call.step.action == kEnqueueJob;
    const bool is_queue = call.step.piece == kQueuePiece;
    const Result<std::string> key = is_job     ? job_queue_name(call.input)
                                    : is_queue ? queue_store_key(call.input)
                                               : store_key(call.input, call.flow_id, call.run_id);
    if (!key.ok()) {
        return done(step_failed(key.message()));
    }
    const auto work = std::make_shared<Work>();
    work->step = call.idempotency_key;
    EntityRow& fresh = work->fresh;
    fresh.kind = is_job ? kJobQueueKind : kStoreEntryKind;
    fresh.id = entropy_.id();
    fresh.scope = call.project_id;
    fresh.key = fresh.label = *key;
    fresh.created_ms = fresh.updated_ms = call.now_ms;
    work->act = is_job ? adding_job(call) : changing_value(call, is_queue, value_bytes_max_);
    store_.change_pair(
        {fresh.kind, fresh.scope, fresh.key}, {kStepNoteKind, fresh.scope, work->step},
        [work](std::optional<EntityRow>& row, std::optional<EntityRow>& note) {
            return perform_on(*work, row, note);
        },
        [work, done = std::move(done)](const Status& stored) {
            if (work->outcome && !work->outcome->ok()) {
                return done(step_failed(work->outcome->message()));
            }
            if (!stored.ok()) {
                return done(step_overloaded());
            }
            StepResult result = step_succeeded((**work->outcome).output);
            result.note = work->is_noted ? work->step : std::string();
            done(std::move(result));
        });
}

PiecePerformers with_store(PiecePerformers pieces, StoreSteps& store) {
    for (const std::string_view piece : {kStorePiece, kQueuePiece}) {
        pieces.native[std::string(piece)] = [&store](const StepCall& call, StepDone done) {
            store.perform(call, std::move(done));
            return StepCancel();
        };
    }
    return pieces;
}

}  // namespace sallyport::engine
