// What a connection must offer before a request may use it, and what a server's TLS settings must
// be. Profiles are Mozilla's Server Side TLS guidelines, version 6.0 (2026-04-06), as data.
#pragma once

#include "common/result.hpp"
#include "module/policy/decision.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace sallyport::policy {

enum class TlsVersion : std::uint8_t { older, v1_2, v1_3 };
enum class TlsProfile : std::uint8_t { off, modern, intermediate };

constexpr std::string_view word(TlsVersion version) {
    return version == TlsVersion::v1_3   ? "TLSv1.3"
           : version == TlsVersion::v1_2 ? "TLSv1.2"
                                         : "older than TLSv1.2";
}
constexpr std::string_view word(TlsProfile profile) {
    return profile == TlsProfile::modern         ? "modern"
           : profile == TlsProfile::intermediate ? "intermediate"
                                                 : "off";
}

struct TlsRule {
    TlsProfile profile = TlsProfile::off;
    TlsVersion min = TlsVersion::v1_2;
    bool client_certificate = false;
};

// The arguments of `sallyport_tls_policy`: a profile, then min=… and client_cert=….
Result<TlsRule> parse_tls_rule(std::span<const std::string_view> arguments);

// TLS 1.2 suites (OpenSSL's names, in order of preference) that a profile admits; none for modern,
// which has no TLS 1.2.
std::span<const std::string_view> tls_ciphers(TlsProfile profile);
// Key exchange groups in order of preference. The caller leaves out what its OpenSSL does not know.
std::span<const std::string_view> tls_groups();
// True unless the group is below 128 bits of strength (secp224r1, sect163k1 …) or unknown here.
bool is_strong_tls_group(std::string_view group);

struct TlsConnection {
    bool tls = false;
    TlsVersion version = TlsVersion::older;
    bool certificate_verified = false;
};

// A server's rule, for every request it gets. Plaintext is refused only where a client certificate
// is required: redirecting it is another feature's job.
Decision decide_tls_server(const TlsRule& rule, const TlsConnection& connection);
// A location's rule: plaintext is refused.
Decision decide_tls_location(const TlsRule& rule, const TlsConnection& connection);

}  // namespace sallyport::policy
