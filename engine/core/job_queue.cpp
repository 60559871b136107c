#include "engine/core/job_queue.hpp"

#include "engine/core/pieces/input.hpp"
#include "engine/core/time_text.hpp"

namespace sallyport::engine {
namespace {

constexpr std::int64_t kApartMsMax = 24 * 3600 * 1000;
constexpr std::size_t kQueueNameBytesMax = 100;

Json list_of(const Json& state, std::string_view name) {
    return state[name].is_array() ? state[name] : Json::array();
}

bool has_job(const Json& list, std::string_view id) {
    bool has = false;
    list.each_element([&](const Json& job) { has = has || job["id"].text() == id; });
    return has;
}

Json state_of(const Json& waiting, const Json& running, std::int64_t last_ms) {
    return Json::object(
        {{"waiting", waiting}, {"running", running}, {"lastStartMs", Json::integer(last_ms)}});
}

}  // namespace

Result<std::string> job_queue_name(const Json& input) {
    const auto name = input_text(input, "queueName");
    if (name.ok() && (name->empty() || name->size() > kQueueNameBytesMax)) {
        return input_error("queueName", "Expected 1 to 100 characters, received: " + *name);
    }
    return name;
}

Result<JobSettings> job_settings(const Json& input) {
    const auto name = job_queue_name(input);
    if (!name.ok()) {
        return name.error();
    }
    JobSettings settings{*name, 1, 0};
    if (input.has("maxConcurrent")) {
        const auto at_once = input_whole(input, "maxConcurrent", 1, kJobsAtOnceMax);
        if (!at_once.ok()) {
            return at_once.error();
        }
        settings.at_once = *at_once;
    }
    if (input.has("delayBetweenJobsMs")) {
        const auto apart = input_whole(input, "delayBetweenJobsMs", 0, kApartMsMax);
        if (!apart.ok()) {
            return apart.error();
        }
        settings.apart_ms = *apart;
    }
    return settings;
}

Result<Json> add_job(const Json& state, const std::string& id, const Json& input,
                     std::int64_t now_ms) {
    Json waiting = list_of(state, "waiting").deep_copy();
    const Json running = list_of(state, "running");
    if (has_job(waiting, id) || has_job(running, id)) {
        return state;
    }
    const Json data = input["data"];
    waiting.append(Json::object({{"id", Json::string(id)},
                                 {"key", Json::string(*input_text_or(input, "key", ""))},
                                 {"data", data.exists() ? data : Json::null()},
                                 {"at", Json::integer(now_ms)}}));
    const Json next = state_of(waiting, running, state["lastStartMs"].integer_or(0));
    if (waiting.size() > kJobsMax || next.dump().size() > kJobQueueBytesMax) {
        return Error{"The queue is full: it may hold 10000 jobs and 4 MB"};
    }
    return next;
}

TakenJobs take_jobs(const Json& state, const JobSettings& settings, std::int64_t now_ms) {
    const Json waiting = list_of(state, "waiting");
    Json running = list_of(state, "running").deep_copy();
    std::int64_t last = state["lastStartMs"].integer_or(0);
    std::set<std::string> busy;
    running.each_element([&busy](const Json& job) { busy.emplace(job["key"].text()); });
    Json left = Json::array();
    bool changed = false;
    waiting.each_element([&](const Json& job) {
        const std::string key(job["key"].text());
        const bool room = static_cast<std::int64_t>(running.size()) < settings.at_once &&
                          (settings.apart_ms == 0 || now_ms - last >= settings.apart_ms);
        const bool its_turn = key.empty() || !busy.contains(key);
        // Whether it starts or not, those of its key behind it wait.
        busy.emplace(key);
        if (!room || !its_turn) {
            left.append(job);
            return;
        }
        running.append(job);
        last = now_ms;
        changed = true;
    });
    return {changed ? state_of(left, running, last) : state, changed};
}

std::vector<RunningJob> running_jobs(const Json& state, std::string_view queue) {
    std::vector<RunningJob> jobs;
    list_of(state, "running").each_element([&](const Json& job) {
        jobs.push_back(
            {std::string(job["id"].text()), std::string(job["runId"].text()),
             Json::object({{"jobId", job["id"]},
                           {"queueName", Json::string(queue)},
                           {"key", job["key"]},
                           {"data", job["data"]},
                           {"enqueuedAt", Json::string(iso_time(job["at"].integer_or(0)))}})});
    });
    return jobs;
}

Json with_runs(const Json& state, const std::vector<RunningJob>& started) {
    Json running = Json::array();
    list_of(state, "running").each_element([&](const Json& job) {
        Json noted = job.deep_copy();
        for (const RunningJob& one : started) {
            if (one.id == job["id"].text() && !one.run_id.empty()) {
                noted.set("runId", Json::string(one.run_id));
            }
        }
        running.append(noted);
    });
    return state_of(list_of(state, "waiting"), running, state["lastStartMs"].integer_or(0));
}

Json without_jobs(const Json& state, const std::set<std::string>& ended) {
    Json running = Json::array();
    list_of(state, "running").each_element([&](const Json& job) {
        if (!ended.contains(std::string(job["id"].text()))) {
            running.append(job);
        }
    });
    return state_of(list_of(state, "waiting"), running, state["lastStartMs"].integer_or(0));
}

}  // namespace sallyport::engine
