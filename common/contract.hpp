// What gateway and engine say to each other: one request header, signed by the gateway.
//
//   X-Sallyport-Verdict: v1;t=<unix s>;ip=<address>;proto=<http|https>;method=<M>;
//                        target=<base64url>;delivery=<base64url>;policy=<token>;sig=<hex>
//
// `sig` is HMAC-SHA256 over everything before ";sig=", with a key derived from the shared secret.
// The gateway removes any inbound X-Sallyport-* header before it adds its own; an engine that
// demands a verdict refuses requests without a fresh one, so it cannot be reached around the door.
// Neither side does I/O here; time is an argument.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/crypto.hpp"
#include "common/result.hpp"
#include "common/secret.hpp"

namespace sallyport::contract {

inline constexpr std::string_view kHeaderPrefix = "x-sallyport-";
inline constexpr std::string_view kVerdictHeader = "X-Sallyport-Verdict";

struct GatewayVerdict {
    std::int64_t time_s = 0;      // when the gateway decided, unix seconds
    std::string client_address;   // as the gateway resolved it
    std::string scheme;           // http or https, as the client spoke it
    std::string method;           // as received
    std::string target;           // raw request target as received by the gateway
    std::string delivery_id;      // the verified webhook's replay id; empty when none
    std::string policy;           // what was enforced: webhook preset name, or "-"
};

// The signing key for `secret`. REQUIRES: secret is at least limits::kSecretBytesMin long.
HmacKey verdict_key(const Secret& secret);

std::string sign_verdict(const GatewayVerdict& verdict, const HmacKey& key);

// Refuses anything malformed or unsigned, whatever its age: for whoever keeps a message for later and
// vouches for it anew.
Result<GatewayVerdict> open_verdict(std::string_view header, const HmacKey& key);

// Refuses besides what is further than limits::kVerdictAgeMaxS from `now_s`.
Result<GatewayVerdict> verify_verdict(std::string_view header, const HmacKey& key,
                                      std::int64_t now_s);

}  // namespace sallyport::contract
