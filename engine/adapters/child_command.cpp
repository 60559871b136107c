#include "engine/adapters/child_command.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::size_t kOutputBytesMax = 16 * 1024;

std::vector<char*> pointers_to(std::vector<std::string>& words) {
    std::vector<char*> pointers;
    for (std::string& word : words) {
        pointers.push_back(word.data());
    }
    pointers.push_back(nullptr);
    return pointers;
}

}  // namespace

Result<std::unique_ptr<ChildCommand>> ChildCommand::start(Loop& loop, const ChildCommandLine& line,
                                                          Done done) {
    std::unique_ptr<ChildCommand> child(new ChildCommand(loop, std::move(done)));
    const Status spawned = child->spawn(line);
    return spawned.ok() ? Result<std::unique_ptr<ChildCommand>>(std::move(child)) : spawned.error();
}

Status ChildCommand::spawn(const ChildCommandLine& line) {
    std::array<int, 2> pipe{};
    if (pipe2(pipe.data(), O_CLOEXEC) != 0) {
        return Error{line.words.front() + ": " + std::strerror(errno)};
    }
    output_ = pipe[0];
    fcntl(output_, F_SETFL, O_NONBLOCK);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, pipe[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, pipe[1], STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    posix_spawn_file_actions_addchdir_np(&actions, line.folder.c_str());
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    std::vector<std::string> words = line.words;
    std::vector<std::string> environment = line.environment;
    const int error = posix_spawnp(&pid_, words.front().c_str(), &actions, &attributes,
                                   pointers_to(words).data(), pointers_to(environment).data());
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(pipe[1]);
    if (error != 0) {
        pid_ = -1;
        return Error{line.words.front() + ": " + std::strerror(error)};
    }
    watch_ =
        loop_.watch(output_, {.read = true, .write = false}, [this](Loop::Ready) { on_output(); });
    timer_ = loop_.after(line.time_ms_max, [this] {
        timer_ = 0;
        text_ += "\nit took longer than it may and was stopped";
        end();
    });
    return sallyport::Done{};
}

void ChildCommand::on_output() {
    std::array<char, 4096> buffer{};
    while (true) {
        const ssize_t got = read(output_, buffer.data(), buffer.size());
        if (got > 0) {
            text_.append(buffer.data(), static_cast<std::size_t>(got));
            if (text_.size() > kOutputBytesMax) {
                text_.erase(0, text_.size() - kOutputBytesMax);
            }
        } else if (got < 0 && errno == EINTR) {
            continue;
        } else if (got < 0 && errno == EAGAIN) {
            return;
        } else {
            return end();
        }
    }
}

// The command closed its output and so is ending, or has had its time and is made to end.
void ChildCommand::end() {
    ChildEnd result;
    const bool late = timer_ == 0;
    if (late) {
        kill(-pid_, SIGKILL);
    } else {
        loop_.cancel(std::exchange(timer_, 0));
    }
    loop_.unwatch(std::exchange(watch_, 0));
    result.succeeded = reap() == 0 && !late;
    result.output = std::move(text_);
    const Done done = std::move(done_);
    done(std::move(result));
}

int ChildCommand::reap() {
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

ChildCommand::~ChildCommand() {
    if (timer_ != 0) {
        loop_.cancel(timer_);
    }
    if (watch_ != 0) {
        loop_.unwatch(watch_);
    }
    if (pid_ > 0) {
        kill(-pid_, SIGKILL);
        reap();
    }
    if (output_ >= 0) {
        close(output_);
    }
}

}  // namespace sallyport::engine
