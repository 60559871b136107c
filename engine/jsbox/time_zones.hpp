// The worker's time zones: the system's tzdata, mapped before the filter stands, and what a run
// read of it last. The pages are the page cache's, shared by all workers; nothing is parsed before
// a step asks, and nothing that was is left to the next run.
#pragma once

#include "engine/jsbox/zone_clock.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::engine::jsbox::zones {

inline constexpr const char* kSystemPath = "/usr/share/zoneinfo/tzdata.zi";

// Start-up only. False when there is no such file: then no zone is known.
bool open(const char* path);
// Between runs: which zones the last one asked for must not show in how long they take.
void forget();

// The canonical name of a zone by any of its names, however capitalised.
std::optional<std::string> canonical(std::string_view name);
std::optional<Reading> reading_at(std::string_view name, std::int64_t unix_s);
// What the time is called then; empty when it has no name of its own.
std::string name_at(std::string_view name, std::int64_t unix_s, bool is_long);
// All canonical names of places, and UTC, sorted, one a line. Empty without tzdata.
std::string canonical_names();

}  // namespace sallyport::engine::jsbox::zones
