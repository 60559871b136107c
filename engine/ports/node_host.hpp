// NodeHost: where code steps with packages and pieces from npm run: in Node, one process a run,
// outside the engine's. What a run wants from the world is an HTTP request that the engine makes
// for it.
#pragma once

#include "common/json.hpp"
#include "engine/ports/sandbox.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace sallyport::engine {

struct NodeRequest {
    enum class Kind {
        code,   // `code` is an ES module that exports `code`; `input` is its argument
        piece,  // `code` is a task as JSON (engine/nodebox/host/piece.js); `input` its properties
    };
    Kind kind = Kind::code;
    std::string tenant;  // whose run it is: fair share and outgoing connections
    std::string code;
    Json input;
    std::string packages;  // the folder that holds node_modules; empty: none
    std::string preload;   // of those, what may be loaded ahead of the run; may be empty
    SandboxLimits limits;
};

class NodeHost {
  public:
    using RunId = std::uint64_t;
    using NodeDone = std::function<void(SandboxResult)>;

    NodeHost() = default;
    NodeHost(const NodeHost&) = delete;
    NodeHost& operator=(const NodeHost&) = delete;
    virtual ~NodeHost() = default;

    // Returns at once; `done` is called exactly once, on the engine's loop, never from inside the
    // call. A run is never repeated: after `crashed` the caller decides.
    virtual RunId run(NodeRequest request, NodeDone done) = 0;
    // `done` is then called with `cancelled`, unless the run had ended already.
    virtual void cancel(RunId id) = 0;
};

}  // namespace sallyport::engine
