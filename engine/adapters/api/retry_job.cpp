// Failed runs tried again, as a job: more of them than a caller would wait for.
#include "engine/adapters/api/audit.hpp"
#include "engine/adapters/api/job_works.hpp"
#include "engine/adapters/api/run_parts.hpp"
#include "engine/adapters/api/run_selection.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::engine {
namespace {

// Runs of one job: their ids are kept in memory.
constexpr std::size_t kRunsMax = 100'000;
constexpr std::size_t kPortion = 50;

struct Retries : std::enable_shared_from_this<Retries> {
    Api& api;
    RunSelection selection;
    std::string strategy;
    AuditActor actor;
    JobPtr job;
    std::size_t done = 0;

    Retries(Api& of, RunSelection what, std::string how, AuditActor who, JobPtr in)
        : api(of),
          selection(std::move(what)),
          strategy(std::move(how)),
          actor(std::move(who)),
          job(std::move(in)) {}

    void collect();
    void begin();
    void next();
    void retry(const StoredRun& run);
    void note(const std::string& run_id);
    void count(bool accepted);
};

void Retries::collect() {
    if (selection.named) {
        return begin();
    }
    api.ports.runs.list_runs(
        selection.query, [self = shared_from_this()](const Result<Page<RunRow>>& page) {
            if (!page.ok()) {
                return self->job->finish(page.message());
            }
            for (const RunRow& row : page->rows) {
                if (!self->selection.excepts(row.id) && self->selection.ids.size() < kRunsMax) {
                    self->selection.ids.push_back(row.id);
                }
            }
            if (!page->next || self->selection.ids.size() == kRunsMax) {
                return self->begin();
            }
            self->selection.query.cursor = page->next;
            self->job->expect(static_cast<std::int64_t>(self->selection.ids.size()));
            self->job->advance([self] { self->collect(); });
        });
}

// The oldest first.
void Retries::begin() {
    job->expect(static_cast<std::int64_t>(selection.ids.size()));
    job->advance([self = shared_from_this()] { self->next(); });
}

void Retries::next() {
    if (selection.ids.empty()) {
        return job->finish("");
    }
    const std::string id = std::move(selection.ids.back());
    selection.ids.pop_back();
    api.ports.runs.run(
        id, [self = shared_from_this()](const Result<std::optional<StoredRun>>& run) {
            if (!run.ok()) {
                return self->job->finish(run.message());
            }
            const bool mine =
                run->has_value() && (*run)->row.project_id == self->selection.query.project_id;
            mine ? self->retry(**run) : self->count(false);
        });
}

void Retries::retry(const StoredRun& run) {
    retry_stored(api, run, strategy, [self = shared_from_this()](const Result<Retried>& retried) {
        if (!retried.ok()) {
            return self->job->finish(retried.message());
        }
        retried->run_id.empty() ? self->count(false) : self->note(retried->run_id);
    });
}

void Retries::note(const std::string& run_id) {
    api.ports.runs.run(run_id,
                       [self = shared_from_this()](const Result<std::optional<StoredRun>>& run) {
                           if (!run.ok() || !run->has_value()) {
                               return self->count(true);
                           }
                           record_run_event(self->api, self->actor, "flow.run.retried", (*run)->row,
                                            [self] { self->count(true); });
                       });
}

void Retries::count(bool accepted) {
    job->count(accepted ? 1 : 0, accepted ? 0 : 1);
    if (++done % kPortion == 0) {
        return job->advance([self = shared_from_this()] { self->next(); });
    }
    next();
}

}  // namespace

std::optional<Jobs::Work> retry_work(Api& api, const CallPtr& call) {
    std::optional<RunSelection> selection = read_selection(call);
    if (!selection) {
        return std::nullopt;
    }
    const std::string strategy(call->body["strategy"].text());
    if (!is_retry_strategy(strategy)) {
        call->fail_validation("body/strategy must be one of FROM_FAILED_STEP, ON_LATEST_VERSION");
        return std::nullopt;
    }
    narrow(*selection, kFailedStatuses);
    std::reverse(selection->ids.begin(), selection->ids.end());
    return [&api, selection = *std::move(selection), strategy,
            actor = audit_actor(*call)](const JobPtr& job) {
        std::make_shared<Retries>(api, selection, strategy, actor, job)->collect();
    };
}

}  // namespace sallyport::engine
