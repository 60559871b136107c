#include "engine/adapters/sandbox/nodebox_process.hpp"

#include <filesystem>
#include <utility>

namespace sallyport::engine {
namespace {

// What is loaded ahead of code steps; no package has such a name (engine/nodebox/host/main.js).
constexpr const char* kCodeSteps = "=code";

}  // namespace

Result<std::unique_ptr<NodeboxProcess>> NodeboxProcess::start(Loop& loop, const Place& place,
                                                              const NodeboxMake& make,
                                                              std::uint64_t number, bool ahead) {
    std::unique_ptr<NodeboxProcess> self(new NodeboxProcess(number));
    if (!place.jailed) {
        self->scratch_ = place.scratch_root + "/" + std::to_string(number);
        std::error_code error;
        std::filesystem::create_directories(self->scratch_, error);
    }
    SandboxProcess::Command command{
        place.launcher_path,
        {"--node", place.node_path, "--walls", place.jailed ? "all" : "none", "--packages",
         make.packages, "--scratch", self->scratch_, "--memory", std::to_string(make.memory_bytes),
         "--code-range", std::to_string(place.code_range_bytes), "--cpu",
         std::to_string(make.cpu_seconds), "--run", std::to_string(number)}};
    if (ahead) {
        command.arguments.insert(
            command.arguments.end(),
            {"--ahead", make.preload.empty() ? std::string(kCodeSteps) : make.preload});
    }
    SandboxProcess::Events events;
    events.frame = [process = self.get()](jsbox::Frame frame) {
        process->on_frame(std::move(frame));
    };
    events.gone = [process = self.get()](bool forged) {
        const auto gone = process->listener_.gone;  // may destroy the process
        gone(forged);
    };
    auto started = SandboxProcess::start(loop, command, std::move(events));
    if (!started.ok()) {
        return started.error();
    }
    self->process_ = *std::move(started);
    return self;
}

NodeboxProcess::~NodeboxProcess() {
    process_.reset();
    if (!scratch_.empty()) {
        std::error_code error;
        std::filesystem::remove_all(scratch_, error);
    }
}

void NodeboxProcess::on_frame(jsbox::Frame frame) {
    const Listener listener = listener_;  // may destroy the process
    if (frame.type == jsbox::FrameType::hello && !ready_ && jsbox::decode_hello(frame.payload)) {
        ready_ = true;
        return listener.ready();
    }
    listener.frame(std::move(frame));
}

}  // namespace sallyport::engine
