// What happens to a request that came in the clear, and to one that came too early.
//
// Pages are sent on to https; calls are refused, because a client that follows redirects would go
// on sending its credentials in the clear for ever and nobody would notice (ASVS 4.1.2).
#pragma once

#include "common/result.hpp"
#include "module/policy/decision.hpp"
#include "module/policy/http_status.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::policy {

struct HttpsRule {
    enum class Kind : std::uint8_t { off, redirect, require };
    Kind kind = Kind::off;
    std::string host;  // where redirects go; empty: the server's own names
    std::uint16_t port = 443;
    std::vector<std::string> calls;   // path prefixes that are never redirected
    std::vector<std::string> except;  // path prefixes that stay in the clear
};

// The arguments of sallyport_https:
// `off` | `require [except=…]` | `redirect [host=…] [port=…] [api=…]… [except=…]…`.
Result<HttpsRule> parse_https_rule(std::span<const std::string_view> words);

struct PlainRequest {
    std::string_view method{};
    std::string_view path{};  // decoded, without arguments
    std::string_view arguments{};
    bool authorization = false;
    bool cookie = false;
    bool upgrade = false;
};

// A request that came without TLS.
Decision decide_plain(const HttpsRule& rule, const PlainRequest& request);

// Does `path` lie below `prefix`? Whole segments, without regard to case: engines that fold case
// are more common than paths that need it.
bool is_below(std::string_view path, std::string_view prefix);

enum class EarlyData : std::uint8_t {
    off,     // not looked at
    safe,    // GET and HEAD pass where a second one changes nothing
    refuse,  // nothing passes
};

struct EarlyRequest {
    std::string_view method{};
    bool credentials = false;  // Authorization or a cookie
    bool guarded = false;      // its place counts, authenticates or verifies requests
};

// A request that came in TLS 1.3 early data, which an attacker can send again (RFC 8470 section 4).
Decision decide_early(EarlyData rule, const EarlyRequest& request);

// The handshake named one server and the request another.
constexpr Decision decide_misdirected(bool same_server) {
    return same_server ? Decision::allow()
                       : Decision::deny(Reason::misdirected, kMisdirectedRequest);
}

}  // namespace sallyport::policy
