#include "engine/core/pieces/schedule.hpp"

#include "engine/core/expressions/js_text.hpp"
#include "engine/core/pieces/table.hpp"

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
    return {cron, std::string(timezone), payload, MissedRuns::once};
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

Result<MissedRuns> missed_of(const Json& input) {
    const std::string_view name = input["missedRuns"].text_or("ONCE");
    for (const MissedRuns missed : {MissedRuns::once, MissedRuns::skip, MissedRuns::all}) {
        if (name == to_string(missed)) {
            return missed;
        }
    }
    return Error{"missedRuns must be one of ONCE, SKIP, ALL, received: " + std::string(name)};
}

Result<Schedule> times_of(std::string_view trigger, const Json& input) {
    if (trigger == "cron_expression") {
        if (!input["cronExpression"].is_string()) {
            return Error{"cronExpression must be a text"};
        }
        return Schedule{std::string(input["cronExpression"].text()),
                        std::string(input["timezone"].text_or("UTC")), Json::object(),
                        MissedRuns::once};
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

}  // namespace

std::string_view to_string(MissedRuns missed) {
    switch (missed) {
        case MissedRuns::once:
            return "ONCE";
        case MissedRuns::skip:
            return "SKIP";
        case MissedRuns::all:
            return "ALL";
    }
    return "ONCE";
}

Result<Schedule> schedule_of(std::string_view trigger, const Json& input) {
    const Result<MissedRuns> missed = missed_of(input);
    if (!missed.ok()) {
        return missed.error();
    }
    Result<Schedule> schedule = times_of(trigger, input);
    if (schedule.ok()) {
        schedule->missed = *missed;
    }
    return schedule;
}

const NativePiece kScheduleNative = {R"json({
 "name":"@activepieces/piece-schedule","version":"0.1.5","displayName":"Schedule",
 "description":"Start flows at fixed times","categories":["CORE"],
 "actions":{},
 "triggers":{
  "every_x_minutes":{"displayName":"Every X Minutes","description":"Every so many minutes","type":"POLLING","props":{
   "minutes":["STATIC_DROPDOWN","Minutes",true,{"defaultValue":1,"options":{"from":1,"to":59}}],
   "missedRuns":["STATIC_DROPDOWN","Missed runs",false,{"defaultValue":"ONCE","options":[["Run once for all","ONCE"],["Skip","SKIP"],["Run each","ALL"]]}]}},
  "every_hour":{"displayName":"Every Hour","description":"At the full hour","type":"POLLING","props":{
   "run_on_weekends":["CHECKBOX","Run on weekends (Sat,Sun)",true,{"defaultValue":false}],
   "missedRuns":["STATIC_DROPDOWN","Missed runs",false,{"defaultValue":"ONCE","options":[["Run once for all","ONCE"],["Skip","SKIP"],["Run each","ALL"]]}]}},
  "every_day":{"displayName":"Every Day","description":"At an hour of each day","type":"POLLING","props":{
   "hour_of_the_day":["STATIC_DROPDOWN","Hour of the day",true,{"defaultValue":0,"options":{"from":0,"to":23}}],
   "timezone":["STATIC_DROPDOWN","Timezone",true,{"defaultValue":"UTC","options":"TIME_ZONES"}],
   "run_on_weekends":["CHECKBOX","Run on weekends (Sat,Sun)",true,{"defaultValue":false}],
   "missedRuns":["STATIC_DROPDOWN","Missed runs",false,{"defaultValue":"ONCE","options":[["Run once for all","ONCE"],["Skip","SKIP"],["Run each","ALL"]]}]}},
  "every_week":{"displayName":"Every Week","description":"At an hour of a day of the week","type":"POLLING","props":{
   "day_of_the_week":["STATIC_DROPDOWN","Day of the week",true,{"options":[["Sunday",0],["Monday",1],["Tuesday",2],["Wednesday",3],["Thursday",4],["Friday",5],["Saturday",6]]}],
   "hour_of_the_day":["STATIC_DROPDOWN","Hour of the day",true,{"options":{"from":0,"to":23}}],
   "timezone":["STATIC_DROPDOWN","Timezone",true,{"defaultValue":"UTC","options":"TIME_ZONES"}],
   "missedRuns":["STATIC_DROPDOWN","Missed runs",false,{"defaultValue":"ONCE","options":[["Run once for all","ONCE"],["Skip","SKIP"],["Run each","ALL"]]}]}},
  "every_month":{"displayName":"Every Month","description":"At an hour of a day of the month","type":"POLLING","props":{
   "day_of_the_month":["STATIC_DROPDOWN","Day of the month",true,{"options":{"from":1,"to":31}}],
   "hour_of_the_day":["STATIC_DROPDOWN","Hour of the day",true,{"options":{"from":0,"to":23}}],
   "timezone":["STATIC_DROPDOWN","Timezone",true,{"defaultValue":"UTC","options":"TIME_ZONES"}],
   "missedRuns":["STATIC_DROPDOWN","Missed runs",false,{"defaultValue":"ONCE","options":[["Run once for all","ONCE"],["Skip","SKIP"],["Run each","ALL"]]}]}},
  "cron_expression":{"displayName":"Cron Expression","description":"When a cron expression says so","type":"POLLING","props":{
   "cronExpression":["SHORT_TEXT","Cron Expression",true,{"defaultValue":"0/5 * * * *"}],
   "timezone":["STATIC_DROPDOWN","Timezone",true,{"defaultValue":"UTC","options":"TIME_ZONES"}],
   "missedRuns":["STATIC_DROPDOWN","Missed runs",false,{"defaultValue":"ONCE","options":[["Run once for all","ONCE"],["Skip","SKIP"],["Run each","ALL"]]}]}}}
})json",
                                     {}};

}  // namespace sallyport::engine
