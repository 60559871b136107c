// One connection to PostgreSQL in libpq's pipeline mode, on the engine's loop: statements are sent
// without waiting for the answers of those before. Nothing here blocks but what `open_now` says.
// Nothing outside the PostgreSQL adapter includes this.
#pragma once

#include "common/result.hpp"
#include "engine/ports/loop.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

struct pg_conn;
struct pg_result;

namespace sallyport::engine {

// Keywords of libpq and their values, passwords among them: never logged.
using PostgresOptions = std::vector<std::pair<std::string, std::string>>;

// A nothing is NULL.
using PostgresParam = std::optional<std::string>;

// Text as the server takes it: valid UTF-8 without NUL; what is neither becomes U+FFFD.
std::string postgres_text(std::string_view text);

struct PostgresStatement {
    // Prepared under this name on first use; empty: parsed each time.
    std::string_view name;
    std::string sql;
    std::vector<PostgresParam> params;

    PostgresStatement& add(std::string_view text) {
        params.emplace_back(postgres_text(text));
        return *this;
    }
    PostgresStatement& add(std::int64_t value) {
        params.emplace_back(std::to_string(value));
        return *this;
    }
    PostgresStatement& add_bytea(std::string_view bytes);
    PostgresStatement& add_null_if_empty(std::string_view text) {
        params.push_back(text.empty() ? PostgresParam() : PostgresParam(postgres_text(text)));
        return *this;
    }
    std::size_t bytes() const;
};

// The rows of one statement. Cheap to copy.
class PostgresRows {
  public:
    PostgresRows() = default;
    explicit PostgresRows(pg_result* result);
    int count() const;
    std::string text(int row, int column) const;  // empty for NULL
    std::int64_t integer(int row, int column) const;
    bool boolean(int row, int column) const;

  private:
    std::shared_ptr<pg_result> result_;  // shared: results are handed on to several readers
};

class PostgresConnection {
  public:
    using Reply = std::function<void(Result<PostgresRows>)>;
    struct Events {
        std::function<void()> up;
        std::function<void(const std::string& problem)> down;  // once; the connection is of no use
        std::function<void(std::string_view channel, std::string_view payload)> notice;
    };

    // Begins to connect; `up` or `down` follows on the loop.
    PostgresConnection(Loop& loop, const PostgresOptions& options, Events events);
    ~PostgresConnection();
    PostgresConnection(const PostgresConnection&) = delete;
    PostgresConnection& operator=(const PostgresConnection&) = delete;

    bool is_up() const { return up_; }
    // REQUIRES: is_up(). `reply` is called on the loop, in order; not at all when the connection
    // goes down first.
    void send(const PostgresStatement& statement, Reply reply);
    // Ends a segment: an implicit transaction commits, what follows an error is performed again.
    void sync(std::function<void()> done);

  private:
    struct Pending {
        enum class Kind { prepare, query, sync };
        Kind kind = Kind::query;
        std::string name;  // of prepare
        Reply reply;
        std::function<void()> synced;
        std::optional<Result<PostgresRows>> result;
    };

    void watch(Loop::Interest interest);
    void on_ready(Loop::Ready ready);
    void go_on_connecting();
    void connected();
    bool take_result();
    void finish_front();
    void read_notices();
    void flush();
    void fail(const std::string& problem);

    Loop& loop_;
    Events events_;
    pg_conn* connection_ = nullptr;
    Loop::WatchId watch_ = 0;
    bool up_ = false;
    bool failed_ = false;
    int empty_ = 0;  // ends of results in a row
    std::deque<Pending> pending_;
    std::unordered_set<std::string> prepared_;
    // Tells callbacks that are under way that this is gone.
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

// A connection for the start: performs statements one after the other and waits for each. Not for
// the loop's thread once requests are served.
class PostgresSession {
  public:
    static Result<std::unique_ptr<PostgresSession>> open_now(const PostgresOptions& options);
    ~PostgresSession();
    PostgresSession(const PostgresSession&) = delete;
    PostgresSession& operator=(const PostgresSession&) = delete;

    Result<PostgresRows> query(const std::string& sql, const std::vector<PostgresParam>& params);
    // Several statements, without parameters.
    Status execute(const std::string& sql);

  private:
    explicit PostgresSession(pg_conn* connection) : connection_(connection) {}
    pg_conn* connection_;
};

// Takes libpq's own variables (PGPASSWORD, PGSERVICE …) out of the environment. The engine's
// settings name its database in full; the servers of steps are other people's, and what a step
// leaves out must not be filled in from here. REQUIRES: no other thread yet.
void forget_libpq_environment();

}  // namespace sallyport::engine
