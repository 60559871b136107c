#include "engine/adapters/postgres/connection.hpp"

#include "common/bytes.hpp"
#include "common/json.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <cstdlib>

namespace sallyport::engine {
namespace {

std::string one_line(const char* text) {
    std::string line(text == nullptr ? "" : text);
    while (!line.empty() && (line.back() == '\n' || line.back() == ' ')) {
        line.pop_back();
    }
    std::replace(line.begin(), line.end(), '\n', ' ');
    return line;
}

std::vector<const char*> pointers(const std::vector<PostgresParam>& params) {
    std::vector<const char*> out;
    out.reserve(params.size());
    for (const PostgresParam& param : params) {
        out.push_back(param ? param->c_str() : nullptr);
    }
    return out;
}

struct Keywords {
    explicit Keywords(const PostgresOptions& options) {
        for (const auto& [name, value] : options) {
            names.push_back(name.c_str());
            values.push_back(value.c_str());
        }
        names.push_back(nullptr);
        values.push_back(nullptr);
    }
    std::vector<const char*> names;
    std::vector<const char*> values;
};

// Ends of results in a row; libpq gives one a statement.
constexpr int kEmptyMax = 3;

// Notices of the server (a table that is there already) are not for standard error.
void ignore_notice(void*, const PGresult*) {}

}  // namespace

std::string postgres_text(std::string_view text) {
    const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x80 && c != '\0';
    });
    if (plain) {
        return std::string(text);
    }
    std::string out;
    const Json valid = Json::string(text);
    for (const char c : valid.text()) {
        if (c == '\0') {
            out += "\xef\xbf\xbd";
        } else {
            out += c;
        }
    }
    return out;
}

PostgresStatement& PostgresStatement::add_bytea(std::string_view bytes) {
    params.emplace_back("\\x" + hex_encode(as_bytes(bytes), bytes.size()));
    return *this;
}

std::size_t PostgresStatement::bytes() const {
    std::size_t sum = sql.size();
    for (const PostgresParam& param : params) {
        sum += param ? param->size() : 0;
    }
    return sum;
}

PostgresRows::PostgresRows(pg_result* result) : result_(result, PQclear) {}

int PostgresRows::count() const {
    return result_ ? PQntuples(result_.get()) : 0;
}

std::string PostgresRows::text(int row, int column) const {
    return std::string(PQgetvalue(result_.get(), row, column),
                       static_cast<std::size_t>(PQgetlength(result_.get(), row, column)));
}

std::int64_t PostgresRows::integer(int row, int column) const {
    return std::strtoll(PQgetvalue(result_.get(), row, column), nullptr, 10);
}

bool PostgresRows::boolean(int row, int column) const {
    return *PQgetvalue(result_.get(), row, column) == 't';
}

// ---- the connection on the loop

PostgresConnection::PostgresConnection(Loop& loop, const PostgresOptions& options, Events events)
    : loop_(loop), events_(std::move(events)) {
    const Keywords keywords(options);
    connection_ = PQconnectStartParams(keywords.names.data(), keywords.values.data(), 1);
    if (connection_ == nullptr || PQstatus(connection_) == CONNECTION_BAD) {
        loop_.post([this, alive = std::weak_ptr<bool>(alive_)] {
            if (!alive.expired()) {
                fail(connection_ == nullptr ? "no memory" : one_line(PQerrorMessage(connection_)));
            }
        });
        return;
    }
    PQsetNoticeReceiver(connection_, ignore_notice, nullptr);
    watch({.read = false, .write = true});
}

PostgresConnection::~PostgresConnection() {
    if (watch_ != 0) {
        loop_.unwatch(watch_);
    }
    PQfinish(connection_);
}

void PostgresConnection::watch(Loop::Interest interest) {
    if (watch_ != 0) {
        loop_.unwatch(watch_);
    }
    watch_ = loop_.watch(PQsocket(connection_), interest,
                         [this, alive = std::weak_ptr<bool>(alive_)](Loop::Ready ready) {
                             if (!alive.expired()) {
                                 on_ready(ready);
                             }
                         });
}

void PostgresConnection::go_on_connecting() {
    switch (PQconnectPoll(connection_)) {
        case PGRES_POLLING_READING:
            watch({.read = true, .write = false});  // the descriptor may be another by now
            return;
        case PGRES_POLLING_WRITING:
            watch({.read = false, .write = true});
            return;
        case PGRES_POLLING_OK:
            connected();
            return;
        case PGRES_POLLING_ACTIVE:
        case PGRES_POLLING_FAILED:
            fail(one_line(PQerrorMessage(connection_)));
            return;
    }
}

void PostgresConnection::connected() {
    if (PQsetnonblocking(connection_, 1) != 0 || PQenterPipelineMode(connection_) != 1) {
        fail(one_line(PQerrorMessage(connection_)));
        return;
    }
    up_ = true;
    watch({.read = true, .write = false});
    events_.up();
}

void PostgresConnection::on_ready(Loop::Ready ready) {
    if (failed_) {
        return;
    }
    if (!up_) {
        go_on_connecting();
        return;
    }
    const std::weak_ptr<bool> alive = alive_;
    if (ready.readable || ready.failed) {
        if (PQconsumeInput(connection_) != 1) {
            fail(one_line(PQerrorMessage(connection_)));
            return;
        }
        while (!alive.expired() && !failed_ && take_result()) {
        }
        if (alive.expired() || failed_) {
            return;
        }
        read_notices();
    }
    if (!alive.expired() && !failed_) {
        flush();
    }
}

// False when nothing more has come.
bool PostgresConnection::take_result() {
    if (pending_.empty() || PQisBusy(connection_) != 0) {
        return false;
    }
    PGresult* const result = PQgetResult(connection_);
    if (result == nullptr) {
        if (pending_.front().result) {
            finish_front();
            return true;
        }
        // The end of the results before; the next may have come with it.
        return ++empty_ < kEmptyMax;
    }
    empty_ = 0;
    PostgresRows rows(result);
    switch (PQresultStatus(result)) {
        case PGRES_PIPELINE_SYNC:
            finish_front();
            return true;
        case PGRES_COMMAND_OK:
        case PGRES_TUPLES_OK:
            pending_.front().result = std::move(rows);
            return true;
        case PGRES_PIPELINE_ABORTED:
            pending_.front().result = Error{"a statement before it failed"};
            return true;
        default:
            pending_.front().result =
                Error{"database: " + one_line(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY))};
            return true;
    }
}

void PostgresConnection::finish_front() {
    Pending front = std::move(pending_.front());
    pending_.pop_front();
    switch (front.kind) {
        case Pending::Kind::prepare:
            if (!front.result->ok()) {
                prepared_.erase(front.name);
            }
            return;
        case Pending::Kind::query:
            front.reply(*std::move(front.result));
            return;
        case Pending::Kind::sync:
            front.synced();
            return;
    }
}

void PostgresConnection::read_notices() {
    while (PGnotify* notice = PQnotifies(connection_)) {
        const std::string channel(notice->relname);
        const std::string payload(notice->extra);
        PQfreemem(notice);
        if (events_.notice) {
            events_.notice(channel, payload);
        }
    }
}

void PostgresConnection::send(const PostgresStatement& statement, Reply reply) {
    const auto params = pointers(statement.params);
    const int count = static_cast<int>(params.size());
    int sent = 1;
    if (statement.name.empty()) {
        sent = PQsendQueryParams(connection_, statement.sql.c_str(), count, nullptr, params.data(),
                                 nullptr, nullptr, 0);
    } else {
        const std::string name(statement.name);
        if (prepared_.insert(name).second) {
            sent = PQsendPrepare(connection_, name.c_str(), statement.sql.c_str(), 0, nullptr);
            pending_.push_back({Pending::Kind::prepare, name, {}, {}, {}});
        }
        if (sent == 1) {
            sent = PQsendQueryPrepared(connection_, name.c_str(), count, params.data(), nullptr,
                                       nullptr, 0);
        }
    }
    pending_.push_back({Pending::Kind::query, {}, std::move(reply), {}, {}});
    if (sent != 1) {
        fail(one_line(PQerrorMessage(connection_)));
    }
}

void PostgresConnection::sync(std::function<void()> done) {
    if (failed_) {
        return;
    }
    pending_.push_back({Pending::Kind::sync, {}, {}, std::move(done), {}});
    if (PQpipelineSync(connection_) != 1) {
        fail(one_line(PQerrorMessage(connection_)));
        return;
    }
    flush();
}

void PostgresConnection::flush() {
    const int left = PQflush(connection_);
    if (left < 0) {
        fail(one_line(PQerrorMessage(connection_)));
        return;
    }
    if (watch_ != 0) {
        loop_.change(watch_, {.read = true, .write = left > 0});
    }
}

// Reported from the loop, so that whoever called is not destroyed in the middle.
void PostgresConnection::fail(const std::string& problem) {
    if (failed_) {
        return;
    }
    failed_ = true;
    up_ = false;
    if (watch_ != 0) {
        loop_.unwatch(std::exchange(watch_, 0));
    }
    loop_.post([this, problem, alive = std::weak_ptr<bool>(alive_)] {
        if (!alive.expired()) {
            events_.down(problem);
        }
    });
}

// ---- the connection of the start

Result<std::unique_ptr<PostgresSession>> PostgresSession::open_now(const PostgresOptions& options) {
    const Keywords keywords(options);
    PGconn* connection = PQconnectdbParams(keywords.names.data(), keywords.values.data(), 1);
    std::unique_ptr<PostgresSession> session(new PostgresSession(connection));
    if (connection == nullptr || PQstatus(connection) != CONNECTION_OK) {
        return Error{"cannot reach PostgreSQL: " + one_line(PQerrorMessage(connection))};
    }
    PQsetNoticeReceiver(connection, ignore_notice, nullptr);
    return session;
}

PostgresSession::~PostgresSession() {
    PQfinish(connection_);
}

Result<PostgresRows> PostgresSession::query(const std::string& sql,
                                            const std::vector<PostgresParam>& params) {
    const auto values = pointers(params);
    PGresult* result = PQexecParams(connection_, sql.c_str(), static_cast<int>(values.size()),
                                    nullptr, values.data(), nullptr, nullptr, 0);
    PostgresRows rows(result);
    const ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        return Error{"database: " + one_line(PQerrorMessage(connection_))};
    }
    return rows;
}

Status PostgresSession::execute(const std::string& sql) {
    PGresult* result = PQexec(connection_, sql.c_str());
    const PostgresRows owner(result);
    const ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        return Error{"database: " + one_line(PQerrorMessage(connection_))};
    }
    return Done{};
}

void forget_libpq_environment() {
    unsetenv("PGSERVICE");  // one that is not defined leaves libpq without a list
    PQconninfoOption* const known = PQconndefaults();
    for (const PQconninfoOption* one = known; one != nullptr && one->keyword != nullptr; ++one) {
        if (one->envvar != nullptr) {
            unsetenv(one->envvar);
        }
    }
    PQconninfoFree(known);
}

}  // namespace sallyport::engine
