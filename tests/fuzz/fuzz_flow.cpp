// Flows as clients send them: lists of operations, imports of older schemas among them, onto a
// flow. What is accepted can be stored, read back and compiled, and an import that was brought up
// to date stays as it is.
#include "engine/core/flows/migration.hpp"
#include "engine/core/flows/model.hpp"
#include "engine/core/flows/operations.hpp"
#include "engine/core/flows/program.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

using sallyport::Json;
using namespace sallyport::engine;

constexpr std::string_view kNow = "2026-01-01T00:00:00.000Z";
constexpr std::string_view kTrigger =
    R"({"name":"trigger","type":"PIECE_TRIGGER","displayName":"T","valid":true,"settings":{
"pieceName":"@activepieces/piece-webhook","pieceVersion":"~0.1.0","triggerName":"catch_webhook",
"input":{},"propertySettings":{}},"nextAction":{"name":"r","type":"ROUTER","displayName":"R",
"valid":true,"settings":{"executionType":"EXECUTE_ALL_MATCH","branches":[{"branchName":"A",
"branchType":"CONDITION","conditions":[[]]},{"branchName":"B","branchType":"FALLBACK"}]},
"children":[{"name":"l","type":"LOOP_ON_ITEMS","displayName":"L","valid":true,"settings":{
"items":"{{trigger.x}}"}},null],"nextAction":{"name":"s","type":"CODE","displayName":"S",
"valid":true,"settings":{"sourceCode":{"code":"x","packageJson":"{}"},"input":{}}}}})";

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

void check_version(const Json& version) {
    const auto stored = Json::parse_flow(version["trigger"].dump());
    require(stored.ok() && stored->equals(version["trigger"]));
    require(count_steps(*stored) <= kFlowStepsMax);
    const auto program = compile_program("f", "v", "Flow", 22, *stored);
    require(program.ok() || !program.message().empty());
}

Json up_to_date(const Json& request) {
    Json migrated = migrated_import(request, kNow);
    require(migrated_import(migrated, kNow).dump() == migrated.dump());
    return migrated;
}

void operate(Json& version, const Json& operation) {
    const std::string type(operation["type"].text());
    Json request = operation["request"];
    const auto scope = operation_scope(type);
    if (!request.is_object() || !scope) {
        return;
    }
    if (type == "IMPORT_FLOW") {
        request = up_to_date(request);
    }
    const auto shape = check_operation(type, request);
    if (!shape.ok()) {
        require(!shape.message().empty());
        return;
    }
    if (*scope == OperationScope::flow) {
        return;
    }
    const std::string before = version.dump();
    const OperationOutcome outcome = apply_operation(version, type, request, kNow);
    require(version.dump() == before);
    if (outcome.ok()) {
        version = outcome.version;
        check_version(version);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    (void)with_output_references(text, {"trigger", "s"});
    const auto operations = Json::parse_flow(text);
    if (!operations.ok()) {
        return 0;
    }
    Json version = Json::object({{"displayName", Json::string("Flow")},
                                 {"trigger", Json::parse_flow(kTrigger).value()},
                                 {"valid", Json::boolean(true)}});
    if (operations->is_object()) {
        operate(version, *operations);
    }
    operations->each_element([&version](const Json& operation) { operate(version, operation); });
    return 0;
}
