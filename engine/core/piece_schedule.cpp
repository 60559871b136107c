#include "engine/core/piece_schedule.hpp"

#include "engine/core/js_text.hpp"

#include <cmath>

namespace sallyport::engine {
namespace {

Result<std::string> whole(const Json& input, std::string_view name, int low, int high) {
    const Json value = input[name];
    const double number = value.is_number() ? value.number_or(-1) : js_text_to_number(value.text());
    const bool given = value.is_number() || !value.text().empty();
    if (!given || std::isnan(number) || number != std::floor(number) || number < low ||
        number > high) {
        return Error{std::string(name) + " must be a number from " + std::to_string(low) + " to " +
                     std::to_string(high)};
    }
    return std::to_string(static_cast<int>(number));
}

Schedule named(const std::string& cron, std::string_view timezone, Json payload) {
    payload.set("timezone", Json::string(timezone));
    payload.set("cron_expression", Json::string(cron));
    return {cron, std::string(timezone), payload};
}

// Days, weeks and months at an hour: what the three have in common.
Result<Schedule> at_hour(std::string_view trigger, const Json& input) {
    const auto hour = whole(input, "hour_of_the_day", 0, 23);
    if (!hour.ok()) {
        return hour.error();
    }
    Json payload = Json::object({{"hour_of_the_day", input["hour_of_the_day"]}});
    const std::string_view zone = input["timezone"].text_or("UTC");
    if (trigger == "every_day") {
        return named("0 " + *hour + (input["run_on_weekends"].is_true() ? " * * *" : " * * 1-5"),
                     zone, payload);
    }
    const bool week = trigger == "every_week";
    const std::string_view field = week ? "day_of_the_week" : "day_of_the_month";
    const auto day = whole(input, field, week ? 0 : 1, week ? 6 : 31);
    if (!day.ok()) {
        return day.error();
    }
    payload.set(field, input[field]);
    return named(week ? "0 " + *hour + " * * " + *day : "0 " + *hour + " " + *day + " * *", zone,
                 payload);
}

}  // namespace

Result<Schedule> schedule_of(std::string_view trigger, const Json& input) {
    if (trigger == "cron_expression") {
        if (!input["cronExpression"].is_string()) {
            return Error{"cronExpression must be a text"};
        }
        return Schedule{std::string(input["cronExpression"].text()),
                        std::string(input["timezone"].text_or("UTC")), Json::object()};
    }
    if (trigger == "every_x_minutes") {
        const auto minutes = whole(input, "minutes", 1, 59);
        return minutes.ok()
                   ? Result<Schedule>(named("*/" + *minutes + " * * * *", "UTC", Json::object()))
                   : minutes.error();
    }
    if (trigger == "every_hour") {
        return named(input["run_on_weekends"].is_true() ? "0 * * * *" : "0 * * * 1-5", "UTC",
                     Json::object());
    }
    if (trigger == "every_day" || trigger == "every_week" || trigger == "every_month") {
        return at_hour(trigger, input);
    }
    return Error{"This engine has no trigger '" + std::string(trigger) + "' of the schedule piece"};
}

}  // namespace sallyport::engine
