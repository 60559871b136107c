// The Postgres piece's steps: one connection a query, to a checked address; one statement, its
// values as parameters; bounded in time, rows and bytes.
#include "common/bytes.hpp"
#include "engine/adapters/steps/service_steps.hpp"
#include "engine/core/pieces/input.hpp"
#include "engine/core/pieces/sql.hpp"

#include <libpq-fe.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace sallyport::engine {
namespace {

constexpr std::uint16_t kPort = 5432;
constexpr const char* kSystemAuthorities = "/etc/ssl/certs/ca-certificates.crt";

struct ConnectionDelete {
    void operator()(PGconn* connection) const { PQfinish(connection); }
    void operator()(PGresult* result) const { PQclear(result); }
};
using Connection = std::unique_ptr<PGconn, ConnectionDelete>;
using Rows = std::unique_ptr<PGresult, ConnectionDelete>;

std::string one_line(const char* text) {
    std::string line(text == nullptr ? "" : text);
    std::replace(line.begin(), line.end(), '\n', ' ');
    while (line.ends_with(' ')) {
        line.pop_back();
    }
    return line;
}

// A text as a file that libpq can open: it takes certificates by name alone.
class TextFile {
  public:
    explicit TextFile(const std::string& text) {
        if (text.empty()) {
            return;
        }
        fd_ = ::memfd_create("certificate", MFD_CLOEXEC);
        if (fd_ >= 0 &&
            ::write(fd_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
            ::close(std::exchange(fd_, -1));
        }
    }
    ~TextFile() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }
    TextFile(const TextFile&) = delete;
    TextFile& operator=(const TextFile&) = delete;
    std::string path() const { return fd_ < 0 ? "" : "/proc/self/fd/" + std::to_string(fd_); }

  private:
    int fd_ = -1;
};

using Settings = std::vector<std::pair<std::string, std::string>>;

Settings settings_of(const PostgresServerInput& server, const ServiceAddress& address,
                     const std::string& authorities, const SqlQuery& query,
                     const std::string& name) {
    std::string hosts;
    std::string addresses;
    std::string ports;
    for (const IpAddress& one : address.addresses) {
        const std::string comma = addresses.empty() ? "" : ",";
        addresses += comma + one.to_string();
        hosts += comma + address.host;
        ports += comma + std::to_string(address.port);
    }
    return {{"hostaddr", addresses},
            {"host", hosts},
            {"port", ports},
            {"user", server.user},
            {"password", server.password},
            {"dbname", server.database},
            {"application_name", name},
            {"client_encoding", "UTF8"},
            {"sslmode", !server.tls     ? "disable"
                        : server.verify ? "verify-full"
                                        : "require"},
            {"sslrootcert", server.tls && server.verify ? authorities : "/nonexistent"},
            // Nothing of the engine's own account is offered to a foreign server.
            {"sslcert", "/nonexistent"},
            {"sslkey", "/nonexistent"},
            {"sslcrl", ""},
            {"passfile", "/nonexistent"},
            {"gssencmode", "disable"},
            {"options", "-c TimeZone=UTC -c DateStyle=ISO -c statement_timeout=" +
                            std::to_string(query.time_ms)}};
}

using Until = std::chrono::steady_clock::time_point;

// False when the step is to stop, or has waited long enough.
bool wait_for(PGconn* connection, short events, const StepStop& stop, Until until = Until::max()) {
    while (!stop.asked() && std::chrono::steady_clock::now() < until) {
        pollfd one{PQsocket(connection), events, 0};
        if (::poll(&one, 1, StepThreads::kTurnMs) != 0) {
            return true;
        }
    }
    return false;
}

constexpr const char* kOutOfTime = "the server did not answer in time";

// Null with `problem` when there is none to be had.
Connection connect(const Settings& settings, std::int64_t time_ms, const StepStop& stop,
                   std::string& problem) {
    const Until until = std::chrono::steady_clock::now() + std::chrono::milliseconds(time_ms);
    std::vector<const char*> names;
    std::vector<const char*> values;
    for (const auto& [name, value] : settings) {
        names.push_back(name.c_str());
        values.push_back(value.c_str());
    }
    names.push_back(nullptr);
    values.push_back(nullptr);
    // The name of a database is a name, never another list of settings.
    Connection connection(PQconnectStartParams(names.data(), values.data(), 0));
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    while (connection != nullptr && PQstatus(connection.get()) != CONNECTION_BAD &&
           status != PGRES_POLLING_OK && status != PGRES_POLLING_FAILED) {
        if (!wait_for(connection.get(), status == PGRES_POLLING_READING ? POLLIN : POLLOUT, stop,
                      until)) {
            problem = kOutOfTime;
            return nullptr;
        }
        status = PQconnectPoll(connection.get());
    }
    if (connection == nullptr || PQstatus(connection.get()) != CONNECTION_OK) {
        problem = connection == nullptr ? "no memory" : one_line(PQerrorMessage(connection.get()));
        return nullptr;
    }
    PQsetNoticeReceiver(
        connection.get(), [](void*, const PGresult*) {}, nullptr);
    return connection;
}

Json row_json(const PGresult* rows, int row, std::size_t& bytes) {
    Json json = Json::object();
    for (int column = 0; column < PQnfields(rows); ++column) {
        const char* const name = PQfname(rows, column);
        if (PQgetisnull(rows, row, column) != 0) {
            json.set(name, Json::null());
            continue;
        }
        const std::string_view text(PQgetvalue(rows, row, column),
                                    static_cast<std::size_t>(PQgetlength(rows, row, column)));
        bytes += text.size();
        json.set(name, postgres_value(PQftype(rows, column), text));
    }
    return json;
}

struct Answer {
    Json rows = Json::array();
    std::size_t bytes = 0;
    std::int64_t changed = 0;
    bool full = false;
    std::string problem;
};

void take(PGresult* result, const SqlQuery& query, Answer& answer) {
    switch (PQresultStatus(result)) {
        case PGRES_SINGLE_TUPLE:
            answer.rows.append(row_json(result, 0, answer.bytes));
            if (answer.rows.size() > static_cast<std::size_t>(query.rows_max) ||
                answer.bytes > kSqlBytesMax) {
                answer.full = query.may_be_cut;
                answer.problem = query.may_be_cut ? ""
                                                  : "the answer has more than " +
                                                        std::to_string(query.rows_max) +
                                                        " rows or 8 MB; ask for less (LIMIT)";
            }
            return;
        case PGRES_COMMAND_OK:
            answer.changed = static_cast<std::int64_t>(parse_u64(PQcmdTuples(result)).value_or(0));
            return;
        case PGRES_TUPLES_OK:
        case PGRES_EMPTY_QUERY:
            return;
        case PGRES_COPY_IN:
        case PGRES_COPY_OUT:
        case PGRES_COPY_BOTH:
            answer.problem = "COPY is not for a step";
            return;
        default:
            answer.problem = one_line(PQresultErrorMessage(result));
            if (answer.problem.empty()) {
                answer.problem = "the server ended the query";
            }
            return;
    }
}

// Null when there is none any more, or with a `problem`.
Rows next_result(PGconn* connection, const StepStop& stop, std::string& problem) {
    while (PQisBusy(connection) != 0) {
        if (!wait_for(connection, POLLIN, stop)) {
            problem = kOutOfTime;
            return nullptr;
        }
        if (PQconsumeInput(connection) != 1) {
            problem = one_line(PQerrorMessage(connection));
            return nullptr;
        }
    }
    return Rows(PQgetResult(connection));
}

// The last result of what was sent; null with a `problem`.
Rows only_result(PGconn* connection, int sent, const StepStop& stop, std::string& problem) {
    problem = sent == 1 ? "" : one_line(PQerrorMessage(connection));
    Rows last;
    while (problem.empty()) {
        Rows rows = next_result(connection, stop, problem);
        if (rows == nullptr) {
            break;
        }
        if (PQresultStatus(rows.get()) == PGRES_FATAL_ERROR) {
            problem = one_line(PQresultErrorMessage(rows.get()));
        }
        last = std::move(rows);
    }
    return problem.empty() ? std::move(last) : nullptr;
}

using Texts = std::vector<std::optional<std::string>>;

// Asks the server what it wants, and writes texts of lists as arrays where it wants those. Leaves
// the statement prepared.
void write_lists(PGconn* connection, const SqlQuery& query, Texts& texts, const StepStop& stop,
                 std::string& problem) {
    only_result(connection, PQsendPrepare(connection, "", query.text.c_str(), 0, nullptr), stop,
                problem);
    if (!problem.empty()) {
        return;
    }
    const Rows wanted =
        only_result(connection, PQsendDescribePrepared(connection, ""), stop, problem);
    for (std::size_t i = 0; wanted != nullptr && i < texts.size(); ++i) {
        const Json value = query.arguments.at(i);
        if (value.text().starts_with('[') &&
            is_postgres_array(PQparamtype(wanted.get(), static_cast<int>(i)))) {
            const Result<Json> list = Json::parse(value.text());
            texts[i] = list.ok() ? postgres_argument(*list) : texts[i];
        }
    }
}

StepResult ask(PGconn* connection, const SqlQuery& query, const StepStop& stop) {
    Texts texts;
    query.arguments.each_element(
        [&texts](const Json& value) { texts.push_back(postgres_argument(value)); });
    std::string problem;
    if (query.texts_of_lists) {
        write_lists(connection, query, texts, stop, problem);
        if (!problem.empty()) {
            return step_failed("postgres: " + problem);
        }
    }
    std::vector<const char*> values;
    for (const auto& text : texts) {
        values.push_back(text ? text->c_str() : nullptr);
    }
    // The extended protocol: one statement, whatever stands behind a semicolon.
    const int count = static_cast<int>(values.size());
    const int sent =
        query.texts_of_lists
            ? PQsendQueryPrepared(connection, "", count, values.data(), nullptr, nullptr, 0)
            : PQsendQueryParams(connection, query.text.c_str(), count, nullptr, values.data(),
                                nullptr, nullptr, 0);
    if (sent != 1) {
        return step_failed("postgres: " + one_line(PQerrorMessage(connection)));
    }
    PQsetSingleRowMode(connection);
    Answer answer;
    while (true) {
        const Rows rows = next_result(connection, stop, problem);
        if (!problem.empty()) {
            return step_failed("postgres: " + problem);
        }
        if (rows == nullptr) {
            return step_succeeded(sql_output(query.gives, answer.rows, answer.changed));
        }
        take(rows.get(), query, answer);
        if (!answer.problem.empty()) {
            return step_failed("postgres: " + answer.problem);
        }
        if (answer.full) {
            return step_succeeded(sql_output(query.gives, answer.rows, answer.changed));
        }
    }
}

}  // namespace

StepCancel ask_postgres(ServiceSteps& services, const Json& auth, SqlQuery query,
                        const std::string& application, const std::string& tenant,
                        std::int64_t time_left_ms, StepDone done) {
    const Result<PostgresServerInput> server = postgres_server(auth);
    if (!server.ok()) {
        done(step_failed(server.message()));
        return {};
    }
    query.time_ms = std::max<std::int64_t>(1, std::min(query.time_ms, time_left_ms));
    const auto what = std::make_shared<const SqlQuery>(std::move(query));
    return perform_at(
        services, server->host, server->port, {kPort}, tenant, what->time_ms,
        [&services, server = *server, what, application](const ServiceAddress& address,
                                                         const StepStop& stop) {
            const TextFile certificate(server.certificate);
            const std::string authorities = !server.certificate.empty() ? certificate.path()
                                            : services.ca_file.empty()  ? kSystemAuthorities
                                                                        : services.ca_file;
            std::string problem;
            const Connection connection =
                connect(settings_of(server, address, authorities, *what, application),
                        what->connect_ms, stop, problem);
            return connection == nullptr ? step_failed("postgres: " + problem)
                                         : ask(connection.get(), *what, stop);
        },
        std::move(done));
}

StepCancel perform_postgres(ServiceSteps& services, const StepCall& call, StepDone done) {
    Result<SqlQuery> query = postgres_query(call.step.action, call.step.settings, call.input);
    if (!query.ok()) {
        done(step_failed(query.message()));
        return {};
    }
    return ask_postgres(services, call.input["auth"], *std::move(query),
                        *input_text_or(call.input, "application_name", "sallyport"),
                        call.project_id, call.time_left_ms, std::move(done));
}

}  // namespace sallyport::engine
