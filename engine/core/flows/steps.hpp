// What makes a step of a flow complete (the contract's schemas of actions and triggers), and steps
// built from what a client sent. flow_model.hpp walks the tree; flow_operations.hpp changes it.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"

#include <string_view>

namespace sallyport::engine {

bool is_action_type(std::string_view type);
bool is_trigger_type(std::string_view type);

// `1.2.3` of `~1.2.3` and `^1.2.3`: ranges would let a run change under its flow.
Json with_exact_version(const Json& settings);

// A step as it stands in the tree, without children but with a router's empty branches. `valid` is
// what the client says, unless the step is not complete.
// REQUIRES: is_action_type(request.type), and settings of that type's outer shape
// (check_buildable).
Json build_action(const Json& request, std::string_view now_iso);

// Whether build_action can make a step of it: a known type, a name, settings. Less than
// check_action asks: a draft may hold steps that are not finished.
Status check_buildable(const Json& action);

// The same for everything below and after `action`.
Status check_buildable_tree(const Json& action);

// `step` and all below it, built anew; what comes after the children of `step` comes along, what
// comes after `step` itself does not.
Json rebuild_tree(const Json& step, std::string_view now_iso);
// As rebuild_tree, with what comes after `step`.
Json rebuild_chain(const Json& step, std::string_view now_iso);

// Whether `conditions` is a list of lists of conditions of a branch.
bool are_conditions(const Json& conditions);
bool are_branches(const Json& branches);
// Whether `note` has what a note needs; times are the server's.
Status check_note(const Json& note, std::string_view where);

}  // namespace sallyport::engine
