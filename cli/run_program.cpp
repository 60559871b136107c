#include "cli/run_program.hpp"

#include "cli/command.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace sallyport::cli {
namespace {

constexpr std::size_t kOutputBytesMax = std::size_t{16} << 20;

struct Pipe {
    int read = -1;
    int write = -1;
    Pipe() {
        std::array<int, 2> ends{};
        if (pipe2(ends.data(), O_CLOEXEC) != 0) {
            fail("no pipe can be made");
        }
        read = ends[0];
        write = ends[1];
    }
    ~Pipe() {
        close(read);
        close_write();
    }
    void close_write() {
        if (write >= 0) {
            close(write);
            write = -1;
        }
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
};

void collect(const Pipe& out, const Pipe& err, ProgramResult& result) {
    std::array<pollfd, 2> ends = {pollfd{out.read, POLLIN, 0}, pollfd{err.read, POLLIN, 0}};
    std::array<std::string*, 2> texts = {&result.output, &result.errors};
    std::array<char, 16384> buffer{};
    while (ends[0].fd >= 0 || ends[1].fd >= 0) {
        if (poll(ends.data(), ends.size(), -1) < 0) {
            continue;
        }
        for (std::size_t i = 0; i < ends.size(); ++i) {
            if (ends[i].fd < 0 || ends[i].revents == 0) {
                continue;
            }
            const ssize_t size = read(ends[i].fd, buffer.data(), buffer.size());
            if (size <= 0 || texts[i]->size() > kOutputBytesMax) {
                ends[i].fd = -1;
            } else {
                texts[i]->append(buffer.data(), static_cast<std::size_t>(size));
            }
        }
    }
}

}  // namespace

ProgramResult run_program(const std::vector<std::string>& command,
                          const std::vector<std::pair<std::string, std::string>>& environment) {
    Pipe out;
    Pipe err;
    std::vector<char*> arguments;
    for (const std::string& word : command) {
        arguments.push_back(const_cast<char*>(word.c_str()));
    }
    arguments.push_back(nullptr);
    const pid_t child = fork();
    if (child < 0) {
        fail("no process can be made");
    }
    if (child == 0) {
        for (const auto& [name, value] : environment) {
            setenv(name.c_str(), value.c_str(), 1);
        }
        dup2(out.write, STDOUT_FILENO);
        dup2(err.write, STDERR_FILENO);
        execvp(arguments[0], arguments.data());
        constexpr int kNotFound = 127;
        _exit(kNotFound);
    }
    out.close_write();
    err.close_write();
    ProgramResult result;
    collect(out, err, result);
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {
    }
    result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return result;
}

}  // namespace sallyport::cli
