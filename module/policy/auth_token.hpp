// Bearer tokens that the gateway knows by their hash. A token has 256 random bits (`sallyport
// token` makes it), so that a plain SHA-256 cannot be guessed backwards and needs no salt; several
// live side by side, each with a name and, if wanted, a last day.
#pragma once

#include "common/result.hpp"
#include "module/policy/decision.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::policy {

// Longer text is no token of ours, and hashing it would be work for a stranger.
inline constexpr std::size_t kAuthTokenBytesMax = 512;

// Who it is, or why not. The name lives as long as the table.
struct AuthOutcome {
    Reason reason = Reason::auth_invalid;
    std::string_view subject{};
};

class TokenTable {
  public:
    // `sha256:<64 hex digits> <name> [expires=2027-01-31]` a line.
    static Result<TokenTable> parse(std::string_view text);

    AuthOutcome check(std::string_view token, std::int64_t now_s) const;
    std::size_t size() const { return entries_.size(); }

  private:
    struct Entry {
        std::array<std::uint8_t, 32> sha256{};
        std::string name;
        std::int64_t expires_s = 0;  // 0: never
    };
    std::vector<Entry> entries_;  // by hash
};

// Whether a bearer token may be one of a TokenTable rather than a JSON Web Token.
bool looks_like_token(std::string_view text);

}  // namespace sallyport::policy
