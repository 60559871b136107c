// Two engines on one PostgreSQL database need one connection at once: its provider, whose refresh
// tokens are good once, is asked once.
#include "tests/engine/oauth2_fixture.hpp"
#include "tests/integration/fixtures/postgres_server.hpp"

#include <future>
#include <set>

namespace sallyport::test {
namespace {

class SharedOAuth2 : public OAuth2 {
  protected:
    static void SetUpTestSuite() {
        OAuth2::SetUpTestSuite();
        postgres_ = std::make_unique<PostgresServer>();
    }
    static void TearDownTestSuite() {
        postgres_.reset();
        OAuth2::TearDownTestSuite();
    }
    SharedOAuth2() : SharedOAuth2(postgres_->make_database()) {}
    explicit SharedOAuth2(const std::string& database)
        : OAuth2(on(database)), other_(opened(may_reach_server(on(database)))) {}
    ~SharedOAuth2() override { server_->test("slow?ms=0"); }
    static std::vector<std::string> on(const std::string& database) {
        return {"AP_DB_TYPE=POSTGRES", "AP_POSTGRES_URL=" + database};
    }

    // A flow whose connection's token has ended.
    std::string flow_with_ended(const std::string& name, ApiAnswer& made) {
        server_->test("lifetime?s=2");
        made = connect(name);
        const std::time_t claimed = std::time(nullptr);
        EXPECT_EQ(made.status, 201) << made.raw.body;
        const std::string flow = flow_with(name);
        server_->test("lifetime?s=3600");
        EXPECT_TRUE(wait_until([&] { return std::time(nullptr) >= claimed + 2; }));
        return flow;
    }
    std::future<std::string> run_on(const EngineProcess& engine, const std::string& flow) {
        return std::async(std::launch::async, [&engine, flow] {
            return deliver_webhook(engine, flow, "{}", "/sync").body;
        });
    }
    // The tokens that runs get which are started on both engines at once.
    std::set<std::string> tokens_of(const std::string& flow, int runs_each) {
        std::vector<std::future<std::string>> runs;
        for (int i = 0; i < runs_each; ++i) {
            runs.push_back(run_on(engine_, flow));
            runs.push_back(run_on(other_, flow));
        }
        std::set<std::string> tokens;
        for (auto& one : runs) {
            tokens.insert(one.get());
        }
        return tokens;
    }

    EngineProcess other_;
    inline static std::unique_ptr<PostgresServer> postgres_;
};

TEST_F(SharedOAuth2, BothEnginesShareOneRefresh) {
    ApiAnswer made;
    const std::string flow = flow_with_ended("short", made);
    // The provider takes its time: every run comes while the token is being refreshed.
    server_->test("slow?ms=1500");
    const std::int64_t before = refreshes();
    const std::set<std::string> tokens = tokens_of(flow, 6);
    ASSERT_EQ(tokens.size(), 1U);
    EXPECT_GT(tokens.begin()->size(), 20U) << *tokens.begin();
    EXPECT_EQ(refreshes(), before + 1);
    EXPECT_EQ(status(made), "ACTIVE");
    // What one has stored the other uses, and is not asked for again.
    EXPECT_EQ(tokens_of(flow, 1), tokens);
    EXPECT_EQ(refreshes(), before + 1);
}

TEST_F(SharedOAuth2, ARefusalIsHeardByBoth) {
    ApiAnswer made;
    const std::string flow = flow_with_ended("lost", made);
    server_->test("forget");
    server_->test("slow?ms=1500");
    const std::int64_t before = refreshes();
    for (const std::string& answer : tokens_of(flow, 3)) {
        EXPECT_EQ(answer.find("ey"), std::string::npos) << answer;
        EXPECT_NE(answer.find("message"), std::string::npos) << answer;
    }
    EXPECT_EQ(refreshes(), before + 1);
    EXPECT_EQ(status(made), "ERROR");
}

// The provider's refresh tokens are good once: a new one that could not be stored is not lost.
TEST_F(SharedOAuth2, ATokenOutlivesADatabaseThatIsAway) {
    ApiAnswer made;
    const std::string flow = flow_with_ended("kept", made);
    server_->test("slow?ms=1500");
    const std::int64_t before = refreshes();
    const auto asked = [] { return server_->test("count")["asked"].integer_or(0); };
    const std::int64_t asked_before = asked();
    const std::string run = deliver_webhook(engine_, flow).header("x-webhook-id").value_or("");
    ASSERT_TRUE(wait_until([&] { return asked() > asked_before; }));
    postgres_->crash();
    ASSERT_TRUE(wait_until([&] { return refreshes() > before; }));
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(deliver_webhook(engine_, flow).status, 503) << "the database is away";
    }
    postgres_->start();
    ASSERT_TRUE(wait_until(
        [&] { return ann_.get("/v1/flow-runs/" + run).body["status"].text() == "SUCCEEDED"; },
        kDeadline * 3));
    const std::set<std::string> tokens = tokens_of(flow, 2);
    ASSERT_EQ(tokens.size(), 1U);
    EXPECT_GT(tokens.begin()->size(), 20U) << *tokens.begin();
    EXPECT_EQ(refreshes(), before + 1);
    EXPECT_EQ(status(made), "ACTIVE");
}

TEST_F(SharedOAuth2, AnEngineThatDiesWhileItAsksLeavesItToTheOther) {
    ApiAnswer made;
    const std::string flow = flow_with_ended("orphan", made);
    server_->test("stop?on=1&hang=1");
    const std::int64_t asked = server_->test("count")["hung"].integer_or(0);
    std::future<std::string> lost = run_on(other_, flow);
    ASSERT_TRUE(wait_until([&] { return server_->test("count")["hung"].integer_or(0) > asked; }));
    other_.kill();
    (void)lost.get();
    server_->test("stop?on=0");
    // Its lease has to end first.
    const std::string run = deliver_webhook(engine_, flow).header("x-webhook-id").value_or("");
    ASSERT_TRUE(wait_until(
        [&] { return ann_.get("/v1/flow-runs/" + run).body["status"].text() == "SUCCEEDED"; },
        kDeadline * 3));
    const Json done = ann_.get("/v1/flow-runs/" + run).body["steps"];
    EXPECT_GT(done["step_1"]["output"].text().size(), 20U) << done.dump();
    EXPECT_EQ(status(made), "ACTIVE");
}

}  // namespace
}  // namespace sallyport::test
