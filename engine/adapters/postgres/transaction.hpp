// A transaction that reads before it writes: for the sources of the PostgreSQL store alone.
#pragma once

#include "engine/adapters/postgres/store.hpp"

namespace sallyport::engine {

class PostgresStore::Transaction : public std::enable_shared_from_this<Transaction> {
  public:
    explicit Transaction(PostgresStore& store) : store_(store) {}

    void begin() {
        query({{}, "BEGIN", {}}, [self = shared_from_this()](const Result<PostgresRows>& rows) {
            self->note(rows);
            self->epoch_ = self->store_.session_->epoch();
        });
    }
    // On another connection than BEGIN was, a statement would be a transaction of its own.
    void query(PostgresStatement statement, Reply reply) {
        if (epoch_ && *epoch_ != store_.session_->epoch()) {
            store_.loop_.post([reply = std::move(reply)] { reply(Error{kLost}); });
            return;
        }
        store_.session_->submit(std::move(statement), std::move(reply));
    }
    // A failed statement fails what follows, and the end.
    void query(PostgresStatement statement) {
        query(std::move(statement),
              [self = shared_from_this()](const Result<PostgresRows>& rows) { self->note(rows); });
    }
    // COMMIT, or ROLLBACK when something failed or `keep` is false. To be called exactly once.
    void end(bool keep, std::function<void(Status)> done) {
        query(
            {{}, keep ? "COMMIT" : "ROLLBACK", {}},
            [self = shared_from_this(), done = std::move(done)](const Result<PostgresRows>& rows) {
                done(self->problem_ ? Status(*self->problem_)
                     : rows.ok()    ? Status(Done{})
                                    : Status(rows.error()));
                self->store_.next_transaction();
            });
    }

  private:
    static constexpr const char* kLost = "the connection to the database was lost";

    void note(const Result<PostgresRows>& rows) {
        if (!rows.ok() && !problem_) {
            problem_ = rows.error();
        }
    }

    PostgresStore& store_;
    std::optional<std::uint64_t> epoch_;  // once it has begun
    std::optional<Error> problem_;
};

}  // namespace sallyport::engine
