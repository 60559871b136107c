// A flow version compiled for running: steps in an array, references as indexes. Built once a
// version and shared, read-only, by all its runs.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

enum class StepKind { trigger, code, piece, loop, router };

std::string_view to_string(StepKind kind);  // as in the flow's JSON

struct Step {
    static constexpr std::size_t kNone = SIZE_MAX;
    static constexpr std::size_t kOnSuccess = 0;  // of the branches of a step that is no router
    static constexpr std::size_t kOnFailure = 1;

    std::string name;
    std::string display_name;
    StepKind kind = StepKind::code;
    std::string piece;   // piece name, empty unless a piece
    std::string action;  // action or trigger name within the piece
    Json settings;       // never changed
    Json input;          // what is resolved before the step runs; a part of `settings`
    bool skip = false;
    bool retry_on_failure = false;
    bool continue_on_failure = false;
    std::size_t next = kNone;    // after it, at the same level
    std::size_t parent = kNone;  // the loop or router it stands in
    // The first step of each branch: a router's; a loop's body; what follows success and what
    // follows failure, where a step that continues on failure has such branches. kNone where one is
    // empty.
    std::vector<std::size_t> branches;
    // Steps stand in the order of a walk through the tree: those inside this one are [self + 1,
    // end).
    std::size_t end = kNone;
};

struct Program {
    std::string flow_id;
    std::string version_id;
    std::string display_name;
    int schema = 22;          // of the flow's JSON; decides what a step's name means in templates
    std::vector<Step> steps;  // the trigger comes first

    const Step& trigger() const { return steps.front(); }
    // The first step at or after `at` that is not skipped; Step::kNone at the end.
    std::size_t skip_from(std::size_t at) const;
    // Step::kNone when there is none of that name.
    std::size_t find(std::string_view name) const;
    // The innermost loop around `at`; Step::kNone when there is none.
    std::size_t loop_around(std::size_t at) const;
};

// REQUIRES: `trigger` is the tree of a stored version.
Result<std::shared_ptr<const Program>> compile_program(std::string_view flow_id,
                                                       std::string_view version_id,
                                                       std::string_view display_name, int schema,
                                                       const Json& trigger);

}  // namespace sallyport::engine
