// Status codes of our refusals, by the names that RFC 9110 section 15 and RFC 6585 give them.
#pragma once

#include <cstdint>

namespace sallyport::policy {

inline constexpr std::uint16_t kPermanentRedirect = 308;
inline constexpr std::uint16_t kUnauthorized = 401;
inline constexpr std::uint16_t kForbidden = 403;
inline constexpr std::uint16_t kContentTooLarge = 413;
inline constexpr std::uint16_t kMisdirectedRequest = 421;
inline constexpr std::uint16_t kTooEarly = 425;  // RFC 8470
inline constexpr std::uint16_t kTooManyRequests = 429;
inline constexpr std::uint16_t kServiceUnavailable = 503;

}  // namespace sallyport::policy
