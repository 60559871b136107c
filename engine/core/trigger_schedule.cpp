#include "engine/core/trigger_schedule.hpp"

#include "engine/core/item_memory.hpp"
#include "engine/core/job_queue.hpp"
#include "engine/core/pieces/http.hpp"
#include "engine/core/pieces/input.hpp"
#include "engine/core/pieces/queue.hpp"
#include "engine/core/pieces/s3.hpp"
#include "engine/core/pieces/sql.hpp"

#include <string>

namespace sallyport::engine {
namespace {

constexpr std::int64_t kMinutesMax = 59;

Result<std::optional<Schedule>> found(const Result<Schedule>& schedule) {
    return schedule.ok() ? Result<std::optional<Schedule>>(std::optional(*schedule))
                         : schedule.error();
}

// A queue is looked at every second.
Result<Schedule> job_times(const Json& input) {
    const Result<JobSettings> settings = job_settings(input);
    return settings.ok()
               ? Result<Schedule>(Schedule{"* * * * * *", "UTC", Json::object(), MissedRuns::once})
               : settings.error();
}

// Of the piece's own part of a trigger's settings.
Status check_items(const Json& settings) {
    if (settings["pieceName"].text() == kPostgresPiece) {
        return check_new_row(settings);
    }
    const Result<ListSettings> list = settings["pieceName"].text() == kS3Piece
                                          ? new_file_settings(settings)
                                          : list_settings(settings["input"]);
    return list.ok() ? Status(Done{}) : Status(list.error());
}

// A cron expression, or every so many minutes.
Result<Schedule> item_times(const Json& settings, int poll_minutes) {
    const Status list = check_items(settings);
    const Json input = settings["input"];
    const Result<std::string> cron = input_text_or(input, "cronExpression", "");
    const Result<std::string> zone = input_text_or(input, "timezone", "UTC");
    const Json minutes = input["minutes"];
    const bool given = minutes.exists() && !minutes.is_null();
    const Result<std::int64_t> every = given ? input_whole(input, "minutes", 1, kMinutesMax)
                                             : Result<std::int64_t>(std::int64_t{poll_minutes});
    if (!list.ok() || !cron.ok() || !zone.ok() || !every.ok()) {
        return !list.ok()   ? list.error()
               : !cron.ok() ? cron.error()
               : !zone.ok() ? zone.error()
                            : every.error();
    }
    return Schedule{cron->empty() ? "*/" + std::to_string(*every) + " * * * *" : *cron, *zone,
                    Json::object(), MissedRuns::once};
}

}  // namespace

bool fetches_items(std::string_view piece, std::string_view trigger) {
    return (piece == kHttpPiece && trigger == kNewItems) ||
           (piece == kPostgresPiece && trigger == kNewRow) ||
           (piece == kS3Piece && trigger == kNewFile);
}

Result<std::optional<Schedule>> trigger_schedule(const Json& settings, int poll_minutes) {
    const std::string_view piece = settings["pieceName"].text();
    const std::string_view trigger = settings["triggerName"].text();
    const Json input = settings["input"];
    if (piece == kSchedulePiece) {
        return found(schedule_of(trigger, input));
    }
    if (piece == kQueuePiece && trigger == kProcessJobs) {
        return found(job_times(input));
    }
    if (fetches_items(piece, trigger)) {
        return found(item_times(settings, poll_minutes));
    }
    return std::optional<Schedule>();
}

}  // namespace sallyport::engine
