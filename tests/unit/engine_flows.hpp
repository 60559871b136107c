// Small flows for tests of the run machine.
#pragma once

#include "engine/core/flows/program.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

// A trigger followed by `steps` as JSON actions; each is `{"name", "type", …}`.
std::shared_ptr<const Program> test_program(const std::vector<std::string>& steps);

// A CODE action; `options` goes into errorHandlingOptions.
std::string code_action(std::string_view name, std::string_view options = "");
// An HTTP request, a step with an effect outside.
std::string http_action(std::string_view name, std::string_view options = "");

// A loop over `items` (JSON or a template in quotes) around `body`, and a router with one branch a
// child; an empty text is an empty body or branch.
std::string loop_action(std::string_view name, std::string_view items, std::string_view body);
std::string router_action(std::string_view name, std::string_view execution,
                          const std::vector<std::string>& branches,
                          const std::vector<std::string>& children);
// `step` followed by `next` in the same chain.
std::string followed_by(std::string_view step, std::string_view next);

inline constexpr std::string_view kRetry = R"("retryOnFailure":{"value":true})";
inline constexpr std::string_view kContinue = R"("continueOnFailure":{"value":true})";

}  // namespace sallyport::engine
