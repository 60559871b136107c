// The flow's JSON (schema version 22) as this engine reads it: the step tree, what makes a step
// valid, and what is derived from the tree. Operations change the tree (flow_operations.hpp); runs
// use its compiled form (program.hpp).
#pragma once

#include "common/json.hpp"
#include "common/limits.hpp"
#include "common/result.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

inline constexpr std::string_view kFlowSchemaVersion = "22";
// The tree nests one level a step, and must be readable again (limits::kFlowDepthMax).
inline constexpr std::size_t kFlowStepsMax = 1500;
static_assert(kFlowStepsMax + limits::kJsonDepthMax + 150 <= limits::kFlowDepthMax);

// The trigger of a flow that has just been made.
Json empty_trigger(std::string_view now_iso);

// Visits `step` and all steps below and after it, parents first. A step handed to `visit` may be
// changed in place.
void visit_steps(const Json& step, const std::function<void(Json)>& visit);

// An empty Json when there is none of that name.
Json find_step(const Json& trigger, std::string_view name);
std::size_t count_steps(const Json& trigger);

bool is_step_name(std::string_view name);  // ^[a-zA-Z_][a-zA-Z0-9_]*$
// `1.2.3`, optionally after `~` or `^`.
bool is_piece_version(std::string_view version);

// Whether the step has everything its type requires. Does not look at its children.
Status check_action(const Json& action);
Status check_trigger(const Json& trigger);

// Every step that is not skipped is valid.
bool flow_is_valid(const Json& trigger);

// All X of `{{connections['X']}}` and `{{connections.X}}` in step inputs, in order, each once.
std::vector<std::string> connection_ids(const Json& trigger);
// The agents that steps of the AI piece name, in order.
std::vector<std::string> agent_ids(const Json& trigger);

}  // namespace sallyport::engine
