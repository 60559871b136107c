#include "engine/adapters/postgres/store.hpp"

#include "engine/adapters/postgres/schema.hpp"
#include "engine/adapters/postgres/transaction.hpp"

#include <utility>

namespace sallyport::engine {

Result<std::unique_ptr<PostgresStore>> PostgresStore::open(PostgresStoreOptions options, Loop& loop,
                                                           const Clock& clock, Log& log) {
    auto session = PostgresSession::open_now(options.connection);
    if (!session.ok()) {
        return session.error();
    }
    const Status migrated = migrate_postgres(**session, clock.now_ms());
    if (!migrated.ok()) {
        return migrated.error();
    }
    if (options.tell_time) {
        const Status told = PostgresPresence::ask_time(**session, options.tell_time);
        if (!told.ok()) {
            return told.error();
        }
    }
    const auto number = PostgresPresence::draw_number(**session);
    if (!number.ok()) {
        return number.error();
    }
    return std::unique_ptr<PostgresStore>(
        new PostgresStore(std::move(options), loop, *number, log));
}

PostgresStore::PostgresStore(PostgresStoreOptions options, Loop& loop, std::int64_t number,
                             Log& log)
    : loop_(loop),
      number_(number),
      bus_(options.bus),
      presence_(std::make_unique<PostgresPresence>(loop, options.connection, number, log,
                                                   options.tell_time)) {
    const auto lane = [&](PostgresLane::Mode mode, PostgresLane::Hooks hooks) {
        return std::make_unique<PostgresLane>(loop, options.connection, mode, std::move(hooks));
    };
    writer_ = lane(PostgresLane::Mode::group, {{}, {}, {}, [this](std::size_t changes) {
                                                   commits_.groups += 1;
                                                   commits_.changes += changes;
                                               }});
    session_ = lane(PostgresLane::Mode::session, {});
    for (std::size_t i = 0; i < options.readers; ++i) {
        readers_.push_back(lane(PostgresLane::Mode::each, {}));
    }
}

PostgresStore::~PostgresStore() {
    if (bus_ != nullptr) {
        bus_->set_hooks({});
    }
}

void PostgresStore::on_notice(std::function<void(const StoreNotice&)> notice) {
    if (bus_ != nullptr) {
        bus_->set_hooks({[notice](const std::string& id) {
                             notice({StoreNotice::Kind::run_done, id});
                         },
                         [this](const std::string& id) { tell_done(id); },
                         [notice] {
                             notice({StoreNotice::Kind::may_be_done, {}});
                         }});
    }
    presence_->on_notice(std::move(notice));
}

// The bus first; the database tells what it could not.
void PostgresStore::tell_done(const std::string& run_id) {
    if (bus_ != nullptr && bus_->is_up()) {
        return bus_->tell(run_id);
    }
    PostgresStatement notify{
        "tell_done", "SELECT pg_notify('" + std::string(kRunDoneChannel) + "', $1::text)", {}};
    writer_->submit(std::move(notify.add(run_id)), [](const Result<PostgresRows>&) {});
}

PostgresLane& PostgresStore::reader() {
    next_reader_ = (next_reader_ + 1) % readers_.size();
    return *readers_[next_reader_];
}

// One at a time: they share a connection.
void PostgresStore::transact(Work work) {
    transactions_.push_back(std::move(work));
    if (!transacting_) {
        next_transaction();
    }
}

void PostgresStore::next_transaction() {
    transacting_ = !transactions_.empty();
    if (!transacting_) {
        return;
    }
    const Work work = std::move(transactions_.front());
    transactions_.pop_front();
    const auto transaction = std::make_shared<Transaction>(*this);
    transaction->begin();
    work(transaction);
}

}  // namespace sallyport::engine
