// What JavaScript calls a zone and its times, which tzdata does not say: the names that ICU counts
// as canonical where they are not tzdata's, and the names of times in English (United States).
#pragma once

#include <cstdint>
#include <string_view>

namespace sallyport::engine::jsbox::zones {

// The canonical one of a name as tzdata writes it; empty: tzdata's own.
std::string_view canonical_name(std::string_view name);

struct TimeNames {
    std::string_view standard;
    std::string_view summer;  // empty: it has none
    std::string_view short_standard;
    std::string_view short_summer;
    std::int32_t standard_min = 0;  // east of UTC; at another standard time they do not hold
    std::string_view zones;         // canonical names between blanks
};

// Of a zone by its canonical name; null: its times have no names.
const TimeNames* time_names(std::string_view canonical);

}  // namespace sallyport::engine::jsbox::zones
