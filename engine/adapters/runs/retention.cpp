#include "engine/adapters/runs/retention.hpp"

#include "engine/adapters/steps/store_steps.hpp"
#include "engine/core/calendar_month.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::int64_t kFirstMs = 60'000;      // a start has better things to do
constexpr std::int64_t kIdleMs = 10 * 60'000;  // when nothing was too old
constexpr std::int64_t kBusyMs = 200;          // when more may be
constexpr std::size_t kRetentionPage = 200;
constexpr std::size_t kFilePage = 20;  // each may have megabytes

}  // namespace

void Retention::start() {
    after(kFirstMs);
}

void Retention::stop() {
    loop_.cancel(std::exchange(timer_, 0));
}

void Retention::after(std::int64_t delay_ms) {
    timer_ = loop_.after(delay_ms, [this] { look(); });
}

void Retention::note(const Result<std::size_t>& removed) {
    if (!removed.ok()) {
        log_.write(LogLevel::error, "retention_failed",
                   {{"problem", Json::string(removed.message())}});
    }
}

// A whole page says that there may be more.
void Retention::go_on(const Result<std::size_t>& removed, std::size_t page,
                      const std::function<void()>& next) {
    note(removed);
    removed.ok() && *removed == page ? after(kBusyMs) : next();
}

void Retention::look() {
    timer_ = 0;
    store_.remove_old_runs(clock_.now_ms() - keep_.runs_ms, kRetentionPage,
                           [this](const Result<std::size_t>& removed) {
                               note(removed);
                               removed_ += removed.ok() ? *removed : 0;
                               if (removed.ok() && *removed == kRetentionPage) {
                                   return after(kBusyMs);
                               }
                               if (removed_ > 0) {
                                   log_.write(LogLevel::info, "runs_removed",
                                              {{"count", Json::integer(static_cast<std::int64_t>(
                                                             std::exchange(removed_, 0)))}});
                               }
                               look_at_files();
                           });
}

// Nothing refers to them once the runs that made them are gone.
void Retention::look_at_files() {
    files_.remove_old(clock_.now_ms() - keep_.runs_ms, kFilePage,
                      [this](const Result<std::size_t>& removed) {
                          go_on(removed, kFilePage, [this] { look_at_objects(); });
                      });
}

// When they cannot be reached they are looked for again later.
void Retention::look_at_objects() {
    files_.remove_old_objects(clock_.now_ms() - keep_.runs_ms, kFilePage,
                              [this](const Result<std::size_t>& removed) {
                                  go_on(removed, kFilePage, [this] { look_at_audit(); });
                              });
}

void Retention::look_at_audit() {
    store_.remove_old_entities("audit_event", clock_.now_ms() - keep_.audit_ms, kRetentionPage,
                               [this](const Result<std::size_t>& removed) {
                                   go_on(removed, kRetentionPage, [this] { look_at_notes(); });
                               });
}

// Nobody comes back to a step whose run is gone.
void Retention::look_at_notes() {
    store_.remove_old_entities(kStepNoteKind, clock_.now_ms() - keep_.runs_ms, kRetentionPage,
                               [this](const Result<std::size_t>& removed) {
                                   go_on(removed, kRetentionPage, [this] { look_at_counts(); });
                               });
}

// Of one month more than is counted in: clocks of several engines are not quite one.
void Retention::look_at_counts() {
    store_.forget_counts(month_before(clock_.now_ms()), [this](const Status& forgotten) {
        note(forgotten.ok() ? Result<std::size_t>(0) : forgotten.error());
        after(kIdleMs);
    });
}

}  // namespace sallyport::engine
