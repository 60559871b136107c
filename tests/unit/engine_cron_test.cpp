// Cron expressions: what they name, in zones whose clocks change, and what is refused.
#include "engine/core/cron.hpp"
#include "engine/core/pieces/schedule.hpp"
#include "engine/core/time_text.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sallyport::engine {
namespace {

std::int64_t ms(std::string_view iso) {
    const auto at = parse_iso_time(iso);
    EXPECT_TRUE(at) << iso;
    return at.value_or(0);
}

class Utc final : public ZoneRules {
  public:
    ZoneSpan span_at(std::int64_t) const override { return {-(1LL << 40), 1LL << 40, 0}; }
};

// A zone of given changes: (unix ms of the change, offset in minutes after it).
class Zone final : public ZoneRules {
  public:
    Zone(int first_minutes, std::vector<std::pair<std::int64_t, int>> changes)
        : first_(first_minutes), changes_(std::move(changes)) {}
    ZoneSpan span_at(std::int64_t unix_s) const override {
        ZoneSpan span{-(1LL << 40), 1LL << 40, first_ * 60};
        for (const auto& [at_ms, minutes] : changes_) {
            if (at_ms / 1000 > unix_s) {
                span.end_s = at_ms / 1000;
                break;
            }
            span.begin_s = at_ms / 1000;
            span.offset_s = minutes * 60;
        }
        return span;
    }

  private:
    int first_;
    std::vector<std::pair<std::int64_t, int>> changes_;
};

// Central Europe in 2026; Lord Howe Island's half hour; Samoa's lost day.
Zone berlin() {
    return {60, {{ms("2026-03-29T01:00:00.000Z"), 120}, {ms("2026-10-25T01:00:00.000Z"), 60}}};
}
Zone lord_howe() {
    return {660, {{ms("2026-04-04T15:00:00.000Z"), 630}, {ms("2026-10-03T15:30:00.000Z"), 660}}};
}
Zone samoa() {
    return {-600, {{ms("2011-12-30T10:00:00.000Z"), 840}}};
}

std::vector<std::string> times(std::string_view cron, std::string_view after, const ZoneRules& zone,
                               std::size_t count) {
    const Result<Cron> parsed = Cron::parse(cron);
    EXPECT_TRUE(parsed.ok()) << cron << ": " << (parsed.ok() ? "" : parsed.message());
    std::vector<std::string> out;
    std::int64_t at = ms(after);
    while (parsed.ok() && out.size() < count) {
        const auto next = parsed->next(at, zone);
        if (!next) {
            out.emplace_back("never");
            break;
        }
        EXPECT_GT(*next, at);
        at = *next;
        out.push_back(iso_time(at).substr(0, 19));
    }
    return out;
}

struct Case {
    std::string_view cron;
    std::string_view after;
    std::vector<std::string> next;
};

TEST(Cron, NamesTimes) {
    const std::vector<Case> cases = {
        {"* * * * *", "2026-01-01T00:00:00.000Z", {"2026-01-01T00:01:00", "2026-01-01T00:02:00"}},
        {"* * * * *", "2025-12-31T23:59:59.999Z", {"2026-01-01T00:00:00"}},
        {"*/15 * * * *",
         "2026-01-01T00:01:00.000Z",
         {"2026-01-01T00:15:00", "2026-01-01T00:30:00"}},
        {"0/25 * * * *",
         "2026-01-01T00:01:00.000Z",
         {"2026-01-01T00:25:00", "2026-01-01T00:50:00", "2026-01-01T01:00:00"}},
        {"5,10-12 3 * * *",
         "2026-01-01T00:00:00.000Z",
         {"2026-01-01T03:05:00", "2026-01-01T03:10:00", "2026-01-01T03:11:00",
          "2026-01-01T03:12:00", "2026-01-02T03:05:00"}},
        {"0 9 * * 1-5", "2026-01-02T10:00:00.000Z", {"2026-01-05T09:00:00"}},  // a Friday
        {"0 9 * * mon-fri", "2026-01-02T10:00:00.000Z", {"2026-01-05T09:00:00"}},
        {"0 0 * * 7", "2026-01-01T00:00:00.000Z", {"2026-01-04T00:00:00"}},
        {"0 0 * * 0", "2026-01-01T00:00:00.000Z", {"2026-01-04T00:00:00"}},
        {"0 0 29 2 *", "2026-01-01T00:00:00.000Z", {"2028-02-29T00:00:00", "2032-02-29T00:00:00"}},
        {"0 0 29 2 *", "2096-03-01T00:00:00.000Z", {"2104-02-29T00:00:00"}},
        {"0 0 31 * *", "2026-01-31T00:00:00.000Z", {"2026-03-31T00:00:00", "2026-05-31T00:00:00"}},
        {"0 0 30 2 *", "2026-01-01T00:00:00.000Z", {"never"}},
        {"0 0 13 * 5",
         "2026-02-01T00:00:00.000Z",  // one of the two days is enough
         {"2026-02-06T00:00:00", "2026-02-13T00:00:00", "2026-02-20T00:00:00"}},
        {"0 0 13 * ?", "2026-02-01T00:00:00.000Z", {"2026-02-13T00:00:00", "2026-03-13T00:00:00"}},
        {"0 0 L * *", "2026-02-01T00:00:00.000Z", {"2026-02-28T00:00:00", "2026-03-31T00:00:00"}},
        {"0 0 L,15 * *",
         "2026-02-01T00:00:00.000Z",
         {"2026-02-15T00:00:00", "2026-02-28T00:00:00"}},
        {"0 0 * * 5L", "2026-01-01T00:00:00.000Z", {"2026-01-30T00:00:00", "2026-02-27T00:00:00"}},
        {"0 0 * * 1#2", "2026-01-01T00:00:00.000Z", {"2026-01-12T00:00:00", "2026-02-09T00:00:00"}},
        {"0 0 * * 1#5", "2026-01-01T00:00:00.000Z", {"2026-03-30T00:00:00"}},
        {"30 5 0 1 JAN *", "2026-06-01T00:00:00.000Z", {"2027-01-01T00:05:30"}},
        {"*/20 * * * * *",
         "2026-01-01T00:00:00.000Z",
         {"2026-01-01T00:00:20", "2026-01-01T00:00:40", "2026-01-01T00:01:00"}},
        {"@yearly", "2026-01-01T00:00:00.000Z", {"2027-01-01T00:00:00"}},
        {"@Hourly", "2026-01-01T00:00:00.000Z", {"2026-01-01T01:00:00"}},
        {"  0   12\t* * *  ", "2026-01-01T00:00:00.000Z", {"2026-01-01T12:00:00"}},
    };
    for (const Case& one : cases) {
        EXPECT_EQ(times(one.cron, one.after, Utc(), one.next.size()), one.next) << one.cron;
    }
}

TEST(Cron, WhereTheClockIsPutForward) {
    // 02:00 to 03:00 does not exist on March 29.
    EXPECT_EQ(times("30 2 * * *", "2026-03-28T00:00:00.000Z", berlin(), 3),
              (std::vector<std::string>{"2026-03-28T01:30:00", "2026-03-29T01:00:00",
                                        "2026-03-30T00:30:00"}))
        << "when the clock has been put forward";
    EXPECT_EQ(times("0,30 2 * * *", "2026-03-28T23:00:00.000Z", berlin(), 3),
              (std::vector<std::string>{"2026-03-29T01:00:00", "2026-03-30T00:00:00",
                                        "2026-03-30T00:30:00"}))
        << "once, however many times were left out";
    EXPECT_EQ(times("0 3 * * *", "2026-03-28T23:00:00.000Z", berlin(), 1),
              (std::vector<std::string>{"2026-03-29T01:00:00"}));
    EXPECT_EQ(times("*/30 * * * *", "2026-03-29T00:29:00.000Z", berlin(), 3),
              (std::vector<std::string>{"2026-03-29T00:30:00", "2026-03-29T01:00:00",
                                        "2026-03-29T01:30:00"}));
}

TEST(Cron, WhereTheClockIsPutBack) {
    // 02:00 to 03:00 comes twice on October 25.
    EXPECT_EQ(times("30 2 * * *", "2026-10-24T12:00:00.000Z", berlin(), 2),
              (std::vector<std::string>{"2026-10-25T00:30:00", "2026-10-26T01:30:00"}))
        << "the first time alone";
    EXPECT_EQ(times("*/30 * * * *", "2026-10-25T00:00:00.000Z", berlin(), 4),
              (std::vector<std::string>{"2026-10-25T00:30:00", "2026-10-25T01:00:00",
                                        "2026-10-25T01:30:00", "2026-10-25T02:00:00"}))
        << "by real time when no hour is named";
    EXPECT_EQ(times("30 2 * * *", "2026-10-25T00:45:00.000Z", berlin(), 1),
              (std::vector<std::string>{"2026-10-26T01:30:00"}))
        << "asked within the hour that comes twice";
    EXPECT_EQ(times("0 3 * * *", "2026-10-25T00:45:00.000Z", berlin(), 1),
              (std::vector<std::string>{"2026-10-25T02:00:00"}));
}

TEST(Cron, OtherChangesOfTheClock) {
    EXPECT_EQ(times("15 2 * * *", "2026-10-02T15:00:00.000Z", lord_howe(), 2),
              (std::vector<std::string>{"2026-10-02T15:45:00", "2026-10-03T15:30:00"}))
        << "half an hour that does not exist";
    EXPECT_EQ(times("45 1 * * *", "2026-04-04T00:00:00.000Z", lord_howe(), 2),
              (std::vector<std::string>{"2026-04-04T14:45:00", "2026-04-05T15:15:00"}))
        << "half an hour that comes twice";
    EXPECT_EQ(times("0 12 * * *", "2011-12-29T00:00:00.000Z", samoa(), 3),
              (std::vector<std::string>{"2011-12-29T22:00:00", "2011-12-30T10:00:00",
                                        "2011-12-30T22:00:00"}))
        << "a whole day that does not exist";
}

TEST(Cron, RefusesWhatMakesNoSense) {
    for (const std::string_view text : {"",
                                        "* * * *",
                                        "* * * * * * *",
                                        "60 * * * *",
                                        "* 24 * * *",
                                        "* * 0 * *",
                                        "* * 32 * *",
                                        "* * * 13 * ",
                                        "* * * * 8",
                                        "*/0 * * * *",
                                        "5-1 * * * *",
                                        "a * * * *",
                                        "* * * FOO *",
                                        "1- * * * *",
                                        "-1 * * * *",
                                        ", * * * *",
                                        "1,,2 * * * *",
                                        "* * * * 1#6",
                                        "* * * * #1",
                                        "* * W * *",
                                        "@reboot",
                                        "* * * * FRI-MON",
                                        "1/ * * * *",
                                        "999999999999 * * * *"}) {
        EXPECT_FALSE(Cron::parse(text).ok()) << text;
    }
    EXPECT_NE(Cron::parse("* 24 * * *").message().find("'hour' must hold values from 0 to 23"),
              std::string::npos);
}

struct ScheduleCase {
    std::string_view trigger;
    std::string_view input;
    std::string_view cron;  // empty: refused
    std::string_view zone = "UTC";
};

TEST(Schedule, TriggersOfThePiece) {
    const std::vector<ScheduleCase> cases = {
        {"cron_expression", R"({"cronExpression":"1 2 3 4 5","timezone":"Asia/Tokyo"})",
         "1 2 3 4 5", "Asia/Tokyo"},
        {"cron_expression", R"({"timezone":"UTC"})", ""},
        {"every_x_minutes", R"({"minutes":7})", "*/7 * * * *"},
        {"every_x_minutes", R"({"minutes":"7"})", "*/7 * * * *"},
        {"every_x_minutes", R"({"minutes":0})", ""},
        {"every_x_minutes", R"({"minutes":60})", ""},
        {"every_x_minutes", R"({"minutes":1.5})", ""},
        {"every_hour", R"({"run_on_weekends":true})", "0 * * * *"},
        {"every_hour", R"({"run_on_weekends":false})", "0 * * * 1-5"},
        {"every_day", R"({"hour_of_the_day":6,"timezone":"Europe/Berlin"})", "0 6 * * 1-5",
         "Europe/Berlin"},
        {"every_day", R"({"hour_of_the_day":0,"run_on_weekends":true})", "0 0 * * *"},
        {"every_day", R"({"hour_of_the_day":24})", ""},
        {"every_week", R"({"hour_of_the_day":6,"day_of_the_week":0})", "0 6 * * 0"},
        {"every_week", R"({"hour_of_the_day":6})", ""},
        {"every_month", R"({"hour_of_the_day":6,"day_of_the_month":31})", "0 6 31 * *"},
        {"every_year", "{}", ""},
    };
    for (const ScheduleCase& one : cases) {
        const auto schedule = schedule_of(one.trigger, Json::parse(one.input).value());
        ASSERT_EQ(schedule.ok(), !one.cron.empty()) << one.trigger << one.input;
        if (schedule.ok()) {
            EXPECT_EQ(schedule->cron, one.cron);
            EXPECT_EQ(schedule->timezone, one.zone);
            EXPECT_TRUE(Cron::parse(schedule->cron).ok());
        }
    }
    EXPECT_EQ(
        schedule_of("every_week",
                    Json::parse(R"({"hour_of_the_day":6,"day_of_the_week":0})").value())
            ->payload.dump(),
        R"({"hour_of_the_day":6,"day_of_the_week":0,"timezone":"UTC","cron_expression":"0 6 * * 0"})");
}

}  // namespace
}  // namespace sallyport::engine
