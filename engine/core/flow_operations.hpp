// Changes to a flow's step tree, as clients send them: `{type, request}`. Pure: takes a version,
// returns the changed copy. What concerns the flow itself (publishing, status) is named here so
// that the API can tell it from what does not exist, but is done where flows are stored.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"

#include <optional>
#include <string_view>

namespace sallyport::engine {

enum class OperationScope {
    version,      // changes the step tree: apply_operation
    flow,         // LOCK_AND_PUBLISH, CHANGE_STATUS
    unsupported,  // part of the contract, refused by this version of the engine
};

// Nothing for a type that the contract does not know.
std::optional<OperationScope> operation_scope(std::string_view type);

// Whether `request` has the shape that `type` demands. Messages name the path.
Status check_operation(std::string_view type, const Json& request);

// REQUIRES: operation_scope(type) is `version` and check_operation passed. The version's `valid`
// and `connectionIds` are brought up to date.
Result<Json> apply_operation(const Json& version, std::string_view type, const Json& request,
                             std::string_view now_iso);

}  // namespace sallyport::engine
