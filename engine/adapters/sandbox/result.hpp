// What a run ended with, from the worker's frame to the port's types. The frame is the worker's
// word.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"
#include "engine/jsbox/protocol.hpp"
#include "engine/ports/sandbox.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace sallyport::engine {

// What JSON.stringify writes and strict readers refuse is mended: integers beyond 64 bits become
// reals, lone surrogates U+FFFD. Depth is bounded as everywhere (limits::kJsonDepthMax).
Result<Json> parse_script_json(std::string_view text);

SandboxResult to_result(jsbox::ResultFrame frame);
SandboxResult failed_run(SandboxStatus status, std::string error);
// The result of a run of `expected` expressions, one by one.
EvaluateResult to_evaluation(const SandboxResult& result, std::size_t expected);

}  // namespace sallyport::engine
