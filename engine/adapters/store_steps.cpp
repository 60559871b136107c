#include "engine/adapters/store_steps.hpp"

#include "engine/core/job_queue.hpp"
#include "engine/core/piece_queue.hpp"
#include "engine/core/piece_store.hpp"

#include <memory>
#include <utility>

namespace sallyport::engine {
namespace {

// One action on its way: belongs to the store's thread until it is done.
struct Work {
    bool is_queue = false;
    std::size_t value_bytes_max = 0;
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
    work.outcome = work.is_queue
                       ? queue_outcome(work.action, work.input, stored)
                       : store_outcome(work.action, work.input, stored, work.value_bytes_max);
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

// Whether the action may be performed again after an error of the store, which may have been of the
// commit's answer alone: what adds to a value, or takes from it, would then have done so twice.
bool may_be_repeated(const Work& work) {
    if (!work.outcome) {
        return true;  // it was not performed
    }
    const StoreOutcome& outcome = **work.outcome;
    return outcome.kind != StoreOutcome::Kind::put || work.action == "put";
}

}  // namespace

// Puts a job into a queue that a flow works off. Performed again after a crash it is the same job.
void StoreSteps::enqueue(const StepCall& call, StepDone done) {
    const Result<std::string> queue = job_queue_name(call.input);
    if (!queue.ok()) {
        return done(step_failed(queue.message()));
    }
    const std::string id = call.idempotency_key;
    EntityRow fresh;
    fresh.kind = kJobQueueKind;
    fresh.id = entropy_.id();
    fresh.scope = call.project_id;
    fresh.key = fresh.label = *queue;
    fresh.created_ms = fresh.updated_ms = call.now_ms;
    const auto problem = std::make_shared<std::string>();
    store_.change_entity(
        fresh.kind, fresh.scope, fresh.key,
        [problem, fresh, id, input = call.input.deep_copy()](std::optional<EntityRow>& row) {
            const Result<Json> body = row ? Json::parse(row->body) : Json::object();
            const Result<Json> next =
                add_job(body.ok() ? *body : Json::object(), id, input, fresh.updated_ms);
            if (!next.ok()) {
                *problem = next.message();
                return false;
            }
            row = row ? row : fresh;
            row->body = next->dump();
            row->updated_ms = fresh.updated_ms;
            return true;
        },
        [problem, id, done = std::move(done)](const Result<std::optional<EntityRow>>& stored) {
            if (!problem->empty()) {
                return done(step_failed(*problem));
            }
            if (!stored.ok()) {
                return done(step_overloaded());
            }
            done(step_succeeded(Json::object({{"jobId", Json::string(id)}})));
        });
}

void StoreSteps::perform(const StepCall& call, StepDone done) {
    if (call.step.action == kEnqueueJob) {
        return enqueue(call, std::move(done));
    }
    const bool is_queue = call.step.piece == kQueuePiece;
    const Result<std::string> key =
        is_queue ? queue_store_key(call.input) : store_key(call.input, call.flow_id, call.run_id);
    if (!key.ok()) {
        return done(step_failed(key.message()));
    }
    const auto work = std::make_shared<Work>();
    work->is_queue = is_queue;
    work->value_bytes_max = value_bytes_max_;
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
            if (work->outcome && !work->outcome->ok()) {
                return done(step_failed(work->outcome->message()));
            }
            if (!stored.ok()) {
                return done(may_be_repeated(*work) ? step_overloaded()
                                                   : step_failed("The store could not be reached"));
            }
            StepResult result;
            result.output = (**work->outcome).output;
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
