// The changes of flow_operations.hpp one by one, on a version that may be changed in place. For
// flow_operations only; split by what they touch: steps, whole subtrees, branches and notes.
#pragma once

#include "common/json.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace sallyport::engine::flow_changes {

struct Problem {
    std::string message;
    std::string missing_step;  // not empty: there is no such step, or it is no action
};
using Outcome = std::optional<Problem>;  // nothing: done

// `now` is an ISO time.
Outcome update_trigger(Json version, const Json& request, std::string_view now);
Outcome add_action(Json version, const Json& request, std::string_view now);
Outcome update_action(Json version, const Json& request, std::string_view now);
Outcome delete_actions(Json version, const Json& request, std::string_view now);
Outcome set_skip(Json version, const Json& request, std::string_view now);
Outcome update_sample_data_info(Json version, const Json& request, std::string_view now);

Outcome move_action(Json version, const Json& request, std::string_view now);
Outcome duplicate_action(Json version, const Json& request, std::string_view now);
Outcome duplicate_branch(Json version, const Json& request, std::string_view now);
Outcome import_flow(Json version, const Json& request, std::string_view now);

Outcome add_branch(Json version, const Json& request, std::string_view now);
Outcome delete_branch(Json version, const Json& request, std::string_view now);
Outcome move_branch(Json version, const Json& request, std::string_view now);
Outcome add_note(Json version, const Json& request, std::string_view now);
Outcome update_note(Json version, const Json& request, std::string_view now);
Outcome delete_note(Json version, const Json& request, std::string_view now);

// Hangs `step`, built already, where `place` says. `location` and `index` are as in ADD_ACTION. A
// parent that is not there leaves the tree as it is.
struct Place {
    std::string_view parent;
    std::string_view location;  // empty: not given
    Json index;                 // of the branch
};
Outcome hang_step(const Json& trigger, const Place& place, const Json& step);
void unlink_step_named(const Json& trigger, std::string_view name);
// An array with `item` at `index`, as JavaScript's [...a.slice(0, i), item, ...a.slice(i)] has it.
Json inserted_at(const Json& array, const Json& index, const Json& item);
Json new_branch(std::string_view name, const Json& conditions);

}  // namespace sallyport::engine::flow_changes
