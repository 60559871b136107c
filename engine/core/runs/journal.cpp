#include "engine/core/runs/journal.hpp"

#include <array>
#include <optional>

namespace sallyport::engine {
namespace {

constexpr std::array<std::string_view, 5> kFailureNames = {"error", "timeout", "memory_limit",
                                                           "internal", "log_size"};
constexpr std::array<std::string_view, 2> kTimerNames = {"retry", "deadline"};

template <typename Enum, std::size_t N>
Enum enum_from(const std::array<std::string_view, N>& names, std::string_view text) {
    for (std::size_t i = 0; i < N; ++i) {
        if (names[i] == text) {
            return static_cast<Enum>(i);
        }
    }
    return static_cast<Enum>(0);
}

Json entry(std::string_view type, std::int64_t at_ms) {
    return Json::object({{"type", Json::string(type)}, {"at", Json::integer(at_ms)}});
}

void put_path(Json& json, const std::string& path) {
    if (!path.empty()) {
        json.set("path", Json::string(path));
    }
}

void put_tags(Json& json, const Json& tags) {
    if (tags.size() > 0) {
        json.set("tags", tags);
    }
}

void put_step(Json& json, const std::string& step, std::uint32_t attempt, const std::string& path) {
    json.set("step", Json::string(step));
    json.set("attempt", Json::integer(attempt));
    put_path(json, path);
}

struct Writer {
    std::int64_t at_ms;

    Json operator()(const RunStarted& event) const {
        Json json = entry("run_started", at_ms);
        json.set("payload", event.payload);
        json.set("deadline", Json::integer(event.deadline_ms));
        return json;
    }
    Json operator()(const StepStarted& event) const {
        Json json = entry("step_started", at_ms);
        put_step(json, event.step, event.attempt, event.path);
        json.set("input", event.input);
        return json;
    }
    Json operator()(const StepSucceeded& event) const {
        Json json = entry("step_succeeded", at_ms);
        put_step(json, event.step, event.attempt, event.path);
        json.set("output", event.output);
        if (event.response.exists()) {
            json.set("response", event.response);
        }
        if (event.stop) {
            json.set("stop", Json::boolean(true));
        }
        put_tags(json, event.tags);
        return json;
    }
    Json operator()(const StepFailed& event) const {
        Json json = entry("step_failed", at_ms);
        put_step(json, event.step, event.attempt, event.path);
        json.set("message", Json::string(event.message));
        json.set("kind", Json::string(kFailureNames[static_cast<std::size_t>(event.kind)]));
        if (event.input.exists()) {
            json.set("input", event.input);
        }
        return json;
    }
    Json operator()(const TimerFired& event) const {
        Json json = entry("timer_fired", at_ms);
        json.set("timer", Json::string(kTimerNames[static_cast<std::size_t>(event.timer)]));
        json.set("attempt", Json::integer(event.attempt));
        put_path(json, event.path);
        return json;
    }
    Json operator()(const StepPaused& event) const {
        Json json = entry("step_paused", at_ms);
        put_step(json, event.step, event.attempt, event.path);
        json.set("resumeAt", Json::integer(event.resume_at_ms));
        json.set("output", event.output);
        if (!event.request_id.empty()) {
            json.set("request", Json::string(event.request_id));
        }
        if (event.response.exists()) {
            json.set("response", event.response);
        }
        if (event.again) {
            json.set("again", Json::boolean(true));
        }
        put_tags(json, event.tags);
        return json;
    }
    Json operator()(const RunResumed& event) const {
        Json json = entry("run_resumed", at_ms);
        json.set("deadline", Json::integer(event.deadline_ms));
        json.set("output", event.output);
        if (!event.error.empty()) {
            json.set("error", Json::string(event.error));
        }
        return json;
    }
    Json operator()(const RequestArrived& event) const {
        Json json = entry("request_arrived", at_ms);
        json.set("request", Json::string(event.request_id));
        json.set("payload", event.payload);
        json.set("deadline", Json::integer(event.deadline_ms));
        return json;
    }
    Json operator()(const LogFull&) const { return entry("log_full", at_ms); }
    Json operator()(const RunRetried& event) const {
        Json json = entry("run_retried", at_ms);
        json.set("deadline", Json::integer(event.deadline_ms));
        return json;
    }
    Json operator()(const RunCanceled&) const { return entry("run_canceled", at_ms); }
};

std::optional<Event> event_from(const Json& json) {
    const std::string_view type = json["type"].text();
    const std::string step(json["step"].text());
    const std::string path(json["path"].text());
    const auto attempt = static_cast<std::uint32_t>(json["attempt"].integer_or(0));
    if (type == "run_started") {
        return RunStarted{json["payload"], json["deadline"].integer_or(0)};
    }
    if (type == "step_started") {
        return StepStarted{step, attempt, json["input"], path};
    }
    if (type == "step_succeeded") {
        return StepSucceeded{
            step, attempt,     json["output"], json["response"], json["stop"].is_true(),
            path, json["tags"]};
    }
    if (type == "step_failed") {
        return StepFailed{step,
                          attempt,
                          std::string(json["message"].text()),
                          enum_from<FailureKind>(kFailureNames, json["kind"].text()),
                          json["input"],
                          path};
    }
    if (type == "timer_fired") {
        return TimerFired{enum_from<TimerKind>(kTimerNames, json["timer"].text()), attempt, path};
    }
    if (type == "step_paused") {
        return StepPaused{step,
                          attempt,
                          json["resumeAt"].integer_or(0),
                          json["output"],
                          path,
                          std::string(json["request"].text()),
                          json["response"],
                          json["again"].is_true(),
                          json["tags"]};
    }
    if (type == "run_resumed") {
        return RunResumed{json["deadline"].integer_or(0), json["output"],
                          std::string(json["error"].text())};
    }
    if (type == "request_arrived") {
        return RequestArrived{std::string(json["request"].text()), json["payload"],
                              json["deadline"].integer_or(0)};
    }
    if (type == "log_full") {
        return LogFull{};
    }
    if (type == "run_retried") {
        return RunRetried{json["deadline"].integer_or(0)};
    }
    if (type == "run_canceled") {
        return RunCanceled{};
    }
    return std::nullopt;
}

}  // namespace

Json journal_entry_json(const Event& event, std::int64_t at_ms) {
    return std::visit(Writer{at_ms}, event);
}

Result<JournalEntry> journal_entry_from(const Json& json) {
    std::optional<Event> event = event_from(json);
    if (!event) {
        return Error{"journal entry of unknown type '" + std::string(json["type"].text()) + "'"};
    }
    return JournalEntry{*std::move(event), json["at"].integer_or(0)};
}

Result<RunState> replay(const Program& program, const std::vector<std::string>& commits) {
    RunState state;
    for (const std::string& commit : commits) {
        const Result<Json> entries = Json::parse(commit);
        if (!entries.ok() || !entries->is_array()) {
            return Error{"the journal holds a commit that cannot be read"};
        }
        for (std::size_t i = 0; i < entries->size(); ++i) {
            const Result<JournalEntry> read = journal_entry_from(entries->at(i));
            if (!read.ok()) {
                return read.error();
            }
            state = step(program, std::move(state), read->event, read->at_ms).state;
        }
    }
    return state;
}

}  // namespace sallyport::engine
