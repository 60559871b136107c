#include "engine/adapters/sandbox/jsbox_pool.hpp"

#include "engine/adapters/runs/turn_queue.hpp"
#include "engine/adapters/sandbox/fetch.hpp"
#include "engine/adapters/sandbox/process.hpp"
#include "engine/adapters/sandbox/result.hpp"

#include <sys/random.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <thread>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace sallyport::engine {
namespace {

// The third clock: the worker's own two ended at the limit and 1 s later.
constexpr std::int64_t kKillGraceMs = 2'000;
// Building the snapshot takes some 20 ms; a machine in trouble gets this long.
constexpr std::int64_t kStartMsMax = 15'000;
// A worker that cannot start is tried again with growing pauses; after so many failures in a row
// the runs that wait are told.
constexpr std::int64_t kRestartPauseMs = 100;
constexpr std::int64_t kRestartPauseMsMax = 5'000;
constexpr int kStartFailuresMax = 3;
// Requests of one run: at once (as the worker bounds them too), and altogether.
constexpr std::size_t kFetchesAtOnceMax = 32;
constexpr std::size_t kFetchesPerRunMax = 1'000;

std::string default_worker_path() {
    std::error_code error;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
    return (self.parent_path() / "sallyport-jsbox").string();
}

}  // namespace

class JsboxPool::Impl : public std::enable_shared_from_this<Impl> {
  public:
    Impl(Loop& loop, HttpClient* http, JsboxOptions options)
        : loop_(loop), http_(http), options_(std::move(options)) {
        if (options_.worker_path.empty()) {
            options_.worker_path = default_worker_path();
        }
        if (options_.workers == 0) {
            options_.workers = std::max(1u, std::thread::hardware_concurrency()) + 1;
        }
        if (options_.tenant_workers_max == 0) {
            options_.tenant_workers_max = std::max<std::size_t>(1, options_.workers - 1);
        }
    }

    void start() {
        slots_.resize(options_.workers);
        for (std::size_t i = 0; i < slots_.size(); ++i) {
            start_worker(i);
        }
    }
    RunId submit(std::string tenant, jsbox::RunFrame frame, SandboxLimits limits, CodeDone done);
    void cancel(RunId id);
    void shut_down();
    Counters counters() const;

  private:
    struct Job {
        RunId id = 0;
        std::string tenant;
        jsbox::RunFrame frame;
        CodeDone done;
        Loop::TimerId timer = 0;  // queued: the longest wait; running: the last clock
        std::unordered_map<std::uint32_t, HttpClient::RequestId> requests;
        std::size_t fetches = 0;
    };
    enum class SlotState { empty, starting, idle, running };
    struct Slot {
        SlotState state = SlotState::empty;
        std::unique_ptr<SandboxProcess> worker;
        std::uint64_t generation = 0;  // of the worker; late timers see that it is another one
        std::unique_ptr<Job> job;
        Loop::TimerId timer =
            0;  // starting: the longest wait; empty: the pause before the next try
        int start_failures = 0;
    };

    template <typename F>
    std::function<void()> guarded(F call) {
        return [weak = weak_from_this(), call = std::move(call)] {
            if (const auto self = weak.lock()) {
                call(*self);
            }
        };
    }

    void start_worker(std::size_t index);
    void on_frame(std::size_t index, jsbox::Frame frame);
    void on_gone(std::size_t index, bool forged);
    void on_result(std::size_t index, jsbox::ResultFrame frame);
    void on_fetch(std::size_t index, jsbox::FetchFrame frame);
    void answer_fetch(RunId id, std::size_t index, const jsbox::FetchReplyFrame& reply);
    // Ends the slot's worker and the run it had, then starts another one.
    void replace(std::size_t index, SandboxStatus status, const std::string& why);
    void start_failed(std::size_t index);

    void dispatch();
    std::unique_ptr<Job> next_job();
    void give(std::size_t index, std::unique_ptr<Job> job);
    void release_tenant(const std::string& tenant);
    void finish(std::unique_ptr<Job> job, SandboxResult result);
    std::size_t idle_slot() const;

    Loop& loop_;
    HttpClient* http_;
    JsboxOptions options_;
    std::vector<Slot> slots_;
    TurnQueue<Job> queue_;
    std::map<std::string, std::size_t> running_of_;
    RunId next_id_ = 0;
    std::uint64_t generations_ = 0;
    Counters counters_;
    bool stopping_ = false;
};

// ---- workers

void JsboxPool::Impl::start_worker(std::size_t index) {
    if (stopping_) {
        return;
    }
    Slot& slot = slots_[index];
    const std::uint64_t generation = ++generations_;
    slot.generation = generation;
    SandboxProcess::Events events;
    events.frame = [this, index](jsbox::Frame frame) { on_frame(index, std::move(frame)); };
    events.gone = [this, index](bool forged) { on_gone(index, forged); };
    Result<std::unique_ptr<SandboxProcess>> worker =
        SandboxProcess::start(loop_, {options_.worker_path, {}}, std::move(events));
    if (!worker.ok()) {
        start_failed(index);
        return;
    }
    slot.worker = std::move(*worker);
    slot.state = SlotState::starting;
    ++counters_.workers_started;
    slot.timer = loop_.after(kStartMsMax, guarded([index, generation](Impl& self) {
                                 if (self.slots_[index].generation == generation) {
                                     self.slots_[index].timer = 0;
                                     self.on_gone(index, false);
                                 }
                             }));
}

void JsboxPool::Impl::start_failed(std::size_t index) {
    Slot& slot = slots_[index];
    slot.worker.reset();
    slot.state = SlotState::empty;
    ++slot.start_failures;
    const std::int64_t pause =
        std::min(kRestartPauseMsMax, kRestartPauseMs << std::min(slot.start_failures - 1, 6));
    slot.timer = loop_.after(pause, guarded([index](Impl& self) {
                                 self.slots_[index].timer = 0;
                                 self.start_worker(index);
                             }));
    const bool hopeless = std::all_of(slots_.begin(), slots_.end(), [](const Slot& each) {
        return each.state == SlotState::empty && each.start_failures >= kStartFailuresMax;
    });
    if (hopeless) {
        for (std::unique_ptr<Job>& job : queue_.take_all()) {
            finish(std::move(job), failed_run(SandboxStatus::crashed,
                                              "the sandbox cannot start: " + options_.worker_path));
        }
    }
}

void JsboxPool::Impl::on_gone(std::size_t index, bool forged) {
    Slot& slot = slots_[index];
    if (forged) {
        ++counters_.workers_killed;
    }
    if (slot.state == SlotState::starting) {
        loop_.cancel(slot.timer);
        slot.timer = 0;
        start_failed(index);
        return;
    }
    replace(index, SandboxStatus::crashed, "the sandbox worker ended");
}

void JsboxPool::Impl::replace(std::size_t index, SandboxStatus status, const std::string& why) {
    Slot& slot = slots_[index];
    slot.worker.reset();
    slot.state = SlotState::empty;
    if (slot.job) {
        release_tenant(slot.job->tenant);
        finish(std::move(slot.job), failed_run(status, why));
    }
    start_worker(index);
    dispatch();
}

void JsboxPool::Impl::on_frame(std::size_t index, jsbox::Frame frame) {
    Slot& slot = slots_[index];
    if (frame.type == jsbox::FrameType::hello && slot.state == SlotState::starting &&
        jsbox::decode_hello(frame.payload)) {
        loop_.cancel(slot.timer);
        slot.timer = 0;
        slot.start_failures = 0;
        slot.state = SlotState::idle;
        dispatch();
        return;
    }
    if (slot.state == SlotState::running && frame.type == jsbox::FrameType::result) {
        std::optional<jsbox::ResultFrame> result = jsbox::decode_result(frame.payload);
        if (result && result->run_id == slot.job->id) {
            on_result(index, std::move(*result));
            return;
        }
    }
    if (slot.state == SlotState::running && frame.type == jsbox::FrameType::fetch) {
        std::optional<jsbox::FetchFrame> fetch = jsbox::decode_fetch(frame.payload);
        if (fetch && fetch->run_id == slot.job->id) {
            on_fetch(index, std::move(*fetch));
            return;
        }
    }
    on_gone(index, true);
}

void JsboxPool::Impl::on_result(std::size_t index, jsbox::ResultFrame frame) {
    Slot& slot = slots_[index];
    const bool retiring = frame.retiring;
    SandboxResult result = to_result(std::move(frame));
    std::unique_ptr<Job> job = std::move(slot.job);
    release_tenant(job->tenant);
    if (retiring) {
        slot.worker.reset();
        slot.state = SlotState::empty;
        start_worker(index);
    } else {
        slot.state = SlotState::idle;
    }
    finish(std::move(job), std::move(result));
    dispatch();
}

// ---- outgoing requests

void JsboxPool::Impl::on_fetch(std::size_t index, jsbox::FetchFrame frame) {
    Job& job = *slots_[index].job;
    const std::uint32_t call = frame.call_id;
    if (job.requests.size() >= kFetchesAtOnceMax || !job.frame.fetch_allowed) {
        on_gone(index, true);  // the worker keeps these bounds itself
        return;
    }
    Result<HttpRequest> request = request_from_fetch(std::move(frame));
    if (http_ == nullptr || ++job.fetches > kFetchesPerRunMax || !request.ok()) {
        const std::string why = http_ == nullptr ? "outgoing requests are switched off here"
                                : !request.ok()  ? request.message()
                                                 : "too many requests in one run";
        answer_fetch(job.id, index, refuse_fetch(job.id, call, why));
        return;
    }
    request->tenant = job.tenant;
    request->timeout_ms = job.frame.time_limit_ms;  // the end of the run cancels what is left
    const std::string url = request->url;
    job.requests[call] = http_->send(std::move(*request), [weak = weak_from_this(), id = job.id,
                                                           index, call, url](HttpOutcome outcome) {
        if (const auto self = weak.lock()) {
            self->answer_fetch(id, index, reply_to_fetch(id, call, std::move(outcome), url));
        }
    });
}

void JsboxPool::Impl::answer_fetch(RunId id, std::size_t index,
                                   const jsbox::FetchReplyFrame& reply) {
    Slot& slot = slots_[index];
    if (slot.state == SlotState::running && slot.job->id == id) {
        slot.job->requests.erase(reply.call_id);
        slot.worker->send(jsbox::encode(reply));
    }
}

// ---- runs

JsboxPool::RunId JsboxPool::Impl::submit(std::string tenant, jsbox::RunFrame frame,
                                         SandboxLimits limits, CodeDone done) {
    auto job = std::make_unique<Job>();
    job->id = ++next_id_;
    job->tenant = std::move(tenant);
    job->done = std::move(done);
    job->frame = std::move(frame);
    if (job->tenant.size() <= jsbox::kTenantBytesMax) {
        job->frame.tenant = job->tenant;
    }
    job->frame.run_id = job->id;
    job->frame.time_limit_ms = std::clamp<std::uint32_t>(limits.time_ms, 1, options_.time_ms_max);
    job->frame.memory_bytes_max = static_cast<std::uint32_t>(
        std::clamp(limits.memory_bytes, jsbox::kMemoryBytesMin, jsbox::kMemoryBytesMax));
    job->frame.output_bytes_max =
        static_cast<std::uint32_t>(std::min(limits.output_bytes, jsbox::kOutputBytesMax));
    const RunId id = job->id;
    if (stopping_) {
        finish(std::move(job),
               failed_run(SandboxStatus::cancelled, "the sandbox is shutting down"));
    } else if (job->frame.code.size() > jsbox::kCodeBytesMax) {
        finish(std::move(job), failed_run(SandboxStatus::error, "the code is larger than 4 MB"));
    } else if (job->frame.input.size() > jsbox::kInputBytesMax) {
        finish(std::move(job), failed_run(SandboxStatus::error, "the input is larger than 16 MB"));
    } else if (queue_.size() >= options_.queue_max) {
        finish(std::move(job), failed_run(SandboxStatus::overloaded, "too many runs are waiting"));
    } else {
        job->timer = loop_.after(options_.queue_wait_ms_max, guarded([id](Impl& self) {
                                     if (auto late = self.queue_.take(id)) {
                                         late->timer = 0;
                                         self.finish(std::move(late),
                                                     failed_run(SandboxStatus::overloaded,
                                                                "no sandbox worker became free"));
                                     }
                                 }));
        queue_.push(std::move(job));
        dispatch();
    }
    return id;
}

std::size_t JsboxPool::Impl::idle_slot() const {
    const auto idle = std::find_if(slots_.begin(), slots_.end(),
                                   [](const Slot& slot) { return slot.state == SlotState::idle; });
    return static_cast<std::size_t>(idle - slots_.begin());
}

void JsboxPool::Impl::dispatch() {
    while (queue_.size() > 0) {
        const std::size_t index = idle_slot();
        std::unique_ptr<Job> job = index < slots_.size() ? next_job() : nullptr;
        if (!job) {
            return;
        }
        give(index, std::move(job));
    }
}

std::unique_ptr<JsboxPool::Impl::Job> JsboxPool::Impl::next_job() {
    return queue_.pop([this](const std::string& tenant) {
        const auto running = running_of_.find(tenant);
        return running == running_of_.end() || running->second < options_.tenant_workers_max;
    });
}

void JsboxPool::Impl::give(std::size_t index, std::unique_ptr<Job> job) {
    Slot& slot = slots_[index];
    loop_.cancel(job->timer);
    if (getrandom(job->frame.random_seed.data(), sizeof job->frame.random_seed, 0) < 0) {
        job->frame.random_seed.fill(static_cast<std::uint32_t>(job->id));
    }
    const std::int64_t last_clock = std::int64_t{job->frame.time_limit_ms} + kKillGraceMs;
    job->timer = loop_.after(last_clock, guarded([index, id = job->id](Impl& self) {
                                 Slot& late = self.slots_[index];
                                 if (late.job && late.job->id == id) {
                                     late.job->timer = 0;
                                     ++self.counters_.workers_killed;
                                     self.replace(index, SandboxStatus::timeout,
                                                  "the time limit was reached");
                                 }
                             }));
    ++running_of_[job->tenant];
    ++counters_.runs;
    slot.state = SlotState::running;
    slot.job = std::move(job);
    slot.worker->send(jsbox::encode(slot.job->frame));
    slot.job->frame.code = std::string();
    slot.job->frame.input = std::string();
}

void JsboxPool::Impl::release_tenant(const std::string& tenant) {
    const auto running = running_of_.find(tenant);
    if (running != running_of_.end() && --running->second == 0) {
        running_of_.erase(running);
    }
}

void JsboxPool::Impl::finish(std::unique_ptr<Job> job, SandboxResult result) {
    if (job->timer != 0) {
        loop_.cancel(job->timer);
    }
    for (const auto& [call, request] : job->requests) {
        http_->cancel(request);
    }
    loop_.post([done = std::move(job->done), shared = std::make_shared<SandboxResult>(
                                                 std::move(result))] { done(std::move(*shared)); });
}

void JsboxPool::Impl::cancel(RunId id) {
    if (std::unique_ptr<Job> job = queue_.take(id)) {
        finish(std::move(job), failed_run(SandboxStatus::cancelled, "the run was cancelled"));
        return;
    }
    for (std::size_t index = 0; index < slots_.size(); ++index) {
        if (slots_[index].job && slots_[index].job->id == id) {
            replace(index, SandboxStatus::cancelled, "the run was cancelled");
            return;
        }
    }
}

void JsboxPool::Impl::shut_down() {
    stopping_ = true;
    for (std::unique_ptr<Job>& job : queue_.take_all()) {
        finish(std::move(job), failed_run(SandboxStatus::cancelled, "the engine is stopping"));
    }
    for (Slot& slot : slots_) {
        if (slot.timer != 0) {
            loop_.cancel(slot.timer);
        }
        slot.worker.reset();
        slot.state = SlotState::empty;
        if (slot.job) {
            finish(std::move(slot.job),
                   failed_run(SandboxStatus::cancelled, "the engine is stopping"));
        }
    }
}

JsboxPool::Counters JsboxPool::Impl::counters() const {
    Counters now = counters_;
    for (const Slot& slot : slots_) {
        now.workers_ready += slot.state == SlotState::idle || slot.state == SlotState::running;
        now.running += slot.state == SlotState::running;
    }
    now.queued = queue_.size();
    return now;
}

// ---- the port

JsboxPool::JsboxPool(Loop& loop, HttpClient* http, JsboxOptions options)
    : impl_(std::make_shared<Impl>(loop, http, std::move(options))) {
    impl_->start();
}

JsboxPool::~JsboxPool() {
    impl_->shut_down();
}

JsboxPool::RunId JsboxPool::run_code(CodeRequest request, CodeDone done) {
    jsbox::RunFrame frame;
    frame.kind = jsbox::RunKind::code;
    frame.code = std::move(request.code);
    frame.input = request.input.exists() ? request.input.dump() : "{}";
    frame.fetch_allowed = request.fetch_allowed;
    return impl_->submit(std::move(request.tenant), std::move(frame), request.limits,
                         std::move(done));
}

JsboxPool::RunId JsboxPool::evaluate(EvaluateRequest request, EvaluateDone done) {
    Json expressions = Json::array();
    for (const std::string& expression : request.expressions) {
        expressions.append(Json::string(expression));
    }
    jsbox::RunFrame frame;
    frame.kind = jsbox::RunKind::expression;
    frame.code = expressions.dump();
    frame.input = request.scope.is_object() ? request.scope.dump() : "{}";
    return impl_->submit(std::move(request.tenant), std::move(frame), request.limits,
                         [done = std::move(done), expected = request.expressions.size()](
                             SandboxResult result) { done(to_evaluation(result, expected)); });
}

void JsboxPool::cancel(RunId id) {
    impl_->cancel(id);
}

JsboxPool::Counters JsboxPool::counters() const {
    return impl_->counters();
}

}  // namespace sallyport::engine
