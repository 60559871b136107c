#include "engine/adapters/retention.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::int64_t kFirstMs = 60'000;      // a start has better things to do
constexpr std::int64_t kIdleMs = 10 * 60'000;  // when nothing was too old
constexpr std::int64_t kBusyMs = 200;          // when more may be
constexpr std::size_t kPage = 200;

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

void Retention::look() {
    timer_ = 0;
    runs_.remove_old_runs(
        clock_.now_ms() - keep_ms_, kPage, [this](const Result<std::size_t>& removed) {
            if (!removed.ok()) {
                log_.write(LogLevel::error, "retention_failed",
                           {{"problem", Json::string(removed.message())}});
            }
            removed_ += removed.ok() ? *removed : 0;
            const bool more = removed.ok() && *removed == kPage;
            if (!more && removed_ > 0) {
                log_.write(LogLevel::info, "runs_removed",
                           {{"count", Json::integer(
                                          static_cast<std::int64_t>(std::exchange(removed_, 0)))}});
            }
            after(more ? kBusyMs : kIdleMs);
        });
}

}  // namespace sallyport::engine
