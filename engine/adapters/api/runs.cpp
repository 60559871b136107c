// Runs: the list and the record of one (engine contract 1.6).
#include "engine/adapters/api/api.hpp"
#include "engine/adapters/api/run_parts.hpp"
#include "engine/adapters/api/slices.hpp"
#include "engine/core/runs/journal.hpp"
#include "engine/core/runs/record.hpp"
#include "engine/core/time_text.hpp"

#include <array>

namespace sallyport::engine {
namespace {

Json time_or_null(std::int64_t ms) {
    return ms == 0 ? Json::null() : Json::string(iso_time(ms));
}

}  // namespace

Json run_json(const RunRow& run) {
    const Result<Json> tags = run.tags.empty() ? Json::array() : Json::parse(run.tags);
    Json json = Json::object(
        {{"id", Json::string(run.id)},
         {"created", Json::string(iso_time(run.created_ms))},
         {"updated", Json::string(iso_time(run.updated_ms))},
         {"projectId", Json::string(run.project_id)},
         {"flowId", Json::string(run.flow_id)},
         {"flowVersionId", Json::string(run.version_id)},
         {"flowVersion", Json::object({{"displayName", Json::string(run.display_name)}})},
         {"environment", Json::string(run.environment)},
         {"status", Json::string(run.status)},
         {"startTime", time_or_null(run.started_ms)},
         {"finishTime", time_or_null(run.finished_ms)},
         {"tags", tags.ok() ? *tags : Json::array()},
         {"failParentOnFailure", Json::boolean(run.fail_parent)},
         {"logsFileId", Json::null()},
         {"stepsCount", Json::integer(run.steps_count)},
         {"archivedAt", time_or_null(run.archived_ms)}});
    if (!run.parent_run_id.empty()) {
        json.set("parentRunId", Json::string(run.parent_run_id));
    }
    const Result<Json> failed_step =
        run.failed_step.empty() ? Result<Json>(Error{}) : Json::parse(run.failed_step);
    if (failed_step.ok()) {
        json.set("failedStep", *failed_step);
    }
    return json;
}

namespace {

void list_runs(Api& api, const CallPtr& call) {
    RunQuery wanted;
    wanted.project_id = call->query_text("projectId");
    wanted.flow_ids = form_values(call->query, "flowId");
    wanted.statuses = form_values(call->query, "status");
    wanted.tags = form_values(call->query, "tags");
    wanted.failed_step_name = call->query_text("failedStepName");
    wanted.failed_step_message = call->query_text("failedStepMessage");
    wanted.ids = form_values(call->query, "flowRunIds");
    wanted.include_archived = call->query_text("includeArchived") == "true";
    wanted.limit = call->limit(10);
    const std::string cursor = call->query_text("cursor");
    wanted.cursor = cursor.empty() ? std::nullopt : decode_cursor(cursor);
    if (!cursor.empty() && !wanted.cursor) {
        return call->fail_validation("querystring/cursor is not a cursor of this list");
    }
    if (wanted.tags.size() > kRunTagsMax) {
        return call->fail_validation("querystring/tags must have at most " +
                                     std::to_string(kRunTagsMax) + " tags");
    }
    if (!call->query_time("createdAfter", wanted.created_after_ms) ||
        !call->query_time("createdBefore", wanted.created_before_ms)) {
        return;
    }
    const std::string project_id = wanted.project_id;
    api.with_project(call, project_id, [&api, call, wanted](const ProjectRow&) {
        api.ports.runs.list_runs(wanted, [&api, call](const Result<Page<RunRow>>& page) {
            if (!api.failed(call, page)) {
                call->reply(200, page_json(*page, run_json));
            }
        });
    });
}

void answer_with_steps(Api& api, const CallPtr& call, const StoredRun& run) {
    api.ports.catalog.version(
        run.row.flow_id, run.row.version_id,
        [&api, call, run](const Result<std::optional<RunnableFlow>>& flow) {
            if (api.failed(call, flow)) {
                return;
            }
            Json json = run_json(run.row);
            json.set("steps",
                     Json::null());  // the version is gone with its flow, or the journal is
            if (flow->has_value() && (*flow)->program != nullptr && !run.journal_lost) {
                const Result<RunState> state = replay(*(*flow)->program, run.commits);
                if (state.ok()) {
                    json.set("steps",
                             sliced_steps(api, run.row.id, steps_json(*(*flow)->program, *state)));
                }
            }
            call->reply(200, json);
        });
}

// Goes on with `then` when the run exists and the caller may use its project.
void with_run(Api& api, const CallPtr& call, const std::string& id,
              std::function<void(const StoredRun&)> then) {
    api.ports.runs.run(
        id, [&api, call, id, then = std::move(then)](Result<std::optional<StoredRun>> run) {
            if (api.failed(call, run)) {
                return;
            }
            if (!run->has_value()) {
                return call->fail_not_found("flow_run", id);
            }
            const std::string project_id = (*run)->row.project_id;
            api.with_project(call, project_id,
                             [then, found = **std::move(run)](const ProjectRow&) { then(found); });
        });
}

void get_run(Api& api, const CallPtr& call) {
    with_run(api, call, call->params[0],
             [&api, call](const StoredRun& run) { answer_with_steps(api, call, run); });
}

// ---- retry and cancel

void answer_with_run(Api& api, const CallPtr& call, const std::string& id) {
    with_run(api, call, id, [call](const StoredRun& run) { call->reply(200, run_json(run.row)); });
}

// The original trigger's output on the version that is published now: a run of its own.
void retry_on_latest(Api& api, const StoredRun& run,
                     const Result<std::optional<RunnableFlow>>& flow,
                     const std::function<void(Result<Retried>)>& done) {
    const Result<Json> first =
        run.commits.empty() ? Result<Json>(Error{}) : Json::parse(run.commits.front());
    if (!flow.ok()) {
        done(flow.error());
        return;
    }
    if (!flow->has_value() || (*flow)->program == nullptr || !first.ok()) {
        done(Retried{});
        return;
    }
    StartRun again;
    again.program = (*flow)->program;
    again.project_id = run.row.project_id;
    again.environment = run.row.environment;
    again.payload = first->at(0)["payload"];
    again.again = true;
    api.ports.driver.start(std::move(again), [done](const Result<StartedRun>& started) {
        if (started.ok()) {
            done(Retried{Runs::Outcome::accepted, started->run_id});
        } else {
            done(started.error());
        }
    });
}

// What would go on is removed at any moment, or is not there to go on from.
bool is_too_old(const Api& api, const StoredRun& run) {
    return run.journal_lost || run.row.created_ms < api.now_ms() - api.options.file_seconds * 1000;
}

void fail_too_old(const Api& api, const CallPtr& call) {
    constexpr std::int64_t kDaySeconds = 24 * 3600;
    call->fail(ApiError::flow_run_retry_outside_retention,
               Json::object({{"flowRunId", Json::string(call->params[0])},
                             {"failedJobRetentionDays",
                              Json::integer(api.options.file_seconds / kDaySeconds)}}));
}

void retry_run(Api& api, const CallPtr& call) {
    const std::string strategy(call->body["strategy"].text());
    if (!is_retry_strategy(strategy)) {
        return call->fail_validation(
            "body/strategy must be one of FROM_FAILED_STEP, ON_LATEST_VERSION");
    }
    with_run(api, call, call->params[0], [&api, call, strategy](const StoredRun& run) {
        retry_stored(api, run, strategy, [&api, call](const Result<Retried>& retried) {
            if (api.failed(call, retried)) {
                return;
            }
            if (retried->too_old) {
                return fail_too_old(api, call);
            }
            switch (retried->outcome) {
                case Runs::Outcome::accepted:
                    return answer_with_run(api, call, retried->run_id);
                case Runs::Outcome::refused:
                    return call->fail_validation("only a run that has failed can be retried");
                case Runs::Outcome::unknown:
                    return call->fail_not_found("flow_version", call->params[0]);
            }
        });
    });
}

}  // namespace

void retry_stored(Api& api, const StoredRun& run, const std::string& strategy,
                  const std::function<void(Result<Retried>)>& done) {
    const std::string id = run.row.id;
    if (is_too_old(api, run)) {
        return done(Retried{.too_old = true});
    }
    if (strategy == "FROM_FAILED_STEP") {
        api.ports.driver.retry(id, [id, done](const Result<Runs::Outcome>& outcome) {
            if (outcome.ok()) {
                done(Retried{*outcome, *outcome == Runs::Outcome::accepted ? id : std::string()});
            } else {
                done(outcome.error());
            }
        });
        return;
    }
    api.ports.catalog.published(run.row.flow_id,
                                [&api, run, done](const Result<std::optional<RunnableFlow>>& flow) {
                                    retry_on_latest(api, run, flow, done);
                                });
}

const std::vector<ApiRoute> kRunRoutes = {
    {"GET", "flow-runs", ApiRoute::Access::user, list_runs},
    {"GET", "flow-runs/:id", ApiRoute::Access::user, get_run},
    {"POST", "flow-runs/:id/retry", ApiRoute::Access::user, retry_run},
};

}  // namespace sallyport::engine
