// The worker's reading of tzdata's text against the C library's of its compiled files, for all
// zones; and what it makes of text that is none.
#include "engine/jsbox/time_zones.hpp"
#include "engine/jsbox/zone_clock.hpp"
#include "engine/jsbox/zone_text.hpp"
#include "engine/jsbox/zone_words.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

namespace sallyport::engine::jsbox::zones {
namespace {

constexpr std::int64_t kDayS = 86'400;
constexpr std::int64_t kYearS = 31'556'952;

std::string system_text() {
    std::ifstream file(kSystemPath);
    return {std::istreambuf_iterator<char>(file), {}};
}
std::int64_t utc(int year, int month = 1, int day = 1, int hour = 0) {
    return moment_of(
        {static_cast<unsigned>(month), DayRule::Kind::date, static_cast<unsigned>(day), 0}, year,
        hour * 3600);
}

// What the C library says the zone's clocks are ahead of UTC.
class CLibraryZone {
  public:
    explicit CLibraryZone(const std::string& name) {
        setenv("TZ", (":" + name).c_str(), 1);
        tzset();
    }
    ~CLibraryZone() {
        unsetenv("TZ");
        tzset();
    }
    CLibraryZone(const CLibraryZone&) = delete;
    CLibraryZone& operator=(const CLibraryZone&) = delete;

    std::int64_t offset_at(std::int64_t unix_s) const {
        const std::time_t at = unix_s;
        std::tm local{};
        localtime_r(&at, &local);
        return local.tm_gmtoff;
    }
};

// Every change and the second before it, every month of the years with tables, and sparsely ever
// after.
std::vector<std::int64_t> instants(const ZoneClock& clock) {
    std::vector<std::int64_t> out;
    for (const ZoneClock::Change& change : clock.changes()) {
        out.insert(out.end(), {change.at_s - 1, change.at_s});
    }
    for (std::int64_t at = utc(1840); at < utc(2110); at += 29 * kDayS + 3571) {
        out.push_back(at);
    }
    for (std::int64_t at = utc(2110); at < utc(3000); at += kYearS * 5 / 7) {
        out.push_back(at);
    }
    for (std::int64_t at = utc(3000); at < 200'000 * kYearS; at += 997 * kYearS + 77 * kDayS) {
        out.push_back(at);
    }
    return out;
}

TEST(JsboxZones, ReadEveryZoneAsTheCLibraryDoes) {
    const std::string text = system_text();
    ASSERT_FALSE(text.empty()) << "tzdata is not installed";
    int compared = 0;
    for (const auto& [name, is_link] : zone_names(text)) {
        // Old names' compiled files may be in a package of their own; the text has them all.
        if (!std::filesystem::exists("/usr/share/zoneinfo/" + std::string(name))) {
            EXPECT_TRUE(is_link) << name;
            continue;
        }
        const auto source = find_zone(text, name);
        ASSERT_TRUE(source) << name;
        const ZoneClock clock(*source);
        const CLibraryZone theirs{std::string(name)};
        int wrong = 0;
        for (const std::int64_t at : instants(clock)) {
            const std::int64_t expected = theirs.offset_at(at);
            if (clock.at(at).offset_s != expected && ++wrong < 4) {
                ADD_FAILURE() << name << " at " << at << ": " << clock.at(at).offset_s << ", not "
                              << expected;
            }
        }
        ++compared;
    }
    EXPECT_GT(compared, 400);
}

// Two zones and two links of the system's text, cut down to what they need.
constexpr std::string_view kText =
    "# version 2026f\n"
    "R E 1977 1980 - Ap Su>=1 1u 1 S\n"
    "R E 1996 ma - O lastSu 1u 0 -\n"
    "R E 1981 ma - Mar lastSu 1u 1 S\n"
    "Z Europe/Berlin 0:53:28 - LMT 1893 Ap\n"
    "1 E CE%sT 1980\n"
    "1 E CE%sT\n"
    "Z Asia/Tokyo 9:18:59 - LMT 1887 D 31 15u\n"
    "9 - JST\n"
    "L Europe/Berlin Arctic/Longyearbyen\n"
    "L Arctic/Longyearbyen Old/Name\n";

TEST(JsboxZones, AreFoundByAnyNameHoweverCapitalised) {
    for (const char* name : {"Europe/Berlin", "EUROPE/berlin", "arctic/longyearbyen", "old/name"}) {
        const auto zone = find_zone(kText, name);
        ASSERT_TRUE(zone) << name;
        EXPECT_EQ(zone->name, "Europe/Berlin");
    }
    EXPECT_EQ(written_name(kText, "OLD/name"), "Old/Name");
    for (const char* name : {"", "Europe", "Europe/", "Europe/Berlin ", "Z", "E", "LMT", "*"}) {
        EXPECT_FALSE(find_zone(kText, name)) << name;
    }
}

TEST(JsboxZones, WithoutTheFileAreNone) {
    EXPECT_FALSE(open("/nowhere/tzdata.zi"));
    EXPECT_FALSE(open("/dev/zero"));
    EXPECT_EQ(canonical("Europe/Berlin"), std::nullopt);
    EXPECT_EQ(canonical_names(), "");
    ASSERT_TRUE(open(kSystemPath));
    EXPECT_EQ(canonical("europe/BERLIN"), "Europe/Berlin");
    EXPECT_EQ(canonical("Asia/Kolkata"), "Asia/Calcutta");  // as ICU has it
    // More zones than are kept; then the first again, and after forgetting.
    const std::string names = canonical_names();
    for (std::size_t at = 0; at < names.size(); at = names.find('\n', at) + 1) {
        const std::string name = names.substr(at, names.find('\n', at) - at);
        EXPECT_TRUE(reading_at(name, utc(2024))) << name;
    }
    EXPECT_EQ(reading_at("Europe/Berlin", utc(2024, 7)), (Reading{7200, 3600}));
    forget();
    EXPECT_EQ(reading_at("Europe/Berlin", utc(2024)), (Reading{3600, 0}));
}

// Names that change with the time of the year, and times that have none.
TEST(JsboxZones, HaveTheNamesOfTheirTimes) {
    ASSERT_TRUE(open(kSystemPath));
    EXPECT_EQ(name_at("US/Eastern", utc(2024), false), "EST");
    EXPECT_EQ(name_at("America/New_York", utc(2024, 7), true), "Eastern Daylight Time");
    EXPECT_EQ(name_at("Europe/Dublin", utc(2024, 7), true), "Irish Standard Time");
    EXPECT_EQ(name_at("Africa/Windhoek", utc(2024, 7), true), "Central Africa Time");
    EXPECT_EQ(name_at("Europe/Berlin", utc(2024), false), "");
    EXPECT_EQ(name_at("America/New_York", utc(1969), true), "");  // none before 1970
    EXPECT_EQ(name_at("Asia/Kathmandu", utc(1975), true), "");    // another time then
}

// Whatever stands there, it is some zone or none.
TEST(JsboxZones, AreReadFromAnyText) {
    std::mt19937 random(20'261'127);
    const auto below = [&random](std::size_t end) { return random() % end; };
    int zones = 0;
    for (int round = 0; round < 20'000; ++round) {
        std::string text(kText);
        for (std::size_t changes = 1 + below(4); changes > 0; --changes) {
            constexpr std::string_view kLetters = "0123456789 -:\nZLRmasu<>=\xff";
            const std::size_t at = below(text.size());
            switch (below(3)) {
                case 0:
                    text[at] = kLetters[below(kLetters.size())];
                    break;
                case 1:
                    text.erase(at, 1 + below(20));
                    break;
                default:
                    text.insert(at, 1, kLetters[below(kLetters.size())]);
                    break;
            }
        }
        for (const ListedName& one : zone_names(text)) {
            written_name(text, one.name);
        }
        if (const auto zone = find_zone(text, "Old/Name")) {
            ++zones;
            const ZoneClock clock(*zone);
            for (const int year : {-5000, 1800, 1979, 2024, 200'000}) {
                clock.at(utc(1970) + (year - 1970) * kYearS);
            }
        }
    }
    EXPECT_GT(zones, 2000);
}

}  // namespace
}  // namespace sallyport::engine::jsbox::zones
