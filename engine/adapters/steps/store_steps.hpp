// Steps of the store and queue pieces and what they keep. Each is one transaction of the store, and
// what it changes it changes once: a note of its result is stored with the change, so that a step
// that is performed again (an engine that died before the run's journal had the result, an answer
// of the database that was lost) gives that result and changes nothing. The driver removes the note
// when the result is in the journal.
#pragma once

#include "engine/adapters/steps/step_call.hpp"
#include "engine/ports/entropy.hpp"
#include "engine/ports/store.hpp"

namespace sallyport::engine {

// Of a note; its id and key are the step's idempotency key.
inline constexpr const char* kStepNoteKind = "step_note";

class StoreSteps {
  public:
    // `value_bytes_max`: of one entry, as JSON.
    StoreSteps(EntityStore& store, Entropy& entropy, std::size_t value_bytes_max)
        : store_(store), entropy_(entropy), value_bytes_max_(value_bytes_max) {}

    // `done` is called once, on the loop; with `overloaded` when the store did not answer.
    void perform(const StepCall& call, StepDone done);

  private:
    EntityStore& store_;
    Entropy& entropy_;
    std::size_t value_bytes_max_;
};

// With those of the store and queue pieces performed by `store`, which outlives them.
PiecePerformers with_store(PiecePerformers pieces, StoreSteps& store);

}  // namespace sallyport::engine
