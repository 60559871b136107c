// How one sender signs: the description language of webhook profiles, parsed into data.
//
//   sig=header:X-Acme-Sig prefix="sha256=" signed="{timestamp}.{body}" ts=header:X-Acme-Time
//   tolerance=300 id=json:event.id
//
// Everything is decided here, at configuration time: what may be missing, what is covered by the
// signature, whether the body can be hashed while it streams. The verifier only follows. A mistake
// is an Error that names the key and the remedy.
#pragma once

#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "common/result.hpp"
#include "module/policy/webhook_json.hpp"
#include "module/policy/webhook_template.hpp"
#include "module/policy/webhook_time.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sallyport::policy::webhook {

// Signatures tried for one request; more is an attack on our time.
inline constexpr std::size_t kCandidatesMax = 16;
// Complete signature groups in one header (a sender that rotates sends two). Each costs a MAC.
inline constexpr std::size_t kGroupsMax = 4;
// Secrets accepted at once.
inline constexpr std::size_t kSecretsMax = 8;
// All signature header text of one request.
inline constexpr std::size_t kSignatureTextBytesMax = 8 * 1024;
// Header names one profile can refer to.
inline constexpr std::size_t kHeadersMax = 12;
// A body that is a token, or is read as a tree of items.
inline constexpr std::size_t kBodyTokenBytesMax = 256 * 1024;
// Name-value items of a signature header that a profile can refer to.
inline constexpr std::size_t kSigFieldsMax = 4;
// Replay identifiers end up in logs and variables.
inline constexpr std::size_t kIdBytesMax = 256;

enum class SchemeType : std::uint8_t { hmac, hash, token, basic, ed25519, ecdsa, rsa, rsa_pss };
// base64_percent: base64 of either alphabet, percent-encoded (Alipay).
enum class Encoding : std::uint8_t { hex, base64, base64url, hex_in_base64, base64_percent };
// The first four decode a shared secret, the others a public key.
enum class KeyFormat : std::uint8_t {
    utf8,
    hex,
    base64,
    whsec,
    pem,
    spki_base64,
    raw_hex,
    raw_base64,
    whpk,
    jwks,  // a JSON Web Key Set: builtin jwt and jws
};
// What is signed in place of the bytes received.
enum class BodyForm : std::uint8_t { raw, gunzip, json_escape };
enum class UrlPort : std::uint8_t { as_is, both };

// Special code in place of a template (webhook_builtin.hpp).
enum class Builtin : std::uint8_t { none, jwt, jws, aws_sns, httpsig, adyen, ebay, graph };
// Whose certificates may be fetched, and from where.
enum class CertificateHosts : std::uint8_t { none, sns, paypal };

struct BuiltinOptions {
    Builtin kind = Builtin::none;
    bool raw_ecdsa = false;               // jwt, httpsig: r and s, not an ASN.1 sequence
    std::string alg;                      // jwt, jws, httpsig: its name there
    std::string issuer{};                 // jwt, graph: `iss`; empty: any
    std::string audience{};               // jwt, graph: `aud`; empty: any
    bool audience_is_url = false;         // jwt: `aud` is the URL of the request
    std::string body_claim{};             // jwt: the claim with the body's SHA-256 …
    bool body_claim_base64 = false;       // … in base64, else in hex
    bool body_is_token = false;           // jwt: the body is the token
    bool timestamped = false;             // jws: the payload is time and body, as Neon has it
    bool query_hash = false;              // jwt: `qsh`, the hash of method, path and query
    std::vector<std::string> topics{};    // aws-sns: `TopicArn`
    std::vector<std::string> required{};  // httpsig: components that must be covered
    bool requires_query = false;          // httpsig: and @query where there is one
    std::string key_id{};                 // httpsig: `keyid`; empty: any
    std::string tag{};                    // httpsig: `tag`; empty: any
};

struct Source {
    enum class Kind : std::uint8_t {
        header,
        numbered,  // header:NAME-*: NAME-1, NAME-2 …
        query,
        sig_field,
        json,
        form,
        digest,  // sha256: the SHA-256 of the matched signature's text
    };
    Kind kind = Kind::header;
    std::string name;
    std::size_t slot = 0;        // header, numbered, sig_field, json
    bool authenticated = false;  // id sources: the signature covers it
};

struct HeaderSlot {
    std::string name;  // lower case; for numbered ones up to and including the dash
    bool numbered = false;
    bool required = false;
    bool single_only = false;  // a second occurrence refuses the request
};

struct Requirement {
    Source source;
    Template equals;
};

struct Profile {
    std::string name;
    SchemeType type = SchemeType::hmac;
    std::vector<Source> signature;
    std::string group;
    std::string split;
    std::string kv;
    std::vector<std::string> keys;
    std::string prefix;
    bool prefix_is_scheme = false;  // "Bearer " of Authorization: a word without case
    DigestAlgorithm algorithm = DigestAlgorithm::sha256;
    Encoding encoding = Encoding::hex;
    HexCase hex_case = HexCase::lower;
    Template message;
    std::optional<Source> timestamp;
    TimeFormat time_format = TimeFormat::unix_s;
    std::optional<std::int64_t> tolerance_ms;  // none: no bound on age
    std::optional<std::int64_t> future_ms;     // none: no bound on the future
    std::vector<Source> id;
    bool id_unsigned_allowed = false;
    KeyFormat key_format = KeyFormat::utf8;
    std::string url;  // empty: the request's own
    UrlPort url_port = UrlPort::as_is;
    std::optional<Requirement> require;
    BodyForm body = BodyForm::raw;
    std::size_t inflate_bytes_max = 0;
    BuiltinOptions builtin;
    // Fetched certificates are accepted besides the configured keys.
    CertificateHosts certificate_hosts = CertificateHosts::none;
    std::optional<Source> certificate_url;  // where the request names it; aws-sns: in the body
    std::string handshake;                  // its name; empty: none
    // For how long the sender may repeat a delivery; 0: not known.
    std::int64_t retry_horizon_ms = 0;

    // Computed from the above.
    std::vector<HeaderSlot> headers;
    std::vector<JsonPath> json_paths;
    std::vector<std::string> sig_fields;
    bool streams = true;          // the body is hashed as it arrives …
    std::size_t stream_part = 0;  // … at this part of `message`
    bool needs_whole_body = false;
    bool needs_body_sha256 = false;
    bool needs_body_crc32 = false;
    bool signature_in_body = false;

    bool has_signed_id() const;
    bool begins_with_prefix(std::string_view value) const {
        return prefix_is_scheme ? ascii_iequals(value.substr(0, prefix.size()), prefix)
                                : value.starts_with(prefix);
    }
    bool is_builtin() const { return builtin.kind != Builtin::none; }
    // A MAC or signature over a text, as opposed to a secret that is sent along.
    bool signs() const { return type != SchemeType::token && type != SchemeType::basic; }
    // The configured secret is a public key.
    bool asymmetric() const {
        return type == SchemeType::ed25519 || type == SchemeType::ecdsa ||
               type == SchemeType::rsa || type == SchemeType::rsa_pss;
    }
};

// Keys and values in the order written; quotes and escapes resolved.
using Pairs = std::vector<std::pair<std::string, std::string>>;
Result<Pairs> parse_pairs(std::string_view text);

// `overrides` replace the keys of `base` that they name.
Pairs merge_pairs(Pairs base, const Pairs& overrides);

Result<Profile> build_profile(std::string_view name, const Pairs& pairs);
// The same for a definition whose constants ({param:NAME}) may come with its use.
Status check_profile(std::string_view name, const Pairs& pairs);

// parse_pairs and build_profile in one.
Result<Profile> parse_profile(std::string_view name, std::string_view text);

}  // namespace sallyport::policy::webhook
