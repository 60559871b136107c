// What is shown of a run, and journals that make no sense.
#include "engine/core/run_journal.hpp"
#include "engine/core/run_record.hpp"
#include "tests/unit/engine_flows.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sallyport::engine {
namespace {

TEST(RunRecord, CutsLargeInputs) {
    const Json shown = shown_input(
        Json::object({{"a", Json::string(std::string(5000, 'x'))}, {"b", Json::string("short")}}));
    EXPECT_EQ(shown.dump(), R"x({"a":"(truncated, original size 5000)","b":"short"})x");
}

TEST(RunJournal, RefusesWhatItCannotRead) {
    const auto program = test_program({});
    EXPECT_FALSE(replay(*program, {"not json"}).ok());
    EXPECT_FALSE(replay(*program, {R"([{"type":"unheard_of"}])"}).ok());
    EXPECT_TRUE(replay(*program, {}).ok());
}

}  // namespace
}  // namespace sallyport::engine
