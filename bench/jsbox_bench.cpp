// What a code step costs: round trips of fresh sandbox runs through the pool, one at a time and
// with all workers busy. Prints its method and figures; not a test.
//
//   jsbox_bench [RUNS]      (default 5000 for each line)
#include "engine/adapters/jsbox_pool.hpp"
#include "tests/engine/poll_loop.hpp"

#include <sys/resource.h>
#include <sys/utsname.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
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

double percentile(std::vector<double>& sorted, double share) {
    return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
}

// One run after the other: the round trip.
template <typename Submit>
void round_trips(const char* name, test::PollLoop& loop, int runs, Submit&& submit) {
    std::vector<double> micros;
    for (int i = 0; i < runs + runs / 10; ++i) {
        bool done = false;
        const auto begin = Clock::now();
        submit([&done](const auto&) { done = true; });
        if (!loop.run_until([&] { return done; })) {
            std::puts("a run did not come back");
            std::exit(1);
        }
        if (i >= runs / 10) {  // after the warm-up
            micros.push_back(
                std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
        }
    }
    std::sort(micros.begin(), micros.end());
    std::printf("%-34s p50 %7.0f us   p90 %7.0f us   p99 %7.0f us\n", name, percentile(micros, 0.5),
                percentile(micros, 0.9), percentile(micros, 0.99));
}

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

// All workers busy: runs a second, and what one costs the engine and a worker.
void throughput(test::PollLoop& loop, std::size_t workers, int runs, const Json& input) {
    engine::JsboxOptions options;
    options.worker_path = SALLYPORT_JSBOX_PATH;
    options.workers = workers;
    options.tenant_workers_max = workers;
    auto pool = std::make_unique<engine::JsboxPool>(loop, nullptr, options);
    if (!loop.run_until([&] { return pool->counters().workers_ready == workers; })) {
        std::puts("the workers did not start");
        std::exit(1);
    }
    int submitted = 0;
    int done = 0;
    rusage engine_before{};
    getrusage(RUSAGE_SELF, &engine_before);
    const auto begin = Clock::now();
    const bool finished = loop.run_until(
        [&] {
            while (submitted < runs && submitted - done < static_cast<int>(4 * workers)) {
                pool->run_code(step(kStep, input),
                               [&done](const engine::SandboxResult&) { ++done; });
                ++submitted;
            }
            return done == runs;
        },
        std::chrono::minutes(5));
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    rusage engine_after{};
    getrusage(RUSAGE_SELF, &engine_after);
    rusage children_before{};
    getrusage(RUSAGE_CHILDREN, &children_before);
    pool.reset();
    rusage children_after{};
    getrusage(RUSAGE_CHILDREN, &children_after);
    if (finished) {
        std::printf(
            "%zu workers: %6.0f runs/s   engine %4.0f us CPU a run   workers %4.0f us CPU a run\n",
            workers, runs / seconds,
            1e6 * (cpu_seconds(engine_after) - cpu_seconds(engine_before)) / runs,
            1e6 * (cpu_seconds(children_after) - cpu_seconds(children_before)) / runs);
    }
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
    test::PollLoop loop;
    const Json input = Json::parse(kInput).value();
    {
        engine::JsboxOptions options;
        options.worker_path = SALLYPORT_JSBOX_PATH;
        options.workers = 1;
        engine::JsboxPool pool(loop, nullptr, options);
        round_trips("code step, round trip", loop, runs, [&](auto done) {
            pool.run_code(step(kStep, input), [done](const engine::SandboxResult& r) { done(r); });
        });
        round_trips("smallest step, round trip", loop, runs, [&](auto done) {
            pool.run_code(step("export const code = () => 1", Json()),
                          [done](const engine::SandboxResult& r) { done(r); });
        });
        round_trips("one expression, round trip", loop, runs, [&](auto done) {
            engine::EvaluateRequest request;
            request.tenant = "bench";
            request.expressions = {"name.length + items[0].price"};
            request.scope = input;
            pool.evaluate(std::move(request), [done](const engine::EvaluateResult& r) { done(r); });
        });
    }
    std::puts("");
    for (const std::size_t workers : {std::size_t{1}, std::size_t{2}}) {
        throughput(loop, workers, runs, input);
    }
    return 0;
}
