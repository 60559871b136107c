// Tier node: processes that are started ahead of their run. Each is used by one run of the tenant,
// dependency set and limits it was made for, knows nothing of any other, and goes when it is not
// needed.
#include "tests/engine/nodebox_fixture.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>

#include <set>

namespace sallyport::test {
namespace {

using engine::NodeRequest;
using engine::SandboxResult;
using engine::SandboxStatus;
using testing::HasSubstr;

constexpr const char* kPackage = "beside";

class NodeboxAhead : public NodeboxFixture, public ::testing::WithParamInterface<bool> {
  protected:
    void SetUp() override {
        if (GetParam()) {
            if (geteuid() != 0) {
                GTEST_SKIP() << "only root can become somebody else";
            }
            launcher_.emplace();
        }
        std::filesystem::permissions(folder_.path("."), std::filesystem::perms{0755});
        restart({});
    }
    void TearDown() override { pool.reset(); }
    void restart(engine::NodeboxOptions options) {
        if (options.idle_max == 0) {
            options.idle_max = 2;
        }
        options.launcher_path = launcher_ ? launcher_->path() : std::string();
        start(std::move(options));
    }

    NodeRequest step(const std::string& text, const std::string& tenant = "tenant-a") {
        NodeRequest request = body(text);
        request.tenant = tenant;
        return request;
    }
    // A set of one package with this text.
    std::string packages(const std::string& name, const std::string& text) {
        const std::string folder = folder_.path(name);
        std::filesystem::create_directories(folder + "/node_modules/" + kPackage);
        std::ofstream(folder + "/package.json") << "{}";
        std::ofstream(folder + "/node_modules/" + kPackage + "/index.js") << text;
        return folder;
    }
    NodeRequest step_with(const std::string& folder, const std::string& text) {
        NodeRequest request = step(text);
        request.packages = folder;
        request.preload = kPackage;
        return request;
    }
    std::string said(NodeRequest request) {
        const SandboxResult result = run(std::move(request));
        return result.status == SandboxStatus::ok
                   ? result.value.dump()
                   : std::string(to_string(result.status)) + ": " + result.error;
    }
    std::uint64_t met_ahead() const { return pool->counters().met_ahead; }
    [[nodiscard]] bool idle_becomes(std::size_t count) {
        return loop.run_until([&] { return pool->counters().idle == count; });
    }
    // No process of runs with this memory is left.
    [[nodiscard]] bool none_left(const std::string& memory_mb) {
        for (int i = 0; i < 200 && node_processes_with(memory_mb) > 0; ++i) {
            let_wait(20);
        }
        return node_processes_with(memory_mb) == 0;
    }
    // Lets what is started ahead become ready, and do what it does then.
    void let_wait(int ms = 700) {
        (void)loop.run_until([] { return false; }, std::chrono::milliseconds(ms));
    }

    TempDir folder_{"ahead"};

  private:
    std::optional<UnprivilegedLauncher> launcher_;
};

INSTANTIATE_TEST_SUITE_P(, NodeboxAhead, ::testing::Values(false, true), [](const auto& one) {
    return one.param ? "AsUser1000" : "AsWhoRunsTheTests";
});

TEST_P(NodeboxAhead, AProcessThatWaitsMeetsOneRun) {
    EXPECT_EQ(said(step("return 1")), "1");
    EXPECT_EQ(met_ahead(), 0u);
    for (std::uint64_t i = 1; i <= 3; ++i) {
        ASSERT_TRUE(idle_becomes(1));
        EXPECT_EQ(said(step("globalThis.n = (globalThis.n || 0) + 1; const fs = require('fs');"
                            "const files = fs.readdirSync('/tmp').filter((f) => f === 'left');"
                            "fs.writeFileSync('/tmp/left', 'x'); Array.prototype.left = 1;"
                            "return [globalThis.n, files, inputs.left]")),
                  "[1,[],null]");
        EXPECT_EQ(met_ahead(), i);
    }
    // One that is still starting is as good.
    ASSERT_TRUE(idle_becomes(1));
    EXPECT_EQ(said(step("throw new Error('no')")), "error: no");
    ASSERT_TRUE(idle_becomes(1));
    EXPECT_EQ(said(step("return 2")), "2");
    EXPECT_EQ(met_ahead(), 5u);
}

TEST_P(NodeboxAhead, NoneIsGivenToAnotherTenantSetOrLimit) {
    const std::string one = packages("one", "exports.text = 'canary-of-tenant-a';");
    const std::string other = packages("other", "exports.text = 'other';");
    EXPECT_EQ(said(step_with(one, "return require('beside').text")), R"("canary-of-tenant-a")");
    ASSERT_TRUE(idle_becomes(1));
    let_wait();

    NodeRequest of_b = step_with(other, "return [require('beside').text, module_list()]");
    of_b.tenant = "tenant-b";
    of_b.code =
        "import fs from 'fs'; const module_list = () => fs.readdirSync('/app/node_modules')"
        ".concat(Object.keys(require.cache)); export const code = async () => {"
        "const all = []; for (let i = 0; i < 2e4; i++) "
        "all.push(Buffer.allocUnsafe(2048).toString('latin1'));"
        "return [module_list(), all.some((b) => b.includes('canary-of-' + 'tenant-a'))] }";
    const std::string seen = said(std::move(of_b));
    EXPECT_THAT(seen, HasSubstr("false"));
    EXPECT_THAT(seen, HasSubstr("beside"));
    NodeRequest same_set = step_with(one, "return 1");
    same_set.tenant = "tenant-b";
    EXPECT_EQ(said(std::move(same_set)), "1");
    NodeRequest more_memory = step_with(one, "return 1");
    more_memory.limits.memory_bytes *= 2;
    EXPECT_EQ(said(std::move(more_memory)), "1");
    NodeRequest more_time = step_with(one, "return 1");
    more_time.limits.time_ms *= 4;
    EXPECT_EQ(said(std::move(more_time)), "1");
    EXPECT_EQ(said(step("return 1")), "1");
    EXPECT_EQ(met_ahead(), 0u);
    EXPECT_EQ(said(step_with(one, "return 1")), "1");
    EXPECT_EQ(met_ahead(), 1u);
}

TEST_P(NodeboxAhead, AFolderThatWasPutInItsPlaceIsAnotherSet) {
    const std::string folder = packages("set", "exports.version = 1;");
    EXPECT_EQ(said(step_with(folder, "return require('beside').version")), "1");
    ASSERT_TRUE(idle_becomes(1));
    let_wait();
    std::filesystem::rename(folder, folder_.path("old"));
    packages("set", "exports.version = 2;");
    EXPECT_EQ(said(step_with(folder, "return require('beside').version")), "2");
    EXPECT_EQ(met_ahead(), 0u);
}

TEST_P(NodeboxAhead, WhatWaitsHasLoadedItsPackageAndNothingOfTheRun) {
    const std::string folder =
        packages("set",
                 "exports.at = Date.now(); exports.seen = [process.argv.length, process.env,"
                 "process.execArgv, require('fs').readdirSync('/').sort(),"
                 "require('fs').readdirSync('/app').sort()]; console.log('loaded');");
    // Whether it was loaded before this was asked, and what it saw.
    const auto ask = [&] {
        const auto now = std::chrono::system_clock::now().time_since_epoch();
        const auto now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
        return step_with(folder, "const b = require('beside'); return [b.at < " +
                                     std::to_string(now_ms) + ", b.seen, b.seen.length]");
    };
    const std::string seen =
        R"([1,{},[],["app","dev","lib","lib64","node","tmp","usr"],["node_modules","package.json"]])";
    EXPECT_EQ(said(ask()), "[false," + seen + ",5]");
    // How long loading takes is the machine's business: longer from try to try.
    SandboxResult result;
    for (int tries = 1; tries <= 10 && !result.value.at(0).boolean_or(false); ++tries) {
        ASSERT_TRUE(idle_becomes(1));
        let_wait(300 * tries);
        result = run(ask());
        EXPECT_EQ(met_ahead(), static_cast<std::size_t>(tries));
    }
    EXPECT_EQ(result.value.dump(), "[true," + seen + ",5]") << result.error;
    EXPECT_THAT(result.console, HasSubstr("loaded"));
    EXPECT_EQ(
        said(step_with(folder, "return Math.abs(Date.now() - inputs.now) < 5000")).substr(0, 5),
        "false");  // there is no such input: nothing is left of an earlier one
}

TEST_P(NodeboxAhead, PackagesThatMisbehaveWhileTheyWaitHarmTheirOwnRunsAlone) {
    http.answer = [](const engine::HttpRequest&) { return json_answer(200, "7"); };
    const std::pair<const char*, const char*> texts[] = {
        {"throw new Error('at load');", "error: at load"},
        {"setTimeout(() => { throw new Error('soon after') }, 1);", "error: soon after"},
        {"exports.early = fetch('https://example.org/').then((r) => r.json());", "7"},
        {"require('fs').writeSync(3, Buffer.from('0100000009ff', 'hex'));", "error: "},
        {"process.reallyExit(0);", "error: "},
    };
    int number = 0;
    for (const auto& [text, result] : texts) {
        const std::string folder = packages("set" + std::to_string(++number), text);
        EXPECT_EQ(said(step_with(folder, "return 1")), "1") << "not loaded by this run";
        let_wait();
        EXPECT_TRUE(http.requests.empty()) << "nobody has asked for it yet";
        NodeRequest request =
            step_with(folder,
                      "const b = require('beside'); await new Promise((d) => setTimeout(d, 50)); "
                      "return b.early");
        EXPECT_THAT(said(std::move(request)), testing::StartsWith(result)) << text;
        http.requests.clear();
    }
    EXPECT_EQ(said(step("return 1", "tenant-b")), "1");
    const std::string folder = packages("loop", "for (;;);");
    NodeRequest first = step_with(folder, "return 1");
    first.limits.time_ms = 1'900;
    EXPECT_EQ(said(std::move(first)), "1");
    let_wait();
    NodeRequest request = step_with(folder, "return require('beside')");
    request.limits.time_ms = 1'500;
    EXPECT_THAT(said(std::move(request)), HasSubstr("timeout"));
}

TEST_P(NodeboxAhead, EachHasItsOwnRandomNumbers) {
    std::set<std::string> numbers;
    for (int i = 0; i < 8; ++i) {
        numbers.insert(said(step("return Math.random()")));
        ASSERT_TRUE(idle_becomes(1));
        numbers.insert(said(step("return crypto.randomUUID()")));
        ASSERT_TRUE(idle_becomes(1));
    }
    EXPECT_EQ(numbers.size(), 16u);
    EXPECT_EQ(met_ahead(), 15u);
}

TEST_P(NodeboxAhead, ClocksBeginWithTheRun) {
    NodeRequest first = step("return 1");
    first.limits.time_ms = 1'100;
    EXPECT_EQ(said(std::move(first)), "1");
    ASSERT_TRUE(idle_becomes(1));
    let_wait(1'500);
    NodeRequest second = step("await new Promise((d) => setTimeout(d, 600)); return Date.now()");
    second.limits.time_ms = 1'200;  // the same step of the limit for the processor
    const std::string now = said(std::move(second));
    EXPECT_EQ(met_ahead(), 1u);
    const auto system = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::system_clock::now().time_since_epoch());
    EXPECT_NEAR(static_cast<double>(std::atoll(now.c_str())), static_cast<double>(system.count()),
                1'000)
        << now;
    ASSERT_TRUE(idle_becomes(1));
    NodeRequest third = step("for (;;);");
    third.limits.time_ms = 1'000;
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_THAT(said(std::move(third)), HasSubstr("timeout"));
    EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(1'000));
    EXPECT_EQ(met_ahead(), 2u);
}

TEST_P(NodeboxAhead, OneThatIsKilledIsNotMissed) {
    NodeRequest marked = step("return 1");
    marked.limits.memory_bytes = 81u << 20;
    EXPECT_EQ(said(std::move(marked)), "1");
    ASSERT_TRUE(idle_becomes(1));
    let_wait();
    EXPECT_EQ(node_processes_with("81"), 1u);
    const std::vector<pid_t> first = child_processes();
    ASSERT_EQ(first.size(), 1u);
    kill(first[0], SIGKILL);
    ASSERT_TRUE(idle_becomes(0));
    EXPECT_TRUE(none_left("81"));

    // Before the pool has heard of it.
    EXPECT_EQ(said(step("return 2")), "2");
    ASSERT_TRUE(idle_becomes(1));
    let_wait();
    const std::vector<pid_t> second = child_processes();
    ASSERT_EQ(second.size(), 1u);
    kill(second[0], SIGKILL);
    siginfo_t info{};
    ASSERT_EQ(waitid(P_PID, static_cast<id_t>(second[0]), &info, WEXITED | WNOWAIT), 0);
    EXPECT_EQ(said(step("return 3")), "3");
    EXPECT_EQ(met_ahead(), 0u);

    // Before it was ready, with a run that waits for it.
    ASSERT_TRUE(idle_becomes(1));
    const std::vector<pid_t> third = child_processes();
    ASSERT_EQ(third.size(), 1u);
    kill(third[0], SIGKILL);
    EXPECT_EQ(said(step("return 4")), "4");
    EXPECT_EQ(met_ahead(), 0u);
}

TEST_P(NodeboxAhead, TheyGoWhenNobodyComesAndWhenTheyAreToldTo) {
    engine::NodeboxOptions options;
    options.idle_ms = 300;
    restart(options);
    NodeRequest marked = step("return 1");
    marked.limits.memory_bytes = 83u << 20;
    const NodeRequest again = marked;
    EXPECT_EQ(said(std::move(marked)), "1");
    ASSERT_TRUE(idle_becomes(1));
    ASSERT_TRUE(idle_becomes(0));
    EXPECT_TRUE(none_left("83"));

    options.idle_ms = 60'000;
    restart(options);
    EXPECT_EQ(said(again), "1");
    ASSERT_TRUE(idle_becomes(1));
    pool->stop_idling();
    EXPECT_EQ(pool->counters().idle, 0u);
    EXPECT_TRUE(none_left("83"));
    EXPECT_EQ(said(again), "1");
    let_wait(200);
    EXPECT_EQ(pool->counters().idle, 0u);

    restart(options);
    EXPECT_EQ(said(again), "1");
    ASSERT_TRUE(idle_becomes(1));
    pool.reset();
    EXPECT_TRUE(none_left("83"));
    EXPECT_EQ(loop.watch_count(), 0u);
    EXPECT_EQ(loop.timer_count(), 0u);
}

TEST_P(NodeboxAhead, NoTenantKeepsAllTheRoom) {
    engine::NodeboxOptions options;
    options.idle_max = 3;
    restart(options);
    std::vector<std::string> folders;
    for (int i = 0; i < 5; ++i) {
        const std::string folder = packages("set" + std::to_string(i), "");
        EXPECT_EQ(said(step_with(folder, "return 1")), "1");
        ASSERT_TRUE(idle_becomes(std::min<std::size_t>(3, static_cast<std::size_t>(i) + 1)));
        folders.push_back(folder);
    }
    EXPECT_EQ(said(step("return 1", "tenant-b")), "1");
    ASSERT_TRUE(loop.run_until([&] { return said(step("return 1", "tenant-b")) == "1"; }));
    EXPECT_EQ(met_ahead(), 1u) << "one of tenant-a's made room";
    EXPECT_EQ(said(step("return 1", "tenant-c")), "1");
    EXPECT_EQ(said(step("return 1", "tenant-d")), "1");
    EXPECT_LE(pool->counters().idle, 3u);
}

}  // namespace
}  // namespace sallyport::test
