// What a trigger makes of a request: which triggers are started by one, who may, and with what
// output the run begins. Pure.
#pragma once

#include "common/json.hpp"
#include "engine/core/flows/program.hpp"

#include <string>

namespace sallyport::engine {

struct Intake {
    enum class Kind {
        run,      // `output` is the trigger's
        silent,   // not authorized: the caller hears what everyone hears, and nothing runs
        refused,  // `problem` says what is wrong with the request
        closed,   // the trigger is not started by requests
    };
    Kind kind = Kind::closed;
    Json output;
    std::string problem;
};

// Whether requests can start flows with this trigger at all.
bool takes_requests(const Step& trigger);

// `payload` is {method, headers, body, queryParams, rawBody}.
Intake trigger_intake(const Step& trigger, const Json& payload);

}  // namespace sallyport::engine
