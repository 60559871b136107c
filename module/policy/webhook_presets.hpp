// The senders known by name, each as a text of the profile language.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace sallyport::policy::webhook {

struct Preset {
    std::string_view name;
    std::string_view text;
    std::int64_t retry_horizon_ms = 0;  // how long the provider repeats a delivery; 0: not known
};

std::span<const Preset> presets();
// Null when there is none of that name.
const Preset* find_preset(std::string_view name);

}  // namespace sallyport::policy::webhook
