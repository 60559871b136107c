// The one table of settings: what is read, printed and explained, in the order of --help.
#pragma once

#include "common/result.hpp"
#include "engine/app/config.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

inline constexpr std::string_view kMakeSecret = "; make one with: openssl rand -hex 32";
inline constexpr std::string_view kMakeKey = "; make one with: openssl rand -hex 16";

struct Setting {
    std::string_view name;
    std::string_view fallback;  // as it would be written
    bool secret = false;        // masked; may also be given as NAME_FILE
    std::string_view meaning;
    Status (*apply)(Config& config, const std::string& value);
};

const std::vector<Setting>& settings();

}  // namespace sallyport::engine
