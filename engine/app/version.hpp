// The version the engine reports. Given by the build.
#pragma once

#include <string_view>

namespace sallyport::engine {

inline constexpr std::string_view kEngineVersion = SALLYPORT_VERSION;

}  // namespace sallyport::engine
