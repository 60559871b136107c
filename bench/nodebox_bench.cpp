// What a step in Node costs: round trips through the pool, with processes started for their run and
// with processes started ahead, each once back to back and once with a pause between. Prints its
// method and figures; not a test.
//
//   nodebox_bench [RUNS [PACKAGES PIECE TASK]]      (default 60 for each line)
//
// PACKAGES is a folder that holds node_modules, PIECE the name of a piece in it, TASK a JSON file
// with one task of it (engine/nodebox/host/piece.js).
#include "engine/adapters/asio_loop.hpp"
#include "engine/adapters/sandbox/nodebox_pool.hpp"

#include <sys/utsname.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace sallyport;
using Clock = std::chrono::steady_clock;

constexpr const char* kStep =
    "import { createHash } from 'node:crypto';\n"
    "export const code = async (inputs) => createHash('sha256').update(inputs.name).digest('hex');";
constexpr const char* kInput = R"({"name":"order 17"})";
constexpr std::int64_t kPauseMs = 400;

struct Piece {
    std::string packages;
    std::string name;
    std::string task;
};

engine::NodeRequest request_for(const std::optional<Piece>& piece) {
    engine::NodeRequest request;
    request.tenant = "project";
    request.code = kStep;
    request.input = *Json::parse(kInput);
    request.limits.time_ms = 20'000;
    request.limits.memory_bytes = 256u << 20;
    if (piece) {
        request.kind = engine::NodeRequest::Kind::piece;
        request.packages = piece->packages;
        request.preload = piece->name;
        request.code = piece->task;
    }
    return request;
}

class Series {
  public:
    Series(engine::AsioLoop& loop, engine::NodeboxPool& pool, int runs, std::int64_t pause_ms)
        : loop_(loop), pool_(pool), runs_(runs), pause_ms_(pause_ms) {}

    void run(const char* name, const std::optional<Piece>& piece) {
        next(piece);
        loop_.run();
        millis_.erase(millis_.begin());  // there is nothing ahead of the first
        std::sort(millis_.begin(), millis_.end());
        std::printf("%-46s p50 %7.1f ms   p90 %7.1f ms   p99 %7.1f ms\n", name, at(0.5), at(0.9),
                    at(0.99));
    }

  private:
    void next(const std::optional<Piece>& piece) {
        pool_.run(request_for(piece),
                  [this, piece, begin = Clock::now()](const engine::SandboxResult& result) {
                      const std::chrono::duration<double, std::milli> took = Clock::now() - begin;
                      if (result.status != engine::SandboxStatus::ok) {
                          std::fprintf(stderr, "the step failed: %s\n", result.error.c_str());
                          std::exit(1);
                      }
                      millis_.push_back(took.count());
                      if (static_cast<int>(millis_.size()) > runs_) {
                          loop_.stop();
                      } else {
                          loop_.after(pause_ms_, [this, piece] { next(piece); });
                      }
                  });
    }
    double at(double share) const {
        return millis_[static_cast<std::size_t>(share * static_cast<double>(millis_.size() - 1))];
    }

    engine::AsioLoop& loop_;
    engine::NodeboxPool& pool_;
    int runs_;
    std::int64_t pause_ms_;
    std::vector<double> millis_;
};

void measure(const char* what, const std::string& node, int runs,
             const std::optional<Piece>& piece) {
    for (const std::size_t idle : {0, 4}) {
        for (const std::int64_t pause_ms : {std::int64_t{0}, kPauseMs}) {
            engine::AsioLoop loop;
            engine::NodeboxOptions options;
            options.launcher_path = SALLYPORT_NODEBOX_PATH;
            options.node_path = node;
            options.idle_max = idle;
            engine::NodeboxPool pool(loop, nullptr, options);
            const std::string name = std::string(what) + (idle == 0 ? ", for its run" : ", ahead") +
                                     (pause_ms == 0 ? ", back to back" : ", with pauses");
            Series(loop, pool, runs, pause_ms).run(name.c_str(), piece);
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    const int runs = argc > 1 ? std::atoi(argv[1]) : 60;
    const char* path = std::getenv("PATH");
    const Result<std::string> node = engine::find_node("", path == nullptr ? "" : path);
    if (!node.ok() || runs < 1) {
        std::fprintf(stderr, "%s\n", node.ok() ? "RUNS is a number" : node.message().c_str());
        return 1;
    }
    utsname machine{};
    uname(&machine);
    std::printf(
        "sallyport-nodebox, Node behind walls, a process for each run; %s; Linux %s; %u cores.\n"
        "Round trip: submit to result, one run at a time; with pauses of %lld ms where it says "
        "so.\n",
        node->c_str(), machine.release, std::thread::hardware_concurrency(),
        static_cast<long long>(kPauseMs));
    measure("code step", *node, runs, std::nullopt);
    if (argc > 4) {
        std::ifstream file(argv[4]);
        const std::string task((std::istreambuf_iterator<char>(file)),
                               std::istreambuf_iterator<char>());
        measure(argv[3], *node, runs, Piece{argv[2], argv[3], task});
    }
    return 0;
}
