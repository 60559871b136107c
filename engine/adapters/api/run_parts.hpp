// What the route families about runs share.
#pragma once

#include "engine/adapters/api/api.hpp"

#include <functional>
#include <string>

namespace sallyport::engine {

// As the API shows a run, without its steps.
Json run_json(const RunRow& run);

// What the caller of a webhook, or of a resume address, hears.
WebResponse run_reply_response(const RunReply& reply);

inline bool is_retry_strategy(std::string_view name) {
    return name == "FROM_FAILED_STEP" || name == "ON_LATEST_VERSION";
}

// Flows see what the caller sent, not what the doors say to each other.
void remove_gateway_headers(WebRequest& request);

// Tries a run again. `run_id`: the run that goes on, or the new one; empty unless accepted.
// `too_old`: its time to be kept is over, or its journal is no more; nothing was done.
struct Retried {
    Runs::Outcome outcome = Runs::Outcome::unknown;
    std::string run_id;
    bool too_old = false;
};
void retry_stored(Api& api, const StoredRun& run, const std::string& strategy,
                  const std::function<void(Result<Retried>)>& done);

}  // namespace sallyport::engine
