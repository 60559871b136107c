// scripts/refresh-feeds against a provider on loopback: what it takes, what it leaves alone.
#include "tests/integration/fixtures/process.hpp"
#include "tests/integration/fixtures/temp_dir.hpp"
#include "tests/integration/fixtures/upstream.hpp"

#include <gtest/gtest.h>

#include <mutex>

namespace sallyport::test {
namespace {

class RefreshFeeds : public testing::Test {
  protected:
    // What the provider publishes from now on.
    void publish(std::string document, int status = 200) {
        const std::lock_guard lock(mutex_);
        document_ = std::move(document);
        status_ = status;
    }
    CommandResult refresh(std::vector<std::string> feeds) {
        std::vector<std::string> command = {
            SALLYPORT_SCRIPTS "/refresh-feeds", "--dir", dir_.path(), "--sallyport",
            environment_or("SALLYPORT_CLI_BIN", SALLYPORT_CLI_BIN_DEFAULT)};
        command.insert(command.end(), feeds.begin(), feeds.end());
        return run_command(command);
    }
    std::string feed(const std::string& name, const std::string& format) {
        return name + "=" + format + "=http://" + provider_.address() + "/" + name;
    }

    std::mutex mutex_;
    std::string document_;
    int status_ = 200;
    Upstream provider_{[this](const UpstreamRequest&) {
        const std::lock_guard lock(mutex_);
        UpstreamReply reply;
        reply.status = status_;
        reply.body = document_;
        return reply;
    }};
    TempDir dir_{"feeds"};
};

TEST_F(RefreshFeeds, TakesWhatIsGoodAndKeepsTheRest) {
    const std::string meta = R"({"hooks": ["192.30.252.0/22"]})";
    publish(meta);
    const auto first = refresh({feed("github", "github.hooks")});
    EXPECT_EQ(first.exit_code, 0) << first.output;
    EXPECT_EQ(dir_.read("github.json"), meta);

    const struct {
        const char* document;
        int status;
        const char* message;
    } bad[] = {
        {R"({"hooks": []})", 200, "no block at all"},
        {R"({"hooks": ["0.0.0.0/1", "128.0.0.0/1"]})", 200, "covers 100.0%"},
        {"<html>busy</html>", 200, "the old list stays"},
        {"gone", 404, "could not be fetched"},
    };
    for (const auto& row : bad) {
        publish(row.document, row.status);
        const auto result = refresh({feed("github", "github.hooks")});
        EXPECT_EQ(result.exit_code, 1) << row.document;
        EXPECT_NE(result.output.find(row.message), std::string::npos) << result.output;
        EXPECT_EQ(dir_.read("github.json"), meta) << row.document;
    }
    const std::string next = R"({"hooks": ["140.82.112.0/20"]})";
    publish(next);
    EXPECT_EQ(refresh({feed("github", "github.hooks")}).exit_code, 0);
    EXPECT_EQ(dir_.read("github.json"), next);
    // Nothing is left behind but the list.
    EXPECT_EQ(run_command({"ls", "-A", dir_.path()}).output, "github.json\n");
}

TEST_F(RefreshFeeds, OneBadFeedDoesNotHoldUpTheOthers) {
    publish("198.51.100.0/24\n");
    const auto result = refresh({feed("aws", "aws"), feed("mine", "text")});
    EXPECT_EQ(result.exit_code, 1) << result.output;
    EXPECT_EQ(dir_.read("mine.txt"), "198.51.100.0/24\n");
}

TEST_F(RefreshFeeds, RefusesWhatItCannotTrust) {
    const struct {
        std::string feed;
        const char* message;
    } rows[] = {
        {"mine=text=http://192.0.2.1/list", "is not HTTPS"},
        {"mine=text=file:///etc/passwd", "is not HTTPS"},
        {"mine=text=http://127.0.0.1.example.org/list", "is not HTTPS"},
        {"mine=text=http://127.0.0.1:1@192.0.2.1/list", "is not HTTPS"},
        {"../mine=text=http://127.0.0.1:1/list", "is not a name"},
        {"azure", "is not a feed"},
    };
    for (const auto& row : rows) {
        const auto result = refresh({row.feed});
        EXPECT_EQ(result.exit_code, 1) << row.feed;
        EXPECT_NE(result.output.find(row.message), std::string::npos) << result.output;
    }
}

}  // namespace
}  // namespace sallyport::test
