// A published load generator in front of the gateway in front of the engine: no call is lost,
// refused or run twice, however many come at once. Nothing here is about how long that takes.
#include "common/json.hpp"
#include "tests/engine/engine_process.hpp"
#include "tests/integration/fixtures/wait.hpp"
#include "tests/integration/site_conf.hpp"

#include <gtest/gtest.h>

#include <fstream>

namespace sallyport::test {
namespace {

constexpr int kCalls = 2000;
constexpr int kConnections = 16;
constexpr int kPipelining = 8;

class Autocannon : public testing::Test {
  protected:
    Autocannon() { ann_.sign_up(); }

    std::string answering_flow() {
        return ann_.make_flow({code_step("twice", "export const code = async (i) => i.n * 2;",
                                         R"({"n":"{{trigger.output.body.n}}"})"),
                               answer_step("answer", R"({"n":"{{twice.output}}"})")});
    }
    // What autocannon tells of calls to the flow, kCalls of which are answered before it stops.
    Json shoot(const std::string& flow, int pipelining, const std::string& secret = kSharedSecret) {
        const std::string packages = SALLYPORT_AUTOCANNON;
        std::ifstream file(packages + "/node");
        std::string node;
        std::getline(file, node);
        EXPECT_FALSE(node.empty()) << "run scripts/fetch-autocannon " << packages;
        const Json options = Json::object(
            {{"url", Json::string(nginx_.tls_url("/api/v1/webhooks/" + flow + "/sync"))},
             {"servername", Json::string("flows.example.com")},
             {"headers", Json::object({{"host", Json::string("flows.example.com")},
                                       {"content-type", Json::string("application/json")},
                                       {"x-webhook-secret", Json::string(secret)}})},
             {"body", Json::string(R"({"n":21})")},
             {"expected", Json::string(R"({"n":42})")},
             {"amount", Json::integer(kCalls + kConnections * (pipelining - 1))},
             {"connections", Json::integer(kConnections)},
             {"pipelining", Json::integer(pipelining)},
             {"timeout", Json::integer(60)}});
        const CommandResult ran = run_command(
            {node, SALLYPORT_AUTOCANNON_SCRIPT, packages, options.dump()}, {}, kDeadline * 4);
        const Result<Json> told = Json::parse(ran.output);
        EXPECT_TRUE(told.ok()) << ran.output;
        return told.ok() ? *told : Json();
    }
    std::int64_t runs(const std::string& status) {
        std::int64_t count = 0;
        ann_.get("/v1/flow-runs/count-by-status?projectId=" + ann_.project())
            .body["data"]
            .each_element([&](const Json& one) {
                count += one["status"].text() == status ? one["count"].integer_or(0) : 0;
            });
        return count;
    }
    void expect_no_other_runs() {
        for (const char* other : {"FAILED", "RUNNING", "QUEUED", "INTERNAL_ERROR", "TIMEOUT"}) {
            EXPECT_EQ(runs(other), 0) << other;
        }
    }
    void expect_all_answered(const Json& told) {
        EXPECT_EQ(told["good"].integer_or(-1), kCalls) << told.dump();
        for (const char* none : {"errors", "timeouts", "mismatches", "non2xx"}) {
            EXPECT_EQ(told[none].integer_or(-1), 0) << none << " " << told.dump();
        }
    }

    EngineProcess engine_;
    ApiUser ann_{engine_};
    NginxServer nginx_{site_conf("activepieces", "flows.example.com", "127.0.0.1:8080"),
                       site_options("127.0.0.1:" + std::to_string(engine_.port()))};
};

TEST_F(Autocannon, EveryCallIsOneRunAndOneAnswer) {
    expect_all_answered(shoot(answering_flow(), 1));
    EXPECT_TRUE(wait_until([&] { return runs("SUCCEEDED") == kCalls; })) << runs("SUCCEEDED");
    expect_no_other_runs();
}

// The tool hangs up with its last calls under way on every connection: those may have run as well.
TEST_F(Autocannon, CallsThatDoNotWaitForEachOtherAreAnsweredToo) {
    constexpr int kMore = kConnections * (kPipelining - 1);
    expect_all_answered(shoot(answering_flow(), kPipelining));
    EXPECT_TRUE(wait_until([&] { return runs("QUEUED") + runs("RUNNING") == 0; }));
    EXPECT_GE(runs("SUCCEEDED"), kCalls);
    EXPECT_LE(runs("SUCCEEDED"), kCalls + kMore);
    expect_no_other_runs();
}

TEST_F(Autocannon, CallsWithoutTheSecretStartNothing) {
    const Json told = shoot(answering_flow(), kPipelining, "another secret that is as long, or so");
    EXPECT_EQ(told["statusCodeStats"]["401"]["count"].integer_or(-1), kCalls) << told.dump();
    EXPECT_EQ(told["errors"].integer_or(-1), 0) << told.dump();
    EXPECT_EQ(runs("SUCCEEDED"), 0);
    expect_no_other_runs();
}

}  // namespace
}  // namespace sallyport::test
