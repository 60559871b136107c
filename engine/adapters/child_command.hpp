// Runs one command to its end, off the loop's thread but for reading what it prints. No shell,
// nothing of the engine's environment but what the caller lists.
#pragma once

#include "common/result.hpp"
#include "engine/ports/loop.hpp"

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace sallyport::engine {

struct ChildCommandLine {
    std::vector<std::string> words;        // the first is the program, looked up in PATH
    std::vector<std::string> environment;  // NAME=value
    std::string folder;                    // where it runs
    std::int64_t time_ms_max = 60'000;     // then the whole group is killed
};

struct ChildEnd {
    bool succeeded = false;
    std::string output;  // the end of both streams, at most 16 KB
};

class ChildCommand {
  public:
    using Done = std::function<void(ChildEnd)>;

    // `done` is called once, on the loop; the command may be destroyed in it.
    static Result<std::unique_ptr<ChildCommand>> start(Loop& loop, const ChildCommandLine& line,
                                                       Done done);
    ~ChildCommand();  // kills what is still running; `done` is then not called
    ChildCommand(const ChildCommand&) = delete;
    ChildCommand& operator=(const ChildCommand&) = delete;

  private:
    ChildCommand(Loop& loop, Done done) : loop_(loop), done_(std::move(done)) {}

    Status spawn(const ChildCommandLine& line);
    void on_output();
    void end();
    int reap();

    Loop& loop_;
    Done done_;
    pid_t pid_ = -1;
    int output_ = -1;
    Loop::WatchId watch_ = 0;
    Loop::TimerId timer_ = 0;
    std::string text_;
};

}  // namespace sallyport::engine
