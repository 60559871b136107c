// Bearer tokens of the control location. The file holds SHA-256 hashes, never the tokens: tokens
// are long and random (`sallyport token` makes them), so that a plain hash cannot be guessed
// backwards.
#pragma once

#include "common/result.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::policy {

// A handful of people and machines; each is compared with every request.
inline constexpr std::size_t kControlTokensMax = 64;
// Longer text is no token of ours, and hashing it would be work for a stranger.
inline constexpr std::size_t kControlTokenBytesMax = 512;

struct ControlToken {
    std::array<std::uint8_t, 32> sha256{};
    std::string name;  // whose it is, for the log
};

// One token a line: `sha256:<64 hex digits> [name]`; `#` starts a comment. `source` (the file's
// name) and the line stand in front of an error. A file without a token is an error.
Result<std::vector<ControlToken>> parse_control_tokens(std::string_view text,
                                                       std::string_view source);

// The token that `presented` is, or null. The time tells nothing about the tokens.
const ControlToken* find_control_token(const std::vector<ControlToken>& tokens,
                                       std::string_view presented);

// The line of a token file.
std::string control_token_line(std::string_view token, std::string_view name);

// `Bearer <token>` of an Authorization field; empty when it is something else.
std::string_view bearer_token(std::string_view authorization);

}  // namespace sallyport::policy
