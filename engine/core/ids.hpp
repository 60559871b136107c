// Identifiers: 21 letters and digits, drawn from random bytes that the caller supplies.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::engine {

inline constexpr std::size_t kIdChars = 21;
// One byte a character would favour some; rejection needs spares: with 48 bytes fewer than one id
// in 10^12 runs dry.
inline constexpr std::size_t kIdRandomBytes = 48;

// Nothing when too many of the bytes had to be rejected: call again with fresh ones.
std::optional<std::string> id_from_random(const std::array<std::uint8_t, kIdRandomBytes>& random);

// An id that sorts by time: eight characters of `unix_ms`, the rest random. For rows that come in
// large numbers; never for anything that must not be guessed.
std::optional<std::string> ordered_id_from_random(
    std::int64_t unix_ms, const std::array<std::uint8_t, kIdRandomBytes>& random);

// Sorts before every ordered id of `unix_ms` and after those of earlier times.
std::string first_ordered_id(std::int64_t unix_ms);

bool is_id(std::string_view text);

// The same for the same text, and nothing tells it from a drawn one: what is made again after a
// crash is known by it.
std::string derived_id(std::string_view from);

}  // namespace sallyport::engine
