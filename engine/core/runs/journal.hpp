// The journal's text: each accepted event with the time it was accepted, one JSON value a commit.
// The journal is the run's only record; everything else about a run is folded from it.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"
#include "engine/core/flows/program.hpp"
#include "engine/core/runs/machine.hpp"
#include "engine/core/runs/state.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sallyport::engine {

struct JournalEntry {
    Event event;
    std::int64_t at_ms = 0;
};

Json journal_entry_json(const Event& event, std::int64_t at_ms);
Result<JournalEntry> journal_entry_from(const Json& json);

// Folds the journal, given as the texts of its commits in order. Each text is an array of entries.
Result<RunState> replay(const Program& program, const std::vector<std::string>& commits);

}  // namespace sallyport::engine
