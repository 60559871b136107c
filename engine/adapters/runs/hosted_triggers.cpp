#include "engine/adapters/runs/hosted_triggers.hpp"

#include "common/bytes.hpp"
#include "engine/core/pieces/catalog.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::engine {
namespace {

// Runs that one delivery or one look may start.
constexpr std::size_t kItemsMax = 1000;

PieceTask hook_task(const std::string& project_id, const std::string& flow_id,
                    const std::string& version_id, const Json& settings, const char* hook) {
    PieceTask task;
    task.piece = settings["pieceName"].text();
    task.version = settings["pieceVersion"].text();
    task.project_id = project_id;
    task.flow_id = flow_id;
    task.version_id = version_id;
    task.raw_auth = settings["input"]["auth"];
    task.task = Json::object({{"do", Json::string("trigger")},
                              {"trigger", Json::string(settings["triggerName"].text())},
                              {"hook", Json::string(hook)},
                              {"payload", Json::null()},
                              {"propertySettings", settings["propertySettings"]}});
    return task;
}

Json settings_of(const VersionRow& version) {
    const Result<Json> trigger = Json::parse(version.trigger);
    return trigger.ok() ? (*trigger)["settings"] : Json::object();
}

PieceTask hook_task(const StoredFlow& flow, const char* hook) {
    return hook_task(flow.flow.project_id, flow.flow.id, flow.version.id, settings_of(flow.version),
                     hook);
}

int schema_of(const StoredFlow& flow) {
    return static_cast<int>(parse_u64(flow.version.schema_version).value_or(22));
}

// Whether the trigger failed, not what runs it.
bool is_its_own(SandboxStatus status) {
    return status == SandboxStatus::error || status == SandboxStatus::timeout ||
           status == SandboxStatus::memory_limit || status == SandboxStatus::output_limit;
}

// Two deliveries of one item are one run.
std::string delivery_of(const Json& item, const std::string& delivery_id, std::size_t index) {
    const Json key = item["_dedupe_key"];
    if (key.exists() && !key.is_null()) {
        return "item:" + (key.is_string() ? std::string(key.text()) : key.dump());
    }
    return delivery_id.empty() ? std::string() : delivery_id + ":" + std::to_string(index);
}

}  // namespace

bool is_hosted_trigger(std::string_view piece) {
    return !piece.empty() && !find_piece(piece).exists();
}

struct HostedTriggers::Firing {
    RunnableFlow flow;
    Occasion occasion;
    Json items;
    std::size_t next = 0;
    std::vector<StartedRun> started;
    Fired done;
};

// When the trigger said so itself, when it polls, or when its subscription ends.
HostedTriggers::Enabled HostedTriggers::times_of(const Json& answer) const {
    const auto every = [](std::int64_t minutes) {
        return Enabled{"*/" + std::to_string(std::clamp<std::int64_t>(minutes, 1, 59)) + " * * * *",
                       "UTC"};
    };
    const Json schedule = answer["hooks"]["schedule"];
    if (schedule["intervalMs"].is_number()) {
        return every(static_cast<std::int64_t>(schedule["intervalMs"].number_or(0) / 60'000));
    }
    if (schedule.is_object()) {
        return {std::string(schedule["cronExpression"].text()),
                std::string(schedule["timezone"].text_or("UTC"))};
    }
    if (answer["polls"].is_true()) {
        return every(options_.poll_minutes);
    }
    const std::string renews(answer["renews"].text());
    return renews.empty() ? Enabled{} : Enabled{renews, "UTC"};
}

void HostedTriggers::enable(const StoredFlow& flow, std::function<void(Result<Enabled>)> done) {
    PieceTask task = hook_task(flow, "onEnable");
    task.time_ms_max = options_.hooks_ms_max;
    const std::string piece = task.piece;
    ports_.pieces.run_resolved(
        std::move(task), settings_of(flow.version)["input"], schema_of(flow),
        [this, id = flow.flow.id, piece, done = std::move(done)](const SandboxResult& ran) {
            if (ran.status != SandboxStatus::ok) {
                return done(Error{ran.error});
            }
            Enabled enabled = times_of(ran.value);
            if (!ran.value["listens"].is_true()) {
                return done(std::move(enabled));
            }
            ports_.apps.listen(id, piece, ran.value["hooks"]["listeners"],
                               [enabled = std::move(enabled), done](const Status& listening) {
                                   listening.ok() ? done(enabled) : done(listening.error());
                               });
        });
}

void HostedTriggers::disable(const StoredFlow& flow, std::function<void()> done) {
    PieceTask task = hook_task(flow, "onDisable");
    task.time_ms_max = options_.hooks_ms_max;
    const auto failed = [this, id = flow.flow.id](const std::string& problem) {
        ports_.log.write(LogLevel::warn, "trigger_not_disabled",
                         {{"flow", Json::string(id)}, {"problem", Json::string(problem)}});
    };
    ports_.pieces.run_resolved(
        std::move(task), settings_of(flow.version)["input"], schema_of(flow),
        [this, failed, id = flow.flow.id, done = std::move(done)](const SandboxResult& ran) {
            if (ran.status != SandboxStatus::ok) {
                failed(ran.error);
            }
            ports_.apps.leave(id, [failed, done](const Status& left) {
                if (!left.ok()) {
                    failed(left.message());
                }
                done();
            });
        });
}

void HostedTriggers::test(const RunnableFlow& flow, std::function<void(Result<Json>)> done) {
    const Program& program = *flow.program;
    const Json settings = program.trigger().settings;
    PieceTask task =
        hook_task(flow.project_id, program.flow_id, program.version_id, settings, "test");
    task.time_ms_max = options_.run_ms_max;
    ports_.pieces.run_resolved(std::move(task), settings["input"], program.schema,
                               [done = std::move(done)](const SandboxResult& ran) {
                                   done(ran.status == SandboxStatus::ok
                                            ? Result<Json>(ran.value["output"])
                                            : Error{ran.error});
                               });
}

void HostedTriggers::fire(const RunnableFlow& flow, Occasion occasion, Fired done) {
    const Program& program = *flow.program;
    const Json settings = program.trigger().settings;
    PieceTask task = hook_task(flow.project_id, program.flow_id, program.version_id, settings,
                               occasion.payload.exists() ? "run" : "time");
    task.time_ms_max = options_.run_ms_max;
    if (occasion.payload.exists()) {
        task.task.set("payload", occasion.payload);
    }
    auto firing = std::make_shared<Firing>();
    firing->flow = flow;
    firing->occasion = std::move(occasion);
    firing->done = std::move(done);
    ports_.pieces.run_resolved(
        std::move(task), settings["input"], program.schema, [this, firing](SandboxResult ran) {
            if (ran.status != SandboxStatus::ok) {
                ports_.log.write(LogLevel::warn, "trigger_failed",
                                 {{"flow", Json::string(firing->flow.program->flow_id)},
                                  {"problem", Json::string(ran.error)}});
                return firing->occasion.on_failure && is_its_own(ran.status)
                           ? firing->occasion.on_failure()
                           : firing->done(Error{ran.error});
            }
            if (ran.value["handshake"].is_object() && firing->occasion.on_handshake) {
                return firing->occasion.on_handshake(ran.value["handshake"]);
            }
            firing->items = ran.value["output"];
            start_next(firing);
        });
}

// One after the other: a burst of items does not become a burst of transactions.
void HostedTriggers::start_next(const std::shared_ptr<Firing>& firing) {
    if (firing->next >= std::min(firing->items.size(), kItemsMax)) {
        return firing->done(std::move(firing->started));
    }
    const std::size_t index = firing->next++;
    StartRun run;
    run.program = firing->flow.program;
    run.project_id = firing->flow.project_id;
    run.environment = firing->occasion.environment;
    run.payload = firing->items.at(index);
    run.priority = firing->occasion.priority;
    run.delivery_id = delivery_of(run.payload, firing->occasion.delivery_id, index);
    ports_.runs.start(std::move(run), [this, firing](const Result<StartedRun>& started) {
        if (!started.ok()) {
            return firing->done(started.error());
        }
        firing->started.push_back(*started);
        start_next(firing);
    });
}

}  // namespace sallyport::engine
