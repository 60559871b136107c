// What a connection must offer before a request may use it, and what a server's TLS settings must
// be. Profiles are Mozilla's Server Side TLS guidelines, version 6.0 (2026-04-06), as data.
#pragma once

#include "common/bytes.hpp"
#include "common/result.hpp"
#include "module/policy/decision.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::policy {

enum class TlsVersion : std::uint8_t { older, v1_2, v1_3 };
enum class TlsProfile : std::uint8_t { off, modern, intermediate, custom };

constexpr std::string_view word(TlsVersion version) {
    return version == TlsVersion::v1_3   ? "TLSv1.3"
           : version == TlsVersion::v1_2 ? "TLSv1.2"
                                         : "older than TLSv1.2";
}
constexpr std::string_view word(TlsProfile profile) {
    return profile == TlsProfile::modern         ? "modern"
           : profile == TlsProfile::intermediate ? "intermediate"
           : profile == TlsProfile::custom       ? "custom"
                                                 : "off";
}

// Which verified client certificates will do; each list is a choice, an empty one asks nothing.
struct TlsCertificateRule {
    std::vector<std::string> names;     // `dns:…` and `email:…` in lower case, `uri:…`
    std::vector<Bytes> fingerprints;    // SHA-256 of the certificate
    std::vector<std::string> ca_files;  // it must have been issued by one of the CAs in them

    bool asks() const { return !names.empty() || !fingerprints.empty(); }
};

struct TlsRule {
    TlsProfile profile = TlsProfile::off;
    TlsVersion min = TlsVersion::v1_2;
    bool client_certificate = false;
    TlsCertificateRule certificate{};
    // custom: instead of intermediate's; http and server level.
    std::vector<std::string> ciphers{};
    std::vector<std::string> groups{};
};

// The arguments of `sallyport_tls_policy`: a profile, then min=…, client_cert=… and the rest.
Result<TlsRule> parse_tls_rule(std::span<const std::string_view> arguments);

// TLS 1.2 suites (OpenSSL's names, in order of preference) that a profile admits; none for modern,
// which has no TLS 1.2.
std::span<const std::string_view> tls_ciphers(TlsProfile profile);
// The same for a rule, whose own list goes before its profile's.
std::vector<std::string_view> tls_ciphers(const TlsRule& rule);
// Forward secret and authenticated (AEAD).
bool is_strong_tls_cipher(std::string_view cipher);
// Key exchange groups in order of preference. The caller leaves out what its OpenSSL does not know.
std::span<const std::string_view> tls_groups();
std::vector<std::string_view> tls_groups(const TlsRule& rule);
// True unless the group is below 128 bits of strength (secp224r1, sect163k1 …) or unknown here.
bool is_strong_tls_group(std::string_view group);

struct TlsConnection {
    bool tls = false;
    TlsVersion version = TlsVersion::older;
    bool certificate_verified = false;  // by nginx, for this server, and still valid now
};

// What a rule may ask of a verified certificate.
struct TlsCertificate {
    std::vector<std::string> names;  // subject alternative names, as in TlsCertificateRule
    Bytes fingerprint;
    bool issued_by_rule = true;  // one of the rule's CAs issued it
};
Decision decide_tls_certificate(const TlsCertificateRule& rule, const TlsCertificate& certificate);

// Whether a connection of that version meets a rule that asks for nothing else: either decision
// below is then to allow.
constexpr bool meets(const TlsRule& rule, TlsVersion version) {
    return !rule.client_certificate && version >= rule.min;
}

// Whether every TLS connection that meets `outer` meets `inner`.
constexpr bool covers(const TlsRule& outer, const TlsRule& inner) {
    return inner.profile == TlsProfile::off ||
           (outer.profile != TlsProfile::off && !inner.client_certificate &&
            inner.min <= outer.min);
}

// A server's rule, for every request it gets. Plaintext is refused only where a client certificate
// is required: redirecting it is another feature's job.
Decision decide_tls_server(const TlsRule& rule, const TlsConnection& connection);
// A location's rule: plaintext is refused.
Decision decide_tls_location(const TlsRule& rule, const TlsConnection& connection);

}  // namespace sallyport::policy
