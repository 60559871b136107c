// Names and passwords that the gateway checks itself (RFC 7617), kept as scrypt hashes.
//
// A worker checks passwords between other requests, so the cost of a hash is bounded here (16 MiB,
// some 50 ms) and two things keep the worker free: what was verified is remembered for a while as a
// keyed mark (never as a password), and a budget bounds how many others are checked a second.
#pragma once

#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "common/crypto_scrypt.hpp"
#include "common/result.hpp"
#include "common/secret.hpp"
#include "module/policy/auth_token.hpp"
#include "module/policy/decision.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::policy {

inline constexpr unsigned kScryptLogNMin = 12;  // 4 MiB: anything less is no work to guess
inline constexpr unsigned kScryptLogNMax = 14;  // 16 MiB: anything more is felt by other requests
// NIST SP 800-63B-4: without a second factor a password has at least 15 characters.
inline constexpr std::size_t kPasswordCharactersMin = 15;
inline constexpr std::size_t kPasswordBytesMax = 1024;

struct Credentials {
    std::string name;
    Secret password;
};
// `Basic <base64>`'s last word. Nothing when it is not base64, not UTF-8, or has no colon.
std::optional<Credentials> parse_basic(std::string_view base64);

class PasswordTable {
  public:
    // `<name>:$scrypt$ln=13,r=8,p=1$<salt>$<hash>` a line, base64 without padding.
    static Result<PasswordTable> parse(std::string_view text);

    // Takes as long for a name that is not there.
    AuthOutcome check(const Credentials& credentials) const;
    // The name as the table holds it; empty when it is not there.
    std::string_view find(std::string_view name) const;

  private:
    struct Entry {
        std::string name;
        ScryptCost cost;
        Bytes salt;
        Bytes hash;
    };
    const Entry* entry(std::string_view name) const;

    std::vector<Entry> entries_;  // by name
};

// A line for a password file. `salt` is 16 random bytes. Refuses short passwords.
Result<std::string> password_line(std::string_view name, const Secret& password,
                                  std::span<const std::uint8_t> salt, const ScryptCost& cost);

// Credentials that were verified lately. One a worker.
class VerifiedCredentials {
  public:
    using Mark = std::array<std::uint8_t, 32>;

    // `key` is random and lives as long as the process.
    VerifiedCredentials(const Secret& key, std::int64_t life_ms)
        : key_(DigestAlgorithm::sha256, key.reveal()), life_ms_(life_ms) {}

    // `table` tells tables apart, and one table's state before a change from that after it.
    Mark mark(std::uint64_t table, const Credentials& credentials) const;
    bool holds(const Mark& mark, std::int64_t now_ms) const;
    void remember(const Mark& mark, std::int64_t now_ms);

  private:
    static constexpr std::size_t kSlots = 1024;  // 40 KiB; the newest takes the place of an older
    struct Slot {
        Mark mark{};
        std::int64_t until_ms = 0;
    };
    static std::size_t place(const Mark& mark);

    HmacKey key_;
    std::int64_t life_ms_;
    std::vector<Slot> slots_ = std::vector<Slot>(kSlots);
};

// How many unknown passwords a worker checks: `per_second`, and as many at once.
class PasswordBudget {
  public:
    explicit PasswordBudget(std::int64_t per_second) : per_second_(per_second) {}
    bool take(std::int64_t now_ms);

  private:
    std::int64_t per_second_;
    std::int64_t spent_until_ms_ = 0;  // when everything taken so far is paid for
};

}  // namespace sallyport::policy
