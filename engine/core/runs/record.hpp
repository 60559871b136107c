// A run as the API shows it: steps with what went in and what came out.
#pragma once

#include "common/json.hpp"
#include "common/limits.hpp"
#include "engine/core/flows/program.hpp"
#include "engine/core/runs/state.hpp"

namespace sallyport::engine {

// Values deeper than this are refused where they come in: the journal wraps them in a few levels
// more and must be able to read them back (limits::kJsonDepthMax).
inline constexpr std::size_t kValueDepthMax = 480;
static_assert(kValueDepthMax + 16 <= limits::kJsonDepthMax);
bool is_too_deep(const Json& value);

// {"trigger": {type, status, input, output}, "step_1": {…, duration}} of all steps reached.
Json steps_json(const Program& program, const RunState& state);

// What a loop that is over leaves: {item, index, iterations: [{"step_2": {…}}]}, the last item's.
Json loop_output(const Program& program, const RunState& state, std::size_t loop);

// {name, displayName, message}; empty when no step failed the run.
Json failed_step_json(const Program& program, const RunState& state);

// Steps recorded, the trigger included.
std::size_t recorded_steps(const RunState& state);

// An input as it is stored and shown: members of more than `bytes_max` as JSON by their size alone,
// `(truncated, original size 3.4 MB)`. REQUIRES: secrets in `logged` are masked already
// (template.hpp).
Json shown_input(const Json& logged, std::size_t bytes_max = 2048);

}  // namespace sallyport::engine
