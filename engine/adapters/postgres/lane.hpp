// A connection that is kept up, and the statements that wait for it.
//
//   group:     changes that wait are sent together, in one transaction with one commit (one fsync);
//              when one of them fails, each is performed again in a transaction of its own.
//   each:      every statement is a transaction of its own; many are under way at once.
//   session:   as `each`, but nothing is sent again after the connection was lost: for statements
//              that belong to a transaction their caller has begun.
//
// A statement whose fate is unknown because the connection was lost is sent again: statements must
// come to the same result when they are performed twice.
#pragma once

#include "common/result.hpp"
#include "engine/adapters/postgres/connection.hpp"
#include "engine/ports/loop.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>

namespace sallyport::engine {

class PostgresLane {
  public:
    using Reply = PostgresConnection::Reply;
    enum class Mode { group, each, session };

    // Statements and bytes that wait at most; beyond it callers hear at once that it is too much.
    static constexpr std::size_t kQueueMax = 20'000;
    static constexpr std::size_t kQueueBytesMax = 256u << 20;
    // A group costs its largest member's latency to all: not more than this at once.
    static constexpr std::size_t kGroupMax = 512;
    static constexpr std::size_t kGroupBytesMax = 8u << 20;
    static constexpr std::int64_t kReconnectMs = 250;
    // Without a connection for this long, what was not sent yet fails.
    static constexpr std::int64_t kGiveUpMs = 5000;

    struct Hooks {
        std::function<void()> up;  // each time the connection stands, before anything is sent
        std::function<void(const std::string& problem)> down;
        std::function<void(std::string_view channel, std::string_view payload)> notice;
        std::function<void(std::size_t statements)> group;  // size of each group committed
    };

    // What a statement needs for itself until its transaction ends. A group takes it once for all
    // that need it, last of all and in the order of names: no two groups wait for each other. The
    // statements behind it see what others who had it have committed.
    struct Lock {
        std::string name;
        PostgresStatement take;
    };

    PostgresLane(Loop& loop, PostgresOptions options, Mode mode, Hooks hooks);
    ~PostgresLane();
    PostgresLane(const PostgresLane&) = delete;
    PostgresLane& operator=(const PostgresLane&) = delete;

    // `reply` is called once, on the loop, never from inside the call.
    void submit(PostgresStatement statement, Reply reply,
                std::shared_ptr<const Lock> lock = nullptr);
    // Changes whenever a connection comes or goes.
    std::uint64_t epoch() const { return epoch_; }
    std::size_t waiting() const { return queue_.size() + under_way_.size(); }

  private:
    struct Job {
        PostgresStatement statement;
        Reply reply;
        std::shared_ptr<const Lock> lock = nullptr;  // null: none
        bool uncertain = false;                      // was sent once, with unknown fate
        Result<PostgresRows> result = Error{"not performed"};
    };
    using Jobs = std::deque<std::shared_ptr<Job>>;  // shared with the replies under way

    void connect();
    void on_up();
    void on_down(const std::string& problem);
    void pump();
    void pump_group();
    void send(const std::shared_ptr<Job>& job);
    void send_lock(const Job& job);
    void send_alone(const std::shared_ptr<Job>& job);
    void group_done();
    void alone_done(const std::shared_ptr<Job>& job);
    void give_up();
    void answer(const std::shared_ptr<Job>& job);

    Loop& loop_;
    PostgresOptions options_;
    Mode mode_;
    Hooks hooks_;
    std::unique_ptr<PostgresConnection> connection_;
    Jobs queue_;
    Jobs under_way_;
    std::size_t bytes_ = 0;
    Loop::TimerId retry_ = 0;
    std::int64_t down_for_ms_ = 0;
    std::uint64_t epoch_ = 0;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // watched by posted tasks
};

}  // namespace sallyport::engine
