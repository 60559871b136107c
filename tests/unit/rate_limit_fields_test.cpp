#include "module/policy/rate_limit_fields.hpp"

#include "common/bytes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace sallyport::policy {
namespace {

FieldGenerations generations(std::string_view line) {
    std::vector<std::string_view> words;
    for_each_split(line, ' ', [&](std::string_view word) { words.push_back(word); });
    const auto parsed = parse_generations(words);
    EXPECT_TRUE(parsed.ok()) << line;
    return parsed.ok() ? *parsed : FieldGenerations{0};
}

std::vector<std::string> render(std::string_view line, std::span<const FieldLimit> limits) {
    std::vector<char> scratch(field_bytes_max(limits.size()));
    Field fields[kFieldsMax];
    const std::size_t count =
        write_fields(generations(line), limits, 1'700'000'000, scratch, fields);
    std::vector<std::string> out;
    for (std::size_t i = 0; i < count; ++i) {
        out.push_back(std::string(fields[i].name) + ": " + std::string(fields[i].value));
    }
    const std::string policy = policy_field(generations(line), limits);
    if (!policy.empty()) {
        out.push_back("RateLimit-Policy: " + policy);
    }
    return out;
}

const FieldLimit kBurst{"burst", 100, 60, {50, 1, 30, 0}};
const FieldLimit kDaily{"daily", 1000, 86400, {7, 80, 86000, 0}};
const FieldLimit kRefused{"login", 5, 900, {0, 180, 900, 180}};

using testing::ElementsAre;

TEST(RateLimitFields, Draft11ListsEveryLimit) {
    const FieldLimit limits[] = {kBurst, kDaily};
    EXPECT_THAT(render("draft-11", limits),
                ElementsAre("RateLimit: \"burst\";r=50;t=1, \"daily\";r=7;t=80",
                            "RateLimit-Policy: \"burst\";q=100;w=60, \"daily\";q=1000;w=86400"));
}

TEST(RateLimitFields, OlderDraftsTellTheTightest) {
    const FieldLimit limits[] = {kBurst, kDaily};
    EXPECT_THAT(render("draft-07", limits),
                ElementsAre("RateLimit: limit=1000, remaining=7, reset=86000",
                            "RateLimit-Policy: 100;w=60, 1000;w=86400"));
    EXPECT_THAT(render("draft-06", limits),
                ElementsAre("RateLimit-Limit: 1000", "RateLimit-Remaining: 7",
                            "RateLimit-Reset: 86000", "RateLimit-Policy: 100;w=60, 1000;w=86400"));
    EXPECT_THAT(render("legacy", limits),
                ElementsAre("X-RateLimit-Limit: 1000", "X-RateLimit-Remaining: 7",
                            "X-RateLimit-Reset: 1700086000"));
}

TEST(RateLimitFields, ARefusalTellsWhenTheNextUnitComes) {
    const FieldLimit limits[] = {kBurst, kRefused};
    EXPECT_THAT(
        render("draft-06 legacy", limits),
        ElementsAre("RateLimit-Limit: 5", "RateLimit-Remaining: 0", "RateLimit-Reset: 180",
                    "X-RateLimit-Limit: 5", "X-RateLimit-Remaining: 0",
                    "X-RateLimit-Reset: 1700000180", "RateLimit-Policy: 100;w=60, 5;w=900"));
    EXPECT_EQ(tightest(limits).name, "login");
}

TEST(RateLimitFields, CombinedDraftsShareThePolicyFieldOfTheNewest) {
    const FieldLimit limits[] = {kBurst};
    EXPECT_THAT(render("draft-11 draft-06", limits),
                ElementsAre("RateLimit: \"burst\";r=50;t=1", "RateLimit-Limit: 100",
                            "RateLimit-Remaining: 50", "RateLimit-Reset: 30",
                            "RateLimit-Policy: \"burst\";q=100;w=60"));
    EXPECT_THAT(render("off", limits), ElementsAre());
}

TEST(RateLimitFields, NeverPromisesMoreThanTheQuotaAndOmitsTheTimeOfAFullBucket) {
    const FieldLimit limits[] = {{"big", 10, 1, {500, 0, 0, 0}}};
    EXPECT_THAT(render("draft-11", limits),
                ElementsAre("RateLimit: \"big\";r=10", "RateLimit-Policy: \"big\";q=10;w=1"));
}

TEST(RateLimitFields, LongestValuesFit) {
    const std::string name(64, 'n');
    std::vector<FieldLimit> limits(
        8, {name, 1'000'000'000, 86400, {999'999'999, 8'640'000, 8'640'000, 0}});
    const auto all = render("draft-11 draft-06 legacy", limits);
    EXPECT_THAT(all[0], testing::EndsWith("\";r=999999999;t=8640000"));
    EXPECT_EQ(all[6], "X-RateLimit-Reset: 1708640000");
}

TEST(RateLimitFields, GenerationErrorsNameTheRemedy) {
    const std::pair<const char*, const char*> cases[] = {
        {"draft-12", "unknown generation \"draft-12\"; write draft-11"},
        {"Draft-11", "unknown generation"},
        {"", "unknown generation \"\""},
        {"off legacy", "\"off\" stands alone"},
        {"legacy off", "\"off\" stands alone"},
        {"legacy legacy", "stands there twice"},
        {"draft-11 draft-07", "different grammars; keep one"},
    };
    for (const auto& [line, says] : cases) {
        std::vector<std::string_view> words;
        for_each_split(std::string_view(line), ' ',
                       [&](std::string_view word) { words.push_back(word); });
        const auto parsed = parse_generations(words);
        ASSERT_FALSE(parsed.ok()) << line;
        EXPECT_THAT(parsed.message(), testing::HasSubstr(says)) << line;
    }
}

TEST(RateLimitFields, ConcurrencyHasAUnitAndNoWindow) {
    const FieldLimit limits[] = {{"slots", 10, 0, {7, 0, 0, 0}}, kBurst};
    EXPECT_THAT(render("draft-11", limits),
                testing::ElementsAre("RateLimit: \"slots\";r=7, \"burst\";r=50;t=1",
                                     "RateLimit-Policy: \"slots\";q=10;qu=\"concurrent-requests\", "
                                     "\"burst\";q=100;w=60"));
    EXPECT_EQ(render("draft-06", limits).back(), "RateLimit-Policy: 100;w=60");
}

TEST(RateLimitFields, AnItemByItselfIsWhatTheListHas) {
    const FieldLimit limits[] = {{"slots", 10, 0, {7, 0, 0, 0}},
                                 kBurst,
                                 {std::string_view("a_long_name_of_a_limit_that_is_in_nobodys_way"),
                                  18'446'744'073'709'551'615U,
                                  60,
                                  {18'446'744'073'709'551'615U, 4'294'967'295U, 1, 1}}};
    std::size_t room = 0;
    for (const FieldLimit& one : limits) {
        room += list_item_bytes_max(list_head(one.name).size());
    }
    std::string text(room, '\0');
    char* at = text.data();
    for (const FieldLimit& one : limits) {
        at = write_list_item(at, at == text.data(), list_head(one.name), one.quota, one.standing);
    }
    text.resize(static_cast<std::size_t>(at - text.data()));
    EXPECT_EQ("RateLimit: " + text, render("draft-11", limits).front());
}

}  // namespace
}  // namespace sallyport::policy
