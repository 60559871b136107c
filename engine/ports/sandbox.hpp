// Sandbox: where foreign JavaScript runs: code steps and the template expressions that the native
// evaluator does not cover. Outside the engine's process, with no file, socket or environment; what
// a script wants from the world is a request that the engine makes for it.
//
// Every run starts from the same untouched state. Nothing of one run is seen by another.
#pragma once

#include "common/json.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

struct SandboxLimits {
    // Wall time from the start of the run, waiting included. Built-ins that cannot be interrupted
    // are cut off 1 s later, a worker that does not react 2 s later.
    std::uint32_t time_ms = 10'000;
    // All of the run's memory: 24 MB to 256 MB; 16 MB of it are overhead.
    std::size_t memory_bytes = 64u << 20;
    // Of the result as JSON text; at most 16 MB.
    std::size_t output_bytes = 8u << 20;
};

// The source is an ES module: `export const code = async (inputs) => …`.
struct CodeRequest {
    std::string tenant;  // whose run it is: fair share and outgoing connections
    std::string code;
    Json input;  // the argument of `code`; empty means {}
    SandboxLimits limits;
    bool fetch_allowed = true;
};

// Expressions as they stand between `{{` and `}}`, all over the same names.
struct EvaluateRequest {
    std::string tenant;
    std::vector<std::string> expressions;
    Json scope;  // an object: name -> value
    SandboxLimits limits;
};

enum class SandboxStatus {
    ok,
    error,         // the script threw, could not be compiled, or never settles
    timeout,       // limits.time_ms
    memory_limit,  // limits.memory_bytes
    crashed,       // the worker ended; the script may have been half way through
    output_limit,  // limits.output_bytes
    overloaded,    // the queue is full or moved too slowly; nothing was run
    cancelled,     // cancel() or shutdown
};

// The word for logs, metrics and run records.
inline std::string_view to_string(SandboxStatus status) {
    switch (status) {
        case SandboxStatus::ok:
            return "ok";
        case SandboxStatus::error:
            return "error";
        case SandboxStatus::timeout:
            return "timeout";
        case SandboxStatus::memory_limit:
            return "memory_limit";
        case SandboxStatus::crashed:
            return "crashed";
        case SandboxStatus::output_limit:
            return "output_limit";
        case SandboxStatus::overloaded:
            return "overloaded";
        case SandboxStatus::cancelled:
            return "cancelled";
    }
    return "unknown";
}

struct SandboxResult {
    SandboxStatus status = SandboxStatus::error;
    Json value;           // ok: what `code` returned; undefined and functions are null
    std::string error;    // not ok: one line for the person who wrote the script
    std::string stack;    // where it was thrown, when known
    std::string console;  // what was printed, also on failure; at most 64 KB
};

struct ExpressionResult {
    bool ok = false;
    Json value;  // ok; an empty Json is undefined or null; JSON's null: NaN and its like
    std::string error;
};

struct EvaluateResult {
    SandboxStatus status = SandboxStatus::error;
    std::vector<ExpressionResult> results;  // ok: one for each expression, in order
    std::string error;
};

class Sandbox {
  public:
    using RunId = std::uint64_t;
    using CodeDone = std::function<void(SandboxResult)>;
    using EvaluateDone = std::function<void(EvaluateResult)>;

    Sandbox() = default;
    Sandbox(const Sandbox&) = delete;
    Sandbox& operator=(const Sandbox&) = delete;
    virtual ~Sandbox() = default;

    // Both return at once; `done` is called exactly once, on the engine's loop, never from inside
    // the call. A run is never repeated: after `crashed` the caller decides.
    virtual RunId run_code(CodeRequest request, CodeDone done) = 0;
    virtual RunId evaluate(EvaluateRequest request, EvaluateDone done) = 0;
    // `done` is then called with `cancelled`, unless the run had ended already.
    virtual void cancel(RunId id) = 0;
};

}  // namespace sallyport::engine
