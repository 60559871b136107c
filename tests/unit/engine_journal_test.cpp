// What is shown of a run, and journals that make no sense.
#include "engine/core/runs/journal.hpp"
#include "engine/core/runs/record.hpp"
#include "engine/core/runs/slices.hpp"
#include "tests/unit/engine_flows.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <vector>

namespace sallyport::engine {
namespace {

TEST(RunRecord, CutsLargeInputs) {
    const Json shown = shown_input(
        Json::object({{"a", Json::string(std::string(5000, 'x'))}, {"b", Json::string("short")}}));
    EXPECT_EQ(shown.dump(), R"x({"a":"(truncated, original size 5 KB)","b":"short"})x");
}

TEST(RunRecord, SaysSizesAsTheContractDoes) {
    const auto shown = [](std::size_t bytes, std::size_t most) {
        return std::string(
            shown_input(Json::object({{"a", Json::string(std::string(bytes, 'x'))}}), most)["a"]
                .text()
                .substr(0, 40));
    };
    EXPECT_EQ(shown(2049, 2048), "(truncated, original size 3 KB)");
    EXPECT_EQ(shown(69'000, 2048), "(truncated, original size 68 KB)");
    EXPECT_EQ(shown(3'600'000, 2048), "(truncated, original size 3.4 MB)");
    EXPECT_EQ(shown(3000, 4096), std::string(40, 'x'));
}

const char* const kSteps = R"j({"trigger":{"type":"PIECE_TRIGGER","status":"SUCCEEDED","input":{},
"output":"0123456789"},"each":{"type":"LOOP_ON_ITEMS","status":"SUCCEEDED","input":{},"output":
{"item":"01234567890","index":2,"iterations":[{"a":{"type":"CODE","output":"short"}},
{"a":{"type":"CODE","output":[1,2,3,4,5,6],"duration":3},"in":{"type":"LOOP_ON_ITEMS","output":
{"index":1,"iterations":[{"b":{"type":"CODE","output":"a longer one"}}]}}}]},"duration":4},
"off":{"type":"CODE","status":"FAILED","errorMessage":"no"}})j";

TEST(RunSlices, TakeThePlaceOfLargeOutputs) {
    const Json steps = Json::parse(kSteps).value();
    std::vector<std::string> places;
    const auto ref = [&places](const std::string& place, std::size_t bytes) {
        places.push_back(place + " " + std::to_string(bytes));
        return Json::string("-> " + place);
    };
    const Json sliced = with_slices(steps, 12, ref);
    EXPECT_EQ(places, (std::vector<std::string>{"each/1/a 13", "each/1/in/0/b 14"}));
    EXPECT_EQ(sliced["trigger"].dump(), steps["trigger"].dump()) << "12 bytes are not too many";
    const Json turn = sliced["each"]["output"]["iterations"].at(1);
    EXPECT_EQ(turn["a"].dump(),
              R"({"type":"CODE","outputType":"slice","output":"-> each/1/a","duration":3})");
    EXPECT_EQ(turn["in"]["output"]["iterations"].at(0)["b"]["output"].text(), "-> each/1/in/0/b");
    EXPECT_EQ(sliced["each"]["output"]["item"].text(), "01234567890");
    EXPECT_EQ(sliced["each"]["duration"].integer_or(0), 4);
    EXPECT_EQ(sliced["off"].dump(), steps["off"].dump());
    EXPECT_EQ(steps.dump(), Json::parse(kSteps)->dump()) << "what was given stays as it is";
    EXPECT_EQ(with_slices(steps, 1000, ref).dump(), steps.dump());
}

TEST(RunSlices, AreFoundAtTheirPlaces) {
    const Json steps = Json::parse(kSteps).value();
    EXPECT_EQ(output_at(steps, "trigger").text(), "0123456789");
    EXPECT_EQ(output_at(steps, "each/1/a").dump(), "[1,2,3,4,5,6]");
    EXPECT_EQ(output_at(steps, "each/1/in/0/b").text(), "a longer one");
    for (const char* place : {"", "none", "off", "each/2/a", "each/x/a", "each/1", "each/1/a/0",
                              "trigger/0/a", "each//a", "/"}) {
        EXPECT_FALSE(output_at(steps, place).exists()) << place;
    }
}

// What a step said of the run is in the journal, each tag once and no more than there may be.
TEST(RunJournal, KeepsTagsOnce) {
    const auto program = test_program({code_action("a"), http_action("b")});
    const auto tags = [](std::initializer_list<std::string> names) {
        Json list = Json::array();
        for (const std::string& name : names) {
            list.append(Json::string(name));
        }
        return list;
    };
    const std::string long_name(kRunTagBytesMax + 1, 'x');
    Json many = tags({"one"});
    for (std::size_t i = 0; i < 2 * kRunTagsMax; ++i) {
        many.append(Json::string(std::to_string(i)));
    }
    std::vector<std::string> commits;
    const auto journal = [&commits](const Event& event) {
        Json commit = Json::array();
        commit.append(journal_entry_json(event, 1));
        commits.push_back(commit.dump());
    };
    journal(RunStarted{Json::object(), 0});
    journal(StepStarted{"a", 1, {}});
    journal(StepPaused{"a", 1, 5, {}, {}, {}, {}, false, tags({"one", "", long_name, "two"})});
    journal(RunResumed{0, {}});
    journal(StepStarted{"b", 1, {}});
    EXPECT_EQ(replay(*program, commits)->tags.dump(), R"(["one","two"])");
    journal(StepSucceeded{"b", 1, {}, {}, false, {}, many});
    const Result<RunState> state = replay(*program, commits);
    ASSERT_TRUE(state.ok());
    EXPECT_EQ(state->status, RunStatus::succeeded);
    EXPECT_EQ(state->tags.size(), kRunTagsMax);
    EXPECT_EQ(state->tags.at(2).text(), "0");
}

TEST(RunJournal, RefusesWhatItCannotRead) {
    const auto program = test_program({});
    EXPECT_FALSE(replay(*program, {"not json"}).ok());
    EXPECT_FALSE(replay(*program, {R"([{"type":"unheard_of"}])"}).ok());
    EXPECT_TRUE(replay(*program, {}).ok());
}

}  // namespace
}  // namespace sallyport::engine
