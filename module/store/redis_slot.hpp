// Which of a cluster's 16 384 slots a key belongs to, and what its redirections say.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sallyport::store {

inline constexpr std::uint16_t kSlots = 16'384;

// CRC-16/XMODEM of the key, or of what stands between its first { and the next } when that is not
// empty: keys with the same words in braces stay together (Redis cluster specification, "hash
// tags").
std::uint16_t key_slot(std::string_view key);

// `MOVED 3999 127.0.0.1:6381` or `ASK 3999 127.0.0.1:6381`.
struct Redirect {
    bool ask = false;
    std::uint16_t slot = 0;
    std::string_view host;  // empty: the host that was asked
    std::uint16_t port = 0;
};
std::optional<Redirect> parse_redirect(std::string_view error);

}  // namespace sallyport::store
