// Many runs, named by their ids or by what a list of them would show: what a request's body
// selects.
#pragma once

#include "engine/adapters/api/api.hpp"

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

// Runs of one request at most: each is a read and a commit, and the caller waits for all.
inline constexpr std::size_t kSelectedMax = 10'000;

// Those that can be tried again.
inline constexpr std::array<std::string_view, 5> kFailedStatuses = {
    "FAILED", "INTERNAL_ERROR", "QUOTA_EXCEEDED", "TIMEOUT", "MEMORY_LIMIT_EXCEEDED"};

struct RunSelection {
    RunQuery query;
    bool named = false;  // by `ids`; else by the query, without those of `except`
    std::vector<std::string> ids;
    std::vector<std::string> except;

    bool excepts(const std::string& id) const;
};

// Answers the call when the body selects nothing.
std::optional<RunSelection> read_selection(const CallPtr& call);
// Leaves of the statuses that are asked for those of the list.
void narrow(RunSelection& selection, std::span<const std::string_view> statuses);

}  // namespace sallyport::engine
