// A sandbox pool on a test's own loop, with real worker processes.
#pragma once

#include "engine/adapters/sandbox/jsbox_pool.hpp"
#include "tests/engine/poll_loop.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace sallyport::test {

// Beside the test program, or at the top of the build tree.
inline std::string jsbox_path() {
    return SALLYPORT_JSBOX_PATH;
}

class JsboxFixture : public ::testing::Test {
  protected:
    void start(engine::JsboxOptions options = {}, engine::HttpClient* http = nullptr) {
        if (options.worker_path.empty()) {
            options.worker_path = jsbox_path();
        }
        if (options.workers == 0) {
            options.workers = 1;
        }
        pool = std::make_unique<engine::JsboxPool>(loop, http, options);
    }

    engine::CodeRequest code(std::string text, const std::string& input = "{}") {
        engine::CodeRequest request;
        request.tenant = "tenant-a";
        request.code = std::move(text);
        Result<Json> value = Json::parse(input);
        if (value.ok()) {
            request.input = *value;
        }
        return request;
    }

    // Runs to the end. The deadline is that of the test, not of the run.
    engine::SandboxResult run(engine::CodeRequest request) {
        std::optional<engine::SandboxResult> out;
        pool->run_code(std::move(request),
                       [&out](engine::SandboxResult result) { out = std::move(result); });
        EXPECT_TRUE(loop.run_until([&] { return out.has_value(); }, std::chrono::seconds(60)));
        return out.value_or(engine::SandboxResult{});
    }
    engine::SandboxResult run(std::string text, std::uint32_t time_ms = 5'000,
                              const std::string& input = "{}") {
        engine::CodeRequest request = code(std::move(text), input);
        request.limits.time_ms = time_ms;
        return run(std::move(request));
    }
    // The body of an async function; its result as JSON text, or the status and error.
    std::string value_of(const std::string& body, const std::string& input = "{}") {
        const engine::SandboxResult result =
            run("export const code = async (inputs) => {\n" + body + "\n};", 5'000, input);
        return result.status == engine::SandboxStatus::ok
                   ? result.value.dump()
                   : std::string(to_string(result.status)) + ": " + result.error;
    }

    engine::EvaluateResult evaluate(std::vector<std::string> expressions,
                                    const std::string& scope = "{}",
                                    std::uint32_t time_ms = 5'000) {
        engine::EvaluateRequest request;
        request.tenant = "tenant-a";
        request.expressions = std::move(expressions);
        request.scope = *Json::parse(scope);
        request.limits.time_ms = time_ms;
        std::optional<engine::EvaluateResult> out;
        pool->evaluate(std::move(request),
                       [&out](engine::EvaluateResult result) { out = std::move(result); });
        EXPECT_TRUE(loop.run_until([&] { return out.has_value(); }, std::chrono::seconds(60)));
        return out.value_or(engine::EvaluateResult{});
    }

    PollLoop loop;
    std::unique_ptr<engine::JsboxPool> pool;
};

}  // namespace sallyport::test
