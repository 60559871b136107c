// Steps that connect to a server by a protocol of its own, mail and PostgreSQL, and to databases in
// files. What they have in common: where they may connect to, the threads they wait on, their
// bounds.
#pragma once

#include "engine/adapters/http/service_address.hpp"
#include "engine/adapters/steps/step_call.hpp"
#include "engine/adapters/steps/step_threads.hpp"
#include "engine/core/pieces/sql.hpp"

#include <functional>
#include <string>

namespace sallyport::engine {

struct ServiceSteps {
    ServiceResolver resolver;
    StepThreads threads;
    std::string ca_file;          // PEM; empty: the system's
    std::string database_folder;  // of SQLite files, below the data folder
};

// Finds the address, then does `work` with it on a thread for a tenant. Cancelling stops both.
StepCancel perform_at(ServiceSteps& services, const std::string& host, std::int64_t port,
                      const std::vector<std::uint16_t>& usual, const std::string& tenant,
                      std::int64_t time_ms,
                      std::function<StepResult(const ServiceAddress&, const StepStop&)> work,
                      StepDone done);

StepCancel perform_smtp(ServiceSteps& services, const StepCall& call, StepDone done);
// Whether the server of a connection's value lets its user in; no mail is sent.
StepCancel verify_smtp(ServiceSteps& services, const Json& auth, const std::string& tenant,
                       std::int64_t time_ms, StepDone done);
// One query to the server of a connection's value (`auth`), of a step or of a trigger.
// `application` is the name that the server's administrators see.
StepCancel ask_postgres(ServiceSteps& services, const Json& auth, SqlQuery query,
                        const std::string& application, const std::string& tenant,
                        std::int64_t time_left_ms, StepDone done);
StepCancel perform_postgres(ServiceSteps& services, const StepCall& call, StepDone done);
StepCancel perform_sqlite(ServiceSteps& services, const StepCall& call, StepDone done);

}  // namespace sallyport::engine
