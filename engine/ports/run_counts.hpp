// How many runs projects have begun in a calendar month: a part of ports/store.hpp.
#pragma once

#include "engine/ports/store_done.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace sallyport::engine {

// What a new run counts against. It is counted in the transaction that stores it, so that no crash
// makes the two differ; what is a duplicate or is refused does not count.
struct RunQuota {
    std::int64_t most = 0;   // that its project may begin in the month; 0: it does not count
    std::int64_t month = 0;  // of calendar_month()
};

class RunCountStore {
  public:
    virtual ~RunCountStore() = default;
    // {project, count} of those that have begun any in that month, of these projects (REQUIRES: at
    // least one).
    using RunCounts = std::vector<std::pair<std::string, std::int64_t>>;
    virtual void counted_runs(std::vector<std::string> project_ids, std::int64_t month,
                              StoreDone<RunCounts> done) = 0;
    // Of the months before that one.
    virtual void forget_counts(std::int64_t before_month, StoreDone<Done> done) = 0;
};

}  // namespace sallyport::engine
