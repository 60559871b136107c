#include "engine/adapters/jobs.hpp"

#include "common/json.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

Json body_of(const EntityRow& row) {
    const Result<Json> body = Json::parse(row.body);
    return body.ok() && body->is_object() ? *body : Json::object();
}

}  // namespace

void Job::write(std::string_view status, const std::string& problem,
                std::function<void(bool stored)> then) {
    Json body = body_of(row_);
    body.set("status", Json::string(status));
    body.set("total", Json::integer(total_));
    body.set("done", Json::integer(done_));
    body.set("failed", Json::integer(failed_));
    body.set("problem", problem.empty() ? Json::null() : Json::string(problem));
    row_.body = body.dump();
    row_.updated_ms = ports_.clock.now_ms();
    // One that was given up and begun anew is another one's by now.
    const auto mine = std::make_shared<bool>(false);
    ports_.store.change_entity(
        row_.kind, row_.scope, row_.key,
        [row = row_, mine](std::optional<EntityRow>& stored) {
            *mine = stored && stored->id == row.id &&
                    body_of(*stored)["turn"].text() == body_of(row)["turn"].text();
            if (*mine) {
                stored = row;
            }
            return *mine;
        },
        [mine, then = std::move(then)](const Result<std::optional<EntityRow>>& stored) {
            then(stored.ok() && *mine);
        });
}

void Job::advance(std::function<void()> then) {
    write("RUNNING", "", [self = shared_from_this(), then = std::move(then)](bool stored) {
        if (stored) {
            return then();
        }
        self->ports_.log.write(LogLevel::error, "job_lost", {{"id", Json::string(self->row_.id)}});
    });
}

void Job::finish(const std::string& problem) {
    const std::string_view status = problem.empty() ? "SUCCEEDED" : "FAILED";
    ports_.log.write(LogLevel::info, "job_ended",
                     {{"type", Json::string(row_.label)}, {"status", Json::string(status)}});
    write(status, problem, [](bool) {});
}

void Jobs::start(const std::string& scope, const std::string& type, const std::string& project_id,
                 Work work, StoreDone<std::optional<EntityRow>> done) {
    EntityRow row;
    row.kind = kJobKind;
    row.id = entropy_.id();
    row.scope = scope;
    row.key = project_id.empty() ? type : type + "/" + project_id;
    row.label = type;
    row.created_ms = row.updated_ms = ports_.clock.now_ms();
    row.body =
        Json::object({{"turn", Json::string(entropy_.id())},  // whose turn it is
                      {"status", Json::string("RUNNING")},
                      {"total", Json::integer(0)},
                      {"done", Json::integer(0)},
                      {"failed", Json::integer(0)},
                      {"problem", Json::null()},
                      {"projectId", project_id.empty() ? Json::null() : Json::string(project_id)}})
            .dump();
    const auto begun = std::make_shared<bool>(false);
    ports_.store.change_entity(
        row.kind, scope, row.key,
        [row, begun](std::optional<EntityRow>& stored) {
            *begun = !stored || job_status(*stored, row.created_ms) != "RUNNING";
            if (*begun) {
                EntityRow next = row;
                next.id = stored ? stored->id : row.id;  // the type's one row
                next.created_ms = stored ? stored->created_ms : row.created_ms;
                stored = std::move(next);
            }
            return *begun;
        },
        [this, begun, work = std::move(work),
         done = std::move(done)](const Result<std::optional<EntityRow>>& stored) {
            if (!stored.ok()) {
                return done(stored.error());
            }
            if (!*begun) {
                return done(std::optional<EntityRow>());
            }
            done(*stored);
            work(std::make_shared<Job>(ports_, **stored));
        });
}

std::string job_status(const EntityRow& row, std::int64_t now_ms) {
    std::string status(body_of(row)["status"].text());
    const bool silent = now_ms - row.updated_ms > Jobs::kSilentMs;
    return status == "RUNNING" && silent ? "INTERRUPTED" : status;
}

}  // namespace sallyport::engine
