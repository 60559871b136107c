// What a code step costs: round trips of fresh sandbox runs through the pool, one at a time and
// with all workers busy. Prints its method and figures; not a test.
//
//   jsbox_bench [RUNS]      (default 5000 for each line)
#include "engine/adapters/asio_loop.hpp"
#include "engine/adapters/sandbox/jsbox_pool.hpp"

#include <sys/resource.h>
#include <sys/utsname.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace sallyport;
using Clock = std::chrono::steady_clock;

constexpr const char* kStep =
    "export const code = async (inputs) => {\n"
    "  const items = inputs.items.map((item) => ({ ...item, total: item.price * item.count }));\n"
    "  await null;\n"
    "  const sum = items.reduce((all, item) => all + item.total, 0);\n"
    "  return { sum, name: inputs.name.toUpperCase() };\n"
    "};\n";
constexpr const char* kInput =
    R"({"name":"order 17","items":[{"price":3,"count":2},{"price":5,"count":1},{"price":8,"count":4}]})";

// One run after the other: the round trip.
class Series {
  public:
    using Submit = std::function<void(std::function<void()>)>;

    Series(engine::AsioLoop& loop, int runs, Submit submit)
        : loop_(loop), runs_(runs), warm_up_(runs / 10), submit_(std::move(submit)) {}

    void run(const char* name) {
        next();
        loop_.run();
        std::sort(micros_.begin(), micros_.end());
        std::printf("%-28s p50 %6.0f us   p90 %6.0f us   p99 %6.0f us\n", name, at(0.5), at(0.9),
                    at(0.99));
    }

  private:
    void next() {
        submit_([this, begin = Clock::now()] {
            const std::chrono::duration<double, std::micro> took = Clock::now() - begin;
            if (++done_ > warm_up_) {
                micros_.push_back(took.count());
            }
            if (done_ < runs_ + warm_up_) {
                next();
            } else {
                loop_.stop();
            }
        });
    }
    double at(double share) const {
        return micros_[static_cast<std::size_t>(share * static_cast<double>(micros_.size() - 1))];
    }

    engine::AsioLoop& loop_;
    int runs_;
    int warm_up_;
    int done_ = 0;
    Submit submit_;
    std::vector<double> micros_;
};

double cpu_seconds(const rusage& usage) {
    const auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

engine::CodeRequest step(const char* code, const Json& input) {
    engine::CodeRequest request;
    request.tenant = "bench";
    request.code = code;
    request.input = input;
    return request;
}

// All workers busy: runs a second, and what one costs the engine and a worker, whose start is
// included.
void throughput(engine::AsioLoop& loop, std::size_t workers, int runs, const Json& input) {
    engine::JsboxOptions options;
    options.worker_path = SALLYPORT_JSBOX_PATH;
    options.workers = workers;
    options.tenant_workers_max = workers;
    auto pool = std::make_unique<engine::JsboxPool>(loop, nullptr, options);
    int done = 0;
    Clock::time_point begin;
    rusage engine_before{};
    std::function<void()> refill = [&] {
        if (++done == static_cast<int>(workers)) {  // each worker has answered once: they are up
            begin = Clock::now();
            getrusage(RUSAGE_SELF, &engine_before);
        }
        if (done >= runs) {
            loop.stop();
        } else {
            pool->run_code(step(kStep, input), [&](const engine::SandboxResult&) { refill(); });
        }
    };
    for (std::size_t i = 0; i < 4 * workers; ++i) {
        pool->run_code(step(kStep, input), [&](const engine::SandboxResult&) { refill(); });
    }
    loop.run();
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    rusage engine_after{};
    getrusage(RUSAGE_SELF, &engine_after);
    rusage children_before{};
    getrusage(RUSAGE_CHILDREN, &children_before);
    pool.reset();
    rusage children_after{};
    getrusage(RUSAGE_CHILDREN, &children_after);
    std::printf("%zu workers: %6.0f runs/s   CPU a run: engine %3.0f us, worker %4.0f us\n",
                workers, runs / seconds,
                1e6 * (cpu_seconds(engine_after) - cpu_seconds(engine_before)) / runs,
                1e6 * (cpu_seconds(children_after) - cpu_seconds(children_before)) / runs);
}

}  // namespace

int main(int argc, char** argv) {
    const int runs = argc > 1 ? std::max(100, std::atoi(argv[1])) : 5'000;
    utsname system{};
    uname(&system);
    double load = 0;
    std::ifstream("/proc/loadavg") >> load;
    std::printf(
        "Every run starts from a fresh sandbox. %d runs a line, after a tenth as warm-up.\n"
        "%s %s, %u cores, load %.1f at the start (figures mean little above 1).\n\n",
        runs, system.sysname, system.release, std::thread::hardware_concurrency(), load);
    engine::AsioLoop loop;
    const Json input = Json::parse(kInput).value();
    {
        engine::JsboxOptions options;
        options.worker_path = SALLYPORT_JSBOX_PATH;
        options.workers = 1;
        engine::JsboxPool pool(loop, nullptr, options);
        const auto code_series = [&](const char* name, const char* code, const Json& value) {
            Series(loop, runs, [&, code](const std::function<void()>& done) {
                pool.run_code(step(code, value), [done](const engine::SandboxResult&) { done(); });
            }).run(name);
        };
        code_series("code step, round trip", kStep, input);
        code_series("smallest step, round trip", "export const code = () => 1", Json());
        Series(loop, runs, [&](const std::function<void()>& done) {
            engine::EvaluateRequest request;
            request.tenant = "bench";
            request.expressions = {"name.length + items[0].price"};
            request.scope = input;
            pool.evaluate(std::move(request), [done](const engine::EvaluateResult&) { done(); });
        }).run("one expression, round trip");
    }
    std::puts("");
    for (const std::size_t workers : {std::size_t{1}, std::size_t{2}}) {
        throughput(loop, workers, runs, input);
    }
    return 0;
}
