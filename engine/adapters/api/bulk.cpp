// Many runs at once: retry, cancel, archive, by their ids or by what a list would show; and how
// many runs are in each status (engine contract 1.6).
#include "engine/adapters/api/api.hpp"
#include "engine/adapters/api/audit.hpp"
#include "engine/adapters/api/run_parts.hpp"
#include "engine/adapters/api/run_selection.hpp"

#include <algorithm>
#include <array>

namespace sallyport::engine {
namespace {

// Runs of one request at most: each is a read and a commit, and the caller waits for all.
constexpr std::size_t kBulkMax = kSelectedMax;

constexpr std::array<std::string_view, 2> kCancelableStatuses = {"PAUSED", "QUEUED"};

struct Bulk;
using BulkPtr = std::shared_ptr<Bulk>;

struct Bulk : RunSelection {  // `ids`: still to be done, the first one last
    CallPtr call;
    std::string strategy;
    Json answer = Json::array();  // of a retry
    std::function<void()> each;   // does the one whose id was taken, then goes on
    std::string current;
};

// The selection in the body; answers the call when it is none.
BulkPtr read_bulk(const CallPtr& call) {
    std::optional<RunSelection> selection = read_selection(call);
    if (!selection) {
        return nullptr;
    }
    auto bulk = std::make_shared<Bulk>();
    bulk->call = call;
    static_cast<RunSelection&>(*bulk) = *std::move(selection);
    return bulk;
}

void next(const BulkPtr& bulk, const std::function<void()>& end) {
    if (bulk->ids.empty()) {
        end();
        bulk->each = nullptr;  // it holds the bulk
        return;
    }
    bulk->current = std::move(bulk->ids.back());
    bulk->ids.pop_back();
    bulk->each();
}

// Goes on once all ids are known.
void collect(Api& api, const BulkPtr& bulk, const std::function<void()>& then) {
    if (bulk->named) {
        std::reverse(bulk->ids.begin(), bulk->ids.end());
        then();
        return;
    }
    api.ports.runs.list_runs(bulk->query, [&api, bulk, then](const Result<Page<RunRow>>& page) {
        if (api.failed(bulk->call, page)) {
            return;
        }
        for (const RunRow& row : page->rows) {
            if (!bulk->excepts(row.id) && bulk->ids.size() < kBulkMax) {
                bulk->ids.push_back(row.id);
            }
        }
        if (page->next && bulk->ids.size() < kBulkMax) {
            bulk->query.cursor = page->next;
            collect(api, bulk, then);
        } else {
            then();
        }
    });
}

void select(Api& api, const BulkPtr& bulk, const std::function<void()>& then) {
    api.with_project(bulk->call, bulk->query.project_id,
                     [&api, bulk, then](const ProjectRow&) { collect(api, bulk, then); });
}

// The current run, when it is the project's; goes on to the next otherwise.
void with_current(Api& api, const BulkPtr& bulk, const std::function<void()>& end,
                  const std::function<void(const StoredRun&)>& then) {
    api.ports.runs.run(
        bulk->current, [&api, bulk, end, then](const Result<std::optional<StoredRun>>& run) {
            if (api.failed(bulk->call, run)) {
                bulk->each = nullptr;
            } else if (!run->has_value() || (*run)->row.project_id != bulk->query.project_id) {
                next(bulk, end);
            } else {
                then(**run);
            }
        });
}

// Each run has an event of its own (these last two are not among the contract's names).
void note_done(Api& api, const BulkPtr& bulk, std::string_view action, const RunRow& run,
               const std::function<void()>& end) {
    record_run_event(api, audit_actor(*bulk->call), action, run, [bulk, end] { next(bulk, end); });
}

// ---- retry

void retry_runs(Api& api, const CallPtr& call) {
    const BulkPtr bulk = read_bulk(call);
    if (bulk == nullptr) {
        return;
    }
    bulk->strategy = call->body["strategy"].text();
    if (!is_retry_strategy(bulk->strategy)) {
        return call->fail_validation(
            "body/strategy must be one of FROM_FAILED_STEP, ON_LATEST_VERSION");
    }
    narrow(*bulk, kFailedStatuses);
    const auto end = [bulk] { bulk->call->reply(200, bulk->answer); };
    const auto note = [&api, bulk, end](const Result<Retried>& retried) {
        if (api.failed(bulk->call, retried)) {
            bulk->each = nullptr;
            return;
        }
        if (retried->run_id.empty()) {
            return next(bulk, end);
        }
        api.ports.runs.run(retried->run_id,
                           [&api, bulk, end](const Result<std::optional<StoredRun>>& run) {
                               if (!run.ok() || !run->has_value()) {
                                   return next(bulk, end);
                               }
                               bulk->answer.append(run_json((*run)->row));
                               note_done(api, bulk, "flow.run.retried", (*run)->row, end);
                           });
    };
    bulk->each = [&api, bulk, end, note] {
        with_current(api, bulk, end, [&api, bulk, note](const StoredRun& run) {
            retry_stored(api, run, bulk->strategy, note);
        });
    };
    select(api, bulk, [bulk, end] { next(bulk, end); });
}

// ---- cancel and archive

// Runs that cannot be canceled any more are passed over, as the contract has it.
void cancel_runs(Api& api, const CallPtr& call) {
    const BulkPtr bulk = read_bulk(call);
    if (bulk == nullptr) {
        return;
    }
    narrow(*bulk, kCancelableStatuses);
    const auto end = [bulk] { bulk->call->reply(200, Json::object()); };
    bulk->each = [&api, bulk, end] {
        with_current(api, bulk, end, [&api, bulk, end](const StoredRun& run) {
            api.ports.driver.cancel(
                run.row.id, [&api, bulk, end, row = run.row](const Result<Runs::Outcome>& outcome) {
                    if (api.failed(bulk->call, outcome)) {
                        bulk->each = nullptr;
                    } else if (*outcome == Runs::Outcome::accepted) {
                        note_done(api, bulk, "flow.run.canceled", row, end);
                    } else {
                        next(bulk, end);
                    }
                });
        });
    };
    select(api, bulk, [bulk, end] { next(bulk, end); });
}

void archive_runs(Api& api, const CallPtr& call) {
    const BulkPtr bulk = read_bulk(call);
    if (bulk == nullptr) {
        return;
    }
    const auto end = [bulk] { bulk->call->reply(200, Json::object()); };
    bulk->each = [&api, bulk, end] {
        with_current(api, bulk, end, [&api, bulk, end](const StoredRun& run) {
            note_done(api, bulk, "flow.run.archived", run.row, end);
        });
    };
    select(api, bulk, [&api, bulk, end] {
        api.ports.runs.archive_runs(bulk->query.project_id, bulk->ids, api.now_ms(),
                                    [&api, bulk, end](const Result<Done>& done) {
                                        if (api.failed(bulk->call, done)) {
                                            bulk->each = nullptr;
                                        } else if (api.options.audit_log) {
                                            next(bulk, end);
                                        } else {
                                            end();
                                            bulk->each = nullptr;
                                        }
                                    });
    });
}

void count_by_status(Api& api, const CallPtr& call) {
    RunQuery wanted;
    wanted.project_id = call->query_text("projectId");
    if (!call->query_time("createdAfter", wanted.created_after_ms) ||
        !call->query_time("createdBefore", wanted.created_before_ms)) {
        return;
    }
    const std::string project_id = wanted.project_id;
    api.with_project(call, project_id, [&api, call, wanted](const ProjectRow&) {
        api.ports.runs.count_runs(
            wanted, [&api, call](const Result<std::vector<StatusCount>>& counts) {
                if (api.failed(call, counts)) {
                    return;
                }
                Json data = Json::array();
                for (const StatusCount& one : *counts) {
                    data.append(Json::object({{"status", Json::string(one.status)},
                                              {"count", Json::integer(one.count)}}));
                }
                call->reply(200, Json::object({{"data", data}}));
            });
    });
}

}  // namespace

const std::vector<ApiRoute> kBulkRoutes = {
    {"GET", "flow-runs/count-by-status", ApiRoute::Access::user, count_by_status},
    {"POST", "flow-runs/retry", ApiRoute::Access::user, retry_runs},
    {"POST", "flow-runs/cancel", ApiRoute::Access::user, cancel_runs},
    {"POST", "flow-runs/archive", ApiRoute::Access::user, archive_runs},
};

}  // namespace sallyport::engine
