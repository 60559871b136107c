#include "engine/adapters/runs/queue_runner.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

Json state_of(const EntityRow& row) {
    const Result<Json> body = Json::parse(row.body);
    return body.ok() ? *body : Json::object();
}

}  // namespace

// One look at one queue.
struct QueueRunner::Round {
    RunnableFlow flow;
    JobSettings settings;
    std::int64_t now_ms = 0;
    std::vector<RunningJob> jobs;
    std::set<std::string> ended;  // ids of jobs
    std::size_t left = 0;         // starts under way
    std::function<void()> done;
};

void QueueRunner::process(const RunnableFlow& flow, std::function<void()> done) {
    const Result<JobSettings> settings = job_settings(flow.program->trigger().settings["input"]);
    if (!settings.ok()) {
        return done();
    }
    const auto round = std::make_shared<Round>();
    round->flow = flow;
    round->settings = *settings;
    round->now_ms = clock_.now_ms();
    round->done = std::move(done);
    entities_.entity_by_key(kJobQueueKind, flow.project_id, settings->queue,
                            [this, round](const Result<std::optional<EntityRow>>& found) {
                                if (!found.ok() || !found->has_value()) {
                                    return round->done();
                                }
                                const Json state = state_of(**found);
                                if (state["waiting"].size() == 0 && state["running"].size() == 0) {
                                    return round->done();
                                }
                                round->jobs = running_jobs(state, round->settings.queue);
                                ask_for_active(round);
                            });
}

// Before jobs are taken: a run that ends meanwhile only makes room later.
void QueueRunner::ask_for_active(const std::shared_ptr<Round>& round) {
    if (round->jobs.empty()) {
        return take(round);
    }
    RunQuery query;
    query.project_id = round->flow.project_id;
    query.flow_ids = {round->flow.program->flow_id};
    query.statuses = {"QUEUED", "RUNNING", "PAUSED"};
    query.include_archived = true;
    query.limit = 1000;
    store_.list_runs(query, [this, round](const Result<Page<RunRow>>& page) {
        if (!page.ok()) {
            return round->done();
        }
        std::set<std::string> active;
        for (const RunRow& row : page->rows) {
            active.insert(row.id);
        }
        for (const RunningJob& job : round->jobs) {
            // More than a page: what is not on it may still go on.
            if (!job.run_id.empty() && !page->next && !active.contains(job.run_id)) {
                round->ended.insert(job.id);
            }
        }
        take(round);
    });
}

// Removes what has ended and takes what may start, in one transaction.
void QueueRunner::take(const std::shared_ptr<Round>& round) {
    const auto state = std::make_shared<Json>();
    entities_.change_entity(
        kJobQueueKind, round->flow.project_id, round->settings.queue,
        [round, state](std::optional<EntityRow>& row) {
            if (!row) {
                return false;
            }
            const Json before = state_of(*row);
            const TakenJobs taken =
                take_jobs(without_jobs(before, round->ended), round->settings, round->now_ms);
            *state = taken.state;
            row->body = taken.state.dump();
            row->updated_ms = round->now_ms;
            return !taken.state.equals(before);
        },
        [this, round, state](const Result<std::optional<EntityRow>>& stored) {
            if (!stored.ok() || !stored->has_value()) {
                return round->done();
            }
            // Read back: on a shared store the text is what counts.
            round->jobs = running_jobs(state_of(**stored), round->settings.queue);
            start_unknown(round);
        });
}

void QueueRunner::start_unknown(const std::shared_ptr<Round>& round) {
    std::erase_if(round->jobs, [](const RunningJob& job) { return !job.run_id.empty(); });
    round->left = round->jobs.size();
    if (round->jobs.empty()) {
        return round->done();
    }
    for (std::size_t i = 0; i < round->jobs.size(); ++i) {
        StartRun run;
        run.program = round->flow.program;
        run.project_id = round->flow.project_id;
        run.payload = round->jobs[i].payload;
        run.delivery_id = "job:" + round->jobs[i].id;
        run.priority = StartRun::kPolling;
        runs_.start(std::move(run), [this, round, i](const Result<StartedRun>& started) {
            if (started.ok()) {
                round->jobs[i].run_id = started->run_id;
            }
            if (--round->left == 0) {
                note(round);
            }
        });
    }
}

void QueueRunner::note(const std::shared_ptr<Round>& round) {
    entities_.change_entity(
        kJobQueueKind, round->flow.project_id, round->settings.queue,
        [round](std::optional<EntityRow>& row) {
            if (!row) {
                return false;
            }
            const Json before = state_of(*row);
            row->body = with_runs(before, round->jobs).dump();
            return true;
        },
        [round](const Result<std::optional<EntityRow>>&) { round->done(); });
}

}  // namespace sallyport::engine
