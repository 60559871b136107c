#include "engine/adapters/sandbox/process.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

namespace sallyport::engine {
namespace {

// Where the programs expect their socket.
constexpr int kWorkerSocket = 3;
// One readiness reads at most so much, so that one worker cannot hold the loop.
constexpr std::size_t kReadBytesMax = 256 * 1024;

Error failed(const char* what, int error) {
    return Error{std::string("sandbox worker: ") + what + ": " + std::strerror(error)};
}

// posix_spawn's two tables, freed together.
class SpawnPlan {
  public:
    SpawnPlan() {
        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
    }
    ~SpawnPlan() {
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
    }
    SpawnPlan(const SpawnPlan&) = delete;
    SpawnPlan& operator=(const SpawnPlan&) = delete;

    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
};

}  // namespace

Result<std::unique_ptr<SandboxProcess>> SandboxProcess::start(Loop& loop, const Command& command,
                                                              Events events) {
    std::unique_ptr<SandboxProcess> worker(new SandboxProcess(loop, std::move(events)));
    if (Status spawned = worker->spawn(command); !spawned.ok()) {
        return spawned.error();
    }
    return worker;
}

Status SandboxProcess::spawn(const Command& command) {
    std::array<int, 2> pair{};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) {
        return failed("socketpair", errno);
    }
    socket_ = pair[0];
    const int theirs = pair[1];
    fcntl(socket_, F_SETFL, O_NONBLOCK);

    SpawnPlan plan;
    posix_spawn_file_actions_addopen(&plan.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&plan.actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&plan.actions, theirs, kWorkerSocket);
    posix_spawn_file_actions_addclosefrom_np(&plan.actions, kWorkerSocket + 1);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&plan.attributes, &none);
    posix_spawnattr_setsigdefault(&plan.attributes, &all);
    // A group of its own: an interrupt from a terminal is the engine's to handle.
    posix_spawnattr_setpgroup(&plan.attributes, 0);
    posix_spawnattr_setflags(
        &plan.attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    std::vector<std::string> words = {command.path, "--parent", std::to_string(getpid())};
    words.insert(words.end(), command.arguments.begin(), command.arguments.end());
    std::vector<char*> arguments;
    for (std::string& word : words) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    std::array<char*, 1> environment{nullptr};
    const int error = posix_spawn(&pid_, command.path.c_str(), &plan.actions, &plan.attributes,
                                  arguments.data(), environment.data());
    close(theirs);
    if (error != 0) {
        pid_ = -1;
        return Error{"sandbox worker: cannot start " + command.path + ": " + std::strerror(error)};
    }
    socket_watch_ = loop_.watch(socket_, {.read = true, .write = false},
                                [this](Loop::Ready ready) { on_ready(ready); });
    return Done{};
}

SandboxProcess::~SandboxProcess() {
    if (socket_watch_ != 0) {
        loop_.unwatch(socket_watch_);
    }
    if (pid_ > 0) {
        // Not yet waited for, so the number is still this process's.
        kill(pid_, SIGKILL);
        while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }
    if (socket_ >= 0) {
        close(socket_);
    }
}

void SandboxProcess::send(std::string frame) {
    if (gone_) {
        return;
    }
    if (outgoing_.empty()) {
        outgoing_ = std::move(frame);
    } else {
        outgoing_ += frame;
    }
    write_pending();
}

bool SandboxProcess::is_waiting() const {
    char byte = 0;
    siginfo_t ended{};
    return !gone_ && recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN &&
           waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           ended.si_pid == 0;
}

void SandboxProcess::write_pending() {
    while (sent_ < outgoing_.size()) {
        const ssize_t put =
            ::send(socket_, outgoing_.data() + sent_, outgoing_.size() - sent_, MSG_NOSIGNAL);
        if (put > 0) {
            sent_ += static_cast<std::size_t>(put);
        } else if (errno == EAGAIN) {
            watch_writable(true);
            return;
        } else if (errno != EINTR) {
            break;  // the worker is gone; reading will say so
        }
    }
    outgoing_.clear();
    sent_ = 0;
    watch_writable(false);
}

void SandboxProcess::watch_writable(bool on) {
    if (on != watching_writable_) {
        watching_writable_ = on;
        loop_.change(socket_watch_, {.read = true, .write = on});
    }
}

void SandboxProcess::on_ready(Loop::Ready ready) {
    const std::weak_ptr<int> alive = alive_;
    if (ready.writable && !outgoing_.empty()) {
        write_pending();
    }
    if (!ready.readable && !ready.failed) {
        return;
    }
    const bool open = read_available();
    if (!dispatch_frames() || alive.expired()) {
        return;
    }
    if (!open) {
        report_gone(false);
    }
}

bool SandboxProcess::read_available() {
    std::array<char, 64 * 1024> buffer;
    std::size_t total = 0;
    while (total < kReadBytesMax) {
        const ssize_t got = recv(socket_, buffer.data(), buffer.size(), 0);
        if (got > 0) {
            reader_.feed(buffer.data(), static_cast<std::size_t>(got));
            total += static_cast<std::size_t>(got);
            if (static_cast<std::size_t>(got) < buffer.size()) {
                return true;
            }
        } else if (got < 0 && errno == EINTR) {
            continue;
        } else {
            return got < 0 && errno == EAGAIN;
        }
    }
    return true;
}

bool SandboxProcess::dispatch_frames() {
    const std::weak_ptr<int> alive = alive_;
    const auto on_frame = events_.frame;  // survives this worker
    jsbox::Frame frame;
    while (true) {
        switch (reader_.next(frame)) {
            case jsbox::FrameReader::State::need_more:
                return true;
            case jsbox::FrameReader::State::error:
                report_gone(true);
                return false;
            case jsbox::FrameReader::State::frame:
                on_frame(std::move(frame));
                if (alive.expired()) {
                    return false;
                }
                break;
        }
    }
}

void SandboxProcess::report_gone(bool forged) {
    if (gone_) {
        return;
    }
    gone_ = true;
    loop_.unwatch(socket_watch_);
    socket_watch_ = 0;
    kill(pid_, SIGKILL);
    const auto gone = events_.gone;  // may destroy this worker
    gone(forged);
}

}  // namespace sallyport::engine
