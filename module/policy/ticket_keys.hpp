// The keys that TLS session tickets are sealed with (RFC 5077 section 4), 80 bytes each: a name, an
// AES-256 key, an HMAC-SHA-256 key.
//
// The first seals and opens, the second is the next to seal, the rest open what was sealed before.
// So every node has a key for one period before any node seals with it, whatever the order in which
// they hear of a rotation.
//
// As a file: one key a line in base64, `#` starts a comment.
#pragma once

#include "common/bytes.hpp"
#include "common/result.hpp"
#include "common/secret.hpp"

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace sallyport::policy {

inline constexpr std::size_t kTicketKeyBytes = 80;
inline constexpr std::size_t kTicketKeysMax = 8;
// The one that seals, the next, and two that only open.
inline constexpr std::size_t kTicketKeysKept = 4;
inline constexpr std::size_t kTicketFileBytesMax = std::size_t{64} << 10;

// Holds the keys in itself, so that whoever places it decides which memory they lie in; wiped when
// it ends, when it is replaced and when it is moved from.
class TicketKeys {
  public:
    TicketKeys() = default;
    ~TicketKeys() { clear(); }
    TicketKeys(TicketKeys&& other) noexcept { take(other); }
    TicketKeys& operator=(TicketKeys&& other) noexcept {
        if (this != &other) {
            take(other);
        }
        return *this;
    }

    static Result<TicketKeys> parse(std::string_view text);
    // 1 to kTicketKeysMax keys one after the other, with different names; nothing otherwise.
    static std::optional<TicketKeys> from_bytes(std::string_view bytes);

    std::size_t size() const { return count_; }
    std::string_view bytes() const { return {bytes_.data(), count_ * kTicketKeyBytes}; }
    // REQUIRES: index < size().
    std::string_view name(std::size_t index) const { return part(index, 0, 16); }
    std::string_view aes_key(std::size_t index) const { return part(index, 16, 32); }
    std::string_view hmac_key(std::size_t index) const { return part(index, 48, 32); }
    std::optional<std::size_t> find(std::string_view name) const;

    // After a rotation: the next key seals from now on, `fresh` is the next one, at most `keep`
    // stay. REQUIRES: size() > 0, fresh.size() == 1, 2 <= keep <= kTicketKeysMax.
    TicketKeys rotated(const TicketKeys& fresh, std::size_t keep) const;
    // The file. The caller wipes what it makes of it.
    Secret text() const;

  private:
    std::string_view part(std::size_t index, std::size_t at, std::size_t size) const {
        return bytes().substr(index * kTicketKeyBytes + at, size);
    }
    Status add(std::string_view key);
    void take(TicketKeys& other);
    void clear();

    std::array<char, kTicketKeysMax * kTicketKeyBytes> bytes_{};
    std::size_t count_ = 0;
};

}  // namespace sallyport::policy
