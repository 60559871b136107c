// The driver of the run machine: journals each event, performs the actions that follow, and feeds
// their results back. All of it on the engine's loop; nothing here blocks.
//
// A run lives here from its turn to its end; until its turn it waits in the store, so that a
// backlog costs rows and no memory. What the process knows and the journal does not is only: the
// resolved input of the step under way, who waits, and timers.
#pragma once

#include "common/crypto.hpp"
#include "engine/adapters/steps/step_call.hpp"
#include "engine/core/runs/counters.hpp"
#include "engine/ports/clock.hpp"
#include "engine/ports/entropy.hpp"
#include "engine/ports/flow_catalog.hpp"
#include "engine/ports/http_client.hpp"
#include "engine/ports/log.hpp"
#include "engine/ports/loop.hpp"
#include "engine/ports/runs.hpp"
#include "engine/ports/sandbox.hpp"
#include "engine/ports/secret_source.hpp"
#include "engine/ports/store.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace sallyport::engine {

struct RunDriverPorts {
    Loop& loop;
    const Clock& clock;
    Entropy& entropy;
    RunStore& store;
    EntityStore& entities;
    FlowCatalog& flows;
    Sandbox& sandbox;
    HttpClient& http;
    SecretSource& secrets;
    Log& log;
    PiecePerformers pieces = {};  // of pieces that reach out; the store's and queue's are its own
    // Hears of every run that ended here; may be empty.
    std::function<void(const RunRow& run, RunStatus status)> on_end = {};
    // Hears of every run that its trigger could not start because of the quota; may be empty.
    std::function<void(const RunRow& run)> on_over_quota = {};
};

struct RunDriverOptions {
    std::int64_t flow_timeout_ms = 600'000;                  // AP_FLOW_TIMEOUT_SECONDS
    std::int64_t pause_ms_max = 30LL * 24 * 60 * 60 * 1000;  // AP_PAUSED_FLOW_TIMEOUT_DAYS
    std::uint32_t code_timeout_ms = 10'000;                  // of one code step
    std::size_t code_memory_bytes = 64u << 20;               // of one code step
    std::uint32_t http_timeout_ms = 30'000;  // of one request, unless the step says otherwise
    std::size_t http_response_bytes_max = 25u << 20;
    // Runs that are accepted and have not ended; what rests does not count. Beyond it new ones are
    // refused.
    std::size_t runs_max = 1'000'000;
    // Production runs that one project may begin in a calendar month (UTC); 0: as many as come.
    std::int64_t project_runs_per_month = 0;
    // Of these so many go on at once, and so many of one project; the others wait in the store.
    std::size_t active_max = 1000;
    std::size_t project_active_max = 800;
    // Journals in memory: with so much no more runs are begun that can wait, then none accepted.
    std::size_t begin_bytes_max = 32u << 20;
    std::size_t live_bytes_max = 256u << 20;
    // Inputs of steps under way: with so much of them, runs with large journals wait before the
    // next is resolved. A template may say one value a hundred times, and each is written out.
    std::size_t input_bytes_max = 128u << 20;
    // Code steps that wait for a sandbox or run: runs that can wait are not begun to lengthen the
    // line there.
    std::size_t code_ahead_max = 64;
    std::size_t log_bytes_max = 50u << 20;  // AP_MAX_FLOW_RUN_LOG_SIZE_MB: of one run's journal
    std::size_t shown_input_bytes = 2048;   // larger members of inputs are kept by their size
    std::size_t store_value_bytes_max = 512u << 10;  // AP_MAX_STORE_ENTRY_VALUE_SIZE_KB
    // Where callers reach this engine, for addresses that make a paused run go on.
    std::string public_url;
    std::shared_ptr<const HmacKey> resume_key;  // shared by copies of these options
};

class RunDriver final : public Runs {
  public:
    RunDriver(RunDriverPorts ports, RunDriverOptions options);
    ~RunDriver() override;

    void start(StartRun run, std::function<void(Result<StartedRun>)> done) override;
    void wait(std::string run_id, std::int64_t timeout_ms,
              std::function<void(RunReply)> done) override;

    void retry(std::string run_id, OutcomeDone done) override;
    void resume(std::string run_id, std::string request_id, Json payload,
                OutcomeDone done) override;
    std::optional<Waitpoint> make_waitpoint(const std::string& run_id,
                                            const std::string& project_id, std::string_view step,
                                            WaitpointWish wish) override;
    void cancel(std::string run_id, OutcomeDone done) override;

    // Takes up the runs that a crash or stop left unfinished; reports how many.
    void recover(std::function<void(Result<std::size_t>)> done);

    // What another process did to a shared store.
    void notice(const StoreNotice& notice);

    // A limit of the project's own in place of the one of all; 0: that one again.
    void limit_project(const std::string& project_id, std::size_t active_max) override;

    const RunCounters& counters() const;
    RunGauges gauges() const;
    std::size_t live_runs() const;
    // Called once when no run is live any more.
    void when_idle(std::function<void()> done);

  private:
    class Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace sallyport::engine
