// Journals from any text: no crash, and what can be folded can be shown and folded again to the
// same state. The journal is read back from a disk that may be broken.
#include "engine/core/runs/journal.hpp"
#include "engine/core/runs/record.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

using sallyport::Json;
using namespace sallyport::engine;

const Program& program() {
    static const std::shared_ptr<const Program> made =
        compile_program(
            "f", "v", "Flow", 22,
            *Json::parse(
                R"({"name":"trigger","type":"PIECE_TRIGGER","displayName":"T","settings":{},
"nextAction":{"name":"a","type":"CODE","settings":{"input":{}},"nextAction":{"name":"l",
"type":"LOOP_ON_ITEMS","settings":{"items":"x"},"firstLoopAction":{"name":"b","type":"PIECE",
"settings":{"pieceName":"@activepieces/piece-http","errorHandlingOptions":{"retryOnFailure":
{"value":true}}}},"nextAction":{"name":"r","type":"ROUTER","settings":{"executionType":
"EXECUTE_ALL_MATCH","branches":[{"branchName":"1","branchType":"CONDITION","conditions":[[]]},
{"branchName":"2","branchType":"FALLBACK"}]},"children":[{"name":"c","type":"CODE","settings":
{"errorHandlingOptions":{"continueOnFailure":{"value":true}}}},null]}}}})"))
            .value();
    return *made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // Lines are commits.
    std::vector<std::string> commits(1);
    for (std::size_t i = 0; i < size; ++i) {
        if (data[i] == '\n') {
            commits.emplace_back();
        } else {
            commits.back() += static_cast<char>(data[i]);
        }
    }
    auto state = replay(program(), commits);
    if (!state.ok()) {
        return 0;
    }
    const std::string shown = steps_json(program(), *state).dump();
    const auto again = replay(program(), commits);
    if (!again.ok() || steps_json(program(), *again).dump() != shown || !Json::parse(shown).ok()) {
        std::abort();
    }
    failed_step_json(program(), *state);
    resume(program(), *std::move(state));
    return 0;
}
