// One sandbox process as the engine holds it: its socket and the frames in and out. Knows nothing
// of runs.
#pragma once

#include "common/result.hpp"
#include "engine/jsbox/protocol.hpp"
#include "engine/ports/loop.hpp"

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace sallyport::engine {

class SandboxProcess {
  public:
    struct Events {
        // The worker may be destroyed in either.
        std::function<void(jsbox::Frame)> frame;
        // Once: the process ended, or sent what is not a frame and was killed for it.
        std::function<void(bool forged)> gone;
    };

    struct Command {
        std::string path;
        std::vector<std::string> arguments;  // behind `--parent PID`
    };

    static Result<std::unique_ptr<SandboxProcess>> start(Loop& loop, const Command& command,
                                                         Events events);
    // Kills the process and takes its exit status, waiting for it: killed processes end at once.
    ~SandboxProcess();
    SandboxProcess(const SandboxProcess&) = delete;
    SandboxProcess& operator=(const SandboxProcess&) = delete;

    void send(std::string frame);
    // Whether it lives, and there is nothing of it to read.
    bool is_waiting() const;
    pid_t pid() const { return pid_; }

  private:
    SandboxProcess(Loop& loop, Events events) : loop_(loop), events_(std::move(events)) {}

    Status spawn(const Command& command);
    void on_ready(Loop::Ready ready);
    // False when the stream is over.
    bool read_available();
    // False when the worker no longer exists.
    bool dispatch_frames();
    void write_pending();
    void watch_writable(bool on);
    void report_gone(bool forged);

    Loop& loop_;
    Events events_;
    pid_t pid_ = -1;
    int socket_ = -1;
    Loop::WatchId socket_watch_ = 0;
    jsbox::FrameReader reader_{jsbox::kFromWorkerBytesMax};
    std::string outgoing_;
    std::size_t sent_ = 0;  // of outgoing_
    bool watching_writable_ = false;
    bool gone_ = false;
    // Expires with the worker: a callback that destroyed it is noticed.
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace sallyport::engine
