// Resolves the templates of a step's input: natively where the evaluator can, in the sandbox where
// it cannot.
#pragma once

#include "common/json.hpp"
#include "engine/core/expressions/template.hpp"
#include "engine/ports/sandbox.hpp"
#include "engine/ports/secret_source.hpp"

#include <functional>
#include <string>

namespace sallyport::engine {

struct ResolvedInput {
    SandboxStatus status = SandboxStatus::ok;  // as of a code step: what to do about it
    Json value;                                // ok
    Json logged;                               // ok: secrets masked
    std::string error;                         // not ok: for the person who made the flow

    bool ok() const { return status == SandboxStatus::ok; }
};

class InputResolver {
  public:
    using Done = std::function<void(ResolvedInput)>;

    InputResolver(Sandbox& sandbox, SecretSource& secrets) : sandbox_(sandbox), secrets_(secrets) {}

    // `done` is called once, on the loop; from inside the call when all of it is native and names
    // no secret. `steps` is
    // read before the call returns; it may change afterwards only between runs of the same scope.
    void resolve(const std::string& project_id, const Json& input, const Json& steps, int schema,
                 Done done);

  private:
    void resolve_in(const std::string& project_id, const Json& input, TemplateScope scope,
                    Done done);

    Sandbox& sandbox_;
    SecretSource& secrets_;
};

}  // namespace sallyport::engine
