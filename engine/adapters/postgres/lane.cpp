#include "engine/adapters/postgres/lane.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace sallyport::engine {
namespace {

// Statements of a lane that are under way at once; more would only wait in the server's buffers.
constexpr std::size_t kEachMax = 64;

// What needs none comes first.
std::string_view name_of(const PostgresLane::Lock* lock) {
    return lock == nullptr ? std::string_view() : std::string_view(lock->name);
}

}  // namespace

PostgresLane::PostgresLane(Loop& loop, PostgresOptions options, Mode mode, Hooks hooks)
    : loop_(loop), options_(std::move(options)), mode_(mode), hooks_(std::move(hooks)) {
    connect();
}

PostgresLane::~PostgresLane() {
    if (retry_ != 0) {
        loop_.cancel(retry_);
    }
}

void PostgresLane::connect() {
    retry_ = 0;
    connection_ = std::make_unique<PostgresConnection>(
        loop_, options_,
        PostgresConnection::Events{[this] { on_up(); },
                                   [this](const std::string& problem) { on_down(problem); },
                                   [this](std::string_view channel, std::string_view payload) {
                                       if (hooks_.notice) {
                                           hooks_.notice(channel, payload);
                                       }
                                   }});
}

void PostgresLane::on_up() {
    ++epoch_;
    down_for_ms_ = 0;
    if (hooks_.up) {
        hooks_.up();
    }
    pump();
}

void PostgresLane::on_down(const std::string& problem) {
    connection_.reset();
    ++epoch_;
    for (auto job = under_way_.rbegin(); job != under_way_.rend(); ++job) {
        (*job)->uncertain = true;
        queue_.push_front(*job);
    }
    under_way_.clear();
    if (hooks_.down) {
        hooks_.down(problem);
    }
    if (mode_ == Mode::session || down_for_ms_ >= kGiveUpMs) {
        give_up();
    }
    down_for_ms_ += kReconnectMs;
    retry_ = loop_.after(kReconnectMs, [this] { connect(); });
}

// What was never sent can fail without a doubt.
void PostgresLane::give_up() {
    Jobs kept;
    Jobs lost;
    for (const auto& job : queue_) {
        (job->uncertain && mode_ != Mode::session ? kept : lost).push_back(job);
    }
    queue_ = std::move(kept);
    for (const auto& job : lost) {
        job->result = Error{"the database cannot be reached"};
        answer(job);
    }
}

void PostgresLane::answer(const std::shared_ptr<Job>& job) {
    bytes_ -= std::min(bytes_, job->statement.bytes());
    job->reply(std::move(job->result));
}

void PostgresLane::submit(PostgresStatement statement, Reply reply,
                          std::shared_ptr<const Lock> lock) {
    const std::size_t bytes = statement.bytes();
    if (queue_.size() >= kQueueMax || bytes_ + bytes > kQueueBytesMax) {
        loop_.post([reply = std::move(reply)] { reply(Error{"the store has too much to do"}); });
        return;
    }
    bytes_ += bytes;
    auto job = std::make_shared<Job>();
    job->statement = std::move(statement);
    job->reply = std::move(reply);
    job->lock = std::move(lock);
    queue_.push_back(std::move(job));
    // What is submitted in one turn of the loop goes out together.
    if (queue_.size() == 1) {
        loop_.post([this, alive = std::weak_ptr<bool>(alive_)] {
            if (!alive.expired()) {
                pump();
            }
        });
    }
}

void PostgresLane::pump() {
    if (connection_ == nullptr || !connection_->is_up()) {
        return;
    }
    if (mode_ == Mode::group) {
        pump_group();
        return;
    }
    while (!queue_.empty() && under_way_.size() < kEachMax && connection_->is_up()) {
        auto job = std::move(queue_.front());
        queue_.pop_front();
        under_way_.push_back(job);
        send_alone(job);
    }
}

void PostgresLane::send(const std::shared_ptr<Job>& job) {
    connection_->send(job->statement,
                      [job](Result<PostgresRows> rows) { job->result = std::move(rows); });
}

// When it fails, so does what follows it.
void PostgresLane::send_lock(const Job& job) {
    connection_->send(job.lock->take, [](const Result<PostgresRows>&) {});
}

void PostgresLane::send_alone(const std::shared_ptr<Job>& job) {
    if (job->lock != nullptr) {
        send_lock(*job);
    }
    send(job);
    connection_->sync([this, job] { alone_done(job); });
}

void PostgresLane::alone_done(const std::shared_ptr<Job>& job) {
    under_way_.pop_front();  // answers come in order
    const bool last = under_way_.empty();
    answer(job);
    if (mode_ != Mode::group || last) {
        pump();
    }
}

void PostgresLane::pump_group() {
    if (!under_way_.empty() || queue_.empty()) {
        return;
    }
    std::size_t bytes = 0;
    bool locks = false;
    while (!queue_.empty() && under_way_.size() < kGroupMax && bytes < kGroupBytesMax) {
        bytes += queue_.front()->statement.bytes();
        locks = locks || queue_.front()->lock != nullptr;
        under_way_.push_back(std::move(queue_.front()));
        queue_.pop_front();
    }
    if (locks) {
        std::stable_sort(under_way_.begin(), under_way_.end(), [](const auto& a, const auto& b) {
            return name_of(a->lock.get()) < name_of(b->lock.get());
        });
    }
    std::string_view held;
    for (const auto& job : under_way_) {
        if (!connection_->is_up()) {
            return;  // on_down puts them back
        }
        if (name_of(job->lock.get()) != held) {
            held = name_of(job->lock.get());
            send_lock(*job);
        }
        send(job);
    }
    connection_->sync([this] { group_done(); });
}

void PostgresLane::group_done() {
    const bool failed = std::any_of(under_way_.begin(), under_way_.end(),
                                    [](const auto& job) { return !job->result.ok(); });
    if (failed && under_way_.size() > 1) {
        for (const auto& job : under_way_) {
            if (connection_->is_up()) {
                send_alone(job);
            }
        }
        return;
    }
    if (hooks_.group) {
        hooks_.group(under_way_.size());
    }
    const Jobs done = std::exchange(under_way_, {});
    for (const auto& job : done) {
        answer(job);
    }
    pump();
}

}  // namespace sallyport::engine
