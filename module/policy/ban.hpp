// Bans: what counts against whom, and for how long the door then stays shut.
//
// A rule counts outcomes of one client (an address, cut to a prefix) or of one credential. When
// `after` of them fall within `within_ms`, the subject is banned for the first of `ttl_ms`; the
// next time, while the ban is remembered, for the second, and so on.
//
// A credential is known by a keyed hash alone. Its bearer must have sent exactly those bytes, and
// outcomes that say it was not accepted (401, a failed signature) do not count against it: nobody
// can ban a sender whose credential he does not hold.
#pragma once

#include "common/ip.hpp"
#include "common/result.hpp"
#include "module/policy/decision.hpp"
#include "module/policy/rate_limit_key.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::policy {

// How addresses become subjects: IPv4 whole, IPv6 by the network a site gets.
struct BanPrefixes {
    std::uint8_t ipv4 = 32;
    std::uint8_t ipv6 = 64;
    friend bool operator==(const BanPrefixes&, const BanPrefixes&) = default;
};

enum class BanKind : std::uint8_t { none, address, credential };

struct BanSubject {
    std::array<std::uint8_t, 16> id{};  // the masked address, or the credential's keyed hash
    BanKind kind = BanKind::none;
    std::uint8_t bits = 128;  // of an address: the prefix, counted in IPv6
    friend bool operator==(const BanSubject&, const BanSubject&) = default;
};

BanSubject ban_subject(const IpAddress& address, BanPrefixes prefixes);
// A credential under a secret that several nodes know: a hash that withstands collisions.
BanSubject ban_credential(const HashSecret& secret, std::string_view value);
// `192.0.2.1`, `2001:db8::/64`, `credential:` and 32 hex digits.
std::string to_string(const BanSubject& subject);
// The same back. An address is cut to its prefix; a block must be of exactly that length.
Result<BanSubject> parse_ban_subject(std::string_view text, BanPrefixes prefixes);

// Names stand in the table beside every ban, hence the bound.
inline constexpr std::size_t kBanNameBytesMax = 31;
inline constexpr std::size_t kBanLevelsMax = 8;
// Statuses a rule may name; one word of a mask each.
inline constexpr std::uint16_t kBanStatusMin = 400;
inline constexpr std::uint16_t kBanStatusMax = 527;

// How a request ended, as far as bans are concerned.
struct BanOutcome {
    std::uint16_t status = 0;
    bool bad_signature = false;  // a webhook's signature was missing or wrong
};

struct BanRule {
    std::string name;
    std::array<std::uint64_t, 2> statuses{};  // bit n: kBanStatusMin + n
    bool bad_signatures = false;
    std::uint32_t after = 20;
    std::int64_t within_ms = 60'000;
    std::vector<std::int64_t> ttl_ms{60'000, 600'000, 3'600'000, 86'400'000};
    std::int64_t remember_ms = 86'400'000;  // after a ban's end
    bool by_address = true;
    bool by_credential = false;
    std::string path;  // exact, or a prefix when it ends in `*`; empty: every path

    bool matches_path(std::string_view uri) const;
    // Does this outcome count against a subject of that kind?
    bool counts(const BanOutcome& outcome, BanKind kind) const;
};

// NAME [on=401,403,404,429,webhook] [after=20] [within=1m] [for=1m,10m,1h,24h] [remember=24h]
// [by=address,credential] [path=/exact | path=/prefix*]
Result<BanRule> parse_ban_rule(std::span<const std::string_view> arguments);

}  // namespace sallyport::policy
