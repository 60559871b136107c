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

enum class Reason : std::uint8_t {
    none,
    ip_denied,
    ip_not_allowed,
    tls_required,
    tls_version_too_old,
    tls_certificate_required,
    rate_limited,
    rate_limit_store_unavailable,
    webhook_secret_missing,
    webhook_signature_missing,
    webhook_signature_malformed,
    webhook_signature_invalid,
    webhook_timestamp_missing,
    webhook_timestamp_malformed,
    webhook_timestamp_stale,
    webhook_timestamp_future,
    webhook_id_malformed,
    webhook_body_too_large,
    webhook_duplicate,
    webhook_in_flight,
    webhook_replay_store_full,
    internal_error,
};

inline constexpr std::array kReasonWords = {
    std::string_view("none"),
    std::string_view("ip_denied"),
    std::string_view("ip_not_allowed"),
    std::string_view("tls_required"),
    std::string_view("tls_version_too_old"),
    std::string_view("tls_certificate_required"),
    std::string_view("rate_limited"),
    std::string_view("rate_limit_store_unavailable"),
    std::string_view("webhook_secret_missing"),
    std::string_view("webhook_signature_missing"),
    std::string_view("webhook_signature_malformed"),
    std::string_view("webhook_signature_invalid"),
    std::string_view("webhook_timestamp_missing"),
    std::string_view("webhook_timestamp_malformed"),
    std::string_view("webhook_timestamp_stale"),
    std::string_view("webhook_timestamp_future"),
    std::string_view("webhook_id_malformed"),
    std::string_view("webhook_body_too_large"),
    std::string_view("webhook_duplicate"),
    std::string_view("webhook_in_flight"),
    std::string_view("webhook_replay_store_full"),
    std::string_view("internal_error"),
};
static_assert(kReasonWords.size() == static_cast<std::size_t>(Reason::internal_error) + 1);

constexpr std::string_view word(Reason reason) {
    return kReasonWords[static_cast<std::size_t>(reason)];
}
// What the word means, for operators. docs/reasons.md says it at length.
constexpr std::string_view meaning(Reason reason) {
    switch (reason) {
        case Reason::none: return "nothing was refused";
        case Reason::ip_denied: return "the client's address is in a denied list or block";
        case Reason::ip_not_allowed: return "an allowlist applies and the address is not in it";
        case Reason::tls_required: return "the location demands TLS";
        case Reason::tls_version_too_old: return "the TLS version is below the location's minimum";
        case Reason::tls_certificate_required: return "a verified client certificate is demanded";
        case Reason::rate_limited: return "a limit is used up; Retry-After says when to come back";
        case Reason::rate_limit_store_unavailable: return "the limit's store did not answer";
        case Reason::webhook_secret_missing: return "webhooks are verified here but no secret is set";
        case Reason::webhook_signature_missing: return "no signature, or more than one header of it";
        case Reason::webhook_signature_malformed: return "the signature cannot be decoded";
        case Reason::webhook_signature_invalid: return "no secret gives this signature for this body";
        case Reason::webhook_timestamp_missing: return "the profile demands a timestamp";
        case Reason::webhook_timestamp_malformed: return "the timestamp is not in the profile's format";
        case Reason::webhook_timestamp_stale: return "the delivery is older than the tolerance";
        case Reason::webhook_timestamp_future: return "the delivery is dated too far ahead";
        case Reason::webhook_id_malformed: return "the delivery's id cannot serve as a replay key";
        case Reason::webhook_body_too_large: return "the body exceeds sallyport_webhook_max_body";
        case Reason::webhook_duplicate: return "handled before; acknowledged and not forwarded";
        case Reason::webhook_in_flight: return "the same delivery is being handled right now";
        case Reason::webhook_replay_store_full: return "the replay zone holds only live keys";
        case Reason::internal_error: return "a fault in Sallyport; see the error log";
    }
    return {};
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
