// The flow helper piece: a run that says which it is, fails by its own word, or stops. What becomes
// of it is the performer's.
#pragma once

#include "common/json.hpp"

#include <string>
#include <string_view>

namespace sallyport::engine {

struct NativePiece;

inline constexpr std::string_view kFlowHelperPiece = "@activepieces/piece-flow-helper";
inline constexpr std::string_view kStopFlow = "stopFlow";

// What `getRunId` gives. `public_url` has no slash at its end; empty: nobody knows it.
Json run_info(const std::string& public_url, const std::string& project_id,
              const std::string& run_id);
// What a step that stops its run gives, and what whoever waits for the run is answered.
Json stopped_output();
Json stopped_response();

extern const NativePiece kFlowHelperNative;

}  // namespace sallyport::engine
