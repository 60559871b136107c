// Routers: which branches a step of type ROUTER takes. Pure.
//
// All branches are evaluated first: groups of conditions are joined by OR, the conditions of a
// group by AND. A FALLBACK branch is true when all others are false. The 22 operators and their
// conversions are those of the flow format (schema 22): text compares without case unless
// `caseSensitive`, numbers by Number() or else as text, dates as ISO 8601, lists may be given as
// JSON text.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"

#include <cstddef>
#include <string_view>
#include <vector>

namespace sallyport::engine {

// True or false; an error for an operator that does not exist. `condition` is
// {operator, firstValue, secondValue, caseSensitive}, its values resolved.
Result<bool> evaluate_condition(const Json& condition);

// `input` is {"branches": […]}, resolved. The result is the step's output:
// {"branches": [{branchName, branchIndex, evaluation}]}, branchIndex from 1.
Result<Json> evaluate_router(const Json& input);

// The branches to run, in order, as indexes: all that are true, or the first (EXECUTE_FIRST_MATCH).
std::vector<std::size_t> branches_to_run(const Json& settings, const Json& output);

}  // namespace sallyport::engine
