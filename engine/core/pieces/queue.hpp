// The queue piece's lists of items: what each action makes of the list that is kept, as the
// published piece does. The list is an entry of the project's store. Pure.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"
#include "engine/core/pieces/store.hpp"

#include <string>
#include <string_view>

namespace sallyport::engine {

inline constexpr std::string_view kQueuePiece = "@activepieces/piece-queue";

// The store's key for the queue of the input.
Result<std::string> queue_store_key(const Json& input);

// `stored` is empty when there is no such queue. Fails when the list would be too long.
Result<StoreOutcome> queue_outcome(std::string_view action, const Json& input, const Json& stored);

}  // namespace sallyport::engine
