// The pool around the workers: what dies is replaced, what lies is not believed, who waits is
// served by turns, and what a script fetches goes through the engine's client.
#include "engine/adapters/sandbox/jsbox_pool.hpp"

#include "tests/engine/jsbox_fixture.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace sallyport::test {
namespace {

using engine::HttpClient;
using engine::HttpFailure;
using engine::HttpOutcome;
using engine::HttpRequest;
using engine::HttpResponse;
using engine::JsboxOptions;
using engine::SandboxResult;
using engine::SandboxStatus;

// Processes whose parent is this test.
std::vector<pid_t> children() {
    std::vector<pid_t> out;
    std::ifstream list("/proc/self/task/" + std::to_string(getpid()) + "/children");
    for (pid_t pid = 0; list >> pid;) {
        out.push_back(pid);
    }
    return out;
}

class FakeHttp final : public HttpClient {
  public:
    explicit FakeHttp(PollLoop& loop) : loop_(loop) {}

    RequestId send(HttpRequest request, Done done) override {
        requests.push_back(request);
        const RequestId id = requests.size();
        if (request.url.find("/never") != std::string::npos) {
            pending.emplace_back(id, std::move(done));
            return id;
        }
        HttpOutcome outcome;
        if (request.url.find("/refused") != std::string::npos) {
            outcome = HttpFailure{engine::HttpError::refused_address, "127.0.0.1 is private", true};
        } else {
            HttpResponse response;
            response.status = 201;
            response.url = request.url;
            response.headers = {{"Content-Type", "application/json"}, {"X-Odd", "a\r\nb"}};
            response.body =
                R"({"method":")" + request.method + R"(","body":")" + request.body + "\"}";
            outcome = std::move(response);
        }
        loop_.post([done = std::move(done), outcome = std::move(outcome)]() mutable {
            done(std::move(outcome));
        });
        return id;
    }
    void cancel(RequestId id) override {
        cancelled.push_back(id);
        for (auto& [request, done] : pending) {
            if (request == id) {
                loop_.post([done = done] {
                    done(HttpFailure{engine::HttpError::cancelled, "cancelled", false});
                });
            }
        }
    }

    std::vector<HttpRequest> requests;
    std::vector<RequestId> cancelled;
    std::vector<std::pair<RequestId, Done>> pending;

  private:
    PollLoop& loop_;
};

class JsboxPoolTest : public JsboxFixture {
  protected:
    void wait_until_ready(std::size_t workers) {
        ASSERT_TRUE(loop.run_until([&] { return pool->counters().workers_ready == workers; }));
    }
};

TEST_F(JsboxPoolTest, AKilledWorkerFailsItsRunOnceAndIsReplaced) {
    start();
    wait_until_ready(1);
    std::vector<SandboxStatus> outcomes;
    pool->run_code(code("export const code = () => { for (;;); }"),
                   [&](const SandboxResult& result) { outcomes.push_back(result.status); });
    ASSERT_TRUE(loop.run_until([&] { return pool->counters().running == 1; }));
    ASSERT_EQ(children().size(), 1u);
    kill(children()[0], SIGKILL);
    ASSERT_TRUE(loop.run_until([&] { return !outcomes.empty(); }));
    EXPECT_EQ(outcomes, std::vector{SandboxStatus::crashed});
    EXPECT_EQ(value_of("return 1"), "1");
    EXPECT_EQ(outcomes.size(), 1u);
    EXPECT_EQ(children().size(), 1u);
}

TEST_F(JsboxPoolTest, AStoppedWorkerIsEndedByTheLastClock) {
    start();
    wait_until_ready(1);
    kill(children()[0], SIGSTOP);
    EXPECT_EQ(run("export const code = () => 1", 100).status, SandboxStatus::timeout);
    EXPECT_EQ(pool->counters().workers_killed, 1u);
    EXPECT_EQ(value_of("return 1"), "1");
}

TEST_F(JsboxPoolTest, AWorkerThatWasTakenOverIsNotBelieved) {
    struct Case {
        const char* mode;
        SandboxStatus status;
        bool killed;
    };
    const Case cases[] = {
        {"other-run", SandboxStatus::crashed, true},
        {"huge-length", SandboxStatus::crashed, true},
        {"unknown-type", SandboxStatus::crashed, true},
        {"second-hello", SandboxStatus::crashed, true},
        {"run-frame", SandboxStatus::crashed, true},
        {"two-results", SandboxStatus::ok, true},
        {"half-frame", SandboxStatus::timeout, true},
        {"not-json", SandboxStatus::error, false},
        {"deep-json", SandboxStatus::error, false},
        {"exit", SandboxStatus::crashed, false},
        {"silence", SandboxStatus::timeout, true},
        {"fetch-flood", SandboxStatus::crashed, true},
        {"fetch-garbage", SandboxStatus::ok, false},
        {"good", SandboxStatus::ok, false},
    };
    JsboxOptions options;
    options.worker_path = SALLYPORT_HOSTILE_WORKER_PATH;
    FakeHttp http(loop);
    start(options, &http);
    for (const Case& c : cases) {
        if (std::string(c.mode) == "fetch-flood") {
            http.requests.clear();
        }
        const std::uint64_t killed = pool->counters().workers_killed;
        EXPECT_EQ(run(std::string(c.mode) + " ", 100).status, c.status) << c.mode;
        const SandboxResult next = run("good ", 2'000);
        EXPECT_EQ(next.value.text(), "good") << c.mode;
        EXPECT_EQ(pool->counters().workers_killed - killed, c.killed ? 1u : 0u) << c.mode;
        if (std::string(c.mode) == "fetch-flood") {
            EXPECT_LE(http.requests.size(), 32u);
        }
    }
}

TEST_F(JsboxPoolTest, NoiseFromAWorkerOnlyEverEndsIt) {
    JsboxOptions options;
    options.worker_path = SALLYPORT_HOSTILE_WORKER_PATH;
    options.workers = 4;
    options.tenant_workers_max = 4;
    start(options);
    int done = 0;
    constexpr int kRuns = 80;
    for (int i = 0; i < kRuns; ++i) {
        engine::CodeRequest request = code("noise ");
        request.limits.time_ms = 1;
        pool->run_code(std::move(request), [&](const SandboxResult&) { ++done; });
    }
    // Those that look whole but never finish are ended by the last clock, four at a time.
    ASSERT_TRUE(loop.run_until([&] { return done == kRuns; }, std::chrono::seconds(200)));
    EXPECT_EQ(run("good ", 2'000).value.text(), "good");
}

TEST_F(JsboxPoolTest, AWorkerThatCannotStartIsSaid) {
    JsboxOptions options;
    options.worker_path = "/nonexistent/sallyport-jsbox";
    start(options);
    const SandboxResult result = run("export const code = () => 1");
    EXPECT_EQ(result.status, SandboxStatus::crashed);
    EXPECT_NE(result.error.find("/nonexistent/sallyport-jsbox"), std::string::npos) << result.error;
}

TEST_F(JsboxPoolTest, TheQueueIsBoundedAndItsWaitToo) {
    JsboxOptions options;
    options.queue_max = 2;
    options.queue_wait_ms_max = 300;
    start(options);
    wait_until_ready(1);
    std::vector<SandboxStatus> outcomes(4, SandboxStatus::ok);
    std::size_t done = 0;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        engine::CodeRequest request = code("export const code = () => { for (;;); }");
        request.limits.time_ms = 1'000;
        pool->run_code(std::move(request), [&, i](const SandboxResult& result) {
            outcomes[i] = result.status;
            ++done;
        });
    }
    ASSERT_TRUE(loop.run_until([&] { return done == outcomes.size(); }));
    EXPECT_EQ(outcomes, (std::vector{SandboxStatus::timeout, SandboxStatus::overloaded,
                                     SandboxStatus::overloaded, SandboxStatus::overloaded}));
}

TEST_F(JsboxPoolTest, OneTenantCannotKeepTheOthersWaiting) {
    JsboxOptions options;
    options.workers = 2;
    start(options);
    wait_until_ready(2);
    std::size_t loops_done = 0;
    std::vector<engine::Sandbox::RunId> loops;
    for (int i = 0; i < 200; ++i) {
        engine::CodeRequest request = code("export const code = () => { for (;;); }");
        request.tenant = "greedy";
        request.limits.time_ms = 60'000;
        loops.push_back(
            pool->run_code(std::move(request), [&](const SandboxResult&) { ++loops_done; }));
    }
    for (int i = 0; i < 20; ++i) {
        engine::CodeRequest request = code("export const code = () => 7");
        request.tenant = "modest";
        const SandboxResult result = run(std::move(request));
        EXPECT_EQ(result.value.integer_or(0), 7) << result.error;
    }
    EXPECT_EQ(loops_done, 0u);
    for (const engine::Sandbox::RunId id : loops) {
        pool->cancel(id);
    }
    ASSERT_TRUE(loop.run_until([&] { return loops_done == loops.size(); }));
    EXPECT_EQ(pool->counters().queued, 0u);
}

TEST_F(JsboxPoolTest, CancelAndShutdownAnswerEveryCaller) {
    start();
    wait_until_ready(1);
    std::vector<SandboxStatus> outcomes;
    const auto note = [&](const SandboxResult& result) { outcomes.push_back(result.status); };
    const auto running = pool->run_code(code("export const code = () => { for (;;); }"), note);
    const auto queued = pool->run_code(code("export const code = () => 1"), note);
    pool->cancel(queued);
    pool->cancel(running);
    pool->cancel(running);
    ASSERT_TRUE(loop.run_until([&] { return outcomes.size() == 2; }));
    pool->run_code(code("export const code = () => { for (;;); }"), note);
    pool->run_code(code("export const code = () => 1"), note);
    pool.reset();
    ASSERT_TRUE(loop.run_until([&] { return outcomes.size() == 4; }));
    EXPECT_EQ(outcomes, std::vector(4, SandboxStatus::cancelled));
    EXPECT_TRUE(children().empty());
    EXPECT_EQ(loop.watch_count(), 0u);
    EXPECT_EQ(loop.timer_count(), 0u);
}

TEST_F(JsboxPoolTest, WorkersDieWithTheirEngine) {
    std::array<int, 2> told{};
    ASSERT_EQ(pipe(told.data()), 0);
    const pid_t engine = fork();
    if (engine == 0) {
        PollLoop own;
        JsboxOptions options;
        options.worker_path = jsbox_path();
        options.workers = 1;
        engine::JsboxPool its_pool(own, nullptr, options);
        const bool ready = own.run_until([&] { return its_pool.counters().workers_ready == 1; });
        const pid_t worker = ready ? children().at(0) : 0;
        _exit(write(told[1], &worker, sizeof worker) == sizeof worker && !pause() ? 0 : 1);
    }
    pid_t worker = 0;
    ASSERT_EQ(read(told[0], &worker, sizeof worker), static_cast<ssize_t>(sizeof worker));
    ASSERT_GT(worker, 0);
    kill(engine, SIGKILL);
    waitpid(engine, nullptr, 0);
    // Gone, or waiting for whoever reaps orphans here.
    EXPECT_TRUE(loop.run_until([worker] {
        std::ifstream stat("/proc/" + std::to_string(worker) + "/stat");
        std::string pid;
        std::string name;
        std::string state;
        return !(stat >> pid >> name >> state) || state == "Z";
    }));
    close(told[0]);
    close(told[1]);
}

TEST_F(JsboxPoolTest, FetchGoesThroughTheEnginesClient) {
    FakeHttp http(loop);
    start({}, &http);
    EXPECT_EQ(value_of("const r = await fetch('http://api.test/things?q=a b', { method: 'post',"
                       " headers: { 'X-Key': ' k ' }, body: 'hello' });\n"
                       "return [r.status, r.ok, r.headers.get('content-type'), r.url,"
                       " r.headers.has('x-odd'), await r.json()]"),
              R"([201,true,"application/json","http://api.test/things?q=a%20b",false,)"
              R"({"method":"POST","body":"hello"}])");
    ASSERT_EQ(http.requests.size(), 1u);
    EXPECT_EQ(http.requests[0].tenant, "tenant-a");
    ASSERT_EQ(http.requests[0].headers.size(), 2u);
    EXPECT_EQ(http.requests[0].headers[1].name, "x-key");
    EXPECT_EQ(http.requests[0].headers[1].value, "k");

    EXPECT_EQ(
        value_of(
            "try { await fetch('http://h/refused') } catch (e) { return [e.name, e.message] }"),
        R"(["TypeError","fetch failed: refused_address: 127.0.0.1 is private"])");
    EXPECT_EQ(
        value_of("const all = await Promise.all([1, 2, 3].map((i) => fetch('http://h/' + i)));\n"
                 "return all.map((r) => r.url)"),
        R"(["http://h/1","http://h/2","http://h/3"])");
    EXPECT_EQ(value_of("try { await fetch('http://h/x', { headers: { a: 'b\\r\\nc: d' } }) }"
                       " catch (e) { return e.name }"),
              R"("TypeError")");
    EXPECT_EQ(
        value_of(
            "try { await fetch('http://h/x', { method: 'G T' }) } catch (e) { return e.name }"),
        R"("TypeError")");
    // More at once than allowed: the rest is refused inside, the run goes on.
    EXPECT_EQ(
        value_of("let refused = 0;\n"
                 "for (let i = 0; i < 40; i++) fetch('http://h/never').catch(() => refused++);\n"
                 "await null; await null; return refused"),
        "8");
    EXPECT_GE(http.cancelled.size(), 32u);  // by the end of their run
    EXPECT_EQ(run("export const code = () => fetch('http://h/never')", 200).status,
              SandboxStatus::timeout);
    EXPECT_EQ(
        value_of(
            "const s = AbortSignal.timeout(20);\n"
            "try { await fetch('http://h/never', { signal: s }) } catch (e) { return e.name }"),
        R"("TimeoutError")");
    engine::CodeRequest forbidden = code("export const code = () => fetch('http://h/x')");
    forbidden.fetch_allowed = false;
    EXPECT_EQ(run(std::move(forbidden)).error,
              "TypeError: fetch failed: outgoing requests are "
              "switched off here");
    const engine::EvaluateResult expression = evaluate({"fetch('http://h/x')"});
    EXPECT_FALSE(expression.results.at(0).ok);
}

TEST_F(JsboxPoolTest, AWorkerHasNothingLeftToGive) {
    start();
    wait_until_ready(1);
    EXPECT_EQ(value_of("return 1"), "1");
    ASSERT_EQ(children().size(), 1u);
    const std::string proc = "/proc/" + std::to_string(children()[0]);
    std::ifstream status(proc + "/status");
    std::string text((std::istreambuf_iterator<char>(status)), std::istreambuf_iterator<char>());
    EXPECT_NE(text.find("Seccomp:\t2"), std::string::npos);
    EXPECT_NE(text.find("NoNewPrivs:\t1"), std::string::npos);
    EXPECT_NE(text.find("Threads:\t1"), std::string::npos);
}

}  // namespace
}  // namespace sallyport::test
