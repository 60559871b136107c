// A pool of Node processes on a test's own loop, behind real walls.
#pragma once

#include "common/bytes.hpp"
#include "common/json.hpp"
#include "engine/adapters/sandbox/nodebox_pool.hpp"
#include "tests/engine/poll_loop.hpp"
#include "tests/engine/user_namespaces.hpp"
#include "tests/integration/fixtures/temp_dir.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sallyport::test {

inline std::string text_of_file(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

// The Node.js that the fetched packages are meant for.
inline std::string node_path() {
    const Result<std::string> node =
        engine::find_node(text_of_file(std::string(SALLYPORT_PIECES) + "/node"), "");
    return node.ok() ? *node : std::string();
}

// Processes of runs with this memory, whoever is their parent by now.
inline std::size_t node_processes_with(const std::string& memory_mb) {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        const std::string command = text_of_file(entry.path().string() + "/cmdline");
        count += command.find("--max-old-space-size=" + memory_mb) != std::string::npos ? 1 : 0;
    }
    return count;
}

inline std::vector<pid_t> child_processes() {
    std::vector<pid_t> children;
    std::ifstream list("/proc/self/task/" + std::to_string(getpid()) + "/children");
    for (pid_t pid = 0; list >> pid;) {
        children.push_back(pid);
    }
    return children;
}

// Answers each request from a function of the test's; keeps what was asked.
class StubHttp final : public engine::HttpClient {
  public:
    using Answer = std::function<engine::HttpOutcome(const engine::HttpRequest&)>;
    explicit StubHttp(PollLoop& loop) : loop_(loop) {}

    RequestId send(engine::HttpRequest request, Done done) override {
        requests.push_back(request);
        loop_.post([outcome = answer(request), done = std::move(done)] { done(outcome); });
        return requests.size();
    }
    void cancel(RequestId) override {}

    Answer answer = [](const engine::HttpRequest& request) {
        return engine::HttpOutcome(
            engine::HttpFailure{engine::HttpError::refused_address, request.url, true});
    };
    std::vector<engine::HttpRequest> requests;

  private:
    PollLoop& loop_;
};

inline engine::HttpOutcome json_answer(int status, const std::string& body) {
    engine::HttpResponse response;
    response.status = status;
    response.headers = {{"Content-Type", "application/json"}};
    response.body = body;
    return response;
}

class NodeboxFixture : public ::testing::Test {
  protected:
    void start(engine::NodeboxOptions options = {}) {
        if (options.launcher_path.empty()) {
            options.launcher_path = SALLYPORT_NODEBOX_PATH;
        }
        options.node_path = node_path();
        if (options.processes == 0) {
            options.processes = 3;
        }
        if (!host_has_user_namespaces()) {
            GTEST_SKIP() << "this host gives no user namespaces";
        }
        const Status probed = engine::probe_nodebox(options);
        ASSERT_TRUE(probed.ok()) << probed.message();
        pool = std::make_unique<engine::NodeboxPool>(loop, &http, options);
    }

    engine::NodeRequest code(std::string text, std::uint32_t time_ms = 10'000) {
        engine::NodeRequest request;
        request.tenant = "tenant-a";
        request.code = std::move(text);
        request.input = Json::object();
        request.limits.time_ms = time_ms;
        request.limits.memory_bytes = 65u << 20;
        return request;
    }
    // The body of an async function.
    engine::NodeRequest body(const std::string& text, std::uint32_t time_ms = 10'000) {
        return code("export const code = async (inputs) => {\n" + text + "\n};", time_ms);
    }

    engine::SandboxResult run(engine::NodeRequest request) {
        std::optional<engine::SandboxResult> out;
        pool->run(std::move(request),
                  [&out](engine::SandboxResult result) { out = std::move(result); });
        EXPECT_TRUE(loop.run_until([&] { return out.has_value(); }, std::chrono::seconds(90)));
        return out.value_or(engine::SandboxResult{});
    }
    // The result as JSON text, or the status and error.
    std::string value_of(const std::string& text) {
        const engine::SandboxResult result = run(body(text));
        return result.status == engine::SandboxStatus::ok
                   ? result.value.dump()
                   : std::string(to_string(result.status)) + ": " + result.error;
    }

    PollLoop loop;
    StubHttp http{loop};
    std::unique_ptr<engine::NodeboxPool> pool;
};

// Runs the launcher as a user without any privilege. REQUIRES: root.
class UnprivilegedLauncher {
  public:
    UnprivilegedLauncher() {
        std::filesystem::permissions(folder_.path("."), std::filesystem::perms{0755});
        std::filesystem::copy_file(SALLYPORT_NODEBOX_PATH, folder_.path("sallyport-nodebox"));
        std::ofstream(path()) << "#!/bin/sh\nexec setpriv --reuid=1000 --regid=1000 "
                                 "--clear-groups "
                              << folder_.path("sallyport-nodebox") << " \"$@\"\n";
        std::filesystem::permissions(path(), std::filesystem::perms{0755});
    }
    std::string path() const { return folder_.path("launch"); }

  private:
    TempDir folder_{"nodebox"};
};

}  // namespace sallyport::test
