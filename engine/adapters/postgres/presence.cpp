#include "engine/adapters/postgres/presence.hpp"

#include <chrono>
#include <utility>

namespace sallyport::engine {
namespace {

// The first half of the lock's key; the second is the process's number. Zero is for migrations.
constexpr std::string_view kLockClass = "1396788336";
// A lock that is free may be taken again in a moment: so long its beat counts.
constexpr std::string_view kBeatFresh = "interval '3 seconds'";
// A lock that is held by a process that does nothing any more.
constexpr std::string_view kBeatFrozen = "interval '30 seconds'";
// Numbers of processes that are long gone.
constexpr const char* kForgetSql =
    "DELETE FROM engine_process WHERE beat < clock_timestamp() - interval '1 day'";
constexpr std::string_view kNowMs = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";
// An answer that took longer says too little of what time it is.
constexpr std::chrono::milliseconds kPromptAnswer{500};

using Steady = std::chrono::steady_clock;

}  // namespace

Status PostgresPresence::ask_time(PostgresSession& session, const TellTime& tell_time) {
    const auto now = session.query("SELECT " + std::string(kNowMs), {});
    if (!now.ok()) {
        return now.error();
    }
    tell_time(now->integer(0, 0));
    return Done{};
}

Result<std::int64_t> PostgresPresence::draw_number(PostgresSession& session) {
    const auto drawn = session.query(
        "INSERT INTO engine_process (number, beat) "
        "VALUES (nextval('engine_number'), clock_timestamp()) RETURNING number",
        {});
    if (!drawn.ok()) {
        return drawn.error();
    }
    const Status forgot = session.execute(kForgetSql);
    return forgot.ok() ? Result<std::int64_t>(drawn->integer(0, 0)) : forgot.error();
}

std::string PostgresPresence::gone(std::string_view column) {
    std::string number(column);
    return "NOT EXISTS (SELECT 1 FROM engine_process p WHERE p.number = " + number +
           " AND (p.beat > clock_timestamp() - " + std::string(kBeatFresh) +
           " OR (p.beat > clock_timestamp() - " + std::string(kBeatFrozen) +
           " AND EXISTS (SELECT 1 FROM pg_locks l WHERE l.locktype = 'advisory' "
           "AND l.classid = " +
           std::string(kLockClass) +
           " AND l.objid::bigint = p.number AND l.objsubid = 2 AND l.granted "
           "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())))))";
}

std::string PostgresPresence::free_or_gone() {
    return "(owner = 0 OR owner = $1::integer OR " + gone("run.owner") + ")";
}

PostgresPresence::PostgresPresence(Loop& loop, const PostgresOptions& options, std::int64_t number,
                                   Log& log, TellTime tell_time)
    : loop_(loop), log_(log), number_(number), tell_time_(std::move(tell_time)) {
    lane_ = std::make_unique<PostgresLane>(
        loop, options, PostgresLane::Mode::session,
        PostgresLane::Hooks{[this] { on_up(); },
                            [this](const std::string& problem) { on_down(problem); },
                            [this](std::string_view channel, std::string_view payload) {
                                on_message(channel, payload);
                            },
                            {}});
    beat();
}

PostgresPresence::~PostgresPresence() {
    loop_.cancel(beat_timer_);
    loop_.cancel(grace_timer_);
}

void PostgresPresence::on_up() {
    const auto ignore = [](const Result<PostgresRows>&) {};
    PostgresStatement lock{
        {}, "SELECT pg_try_advisory_lock(" + std::string(kLockClass) + ", $1::integer)", {}};
    lane_->submit(std::move(lock.add(number_)), ignore);
    for (const std::string_view channel : {kRunDoneChannel, kFlowChangedChannel}) {
        lane_->submit({{}, "LISTEN " + std::string(channel), {}}, ignore);
    }
    if (!may_claim_) {
        grace_timer_ = loop_.after(kGraceMs, [this] { may_claim_ = true; });
    }
    if (std::exchange(was_up_, true)) {
        log_.write(LogLevel::info, "database_back", {});
        if (notice_) {
            notice_({StoreNotice::Kind::missed, {}});
        }
    }
}

void PostgresPresence::on_down(const std::string& problem) {
    if (may_claim_ && was_up_) {
        log_.write(LogLevel::error, "database_lost", {{"problem", Json::string(problem)}});
    }
    may_claim_ = false;
    loop_.cancel(grace_timer_);
}

void PostgresPresence::on_message(std::string_view channel, std::string_view payload) {
    if (!notice_) {
        return;
    }
    const auto kind =
        channel == kRunDoneChannel ? StoreNotice::Kind::run_done : StoreNotice::Kind::flow_changed;
    notice_({kind, std::string(payload)});
}

void PostgresPresence::beat() {
    PostgresStatement statement{
        "beat",
        "INSERT INTO engine_process (number, beat) VALUES ($1, clock_timestamp()) "
        "ON CONFLICT (number) DO UPDATE SET beat = excluded.beat RETURNING " +
            std::string(kNowMs),
        {}};
    lane_->submit(std::move(statement.add(number_)),
                  [this, asked = Steady::now()](const Result<PostgresRows>& rows) {
                      if (rows.ok() && tell_time_ && Steady::now() - asked < kPromptAnswer) {
                          tell_time_(rows->integer(0, 0));
                      }
                  });
    beat_timer_ = loop_.after(kBeatMs, [this] { beat(); });
}

}  // namespace sallyport::engine
