// Journals of ended runs that are kept somewhere else than the runs: a part of ports/store.hpp.
#pragma once

#include "engine/ports/store_done.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sallyport::engine {

struct MovedJournal {
    std::string object;  // the key of ports/object_store.hpp
    std::int64_t bytes = 0;
};

struct EndedRuns {
    std::vector<std::string> ids;
    std::string last;  // where the next page begins; empty: there is none
};

// RunStore gives a run whose journal was moved without commits.
class JournalStore {
  public:
    virtual ~JournalStore() = default;
    // Of the next `limit` runs by id, those that ended before `before_ms` with their journal here.
    virtual void ended_with_journals(std::string after_id, std::int64_t before_ms,
                                     std::size_t limit, StoreDone<EndedRuns> done) = 0;
    // Removes the journal and notes where it is. False, with nothing changed, when the run is not
    // any more what was read: under way, changed since, or with another number of commits.
    virtual void move_journal(std::string run_id, std::int64_t updated_ms, std::size_t commits,
                              MovedJournal to, StoreDone<bool> done) = 0;
    virtual void moved_journal(std::string run_id, StoreDone<std::optional<MovedJournal>> done) = 0;
    // Puts the journal back before the run goes on; nothing is done when it is back already.
    virtual void restore_journal(std::string run_id, std::vector<std::string> commits,
                                 StoreDone<Done> done) = 0;
};

}  // namespace sallyport::engine
