// Resolves the templates of a step's input: natively where the evaluator can, in the sandbox where
// it cannot.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"
#include "engine/ports/sandbox.hpp"

#include <functional>
#include <string>

namespace sallyport::engine {

struct ResolvedInput {
    Json value;
    Json logged;  // secrets masked
};

class InputResolver {
  public:
    using Done = std::function<void(Result<ResolvedInput>)>;

    explicit InputResolver(Sandbox& sandbox) : sandbox_(sandbox) {}

    // `done` is called once, on the loop; from inside the call when all of it is native. `steps` is
    // read before the call returns; it may change afterwards only between runs of the same scope.
    void resolve(const std::string& project_id, const Json& input, const Json& steps, int schema,
                 Done done);

  private:
    Sandbox& sandbox_;
};

}  // namespace sallyport::engine
