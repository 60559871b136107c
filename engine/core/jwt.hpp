// Session tokens: JWT with HS256 alone, header `kid: "1"`, issuer `activepieces` (RFC 7519, 8725).
// The algorithm of a token that comes back is never a choice: anything but HS256 is refused.
#pragma once

#include "common/crypto.hpp"
#include "common/json.hpp"
#include "common/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace sallyport::engine {

inline constexpr std::int64_t kSessionSeconds = 7 * 24 * 3600;
// Longer than any token we sign; checked before the signature.
inline constexpr std::size_t kJwtBytesMax = 8192;

// `claims` gets iat, exp and iss.
std::string sign_jwt(const Json& claims, std::int64_t now_s, std::int64_t lifetime_s,
                     const HmacKey& key);

// The claims of a token with a good signature that has not expired.
Result<Json> verify_jwt(std::string_view token, std::int64_t now_s, const HmacKey& key);

}  // namespace sallyport::engine
