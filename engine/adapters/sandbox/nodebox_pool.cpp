#include "engine/adapters/sandbox/nodebox_pool.hpp"

#include "engine/adapters/runs/turn_queue.hpp"
#include "engine/adapters/sandbox/fetch.hpp"
#include "engine/adapters/sandbox/nodebox_process.hpp"
#include "engine/adapters/sandbox/nodebox_spares.hpp"
#include "engine/adapters/sandbox/result.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <bit>
#include <filesystem>
#include <map>
#include <thread>
#include <unordered_map>
#include <utility>
#include <variant>

namespace sallyport::engine {
namespace {

// Node starts in some 50 ms; a machine in trouble gets this long.
constexpr std::int64_t kNodeStartMsMax = 20'000;
// A run that does not end itself at its time is killed this much later.
constexpr std::int64_t kNodeKillGraceMs = 300;
// Of processor time beside the run's own: the start and the collector.
constexpr std::uint32_t kCpuSlackSeconds = 10;
// Node needs so much to load anything of use; more than the most is another machine's job.
constexpr std::size_t kMemoryBytesMin = 32u << 20;
constexpr std::size_t kMemoryBytesMax = 2048u << 20;
// Requests of one run: at once (as the host script bounds them too), and altogether.
constexpr std::size_t kNodeFetchesAtOnceMax = 32;
constexpr std::size_t kNodeFetchesPerRunMax = 10'000;

std::string default_launcher_path() {
    std::error_code error;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
    return (self.parent_path() / "sallyport-nodebox").string();
}

// In steps, so that runs whose times differ by a moment can have the same process.
std::uint32_t cpu_seconds_for(std::uint32_t time_limit_ms) {
    return std::bit_ceil(time_limit_ms / 1000 + 1) + kCpuSlackSeconds;
}

// A folder that another was put in the place of is another set of packages.
void identify_packages(NodeboxMake& make) {
    struct stat folder {};
    if (!make.packages.empty() && stat(make.packages.c_str(), &folder) == 0) {
        make.packages_device = folder.st_dev;
        make.packages_inode = folder.st_ino;
        make.packages_changed_ns =
            folder.st_mtim.tv_sec * std::int64_t{1'000'000'000} + folder.st_mtim.tv_nsec;
    }
}

NodeboxProcess::Place place_of(const NodeboxOptions& options) {
    return {options.launcher_path, options.node_path, options.jailed, options.scratch_root,
            options.code_range_bytes};
}

}  // namespace

class NodeboxPool::Impl : public std::enable_shared_from_this<Impl> {
  public:
    Impl(Loop& loop, HttpClient* http, NodeboxOptions options)
        : loop_(loop),
          http_(http),
          options_(std::move(options)),
          spares_(loop, options_.idle_max, options_.idle_ms,
                  [this](const NodeboxMake& make) { return start_process(make, true); }) {
        if (options_.launcher_path.empty()) {
            options_.launcher_path = default_launcher_path();
        }
        if (options_.processes == 0) {
            options_.processes = std::max(4u, 2 * std::thread::hardware_concurrency());
        }
        if (options_.tenant_max == 0) {
            options_.tenant_max = std::max<std::size_t>(1, options_.processes - 1);
        }
    }

    RunId submit(NodeRequest request, NodeDone done);
    void cancel(RunId id);
    void shut_down();
    void stop_idling() { spares_.close(); }
    Counters counters() const {
        return {running_.size(), queue_.size(), spares_.size(), runs_, met_ahead_};
    }

    Internal internal;

  private:
    struct Job {
        RunId id = 0;
        std::string tenant;
        bool piece = false;
        NodeboxMake make;
        jsbox::RunFrame frame;
        NodeDone done;
        Loop::TimerId timer = 0;  // queued: the longest wait; then the start; then the last clock
        std::unique_ptr<NodeboxProcess> process;
        bool ahead = false;  // the process was there before the run
        bool begun = false;
        std::unordered_map<std::uint32_t, HttpClient::RequestId> requests;  // 0: an internal one
        std::size_t fetches = 0;
    };

    template <typename F>
    std::function<void()> guarded(F call) {
        return [weak = weak_from_this(), call = std::move(call)] {
            if (const auto self = weak.lock()) {
                call(*self);
            }
        };
    }

    void dispatch();
    void start(std::unique_ptr<Job> job);
    void start_afresh(Job& job);
    void attend(Job& job);
    void on_gone(RunId id, bool forged);
    Result<std::unique_ptr<NodeboxProcess>> start_process(const NodeboxMake& make, bool ahead);
    void begin(RunId id);
    void on_frame(RunId id, jsbox::Frame frame);
    void on_fetch(Job& job, jsbox::FetchFrame frame);
    void send_for(Job& job, std::uint32_t call, HttpRequest request);
    void answer_fetch(RunId id, jsbox::FetchReplyFrame reply);
    void end(RunId id, SandboxResult result);
    void arm(Job& job, std::int64_t delay_ms, SandboxStatus status, const char* why);
    void finish(std::unique_ptr<Job> job, SandboxResult result);

    Loop& loop_;
    HttpClient* http_;
    NodeboxOptions options_;
    TurnQueue<Job> queue_;
    std::map<RunId, std::unique_ptr<Job>> running_;
    std::map<std::string, std::size_t> running_of_;
    RunId next_id_ = 0;
    std::uint64_t next_number_ = 0;  // of a process
    std::uint64_t runs_ = 0;
    std::uint64_t met_ahead_ = 0;
    bool stopping_ = false;
    NodeboxSpares spares_;
};

// ---- from the request to a process

NodeHost::RunId NodeboxPool::Impl::submit(NodeRequest request, NodeDone done) {
    auto job = std::make_unique<Job>();
    const RunId id = job->id = ++next_id_;
    job->tenant = std::move(request.tenant);
    job->piece = request.kind == NodeRequest::Kind::piece;
    job->make.tenant = job->tenant;
    job->make.packages = std::move(request.packages);
    job->make.preload = std::move(request.preload);
    job->done = std::move(done);
    jsbox::RunFrame& frame = job->frame;
    frame.kind = job->piece ? jsbox::RunKind::piece : jsbox::RunKind::code;
    frame.time_limit_ms =
        std::clamp<std::uint32_t>(request.limits.time_ms, 1, options_.time_ms_max);
    frame.memory_bytes_max = static_cast<std::uint32_t>(
        std::clamp(request.limits.memory_bytes, kMemoryBytesMin, kMemoryBytesMax));
    frame.output_bytes_max =
        static_cast<std::uint32_t>(std::min(request.limits.output_bytes, jsbox::kOutputBytesMax));
    frame.fetch_allowed = true;
    job->make.memory_bytes = frame.memory_bytes_max;
    job->make.cpu_seconds = cpu_seconds_for(frame.time_limit_ms);
    frame.code = std::move(request.code);
    frame.input = request.input.exists() ? request.input.dump() : "{}";
    if (stopping_) {
        finish(std::move(job), failed_run(SandboxStatus::cancelled, "the engine is stopping"));
    } else if (frame.code.size() > jsbox::kCodeBytesMax) {
        finish(std::move(job), failed_run(SandboxStatus::error, "the code is larger than 4 MB"));
    } else if (frame.input.size() > jsbox::kInputBytesMax) {
        finish(std::move(job), failed_run(SandboxStatus::error, "the input is larger than 16 MB"));
    } else if (queue_.size() >= options_.queue_max) {
        finish(std::move(job), failed_run(SandboxStatus::overloaded, "too many runs are waiting"));
    } else {
        job->timer = loop_.after(
            options_.queue_wait_ms_max, guarded([id](Impl& self) {
                if (auto late = self.queue_.take(id)) {
                    late->timer = 0;
                    self.finish(std::move(late),
                                failed_run(SandboxStatus::overloaded, "no place became free"));
                }
            }));
        queue_.push(std::move(job));
        dispatch();
    }
    return id;
}

void NodeboxPool::Impl::dispatch() {
    while (running_.size() < options_.processes && queue_.size() > 0) {
        std::unique_ptr<Job> job = queue_.pop([this](const std::string& tenant) {
            const auto running = running_of_.find(tenant);
            return running == running_of_.end() || running->second < options_.tenant_max;
        });
        if (!job) {
            return;
        }
        start(std::move(job));
    }
}

Result<std::unique_ptr<NodeboxProcess>> NodeboxPool::Impl::start_process(const NodeboxMake& make,
                                                                         bool ahead) {
    return NodeboxProcess::start(loop_, place_of(options_), make, ++next_number_, ahead);
}

void NodeboxPool::Impl::start(std::unique_ptr<Job> owned) {
    Job& job = *owned;
    const RunId id = job.id;
    loop_.cancel(std::exchange(job.timer, 0));
    ++runs_;
    ++running_of_[job.tenant];
    running_[id] = std::move(owned);
    identify_packages(job.make);
    job.process = spares_.take(job.make);
    job.ahead = job.process != nullptr;
    job.ahead ? attend(job) : start_afresh(job);
}

void NodeboxPool::Impl::start_afresh(Job& job) {
    auto process = start_process(job.make, false);
    if (!process.ok()) {
        return end(job.id, failed_run(SandboxStatus::error, process.message()));
    }
    job.process = *std::move(process);
    job.ahead = false;
    attend(job);
}

void NodeboxPool::Impl::attend(Job& job) {
    const RunId id = job.id;
    job.process->listen(
        {.ready = [this, id] { begin(id); },
         .frame = [this, id](jsbox::Frame frame) { on_frame(id, std::move(frame)); },
         .gone = [this, id](bool forged) { on_gone(id, forged); }});
    if (job.process->is_ready()) {
        begin(id);
    } else {
        arm(job, kNodeStartMsMax, SandboxStatus::crashed,
            "the sandbox process did not start in time");
    }
}

void NodeboxPool::Impl::on_gone(RunId id, bool forged) {
    Job& job = *running_.at(id);
    if (job.ahead && !job.begun && !forged) {
        return start_afresh(job);  // it went before it had heard of the run
    }
    end(id, failed_run(forged ? SandboxStatus::error : SandboxStatus::crashed,
                       forged ? "the code broke the sandbox's own protocol"
                              : "the sandbox process ended"));
}

void NodeboxPool::Impl::arm(Job& job, std::int64_t delay_ms, SandboxStatus status,
                            const char* why) {
    if (job.timer != 0) {
        loop_.cancel(job.timer);
    }
    job.timer = loop_.after(delay_ms, guarded([id = job.id, status, why](Impl& self) {
                                const auto late = self.running_.find(id);
                                if (late != self.running_.end()) {
                                    late->second->timer = 0;
                                    self.end(id, failed_run(status, why));
                                }
                            }));
}

// ---- what a process says

void NodeboxPool::Impl::on_frame(RunId id, jsbox::Frame frame) {
    const auto found = running_.find(id);
    if (found == running_.end()) {
        return;
    }
    Job& job = *found->second;
    if (frame.type == jsbox::FrameType::result) {
        std::optional<jsbox::ResultFrame> result = jsbox::decode_result(frame.payload);
        if (result && result->run_id == job.process->number()) {
            return end(id, to_result(std::move(*result)));
        }
    }
    if (frame.type == jsbox::FrameType::fetch && job.begun) {
        std::optional<jsbox::FetchFrame> fetch = jsbox::decode_fetch(frame.payload);
        if (fetch && fetch->run_id == job.process->number() &&
            job.requests.size() < kNodeFetchesAtOnceMax && !job.requests.contains(fetch->call_id)) {
            return on_fetch(job, std::move(*fetch));
        }
    }
    end(id, failed_run(SandboxStatus::error, "the code broke the sandbox's own protocol"));
}

// The run's clocks begin here, however long its process has been there.
void NodeboxPool::Impl::begin(RunId id) {
    Job& job = *running_.at(id);
    job.begun = true;
    met_ahead_ += job.ahead ? 1 : 0;
    arm(job, std::int64_t{job.frame.time_limit_ms} + kNodeKillGraceMs, SandboxStatus::timeout,
        "the time limit was reached");
    job.frame.run_id = job.process->number();
    job.process->send(jsbox::encode(job.frame));
    job.frame.code = std::string();
    job.frame.input = std::string();
}

void NodeboxPool::Impl::on_fetch(Job& job, jsbox::FetchFrame frame) {
    const std::uint32_t call = frame.call_id;
    Result<HttpRequest> request = request_from_fetch(std::move(frame));
    if (!request.ok() || ++job.fetches > kNodeFetchesPerRunMax) {
        return answer_fetch(job.id, refuse_fetch(job.id, call,
                                                 request.ok() ? "too many requests in one run"
                                                              : request.message()));
    }
    send_for(job, call, *std::move(request));
}

void NodeboxPool::Impl::send_for(Job& job, std::uint32_t call, HttpRequest request) {
    const std::string url = request.url;
    auto done = [weak = weak_from_this(), id = job.id, call, url](HttpOutcome outcome) {
        if (const auto self = weak.lock()) {
            self->answer_fetch(id, reply_to_fetch(id, call, std::move(outcome), url));
        }
    };
    if (url.starts_with(kInternalOrigin) && job.piece && internal) {
        job.requests[call] = 0;
        internal(std::move(request), std::move(done));
        return;
    }
    if (http_ == nullptr) {
        return answer_fetch(job.id,
                            refuse_fetch(job.id, call, "outgoing requests are switched off here"));
    }
    request.tenant = job.tenant;
    request.timeout_ms = job.frame.time_limit_ms;  // the end of the run cancels what is left
    job.requests[call] = http_->send(std::move(request), std::move(done));
}

void NodeboxPool::Impl::answer_fetch(RunId id, jsbox::FetchReplyFrame reply) {
    const auto found = running_.find(id);
    if (found != running_.end()) {
        reply.run_id = found->second->process->number();
        found->second->requests.erase(reply.call_id);
        found->second->process->send(jsbox::encode(reply));
    }
}

// ---- the end

void NodeboxPool::Impl::end(RunId id, SandboxResult result) {
    const auto found = running_.find(id);
    if (found == running_.end()) {
        return;
    }
    std::unique_ptr<Job> job = std::move(found->second);
    running_.erase(found);
    const auto tenant = running_of_.find(job->tenant);
    if (tenant != running_of_.end() && --tenant->second == 0) {
        running_of_.erase(tenant);
    }
    job->process.reset();
    const bool regular =
        result.status == SandboxStatus::ok || result.status == SandboxStatus::error;
    const NodeboxMake make = std::move(job->make);
    finish(std::move(job), std::move(result));
    if (stopping_) {
        return;
    }
    dispatch();
    if (regular) {
        // Behind the answer, and not while somebody waits for the machine.
        loop_.post(guarded([make](Impl& self) {
            if (self.queue_.size() == 0 && !self.stopping_) {
                self.spares_.add(make);
            }
        }));
    }
}

void NodeboxPool::Impl::finish(std::unique_ptr<Job> job, SandboxResult result) {
    if (job->timer != 0) {
        loop_.cancel(job->timer);
    }
    for (const auto& [call, request] : job->requests) {
        if (request != 0) {
            http_->cancel(request);
        }
    }
    loop_.post([done = std::move(job->done), shared = std::make_shared<SandboxResult>(
                                                 std::move(result))] { done(std::move(*shared)); });
}

void NodeboxPool::Impl::cancel(RunId id) {
    const SandboxResult cancelled = failed_run(SandboxStatus::cancelled, "the run was cancelled");
    if (std::unique_ptr<Job> job = queue_.take(id)) {
        finish(std::move(job), cancelled);
    } else {
        end(id, cancelled);
    }
}

void NodeboxPool::Impl::shut_down() {
    stopping_ = true;
    spares_.close();
    for (std::unique_ptr<Job>& job : queue_.take_all()) {
        finish(std::move(job), failed_run(SandboxStatus::cancelled, "the engine is stopping"));
    }
    while (!running_.empty()) {
        end(running_.begin()->first,
            failed_run(SandboxStatus::cancelled, "the engine is stopping"));
    }
}

// ---- the port

NodeboxPool::NodeboxPool(Loop& loop, HttpClient* http, NodeboxOptions options)
    : impl_(std::make_shared<Impl>(loop, http, std::move(options))) {}

NodeboxPool::~NodeboxPool() {
    impl_->shut_down();
}

void NodeboxPool::answer_internal(Internal internal) {
    impl_->internal = std::move(internal);
}

NodeHost::RunId NodeboxPool::run(NodeRequest request, NodeDone done) {
    return impl_->submit(std::move(request), std::move(done));
}

void NodeboxPool::cancel(RunId id) {
    impl_->cancel(id);
}

void NodeboxPool::stop_idling() {
    impl_->stop_idling();
}

NodeboxPool::Counters NodeboxPool::counters() const {
    return impl_->counters();
}

}  // namespace sallyport::engine
