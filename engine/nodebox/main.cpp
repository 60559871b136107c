// sallyport-nodebox: starts one Node process for one run, behind walls, and tells the engine how it
// ended when it did not say so itself. The engine starts it; a person uses --probe to see whether
// this machine has what the walls are made of.
#include "engine/jsbox/protocol.hpp"
#include "engine/jsbox/types/type_eraser_text.hpp"
#include "engine/nodebox/host_text.hpp"
#include "engine/nodebox/jail.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace sallyport::engine;

constexpr int kChannelFd = 3;
// What erases types, for Node to read when code turns out to have some: too long for an argument.
constexpr int kTypesFd = 4;
// The end of what Node wrote to its standard error: a fatal error is at most a page.
constexpr std::size_t kTailBytesMax = 8u << 10;
constexpr int kCannotStart = 70;
// ES modules without flags, fetch, and everything that pieces ask for came with this version.
constexpr int kNodeMajorMin = 18;
// The probe's status when Node reserves more for its code than it was let.
constexpr int kNeedsCodeRange = 4;

using Options = std::map<std::string, std::string>;

std::optional<Options> parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string_view name(argv[i]);
        if (!name.starts_with("--")) {
            return std::nullopt;
        }
        options[std::string(name.substr(2))] = argv[i + 1];
    }
    return argc % 2 == 1 ? std::optional(options) : std::nullopt;
}

std::uint64_t number(const Options& options, const std::string& name) {
    const auto found = options.find(name);
    std::uint64_t value = 0;
    if (found != options.end()) {
        std::from_chars(found->second.data(), found->second.data() + found->second.size(), value);
    }
    return value;
}

std::string text(const Options& options, const std::string& name) {
    const auto found = options.find(name);
    return found == options.end() ? std::string() : found->second;
}

nodebox::Plan plan_of(const Options& options) {
    nodebox::Plan plan;
    plan.parent_pid = static_cast<long>(number(options, "parent"));
    plan.jailed = text(options, "walls") != "none";
    plan.node = text(options, "node");
    plan.packages = text(options, "packages");
    plan.ahead = text(options, "ahead");
    plan.scratch = text(options, "scratch");
    plan.memory_bytes = number(options, "memory");
    plan.code_range_bytes = number(options, "code-range");
    plan.cpu_seconds = static_cast<unsigned>(number(options, "cpu"));
    return plan;
}

// A file of the text that has no name and that nobody can change; -1 when there is none to be had.
int file_of(std::string_view text) {
    const int file = memfd_create("types", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file >= 0 &&
        (pwrite(file, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()) ||
         fcntl(file, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)) {
        close(file);
        return -1;
    }
    return file;
}

[[noreturn]] void become_node(const nodebox::Plan& plan, const std::string& script) {
    const int types = file_of(jsbox::type_eraser_text());
    std::string problem = nodebox::close_walls(plan);
    // A file at its place already stays closed to Node until it is told otherwise.
    if (problem.empty() &&
        (types == kTypesFd ? fcntl(types, F_SETFD, 0) : dup2(types, kTypesFd)) < 0) {
        problem = std::string("a file for what erases types: ") + std::strerror(errno);
    }
    if (problem.empty()) {
        const std::string program = plan.jailed ? nodebox::kJailNode : plan.node;
        const std::string packages = plan.packages.empty() ? plan.scratch : plan.packages;
        std::vector<std::string> words = {
            program,
            "--max-old-space-size=" + std::to_string(plan.memory_bytes >> 20),
            "--v8-pool-size=1",
            "--no-warnings",
            "--experimental-vm-modules",  // to see whether code parses without evaluating it
            "-e",
            script,
            plan.jailed ? nodebox::kJailPackages : packages,
            plan.jailed ? nodebox::kJailScratch : plan.scratch,
            plan.ahead};
        std::vector<char*> arguments;
        for (std::string& word : words) {
            arguments.push_back(word.data());
        }
        arguments.push_back(nullptr);
        const std::string& scratch = words[words.size() - 2];
        std::string home = "HOME=" + scratch;
        std::string temporary = "TMPDIR=" + scratch;
        std::array<char*, 3> environment{home.data(), temporary.data(), nullptr};
        execve(program.c_str(), arguments.data(), environment.data());
        problem = plan.node + ": " + std::strerror(errno);
    }
    const ssize_t ignored = write(STDERR_FILENO, problem.data(), problem.size());
    _exit(ignored >= 0 ? kCannotStart : kCannotStart);
}

struct End {
    int status = 0;  // as waitpid gives it
    long cpu_seconds = 0;
    std::string tail;  // of standard error
};

// Runs Node in its own process and waits for its end. The error is why it could not be started.
std::string run_node(const nodebox::Plan& plan, const std::string& script, End& end) {
    std::array<int, 2> errors{};
    if (pipe2(errors.data(), O_CLOEXEC) != 0) {
        return std::strerror(errno);
    }
    const pid_t child = fork();
    if (child < 0) {
        return std::strerror(errno);
    }
    if (child == 0) {
        dup2(errors[1], STDERR_FILENO);
        become_node(plan, script);
    }
    close(errors[1]);
    std::array<char, 4096> buffer{};
    while (true) {
        const ssize_t got = read(errors[0], buffer.data(), buffer.size());
        if (got > 0) {
            end.tail.append(buffer.data(), static_cast<std::size_t>(got));
            if (end.tail.size() > kTailBytesMax) {
                end.tail.erase(0, end.tail.size() - kTailBytesMax);
            }
        } else if (got == 0 || errno != EINTR) {
            break;
        }
    }
    close(errors[0]);
    rusage used{};
    while (wait4(child, &end.status, 0, &used) < 0 && errno == EINTR) {
    }
    end.cpu_seconds = used.ru_utime.tv_sec + used.ru_stime.tv_sec;
    return {};
}

bool says(const End& end, std::string_view words) {
    return end.tail.find(words) != std::string::npos;
}

jsbox::ResultFrame result_of(const End& end, unsigned cpu_seconds_max) {
    jsbox::ResultFrame frame;
    frame.retiring = true;
    const int signal = WIFSIGNALED(end.status) ? WTERMSIG(end.status) : 0;
    const int code = WIFEXITED(end.status) ? WEXITSTATUS(end.status) : 0;
    if (code == kCannotStart && !end.tail.starts_with("node:")) {
        frame.error = "the sandbox cannot start: " + end.tail.substr(0, 500);
    } else if (says(end, "out of memory") || says(end, "heap limit") || says(end, "bad_alloc") ||
               says(end, "Failed to reserve") || says(end, "Cannot create a handle")) {
        frame.status = jsbox::RunStatus::memory_limit;
        frame.error = "the memory limit was reached";
    } else if (signal == SIGXCPU || (signal == SIGKILL && end.cpu_seconds >= cpu_seconds_max)) {
        frame.status = jsbox::RunStatus::timeout;
        frame.error = "the time limit was reached";
    } else if (signal == SIGKILL) {
        frame.status = jsbox::RunStatus::crashed;
        frame.error = "the process was killed";
    } else {
        frame.error = signal != 0 ? "the code ended its process by signal " + std::to_string(signal)
                                  : "the code ended its process with status " +
                                        std::to_string(code) + " and gave no result";
    }
    return frame;
}

void tell(const std::string& frame) {
    std::size_t done = 0;
    while (done < frame.size()) {
        const ssize_t put = write(kChannelFd, frame.data() + done, frame.size() - done);
        if (put > 0) {
            done += static_cast<std::size_t>(put);
        } else if (errno != EINTR) {
            return;
        }
    }
}

int fail(const std::string& problem) {
    std::fprintf(stderr, "sallyport-nodebox: %s\n", problem.c_str());
    return 1;
}

std::string raise_walls(const nodebox::Plan& plan) {
    std::string problem = nodebox::step_down(plan);
    return problem.empty() ? nodebox::enter_namespaces(plan) : problem;
}

int serve(const nodebox::Plan& plan, std::uint64_t run_id) {
    struct stat channel {};
    if (fstat(kChannelFd, &channel) != 0 || !S_ISSOCK(channel.st_mode)) {
        return fail("the engine starts it");
    }
    jsbox::ResultFrame frame;
    End end;
    std::string problem = raise_walls(plan);
    if (problem.empty()) {
        problem = run_node(plan, std::string(nodebox::host_text()), end);
    }
    if (problem.empty()) {
        frame = result_of(end, plan.cpu_seconds);
    } else {
        frame.error = "the sandbox cannot start: " + problem;
    }
    frame.run_id = run_id;
    tell(encode(frame));
    return 0;
}

int probe(nodebox::Plan plan) {
    plan.parent_pid = getppid();
    plan.memory_bytes = 64u << 20;
    plan.cpu_seconds = 10;
    End end;
    std::string problem = raise_walls(plan);
    if (problem.empty()) {
        problem = run_node(plan,
                           "process.exit(parseInt(process.versions.node) >= " +
                               std::to_string(kNodeMajorMin) + " ? 0 : 3)",
                           end);
    }
    if (!problem.empty()) {
        return fail(problem);
    }
    if (WIFEXITED(end.status) && WEXITSTATUS(end.status) == 0) {
        return 0;
    }
    if (WIFEXITED(end.status) && WEXITSTATUS(end.status) == 3) {
        return fail(plan.node + " is older than Node " + std::to_string(kNodeMajorMin));
    }
    if (says(end, "CodeRange")) {
        fail(plan.node + " reserves its code range: --code-range BYTES allows for it");
        return kNeedsCodeRange;
    }
    // A fatal error begins with empty lines.
    const std::size_t begin = end.tail.find_first_not_of("\n# ");
    return fail(begin == std::string::npos
                    ? plan.node + " does not run behind the walls"
                    : end.tail.substr(begin, end.tail.find('\n', begin) - begin));
}

}  // namespace

int main(int argc, char** argv) {
    const std::optional<Options> options = parse(argc, argv);
    if (!options || text(*options, "node").empty()) {
        std::fputs(
            "sallyport-nodebox runs code steps and pieces in Node; sallyport-engine starts it.\n"
            "  sallyport-nodebox --node PATH --probe walls   says what is missing here, if "
            "anything\n",
            stderr);
        return 64;
    }
    std::signal(SIGPIPE, SIG_IGN);
    const nodebox::Plan plan = plan_of(*options);
    return options->contains("probe") ? probe(plan) : serve(plan, number(*options, "run"));
}
