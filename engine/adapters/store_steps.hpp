// Steps of the store and queue pieces and what they keep. Each is one transaction of the store.
#pragma once

#include "engine/adapters/step_call.hpp"
#include "engine/ports/entropy.hpp"
#include "engine/ports/store.hpp"

namespace sallyport::engine {

class StoreSteps {
  public:
    // `value_bytes_max`: of one entry, as JSON.
    StoreSteps(EntityStore& store, Entropy& entropy, std::size_t value_bytes_max)
        : store_(store), entropy_(entropy), value_bytes_max_(value_bytes_max) {}

    // `done` is called once, on the loop; with `overloaded` when the store did not answer and the
    // step may be performed again.
    void perform(const StepCall& call, StepDone done);

  private:
    void enqueue(const StepCall& call, StepDone done);

    EntityStore& store_;
    Entropy& entropy_;
    std::size_t value_bytes_max_;
};

// With those of the store and queue pieces performed by `store`, which outlives them.
PiecePerformers with_store(PiecePerformers pieces, StoreSteps& store);

}  // namespace sallyport::engine
