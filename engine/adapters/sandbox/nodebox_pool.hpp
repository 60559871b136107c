// NodeboxPool: the NodeHost port by `sallyport-nodebox` processes, a fresh one for each run, some
// of them started ahead of it.
//
// Nothing that a process sends is trusted: a frame that is too long, malformed, out of turn or of
// another run ends it. Tenants share the places by turns; one tenant never holds all of them.
#pragma once

#include "common/result.hpp"
#include "engine/ports/http_client.hpp"
#include "engine/ports/loop.hpp"
#include "engine/ports/node_host.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace sallyport::engine {

struct NodeboxOptions {
    std::string launcher_path;  // empty: `sallyport-nodebox` beside the running program
    std::string node_path;      // absolute
    bool jailed = true;         // false: AP_EXECUTION_MODE=UNSANDBOXED
    // What this Node reserves for code as if it were data: set by probe_nodebox.
    std::size_t code_range_bytes = 0;
    std::string scratch_root;     // not jailed: where each run gets a folder of its own
    std::size_t processes = 0;    // at once; 0: two for each core, at least four
    std::size_t tenant_max = 0;   // of one tenant; 0: all but one
    std::size_t queue_max = 500;  // runs that wait; each holds its input
    std::int64_t queue_wait_ms_max = 60'000;
    std::uint32_t time_ms_max = 600'000;
    std::size_t idle_max = 0;  // processes that wait for a run to come; 0: none is started ahead
    std::int64_t idle_ms = 60'000;
};

// What pieces call the engine by; no name server knows it.
inline constexpr std::string_view kInternalOrigin = "http://engine.internal/";

// Absolute path of Node: `wanted`, or the first `node` of PATH. The error says what to do.
Result<std::string> find_node(const std::string& wanted, const std::string& search_path);

// Whether this machine has what the walls are made of and Node runs behind them, and what it needs
// there; blocks for as long as a start takes, or two. The error is one line that says what is
// missing.
Status probe_nodebox(NodeboxOptions& options);

class NodeboxPool final : public NodeHost {
  public:
    // `loop` and `http` outlive the pool; `http` may be null: then every request fails. All members
    // are called on the loop's thread.
    NodeboxPool(Loop& loop, HttpClient* http, NodeboxOptions options);
    ~NodeboxPool() override;  // ends all processes; runs under way end with `cancelled`

    // Answers what pieces ask at kInternalOrigin; set once, before the first run.
    using Internal = std::function<void(HttpRequest, std::function<void(HttpOutcome)>)>;
    void answer_internal(Internal internal);

    RunId run(NodeRequest request, NodeDone done) override;
    void cancel(RunId id) override;
    // Ends the processes that wait for a run; from now on none is started ahead.
    void stop_idling();

    struct Counters {
        std::size_t running = 0;
        std::size_t queued = 0;
        std::size_t idle = 0;         // processes that wait for a run
        std::uint64_t runs = 0;       // started so far
        std::uint64_t met_ahead = 0;  // of them, by a process that was there
    };
    Counters counters() const;

  private:
    class Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace sallyport::engine
