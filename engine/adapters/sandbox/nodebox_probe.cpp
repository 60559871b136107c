// What tier node needs before it starts: Node, and a machine that lets walls be built.
#include "common/bytes.hpp"
#include "engine/adapters/sandbox/nodebox_pool.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr int kProbeMsMax = 20'000;
constexpr std::size_t kProbeAnswerBytesMax = 4096;
// The launcher's status for it (engine/nodebox/main.cpp).
constexpr int kNeedsCodeRange = 4;
// What V8 reserves for code; from Node 24 on it counts as data, all of it and at once.
constexpr std::size_t kCodeRangeBytes = 512u << 20;

bool is_program(const std::string& path) {
    return access(path.c_str(), X_OK) == 0 && std::filesystem::is_regular_file(path);
}

// Reads until the other side closes, or has had its time.
std::string read_answer(int pipe) {
    std::string text;
    std::array<char, 512> buffer{};
    pollfd entry{pipe, POLLIN, 0};
    while (text.size() < kProbeAnswerBytesMax && poll(&entry, 1, kProbeMsMax) > 0) {
        const ssize_t got = read(pipe, buffer.data(), buffer.size());
        if (got <= 0) {
            break;
        }
        text.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return text;
}

// `needs_code_range`: why it did not run.
Status probe_once(const NodeboxOptions& options, bool& needs_code_range) {
    std::array<int, 2> pipe{};
    if (pipe2(pipe.data(), O_CLOEXEC) != 0) {
        return Error{std::strerror(errno)};
    }
    const std::string launcher =
        options.launcher_path.empty()
            ? (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "sallyport-nodebox")
                  .string()
            : options.launcher_path;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, pipe[1], STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    std::array<std::string, 9> words = {launcher,
                                        "--node",
                                        options.node_path,
                                        "--walls",
                                        options.jailed ? "all" : "none",
                                        "--probe",
                                        "walls",
                                        "--code-range",
                                        std::to_string(options.code_range_bytes)};
    std::array<char*, 10> arguments{};
    for (std::size_t i = 0; i < words.size(); ++i) {
        arguments[i] = words[i].data();
    }
    std::array<char*, 1> environment{nullptr};
    pid_t pid = -1;
    const int error = posix_spawn(&pid, launcher.c_str(), &actions, nullptr, arguments.data(),
                                  environment.data());
    posix_spawn_file_actions_destroy(&actions);
    close(pipe[1]);
    if (error != 0) {
        close(pipe[0]);
        return Error{launcher + ": " + std::strerror(error)};
    }
    std::string answer = read_answer(pipe[0]);
    close(pipe[0]);
    kill(pid, SIGKILL);  // one that was done is done
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return Done{};
    }
    needs_code_range = WIFEXITED(status) && WEXITSTATUS(status) == kNeedsCodeRange;
    answer = answer.substr(0, answer.find('\n'));
    return Error{answer.empty() ? "Node did not start behind its walls in time" : answer};
}

}  // namespace

Result<std::string> find_node(const std::string& wanted, const std::string& search_path) {
    std::error_code error;
    std::string found;
    if (!wanted.empty()) {
        found = is_program(wanted) ? wanted : std::string();
    } else {
        for_each_split(search_path, ':', [&found](std::string_view folder) {
            const std::string candidate = std::string(folder) + "/node";
            if (found.empty() && folder.starts_with('/') && is_program(candidate)) {
                found = candidate;
            }
        });
    }
    if (found.empty()) {
        return Error{wanted.empty()
                         ? "Node.js was not found: apt-get install nodejs, or set SALLYPORT_NODE"
                         : "SALLYPORT_NODE: there is no program " + wanted};
    }
    // The jail shows the program itself, not the links to it.
    const auto real = std::filesystem::canonical(found, error);
    return error ? Result<std::string>(Error{found + ": " + error.message()}) : real.string();
}

Status probe_nodebox(NodeboxOptions& options) {
    bool needs_code_range = false;
    Status probed = probe_once(options, needs_code_range);
    if (needs_code_range && options.code_range_bytes == 0) {
        options.code_range_bytes = kCodeRangeBytes;
        probed = probe_once(options, needs_code_range);
    }
    return probed;
}

}  // namespace sallyport::engine
