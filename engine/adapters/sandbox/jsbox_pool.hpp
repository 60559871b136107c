// JsboxPool: the Sandbox port by a pool of `sallyport-jsbox` processes, one run at a time in each.
//
// Nothing that a worker sends is trusted: a frame that is too long, malformed, out of turn or of
// another run ends that worker. Tenants share the pool by turns; one tenant never holds all
// workers.
#pragma once

#include "engine/ports/http_client.hpp"
#include "engine/ports/loop.hpp"
#include "engine/ports/sandbox.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace sallyport::engine {

struct JsboxOptions {
    // Empty: `sallyport-jsbox` beside the running program.
    std::string worker_path;
    // 0: one more than there are cores, so that the reserve below costs nothing.
    std::size_t workers = 0;
    // How many workers one tenant may hold at once. 0: all but one, at least one.
    std::size_t tenant_workers_max = 0;
    // Runs that wait for a worker: each holds its code and input. More are `overloaded`.
    std::size_t queue_max = 1000;
    // A run that waited longer is `overloaded`: its caller has given up by then.
    std::int64_t queue_wait_ms_max = 60'000;
    // A request for more time gets this much.
    std::uint32_t time_ms_max = 600'000;
};

class JsboxPool final : public Sandbox {
  public:
    // `loop` and `http` outlive the pool; `http` may be null: then `fetch` fails in every script.
    // All members are called on the loop's thread. Workers start at once, in the background, and
    // die with the thread that called this.
    JsboxPool(Loop& loop, HttpClient* http, JsboxOptions options);
    ~JsboxPool() override;  // ends all workers; runs under way end with `cancelled`

    RunId run_code(CodeRequest request, CodeDone done) override;
    RunId evaluate(EvaluateRequest request, EvaluateDone done) override;
    void cancel(RunId id) override;

    struct Counters {
        std::size_t workers_ready = 0;  // idle or running
        std::size_t running = 0;
        std::size_t queued = 0;
        std::uint64_t runs = 0;             // given to a worker so far
        std::uint64_t workers_started = 0;  // replacements included
        std::uint64_t workers_killed = 0;   // by the last clock or for a forged frame
    };
    Counters counters() const;

  private:
    class Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace sallyport::engine
