// Every operation on flows against the contract's published implementation: what it accepts, the
// tree it leaves, the errors it gives. SALLYPORT_SEQUENCES=20000 (scripts/compare-flow-operations)
// draws more sequences than the test run's 300.
#include "engine/core/flow_model.hpp"
#include "engine/core/flow_operations.hpp"
#include "tests/engine/contract_oracle.hpp"
#include "tests/engine/flow_sequences.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>

namespace sallyport::test {
namespace {

constexpr std::string_view kNow = "2026-01-01T00:00:00.000Z";
constexpr std::size_t kOperationsMax = 30;

std::uint64_t number_or(const char* name, std::uint64_t fallback) {
    const char* text = std::getenv(name);
    return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

Json new_version() {
    return Json::object({{"displayName", Json::string("My flow")},
                         {"trigger", engine::empty_trigger(kNow)},
                         {"valid", Json::boolean(false)},
                         {"state", Json::string("DRAFT")},
                         {"notes", Json::array()},
                         {"connectionIds", Json::array()},
                         {"agentIds", Json::array()}});
}

// The server derives these; the published function leaves them alone.
Json compared(const Json& version) {
    Json copy = version.deep_copy();
    copy.erase("connectionIds");
    copy.erase("agentIds");
    return copy;
}

// What we refuse although the published function does something (flow_operations.hpp says why).
bool is_declared(const std::string& problem) {
    for (const std::string_view part :
         {"exists already", "cannot be replaced by", "cannot be imported"}) {
        if (problem.find(part) != std::string::npos) {
            return true;
        }
    }
    return false;
}

struct Tally {
    std::map<std::string, int> applied;
    int refused = 0;
    int declared = 0;
};

// One operation on both; the version afterwards, or an empty Json when they differ.
Json step(ContractOracle& oracle, const Json& version, const Json& operation, Tally& tally) {
    const std::string type(operation["type"].text());
    const Json request = operation["request"];
    const Json theirs = oracle.ask(Json::object(
        {{"do", Json::string("apply")}, {"version", version}, {"operation", operation}}));
    const Status shape = engine::check_operation(type, request);
    EXPECT_EQ(shape.ok(), theirs["accepted"].is_true()) << operation.dump() << "\n"
                                                        << (shape.ok() ? "" : shape.message());
    if (shape.ok() != theirs["accepted"].is_true()) {
        return {};
    }
    if (!shape.ok()) {
        ++tally.refused;
        return version;
    }
    const engine::OperationOutcome ours = engine::apply_operation(version, type, request, kNow);
    const Json error = theirs["error"];
    if (!ours.ok() && is_declared(ours.problem)) {
        ++tally.declared;
        return version;
    }
    EXPECT_EQ(ours.ok(), !error.exists())
        << operation.dump() << "\nours: " << ours.problem << "\ntheirs: " << error.dump() << "\non "
        << version.dump();
    if (ours.ok() != !error.exists()) {
        return {};
    }
    if (!ours.ok()) {
        ++tally.refused;
        const bool missing = !ours.missing_step.empty();
        if (!error["code"].is_null()) {
            EXPECT_EQ(missing ? "ENTITY_NOT_FOUND" : "FLOW_OPERATION_INVALID",
                      error["code"].text());
            EXPECT_EQ(ours.problem, error["params"]["message"].text()) << operation.dump();
        }
        return version;
    }
    const Json after = compared(ours.version);
    const Json expected = compared(theirs["version"]);
    EXPECT_TRUE(after.equals(expected))
        << operation.dump() << "\non     " << version.dump() << "\nours   " << after.dump_sorted()
        << "\ntheirs " << expected.dump_sorted();
    ++tally.applied[type];
    return after.equals(expected) ? ours.version : Json();
}

TEST(FlowOperationsOracle, SequencesLeaveTheSameTreesAndErrors) {
    ContractOracle oracle;
    const std::uint64_t sequences = number_or("SALLYPORT_SEQUENCES", 300);
    const std::uint64_t first = number_or("SALLYPORT_SEED", 1);
    Tally tally;
    for (std::uint64_t seed = first; seed < first + sequences; ++seed) {
        FlowSequence sequence(seed);
        Json version = new_version();
        for (std::size_t i = 0; i < kOperationsMax; ++i) {
            version = step(oracle, version, sequence.next(version), tally);
            ASSERT_TRUE(version.exists()) << "SALLYPORT_SEED=" << seed << ", operation " << i;
        }
    }
    // A comparison that never gets anywhere compares nothing.
    EXPECT_GE(tally.applied.size(), 18U);
    for (const auto& [type, count] : tally.applied) {
        EXPECT_GT(count, static_cast<int>(sequences) / 50) << type;
    }
    EXPECT_GT(tally.refused, 0);
    RecordProperty("refused", tally.refused);
    RecordProperty("declared", tally.declared);
}

}  // namespace
}  // namespace sallyport::test
