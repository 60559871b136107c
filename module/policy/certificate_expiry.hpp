// When a certificate wants renewing. Lifetimes shrink from year to year, so that "soon" is a share
// of the lifetime and not a number of days.
#pragma once

#include <cstdint>
#include <string_view>

namespace sallyport::policy {

struct CertificateLife {
    std::int64_t from_s = 0;   // notBefore, Unix seconds
    std::int64_t until_s = 0;  // notAfter
};

enum class CertificateState : std::uint8_t { good, not_yet, soon, expired };

constexpr std::string_view word(CertificateState state) {
    return state == CertificateState::good      ? "good"
           : state == CertificateState::not_yet ? "not valid yet"
           : state == CertificateState::soon    ? "about to expire"
                                                : "expired";
}

// Soon: a third of its life or less is left.
constexpr CertificateState certificate_state(const CertificateLife& life, std::int64_t now_s) {
    return now_s >= life.until_s                                      ? CertificateState::expired
           : now_s < life.from_s                                      ? CertificateState::not_yet
           : life.until_s - now_s <= (life.until_s - life.from_s) / 3 ? CertificateState::soon
                                                                      : CertificateState::good;
}

// Whole days; negative since it has expired.
constexpr std::int64_t days_left(const CertificateLife& life, std::int64_t now_s) {
    return (life.until_s - now_s) / 86'400;
}

}  // namespace sallyport::policy
