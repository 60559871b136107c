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
    // Does the one whose id was taken, then goes on. No closure: one that held the bulk would keep
    // it for ever where a call ends early.
    void (*each)(Api&, const BulkPtr&) = nullptr;
    CallPtr call;
    std::string strategy;
    Json answer = Json::object();
    std::string current;
};

// The selection in the body; answers the call when it is none.
BulkPtr read_bulk(const CallPtr& call, void (*each)(Api&, const BulkPtr&)) {
    std::optional<RunSelection> selection = read_selection(call);
    if (!selection) {
        return nullptr;
    }
    auto bulk = std::make_shared<Bulk>();
    bulk->call = call;
    bulk->each = each;
    static_cast<RunSelection&>(*bulk) = *std::move(selection);
    return bulk;
}

void next(Api& api, const BulkPtr& bulk) {
    if (bulk->ids.empty()) {
        return bulk->call->reply(200, bulk->answer);
    }
    bulk->current = std::move(bulk->ids.back());
    bulk->ids.pop_back();
    bulk->each(api, bulk);
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
void with_current(Api& api, const BulkPtr& bulk,
                  const std::function<void(const StoredRun&)>& then) {
    api.ports.runs.run(
        bulk->current, [&api, bulk, then](const Result<std::optional<StoredRun>>& run) {
            if (api.failed(bulk->call, run)) {
                return;
            }
            if (!run->has_value() || (*run)->row.project_id != bulk->query.project_id) {
                return next(api, bulk);
            }
            then(**run);
        });
}

// Each run has an event of its own (these last two are not among the contract's names).
void note_done(Api& api, const BulkPtr& bulk, std::string_view action, const RunRow& run) {
    record_run_event(api, audit_actor(*bulk->call), action, run, [&api, bulk] { next(api, bulk); });
}

// ---- retry

void on_retried(Api& api, const BulkPtr& bulk, const Result<Retried>& retried) {
    if (api.failed(bulk->call, retried)) {
        return;
    }
    if (retried->run_id.empty()) {
        return next(api, bulk);
    }
    api.ports.runs.run(retried->run_id, [&api, bulk](const Result<std::optional<StoredRun>>& run) {
        if (!run.ok() || !run->has_value()) {
            return next(api, bulk);
        }
        bulk->answer.append(run_json((*run)->row));
        note_done(api, bulk, "flow.run.retried", (*run)->row);
    });
}

void retry_current(Api& api, const BulkPtr& bulk) {
    with_current(api, bulk, [&api, bulk](const StoredRun& run) {
        retry_stored(api, run, bulk->strategy, [&api, bulk](const Result<Retried>& retried) {
            on_retried(api, bulk, retried);
        });
    });
}

void retry_runs(Api& api, const CallPtr& call) {
    const BulkPtr bulk = read_bulk(call, retry_current);
    if (bulk == nullptr) {
        return;
    }
    bulk->strategy = call->body["strategy"].text();
    if (!is_retry_strategy(bulk->strategy)) {
        return call->fail_validation(
            "body/strategy must be one of FROM_FAILED_STEP, ON_LATEST_VERSION");
    }
    narrow(*bulk, kFailedStatuses);
    bulk->answer = Json::array();
    select(api, bulk, [&api, bulk] { next(api, bulk); });
}

// ---- cancel and archive

// Runs that cannot be canceled any more are passed over, as the contract has it.
void cancel_current(Api& api, const BulkPtr& bulk) {
    with_current(api, bulk, [&api, bulk](const StoredRun& run) {
        api.ports.driver.cancel(
            run.row.id, [&api, bulk, row = run.row](const Result<Runs::Outcome>& outcome) {
                if (api.failed(bulk->call, outcome)) {
                    return;
                }
                *outcome == Runs::Outcome::accepted ? note_done(api, bulk, "flow.run.canceled", row)
                                                    : next(api, bulk);
            });
    });
}

void cancel_runs(Api& api, const CallPtr& call) {
    const BulkPtr bulk = read_bulk(call, cancel_current);
    if (bulk == nullptr) {
        return;
    }
    narrow(*bulk, kCancelableStatuses);
    select(api, bulk, [&api, bulk] { next(api, bulk); });
}

void note_archived(Api& api, const BulkPtr& bulk) {
    with_current(api, bulk, [&api, bulk](const StoredRun& run) {
        note_done(api, bulk, "flow.run.archived", run.row);
    });
}

void archive_runs(Api& api, const CallPtr& call) {
    const BulkPtr bulk = read_bulk(call, note_archived);
    if (bulk == nullptr) {
        return;
    }
    select(api, bulk, [&api, bulk] {
        api.ports.runs.archive_runs(bulk->query.project_id, bulk->ids, api.now_ms(),
                                    [&api, bulk](const Result<Done>& done) {
                                        if (api.failed(bulk->call, done)) {
                                            return;
                                        }
                                        if (!api.options.audit_log) {
                                            bulk->ids.clear();  // nothing to note
                                        }
                                        next(api, bulk);
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
