// TypeScript in code steps of tier node, on whatever Node the tests have.
#include "engine/adapters/sandbox/nodebox_process.hpp"
#include "tests/engine/nodebox_fixture.hpp"
#include "tests/engine/typescript_cases.hpp"

#include <gmock/gmock.h>

namespace sallyport::test {
namespace {

using engine::SandboxResult;
using engine::SandboxStatus;

class NodeboxTypes : public NodeboxFixture {
  protected:
    void SetUp() override { start(); }
};

TEST_F(NodeboxTypes, MeanWhatTheyMeanInTierJs) {
    for (const TypeScriptCase& wanted : kTypeScriptCases) {
        engine::NodeRequest request = code(wanted.code);
        request.input = *Json::parse(kTypeScriptInput);
        expect_outcome(wanted, run(std::move(request)));
    }
}

TEST_F(NodeboxTypes, AreErasedInAProcessThatWasStartedAhead) {
    engine::NodeboxOptions options;
    options.idle_max = 1;
    start(options);
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(outcome_of(run(code("export const code = (x: object): number[] => [1];"))),
                  "[1]");
        ASSERT_TRUE(
            loop.run_until([&] { return pool->counters().idle == 1; }, std::chrono::seconds(30)));
    }
    EXPECT_GE(pool->counters().met_ahead, 2u);
}

// What the code finds of what erases its types.
TEST_F(NodeboxTypes, LeaveNothingToTheCode) {
    EXPECT_EQ(outcome_of(run(code("import fs from 'fs';\n"
                                  "const tried = (act: () => unknown): unknown => {\n"
                                  "  try { return act(); } catch (e: any) { return e.code; }\n"
                                  "};\n"
                                  "export const code = (): unknown[] => [typeof modules, typeof "
                                  "erase_types, tried(() => fs.writeSync(4, 'x')), tried(() => "
                                  "fs.ftruncateSync(4, 0))];"))),
              R"(["undefined","undefined","EPERM","EPERM"])");
}

TEST_F(NodeboxTypes, AreBoundedAsTheCodeIs) {
    std::string hostile = "let x: ";
    for (int i = 0; i < 100'000; ++i) {
        hostile += "A<";
    }
    EXPECT_EQ(run(code(hostile, 3'000)).status, SandboxStatus::error);
    EXPECT_EQ(outcome_of(run(code("export const code = (x: object): number => 1"))), "1");
}

// The limit of processor time is the process's own: by it ends what the engine's clock did not.
TEST_F(NodeboxTypes, ProcessorTimeIsATimeLimit) {
    for (const char* text : {"export const code = () => { for (;;); }",
                             "process.on('SIGXCPU', () => {});\n"
                             "export const code = async () => { for (;;) await null; }"}) {
        engine::NodeboxMake make;
        make.memory_bytes = 65u << 20;
        make.cpu_seconds = 1;
        auto started = engine::NodeboxProcess::start(
            loop, {SALLYPORT_NODEBOX_PATH, node_path(), true, "", 512u << 20}, make, 1, false);
        ASSERT_TRUE(started.ok()) << started.message();
        const auto process = *std::move(started);
        engine::jsbox::RunFrame frame;
        frame.run_id = 1;
        frame.time_limit_ms = 60'000;
        frame.output_bytes_max = 1000;
        frame.code = text;
        frame.input = "{}";
        std::optional<engine::jsbox::ResultFrame> result;
        process->listen({.ready = [&] { process->send(engine::jsbox::encode(frame)); },
                         .frame =
                             [&](engine::jsbox::Frame got) {
                                 result = engine::jsbox::decode_result(got.payload);
                             },
                         .gone = [](bool) {}});
        ASSERT_TRUE(loop.run_until([&] { return result.has_value(); }, std::chrono::seconds(60)));
        EXPECT_EQ(result->status, engine::jsbox::RunStatus::timeout) << result->error;
    }
}

}  // namespace
}  // namespace sallyport::test
