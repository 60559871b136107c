// Every bound that gateway and engine share, each with its reason. A limit used by one file alone
// stands in that file.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sallyport::limits {

// A secret shorter than this can be guessed offline from one signed message.
inline constexpr std::size_t kSecretBytesMin = 16;
// Longer than any provider's secret or PEM key; a larger file is a mistake.
inline constexpr std::size_t kSecretBytesMax = 64 * 1024;

// What a verdict header may take: it is parsed before anything is known about the sender.
inline constexpr std::size_t kVerdictBytesMax = 2048;
// A verdict older (or newer) than this is refused: both doors share a clock or NTP.
inline constexpr std::int64_t kVerdictAgeMaxS = 30;

// JSON nesting: deeper documents are refused before they can exhaust a stack.
inline constexpr std::size_t kJsonDepthMax = 512;
// A flow's JSON nests one level a step and two a branch, with values of the above at the end.
inline constexpr std::size_t kFlowDepthMax = 2200;

// Host names and identifiers that end up in log lines.
inline constexpr std::size_t kNameBytesMax = 64;

}  // namespace sallyport::limits
