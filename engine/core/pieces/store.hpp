// The store piece, natively: what each action makes of the value that is kept, as
// @activepieces/piece-store 0.6.20 does. Pure.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"

#include <string>
#include <string_view>

namespace sallyport::engine {

inline constexpr std::string_view kStorePiece = "@activepieces/piece-store";
inline constexpr const char* kStoreEntryKind = "store_entry";
inline constexpr std::size_t kStoreKeyBytesMax = 128;
inline constexpr std::size_t kStoreValueBytesMax = 512 * 1024;  // unless a setting says otherwise

bool is_store_action(std::string_view action);

// The key as the project's store has it: alone, or below the flow or the run.
Result<std::string> store_key(const Json& input, std::string_view flow_id, std::string_view run_id);

struct StoreOutcome {
    enum class Kind { keep, put, remove };
    Kind kind = Kind::keep;
    Json value;   // to be put
    Json output;  // of the step
};
// `stored` is empty when there is no such entry; the value that is left has at most
// `value_bytes_max` as JSON.
Result<StoreOutcome> store_outcome(std::string_view action, const Json& input, const Json& stored,
                                   std::size_t value_bytes_max = kStoreValueBytesMax);

}  // namespace sallyport::engine
