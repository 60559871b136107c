// What every policy returns, and the closed list of reasons.
//
// A reason is one word, the same in the decision log, the metric, $sallyport_reason, the problem
// body and the documents. Adding one means adding a row here, a test case that produces it and a
// line in docs/reasons.md; tests check both.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace sallyport::policy {

enum class Verdict : std::uint8_t {
    allow,   // go on
    deny,    // refuse with `status`
    answer,  // not refused, but answered here and not forwarded (a duplicate, a handshake)
};

// The order of a feature's strength: off does nothing, report decides and records but lets pass.
enum class Mode : std::uint8_t { off, report, enforce };

// One row a reason: the word, and what it means to an operator. docs/reasons.md says it at length.
// The words from webhook_secret_missing to webhook_id_malformed are kept from the client.
// clang-format off
#define SALLYPORT_REASONS(X) \
    X(none, "nothing was refused") \
    X(ip_denied, "the client's address is in a denied list or block") \
    X(ip_not_allowed, "an allowlist applies and the address is not in it") \
    X(ip_list_not_loaded, "a list that decides here has not been loaded from its store yet") \
    X(client_address_unverified, "an allowlist applies and a proxy's word on the client is unreadable") \
    X(banned, "too many failures came from this address or credential; it is banned for a time") \
    X(tls_required, "the location demands TLS") \
    X(tls_version_too_old, "the TLS version is below the location's minimum") \
    X(tls_certificate_required, "a verified client certificate is demanded") \
    X(tls_certificate_not_allowed, "the client certificate is genuine but not one for this place") \
    X(auth_missing, "credentials are demanded and none came") \
    X(auth_malformed, "the credentials cannot be read, or came twice") \
    X(auth_algorithm_refused, "the token's algorithm is none that is accepted here") \
    X(auth_key_unknown, "no key is known by the name that the token gives") \
    X(auth_invalid, "the credentials are not genuine") \
    X(auth_expired, "the credentials were valid once") \
    X(auth_not_yet_valid, "the token is dated ahead") \
    X(auth_claim_refused, "the token is genuine but not for this place") \
    X(auth_overloaded, "too many passwords to check at once; Retry-After says when to come back") \
    X(https_required, "plain HTTP on a path that is not redirected") \
    X(https_redirected, "plain HTTP for a page; sent on to https") \
    X(https_credential_exposed, "a credential came over plain HTTP; it must be replaced") \
    X(misdirected, "the handshake and the request name different servers") \
    X(early_data_refused, "early data may be a replay; send it after the handshake") \
    X(request_malformed, "the request is written in a way that servers read differently") \
    X(method_not_allowed, "this place does not have the method; Allow says which it has") \
    X(body_too_large, "the body exceeds sallyport_body_limit") \
    X(rate_limited, "a limit is used up; Retry-After says when to come back") \
    X(rate_limit_store_unavailable, "the limit's store did not answer") \
    X(cors_preflight, "a browser's preflight, answered at the edge") \
    X(cors_origin_denied, "the request comes from a page of an origin that is not allowed") \
    X(webhook_secret_missing, "webhooks are verified here but no secret is set") \
    X(webhook_signature_missing, "no signature, or more than one header of it") \
    X(webhook_signature_malformed, "the signature cannot be decoded") \
    X(webhook_signature_invalid, "no secret gives this signature for this body") \
    X(webhook_timestamp_missing, "the profile demands a timestamp") \
    X(webhook_timestamp_malformed, "the timestamp is not in the profile's format") \
    X(webhook_timestamp_stale, "the delivery is older than the tolerance") \
    X(webhook_timestamp_future, "the delivery is dated too far ahead") \
    X(webhook_id_malformed, "the delivery's id cannot serve as a replay key") \
    X(webhook_body_too_large, "the body exceeds sallyport_webhook_max_body") \
    X(webhook_duplicate, "handled before; acknowledged and not forwarded") \
    X(webhook_in_flight, "the same delivery is being handled right now") \
    X(webhook_replay_store_full, "the replay zone holds only live keys") \
    X(control_unauthorized, "the control location wants a token or a client certificate") \
    X(webhook_replay_store_unavailable, "the replay store did not answer") \
    X(webhook_handshake, "a provider's handshake was answered here") \
    X(webhook_handshake_refused, "a provider's handshake was not what it must be") \
    X(webhook_certificate_pending, "the sender's certificate is not here yet; it is being fetched") \
    X(internal_error, "a fault in Sallyport; see the error log")
// clang-format on

enum class Reason : std::uint8_t {
#define SALLYPORT_REASON(name, meaning) name,
    SALLYPORT_REASONS(SALLYPORT_REASON)
#undef SALLYPORT_REASON
};

inline constexpr std::array kReasonWords = {
#define SALLYPORT_REASON(name, meaning) std::string_view(#name),
    SALLYPORT_REASONS(SALLYPORT_REASON)
#undef SALLYPORT_REASON
};

inline constexpr std::array kReasonMeanings = {
#define SALLYPORT_REASON(name, meaning) std::string_view(meaning),
    SALLYPORT_REASONS(SALLYPORT_REASON)
#undef SALLYPORT_REASON
};

constexpr std::string_view word(Reason reason) {
    return kReasonWords[static_cast<std::size_t>(reason)];
}
constexpr std::string_view meaning(Reason reason) {
    return kReasonMeanings[static_cast<std::size_t>(reason)];
}
constexpr std::string_view word(Verdict verdict) {
    constexpr std::array words = {std::string_view("allow"), std::string_view("deny"),
                                  std::string_view("answer")};
    return words[static_cast<std::size_t>(verdict)];
}
constexpr std::string_view word(Mode mode) {
    constexpr std::array words = {std::string_view("off"), std::string_view("report"),
                                  std::string_view("enforce")};
    return words[static_cast<std::size_t>(mode)];
}

struct Decision {
    Verdict verdict = Verdict::allow;
    Reason reason = Reason::none;
    std::uint16_t status = 0;         // HTTP status of a deny or answer; 0 for allow
    std::uint32_t retry_after_s = 0;  // Retry-After in seconds, rounded up; 0: no field

    static constexpr Decision allow() { return {}; }
    static constexpr Decision deny(Reason reason, std::uint16_t status,
                                   std::uint32_t retry_after_s = 0) {
        return {Verdict::deny, reason, status, retry_after_s};
    }
    static constexpr Decision answer(Reason reason, std::uint16_t status) {
        return {Verdict::answer, reason, status, 0};
    }
};

}  // namespace sallyport::policy
