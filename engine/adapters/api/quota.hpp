// What happens beyond the runs that a project may begin in a month: callers are answered 402, and
// the flow whose trigger wanted one is switched off, by the way on which its owner does that.
#pragma once

#include "engine/adapters/api/api.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace sallyport::engine {

void fail_over_quota(const CallPtr& call);

// Runs that these projects have begun in this month; of none where there is no quota.
using RunsBegun = std::map<std::string, std::int64_t>;
void with_runs_begun(Api& api, const CallPtr& call, std::vector<std::string> ids,
                     std::function<void(const RunsBegun&)> then);
// The project with what it has begun of what it may, where there is a quota: by the names that the
// contract had for that; its newest types have none.
Json with_usage(const Api& api, Json project, const RunsBegun& begun);

class QuotaKeeper {
  public:
    explicit QuotaKeeper(Api& api) : api_(api) {}
    QuotaKeeper(const QuotaKeeper&) = delete;
    QuotaKeeper& operator=(const QuotaKeeper&) = delete;

    // A trigger could not start this run.
    void refused(const RunRow& run);

  private:
    void say_once(const std::string& project_id);
    void switch_off(const std::string& project_id, const std::string& flow_id);
    void switch_off_for(const UserRow& owner, const std::string& flow_id);
    void note_failure(const std::string& flow_id, const std::string& problem);

    Api& api_;
    std::map<std::string, std::int64_t> told_;  // projects: of which month the log was
    std::unordered_map<std::string, std::int64_t> tried_ms_;  // flows: when, by the steady clock
};

}  // namespace sallyport::engine
