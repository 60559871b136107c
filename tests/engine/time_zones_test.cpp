// The system's zones: names, changes of the clock, and schedules over them.
#include "engine/adapters/time_zones.hpp"

#include "engine/core/time_text.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sallyport::engine {
namespace {

TEST(TimeZones, KnowsWhenTheClockChanges) {
    struct Case {
        std::string cron;
        std::string zone;
        std::string after;
        std::string next;
    };
    const std::vector<Case> cases = {
        {"30 2 * * *", "Europe/Berlin", "2026-03-29T00:00:00.000Z", "2026-03-29T01:00:00.000Z"},
        {"30 2 * * *", "Europe/Berlin", "2026-10-24T23:00:00.000Z", "2026-10-25T00:30:00.000Z"},
        {"0 9 * * *", "America/New_York", "2026-03-08T00:00:00.000Z", "2026-03-08T13:00:00.000Z"},
        {"0 9 * * *", "America/New_York", "2026-03-07T15:00:00.000Z", "2026-03-08T13:00:00.000Z"},
        {"0 9 * * *", "Asia/Kolkata", "2026-01-01T00:00:00.000Z", "2026-01-01T03:30:00.000Z"},
        {"0 0 * * *", "Pacific/Apia", "2011-12-29T10:00:00.000Z", "2011-12-30T10:00:00.000Z"},
        {"0 12 1 1 *", "Europe/London", "2030-06-01T00:00:00.000Z", "2031-01-01T12:00:00.000Z"},
        {"0 12 1 7 *", "Europe/London", "2030-06-01T00:00:00.000Z", "2030-07-01T11:00:00.000Z"},
        {"0 0 * * *", "UTC", "2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"},
    };
    for (const Case& one : cases) {
        const auto next = next_fire_ms(one.cron, one.zone, *parse_iso_time(one.after));
        ASSERT_TRUE(next.ok()) << next.message();
        EXPECT_EQ(iso_time(*next), one.next) << one.cron << " " << one.zone;
    }
}

TEST(TimeZones, RefusesWhatItDoesNotKnow) {
    for (const char* name : {"", "Mars/Olympus", "../../etc/passwd", "europe/berlin x"}) {
        EXPECT_FALSE(find_zone(name).ok()) << name;
    }
    EXPECT_FALSE(next_fire_ms("x", "UTC", 0).ok());
    EXPECT_FALSE(next_fire_ms("0 0 30 2 *", "Europe/Berlin", 0).ok());
}

}  // namespace
}  // namespace sallyport::engine
