#include "tests/engine/flow_comparison.hpp"

#include "engine/core/flows/model.hpp"
#include "engine/core/flows/operations.hpp"
#include "tests/engine/flow_sequences.hpp"

#include <vector>

namespace sallyport::test {
namespace {

constexpr std::string_view kNow = "2026-01-01T00:00:00.000Z";
constexpr std::size_t kOperationsMax = 30;

// One operation, and what we make of it.
struct Turn {
    std::string
        question;  // as text: what we do to the version afterwards does not reach the oracle
    std::string type;
    Status shape;
    engine::OperationOutcome ours;  // when the shape is right
};

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
    Json rest = Json::object();
    version.each_member([&rest](std::string_view name, const Json& value) {
        if (name != "connectionIds" && name != "agentIds") {
            rest.set(name, value);
        }
    });
    return rest;
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

// Each operation is drawn for the version that we left. As long as the two agree it is theirs too,
// and after the first difference nothing counts: so the whole sequence is one question.
std::vector<Turn> play(std::uint64_t seed) {
    FlowSequence sequence(seed);
    Json version = new_version();
    std::vector<Turn> turns;
    for (std::size_t i = 0; i < kOperationsMax; ++i) {
        const Json operation = sequence.next(version);
        const Json request = operation["request"];
        const std::string type(operation["type"].text());
        std::string question =
            Json::object({{"version", version}, {"operation", operation}}).dump();
        Turn turn{std::move(question), type, engine::check_operation(type, request), {}};
        if (turn.shape.ok()) {
            turn.ours = engine::apply_operation(version, type, request, kNow);
            if (turn.ours.ok()) {
                version = turn.ours.version;
            }
        }
        turns.push_back(std::move(turn));
    }
    return turns;
}

std::string question_of(const std::vector<Turn>& turns) {
    std::string text;
    for (const Turn& turn : turns) {
        text += (text.empty() ? R"({"do":"apply","steps":[)" : ",") + turn.question;
    }
    return text + "]}";
}

std::string refusal_difference(const Turn& turn, const Json& error) {
    if (error["code"].is_null()) {
        return {};
    }
    const std::string_view code =
        turn.ours.missing_step.empty() ? "FLOW_OPERATION_INVALID" : "ENTITY_NOT_FOUND";
    if (error["code"].text() != code || error["params"]["message"].text() != turn.ours.problem) {
        return "ours: " + std::string(code) + " " + turn.ours.problem + "\ntheirs: " + error.dump();
    }
    return {};
}

std::string turn_difference(const Turn& turn, const Json& theirs, FlowTally& tally) {
    if (!theirs["accepted"].is_boolean() || turn.shape.ok() != theirs["accepted"].is_true()) {
        return "ours: " + (turn.shape.ok() ? "accepted" : turn.shape.message()) +
               "\ntheirs: " + theirs.dump();
    }
    if (!turn.shape.ok()) {
        ++tally.refused;
        return {};
    }
    const Json error = theirs["error"];
    if (!turn.ours.ok() && is_declared(turn.ours.problem)) {
        ++tally.declared;
        return {};
    }
    if (turn.ours.ok() != !error.exists()) {
        return "ours: " + turn.ours.problem + "\ntheirs: " + error.dump();
    }
    if (!turn.ours.ok()) {
        ++tally.refused;
        return refusal_difference(turn, error);
    }
    const Json after = compared(turn.ours.version);
    const Json expected = compared(theirs["version"]);
    if (!after.equals(expected)) {
        return "ours:   " + after.dump_sorted() + "\ntheirs: " + expected.dump_sorted();
    }
    ++tally.applied[turn.type];
    return {};
}

}  // namespace

void FlowTally::add(const FlowTally& other) {
    for (const auto& [type, count] : other.applied) {
        applied[type] += count;
    }
    refused += other.refused;
    declared += other.declared;
}

std::string flow_difference(ContractOracle& oracle, std::uint64_t seed, FlowTally& tally) {
    const std::vector<Turn> turns = play(seed);
    const Json answers = oracle.ask(question_of(turns))["answers"];
    if (answers.size() != turns.size()) {
        return "seed " + std::to_string(seed) + ": " + std::to_string(answers.size()) + " answers";
    }
    for (std::size_t i = 0; i < turns.size(); ++i) {
        const std::string difference = turn_difference(turns[i], answers.at(i), tally);
        if (!difference.empty()) {
            return "seed " + std::to_string(seed) + ", operation " + std::to_string(i) + "\non " +
                   turns[i].question + "\n" + difference;
        }
    }
    return {};
}

}  // namespace sallyport::test
