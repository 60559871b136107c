// Changes to a flow, as clients send them: `{type, request}`. Pure: takes a version, returns the
// changed copy, tree and errors as the contract's own implementation has them (the differential
// test is tests/engine/flow_operations_oracle_test.cpp). What concerns the flow itself (publishing,
// status, folder) is named here so that the API can tell it from what does not exist, but is done
// where flows are stored.
//
// Three things are refused that the contract's implementation lets pass, since they leave a flow
// that cannot run: a second step of the same name, a trigger in an action's place or the other way
// round, and an import with actions that have no type, name or settings.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace sallyport::engine {

enum class OperationScope {
    version,  // changes the version: apply_operation
    flow,     // changes the flow around it
};

// Nothing for a type that the contract does not know.
std::optional<OperationScope> operation_scope(std::string_view type);

// Whether `request` has the shape that `type` demands. Messages name the path.
Status check_operation(std::string_view type, const Json& request);

// A flow as templates hold it: the request of IMPORT_FLOW that also says whether it is valid.
// `where` is its path in what the client sent.
Status check_template_flow(const Json& flow, const std::string& where);

// A changed version, or why there is none.
struct OperationOutcome {
    Json version;
    std::string problem;       // empty when it was applied
    std::string missing_step;  // not empty: `problem` is that there is no such step (or no action)

    bool ok() const { return problem.empty(); }
    const std::string& message() const { return problem; }
    const Json& operator*() const { return version; }
};

// REQUIRES: operation_scope(type) is `version` and check_operation passed. The version's `valid`,
// `connectionIds` and `agentIds` are brought up to date.
OperationOutcome apply_operation(const Json& version, std::string_view type, const Json& request,
                                 std::string_view now_iso);

}  // namespace sallyport::engine
