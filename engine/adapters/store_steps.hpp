// Steps of the store and queue pieces and what they keep. Each is one transaction of the store.
#pragma once

#include "engine/adapters/step_call.hpp"
#include "engine/ports/entropy.hpp"
#include "engine/ports/store.hpp"

namespace sallyport::engine {

class StoreSteps {
  public:
    StoreSteps(EntityStore& store, Entropy& entropy) : store_(store), entropy_(entropy) {}

    // `done` is called once, on the loop.
    void perform(const StepCall& call, StepDone done);

  private:
    void enqueue(const StepCall& call, StepDone done);

    EntityStore& store_;
    Entropy& entropy_;
};

// With those of the store and queue pieces performed by `store`, which outlives them.
PiecePerformers with_store(PiecePerformers pieces, StoreSteps& store);

}  // namespace sallyport::engine
