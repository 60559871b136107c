// The turns of loops and routers: which step comes next inside one, and what becomes of a turn that
// is over. A part of the run machine; it changes the frames, the path, the records and the scope of
// a state.
#pragma once

#include "engine/core/flows/program.hpp"
#include "engine/core/runs/state.hpp"

#include <cstdint>

namespace sallyport::engine {

// Begins the innermost frame's current turn and returns its first step. When no turn is left the
// frame is closed, and the result is the step after the loop or router. Step::kNone: the chain is
// at its end (an empty body, or nothing follows). REQUIRES: an open frame.
std::size_t begin_turn(const Program& program, RunState& state, std::int64_t now_ms);

// Ends the innermost frame's current turn and begins the next one, as above.
std::size_t end_turn(const Program& program, RunState& state, std::int64_t now_ms);

}  // namespace sallyport::engine
