// One store, opened as an engine would open it, on the test's own loop. The suite runs on each
// kind.
#pragma once

#include "engine/adapters/system_clock.hpp"
#include "engine/ports/log.hpp"
#include "engine/ports/store.hpp"
#include "tests/engine/poll_loop.hpp"
#include "tests/integration/fixtures/postgres_server.hpp"
#include "tests/integration/fixtures/temp_dir.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace sallyport::test {

enum class StoreKind { sqlite, postgres };

class SilentLog final : public engine::Log {
  public:
    bool enabled(engine::LogLevel) const override { return false; }
    void write(engine::LogLevel, std::string_view, Fields) override {}
};

// The server all tests of the program share, started by the first that needs it.
PostgresServer& shared_postgres();

// Where a store keeps its data; several may be opened on it when it is PostgreSQL.
class StoreHome {
  public:
    explicit StoreHome(StoreKind kind);
    Result<std::unique_ptr<engine::Store>> open(engine::Loop& loop);
    const std::string& database() const { return database_; }
    const TempDir& folder() const { return folder_; }

  private:
    StoreKind kind_;
    TempDir folder_{"store"};
    std::string database_;
    engine::SystemClock clock_;
    SilentLog log_;
};

class StoreTest : public ::testing::TestWithParam<StoreKind> {
  protected:
    StoreTest() { reopen(); }

    void reopen() {
        store_.reset();
        auto opened = home_.open(loop_);
        ASSERT_TRUE(opened.ok()) << opened.message();
        store_ = *std::move(opened);
    }

    // Calls, waits, and returns what was answered.
    template <typename T, typename Call>
    Result<T> ask_on(Call call) {
        auto answer = std::make_shared<std::optional<Result<T>>>();
        call([answer](Result<T> result) { answer->emplace(std::move(result)); });
        EXPECT_TRUE(loop_.run_until([&] { return answer->has_value(); })) << "no answer";
        return answer->has_value() ? *std::move(*answer) : Result<T>(Error{"no answer"});
    }

    PollLoop loop_;
    StoreHome home_{GetParam()};
    std::unique_ptr<engine::Store> store_;
};

engine::UserRow a_user(const std::string& id, const std::string& email);
engine::ProjectRow a_project(const std::string& id, const std::string& owner);
engine::StoredFlow a_flow(const std::string& id, const std::string& project);
engine::NewRun a_run(const std::string& id, const std::string& delivery = {});
engine::JournalCommit a_commit(const std::string& run, std::int64_t sequence);

}  // namespace sallyport::test
