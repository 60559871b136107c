// tests/vectors/express-rate-limit.json: what express-rate-limit answered, row by row, held against
// our windows and fields. Times may differ by a second: the recorded Date has no more.
#include "common/bytes.hpp"
#include "common/file_text.hpp"
#include "common/json.hpp"
#include "module/policy/rate_limit_fields.hpp"
#include "module/policy/rate_limit_key.hpp"
#include "module/policy/rate_limit_spec.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <map>
#include <string>
#include <vector>

namespace sallyport::policy {
namespace {

constexpr std::int64_t kS = 1'000'000'000;
using Headers = std::map<std::string, std::string>;

// Clients of the rows that have several, as the gateway knows them (IPv6 grouped by /56 here).
// Headers that a client can write never choose its bucket.
const std::map<std::string, std::string>& clients() {
    static const std::map<std::string, std::string> all = {
        {"v6 a", "2001:db8:0:100::1"},          {"v6 b same /64", "2001:db8:0:100::2"},
        {"v6 c same /56", "2001:db8:0:101::1"}, {"v6 d other /56", "2001:db8:0:200::1"},
        {"::ffff:1.1.1.1", "::ffff:1.1.1.1"},   {"1.1.1.1", "1.1.1.1"},
    };
    return all;
}

// Rows in which the gateway differs on purpose, and what it says instead.
struct Departure {
    const char* row;  // package and name
    const char* why;
    std::vector<int> remaining;
};
const std::vector<Departure>& departures() {
    static const std::vector<Departure> all = {
        {"express-rate-limit@7.5.1 ipv6 two addresses in same /56",
         "a client cannot leave its bucket by moving through its own network",
         {4, 3, 2, 4}},
        {"express-rate-limit@7.5.1 mapped v4 vs v4", "one address has one bucket", {4, 3}},
        {"express-rate-limit@8.7.4 trust proxy true -> validation error",
         "X-Forwarded-For from anyone chooses no bucket",
         {1, 0}},
        {"express-rate-limit@8.7.4 xff with port, hops 1", "", {1, 0}},
    };
    return all;
}

std::int64_t seconds_of(const std::string& date) {
    std::tm parts{};
    EXPECT_NE(::strptime(date.c_str(), "%a, %d %b %Y %H:%M:%S", &parts), nullptr) << date;
    return static_cast<std::int64_t>(::timegm(&parts));
}

std::string text_of(const Json& object, const char* name) {
    return std::string(object[name].text_or(""));
}

// The numbers of a field by parameter: `"3-in-15min"; r=2; t=900` or `limit=3, remaining=2`.
std::map<std::string, long> numbers_of(const std::string& value) {
    std::map<std::string, long> out;
    for (std::size_t at = value.find('='); at != std::string::npos; at = value.find('=', at + 1)) {
        std::size_t start = at;
        while (start > 0 && std::isalpha(static_cast<unsigned char>(value[start - 1])) != 0) {
            --start;
        }
        const std::string name = value.substr(start, at - start);
        if (!name.empty() && name != "pk") {
            out[name] = std::strtol(value.c_str() + at + 1, nullptr, 10);
        }
    }
    return out;
}

bool is_time(const std::string& name) {
    return name == "t" || name == "reset";
}

// `theirs` says the same as `ours`, times within a second.
void expect_same(const std::string& where, const std::string& name, const std::string& theirs,
                 const std::string& ours, int remaining) {
    if (theirs.find('=') == std::string::npos) {
        const long a = std::strtol(theirs.c_str(), nullptr, 10);
        const long b = std::strtol(ours.c_str(), nullptr, 10);
        const bool time = name.ends_with("Reset") || name == "Retry-After";
        const bool rest = name.ends_with("Remaining") && remaining >= 0;
        EXPECT_LE(std::abs((rest ? remaining : a) - b), time ? 1 : 0)
            << where << " " << name << ": " << theirs << " / " << ours;
        return;
    }
    const auto a = numbers_of(theirs);
    const auto b = numbers_of(ours);
    for (const auto& [key, number] : a) {
        ASSERT_TRUE(b.contains(key)) << where << " " << name << ": " << theirs << " / " << ours;
        const bool rest = (key == "r" || key == "remaining") && remaining >= 0;
        EXPECT_LE(std::abs((rest ? remaining : number) - b.at(key)), is_time(key) ? 1 : 0)
            << where << " " << name << ": " << theirs << " / " << ours;
    }
}

class Row {
  public:
    Row(const Json& row, const LimitSpec& spec, FieldGenerations generations)
        : row_(row), spec_(spec), generations_(generations) {
        name_ = text_of(row, "package") + " " + text_of(row, "name");
        for (const Departure& one : departures()) {
            if (name_ == one.row) {
                departure_ = &one;
            }
        }
    }

    void run() {
        const Json responses = row_["responses"];
        for (std::size_t i = 0; i < responses.size(); ++i) {
            answer(responses.at(i), i);
        }
    }

  private:
    void answer(const Json& response, std::size_t index) {
        const std::string request = text_of(response, "req");
        const std::string where = name_ + ", " + request + " (" + std::to_string(index) + ")";
        Headers theirs;
        response["headers"].each_member([&](std::string_view name, const Json& value) {
            theirs[std::string(name)] = std::string(value.text_or(""));
        });
        const std::int64_t now_ns = seconds_of(theirs.at("Date")) * kS;
        const auto client = clients().find(request);
        const std::string key = client == clients().end() ? "one" : client->second;
        std::array<std::uint8_t, 16> bytes{};
        const auto address = IpAddress::parse(key);
        const std::string bucket(address ? address_part(*address, 56, bytes)
                                         : std::string_view(key));
        WindowEntry& entry =
            entries_.try_emplace(bucket, WindowEntry::fresh({1, 2}, now_ns)).first->second;
        WindowStanding now = window_standing(entry, spec_.window, now_ns);
        const bool passes = now.used < spec_.window.max;
        if (passes) {
            now = window_take(entry, spec_.window, 1, now_ns);
        }
        const Standing standing = sallyport::policy::standing(spec_, {now.used, now.next_ns});
        const long status = static_cast<long>(response["status"].integer_or(0));
        EXPECT_EQ(passes, status != 429) << where;
        compare(where, theirs, standing, passes, now_ns / kS, index);
        const bool failed = status >= 400;
        if (passes && ((spec_.skip == SkipOutcome::successful && !failed) ||
                       (spec_.skip == SkipOutcome::failed && failed))) {
            window_give_back(entry, 1);
        }
    }

    void compare(const std::string& where, const Headers& theirs, const Standing& standing,
                 bool passes, std::int64_t now_s, std::size_t index) {
        const FieldLimit limit{"limit", spec_.quota, spec_.window_s, standing};
        std::array<char, field_bytes_max(1)> scratch;
        std::array<Field, kFieldsMax> fields;
        const std::size_t count =
            write_fields(generations_, std::span(&limit, 1), now_s, scratch, fields);
        Headers ours;
        for (std::size_t i = 0; i < count; ++i) {
            ours[std::string(fields[i].name)] = std::string(fields[i].value);
        }
        const std::string policy = policy_field(generations_, std::span(&limit, 1));
        if (!policy.empty()) {
            ours["RateLimit-Policy"] = policy;
        }
        if (!passes) {
            ours["Retry-After"] = std::to_string(standing.retry_after_s);
        }
        const int remaining = departure_ == nullptr ? -1 : departure_->remaining.at(index);
        for (const auto& [name, value] : theirs) {
            if (name.find("RateLimit") == std::string::npos && name != "Retry-After") {
                continue;
            }
            ASSERT_TRUE(ours.contains(name)) << where << " lacks " << name;
            // Their draft-8 sends policies in full; ours are the same apart from the name and pk.
            if (!(name == "RateLimit-Policy" && value.starts_with('"'))) {
                expect_same(where, name, value, ours[name], remaining);
            } else {
                EXPECT_EQ(numbers_of(value), numbers_of(ours[name])) << where;
            }
        }
        for (const auto& [name, value] : ours) {
            // Retry-After is ours on every refusal, asked for or not.
            EXPECT_TRUE(theirs.contains(name) || name == "Retry-After") << where << ": " << name;
        }
    }

    const Json row_;
    const LimitSpec spec_;
    const FieldGenerations generations_;
    std::string name_;
    const Departure* departure_ = nullptr;
    std::map<std::string, WindowEntry> entries_;
};

FieldGenerations generations_of(const Json& options) {
    FieldGenerations set = 0;
    const std::string standard = text_of(options, "standardHeaders");
    if (standard == "draft-8") {
        set = bit(FieldGeneration::draft_11);
    } else if (standard == "draft-7") {
        set = bit(FieldGeneration::draft_07);
    } else if (standard == "draft-6" || options["standardHeaders"].boolean_or(false)) {
        set = bit(FieldGeneration::draft_06);
    }
    if (options["legacyHeaders"].boolean_or(true)) {
        set = static_cast<FieldGenerations>(set | bit(FieldGeneration::legacy));
    }
    return set;
}

TEST(RateLimitVectors, EveryRowOfExpressRateLimit) {
    const auto text =
        read_file_text(std::string(SALLYPORT_VECTORS_DIR) + "/express-rate-limit.json", 1 << 20);
    ASSERT_TRUE(text.ok()) << text.message();
    const auto rows = Json::parse(*text);
    ASSERT_TRUE(rows.ok()) << rows.message();
    EXPECT_EQ(rows->size(), 20u);
    for (std::size_t i = 0; i < rows->size(); ++i) {
        const Json row = rows->at(i);
        const Json options = row["options"];
        const auto max = options[options.has("max") ? "max" : "limit"];
        const std::int64_t window_ms = options["windowMs"].integer_or(0);
        const std::string line_window = "window=" + std::to_string(window_ms) + "ms";
        const std::string line_max = "max=" + std::to_string(max.integer_or(-1));
        std::vector<std::string_view> words = {"limit", line_window, line_max};
        if (options["skipSuccessfulRequests"].boolean_or(false)) {
            words.push_back("skip_successful");
        }
        const auto spec = parse_limit(words);
        if (line_max == "max=0") {
            // Refusing everybody is not a limit: the configuration says so, as their warning does.
            ASSERT_FALSE(spec.ok());
            continue;
        }
        ASSERT_TRUE(spec.ok()) << spec.message();
        Row(row, *spec, generations_of(options)).run();
    }
}

}  // namespace
}  // namespace sallyport::policy
