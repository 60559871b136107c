// That this process lives, for the others on the same database: a number of its own, an advisory
// lock that ends with its connection, and a beat. Hears what the others announce (LISTEN).
//
// A process counts as gone when its lock is free and its beat is old, or when it has not beaten for
// long although its lock is held (a stopped machine, a frozen process). Its runs are then
// anybody's; should it live on after all, its commits are refused because the runs have another
// owner.
#pragma once

#include "common/result.hpp"
#include "engine/adapters/postgres/lane.hpp"
#include "engine/ports/log.hpp"
#include "engine/ports/loop.hpp"
#include "engine/ports/store.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace sallyport::engine {

class PostgresPresence {
  public:
    using TellTime = std::function<void(std::int64_t now_ms)>;
    static constexpr std::int64_t kBeatMs = 1000;
    // After the database was away everybody's lock is free for a moment: no claims so long.
    static constexpr std::int64_t kGraceMs = 10'000;

    // `number` is from draw_number; its beat is fresh.
    PostgresPresence(Loop& loop, const PostgresOptions& options, std::int64_t number, Log& log,
                     TellTime tell_time);
    ~PostgresPresence();
    PostgresPresence(const PostgresPresence&) = delete;
    PostgresPresence& operator=(const PostgresPresence&) = delete;

    // What time it is for the database.
    static Status ask_time(PostgresSession& session, const TellTime& tell_time);
    // A number nobody else has, with a first beat.
    static Result<std::int64_t> draw_number(PostgresSession& session);

    std::int64_t number() const { return number_; }
    bool may_claim() const { return may_claim_; }
    void on_notice(std::function<void(const StoreNotice&)> notice) { notice_ = std::move(notice); }

    // SQL: whether the process whose number is in `column` is gone.
    static std::string gone(std::string_view column);
    // SQL: whether a run is nobody's, this process's ($1), or that of a process which is gone.
    static std::string free_or_gone();

  private:
    void on_up();
    void on_down(const std::string& problem);
    void on_message(std::string_view channel, std::string_view payload);
    void beat();

    Loop& loop_;
    Log& log_;
    std::int64_t number_;
    bool may_claim_ = true;
    bool was_up_ = false;
    TellTime tell_time_;
    std::function<void(const StoreNotice&)> notice_;
    Loop::TimerId beat_timer_ = 0;
    Loop::TimerId grace_timer_ = 0;
    std::unique_ptr<PostgresLane> lane_;
};

inline constexpr std::string_view kRunDoneChannel = "sallyport_run_done";
inline constexpr std::string_view kFlowChangedChannel = "sallyport_flow_changed";

}  // namespace sallyport::engine
