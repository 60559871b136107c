// A decision log that shows what was done to it: lines of several workers, over reloads and
// rotation, checked by `sallyport decisions`.
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/log_reader.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/process.hpp"
#include "tests/integration/mistakes.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <thread>

namespace sallyport::test {
namespace {

constexpr std::string_view kConf = R"(
    sallyport_decision_log %%DIR%%/decisions.log all chain=chain.key;
    server {
        listen 127.0.0.1:%%PORT%%;
        location / { empty_gif; }
        location /denied/ { sallyport_decision_log %%DIR%%/decisions.log refused chain=chain.key;
            sallyport_deny all; empty_gif; }
    }
)";

class DecisionChain : public testing::Test {
  protected:
    CommandResult check(std::vector<std::string> logs) const {
        std::vector<std::string> command = {
            environment_or("SALLYPORT_CLI_BIN", SALLYPORT_CLI_BIN_DEFAULT), "decisions",
            "--key-file", nginx_.dir().path("chain.key")};
        for (const std::string& log : logs) {
            command.push_back(nginx_.dir().path(log));
        }
        return run_command(command);
    }
    std::vector<Json> lines(std::size_t count, const char* log = "decisions.log") const {
        return LogReader(nginx_.dir().path(log)).wait_for_lines(count);
    }

    NginxServer nginx_{kConf,
                       {.files = {{"chain.key", "0123456789abcdef0123456789abcdef"},
                                  {"other.key", "fedcba9876543210fedcba9876543210"}},
                        .workers = 2}};
};

TEST_F(DecisionChain, IsOneOverWorkersAndReloads) {
    std::vector<std::thread> clients;
    for (int c = 0; c < 4; ++c) {
        clients.emplace_back([&] {
            for (int i = 0; i < 25; ++i) {
                get(nginx_.url(i % 5 == 0 ? "/denied/" : "/"));
            }
        });
    }
    for (std::thread& client : clients) {
        client.join();
    }
    lines(100);
    ASSERT_TRUE(nginx_.reload());
    get(nginx_.url("/"));
    const auto all = lines(101);
    EXPECT_EQ(all.back()["seq"].integer_or(-1), 100);
    EXPECT_EQ(all.back()["chain"].text(), all.front()["chain"].text());
    const auto result = check({"decisions.log"});
    EXPECT_EQ(result.exit_code, 0) << result.output;
    EXPECT_NE(result.output.find("up to line 100"), std::string::npos) << result.output;
}

TEST_F(DecisionChain, GoesOnInARotatedFile) {
    get(nginx_.url("/"));
    lines(1);
    std::filesystem::rename(nginx_.dir().path("decisions.log"), nginx_.dir().path("decisions.1"));
    kill(nginx_.master_pid(), SIGUSR1);
    ASSERT_TRUE(
        wait_until([&] { return std::filesystem::exists(nginx_.dir().path("decisions.log")); }));
    ASSERT_TRUE(wait_until([&] {
        get(nginx_.url("/"));
        return !nginx_.dir().read("decisions.log").empty();
    }));
    EXPECT_EQ(check({"decisions.1", "decisions.log"}).exit_code, 0)
        << check({"decisions.1", "decisions.log"}).output;
    const auto alone = check({"decisions.log"});
    EXPECT_EQ(alone.exit_code, 0) << alone.output;
    EXPECT_NE(alone.output.find("decisions.log:1: the chain's earlier lines are not here"),
              std::string::npos)
        << alone.output;
}

TEST_F(DecisionChain, ShowsWhatWasDoneToIt) {
    for (int i = 0; i < 4; ++i) {
        get(nginx_.url("/denied/"));
    }
    lines(4);
    const std::string log = nginx_.dir().read("decisions.log");
    std::vector<std::string> rows;
    for (std::size_t at = 0, end = 0; (end = log.find('\n', at)) != std::string::npos;
         at = end + 1) {
        rows.push_back(log.substr(at, end + 1 - at));
    }
    ASSERT_EQ(rows.size(), 4u);
    std::string edited = rows[1];
    edited.replace(edited.find("127.0.0.1"), 9, "127.0.0.2");
    const struct {
        std::string text;
        const char* finding;
    } deeds[] = {
        {rows[0] + edited + rows[2] + rows[3], "edited.log:2: is not what was written"},
        {rows[0] + rows[2] + rows[3], "edited.log:2: the lines before are missing"},
        {rows[0] + rows[2] + rows[1] + rows[3], "edited.log:3: stands at a place that was taken"},
        {rows[0] + "{\"verdict\":\"allow\"}\n" + rows[1] + rows[2], "edited.log:2: carries no MAC"},
    };
    for (const auto& deed : deeds) {
        nginx_.dir().write("edited.log", deed.text);
        const auto result = check({"edited.log"});
        EXPECT_EQ(result.exit_code, 1) << deed.finding;
        EXPECT_NE(result.output.find(deed.finding), std::string::npos) << result.output;
    }
    const auto other = run_command({environment_or("SALLYPORT_CLI_BIN", SALLYPORT_CLI_BIN_DEFAULT),
                                    "decisions", "--key-file", nginx_.dir().path("other.key"),
                                    nginx_.dir().path("decisions.log")});
    EXPECT_EQ(other.exit_code, 1) << other.output;
    EXPECT_EQ(check({"none.log"}).exit_code, 2);
}

TEST(DecisionChainConf, Mistakes) {
    const Mistake mistakes[] = {
        {"sallyport_decision_log /dev/null chain=none.key;", "sallyport_decision_log", "none.key",
         "No such file"},
        {"sallyport_decision_log /dev/null chain=short.key;", "sallyport_decision_log", "short.key",
         "sallyport secret 32"},
        {"sallyport_decision_log /dev/null chain=;", "sallyport_decision_log",
         "chain=", "chain=FILE"},
        {"sallyport_decision_log /dev/null chain=a.key chain=a.key;", "sallyport_decision_log",
         "chain=a.key", "each once"},
        {"sallyport_decision_log /dev/null chain=a.key; server { listen 127.0.0.1:%%PORT_A%%; "
         "sallyport_decision_log /dev/null; }",
         "sallyport_decision_log", "/dev/null", "the same everywhere"},
    };
    for (const Mistake& mistake : mistakes) {
        expect_mistake(mistake,
                       {{"short.key", "short"}, {"a.key", "0123456789abcdef0123456789abcdef"}});
    }
}

}  // namespace
}  // namespace sallyport::test
