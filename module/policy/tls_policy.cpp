#include "module/policy/tls_policy.hpp"

#include "common/bytes.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace sallyport::policy {
namespace {

// All refusals of this feature are 403: 421 invites the client to try again on another connection,
// which would not be better, and 426 is about switching the protocol of this one (RFC
// 9110 15.5.22).
constexpr std::uint16_t kForbidden = 403;

constexpr std::array kIntermediateCiphers = {
    std::string_view("ECDHE-ECDSA-AES128-GCM-SHA256"),
    std::string_view("ECDHE-RSA-AES128-GCM-SHA256"),
    std::string_view("ECDHE-ECDSA-AES256-GCM-SHA384"),
    std::string_view("ECDHE-RSA-AES256-GCM-SHA384"),
    std::string_view("ECDHE-ECDSA-CHACHA20-POLY1305"),
    std::string_view("ECDHE-RSA-CHACHA20-POLY1305"),
};

constexpr std::array kGroups = {
    std::string_view("X25519MLKEM768"),
    std::string_view("X25519"),
    std::string_view("prime256v1"),
    std::string_view("secp384r1"),
};

// Beyond the profile's own; none is weaker, so an operator who names one is not corrected.
constexpr std::array kOtherStrongGroups = {
    std::string_view("auto"),
    std::string_view("P-256"),
    std::string_view("P-384"),
    std::string_view("P-521"),
    std::string_view("secp256r1"),
    std::string_view("secp521r1"),
    std::string_view("X448"),
    std::string_view("brainpoolP256r1"),
    std::string_view("brainpoolP384r1"),
    std::string_view("brainpoolP512r1"),
    std::string_view("ffdhe3072"),
    std::string_view("ffdhe4096"),
    std::string_view("ffdhe6144"),
    std::string_view("ffdhe8192"),
    std::string_view("MLKEM768"),
    std::string_view("MLKEM1024"),
    std::string_view("SecP256r1MLKEM768"),
    std::string_view("SecP384r1MLKEM1024"),
};

std::optional<TlsProfile> profile_from(std::string_view text) {
    for (const auto profile : {TlsProfile::off, TlsProfile::modern, TlsProfile::intermediate}) {
        if (text == word(profile)) {
            return profile;
        }
    }
    return std::nullopt;
}

Status apply_option(TlsRule& rule, std::string_view argument) {
    if (argument.starts_with("min=")) {
        const std::string_view version = argument.substr(4);
        if (version == "TLSv1.2") {
            if (rule.profile == TlsProfile::modern) {
                return Error{
                    "\"min=TLSv1.2\" is weaker than the profile modern; leave it out, or "
                    "write intermediate"};
            }
            rule.min = TlsVersion::v1_2;
        } else if (version == "TLSv1.3") {
            rule.min = TlsVersion::v1_3;
        } else {
            return Error{"\"" + std::string(argument) +
                         "\" is not a version to insist on; write min=TLSv1.2 or min=TLSv1.3"};
        }
        return Done{};
    }
    if (argument.starts_with("client_cert=")) {
        if (argument.substr(12) != "required") {
            return Error{"\"" + std::string(argument) +
                         "\" is unknown; write client_cert=required or leave it out"};
        }
        rule.client_certificate = true;
        return Done{};
    }
    return Error{"unknown parameter \"" + std::string(argument) +
                 "\"; write min=TLSv1.2|TLSv1.3 or client_cert=required"};
}

Decision decide_on_tls(const TlsRule& rule, const TlsConnection& connection) {
    if (connection.version < rule.min) {
        return Decision::deny(Reason::tls_version_too_old, kForbidden);
    }
    if (rule.client_certificate && !connection.certificate_verified) {
        return Decision::deny(Reason::tls_certificate_required, kForbidden);
    }
    return Decision::allow();
}

}  // namespace

Result<TlsRule> parse_tls_rule(std::span<const std::string_view> arguments) {
    const auto profile =
        arguments.empty() ? std::optional<TlsProfile>() : profile_from(arguments.front());
    if (!profile) {
        return Error{"unknown profile \"" +
                     std::string(arguments.empty() ? std::string_view() : arguments.front()) +
                     "\"; write modern, intermediate or off"};
    }
    TlsRule rule;
    rule.profile = *profile;
    rule.min = *profile == TlsProfile::modern ? TlsVersion::v1_3 : TlsVersion::v1_2;
    bool min_seen = false;
    for (const std::string_view argument : arguments.subspan(1)) {
        if (rule.profile == TlsProfile::off) {
            return Error{"\"" + std::string(argument) +
                         "\" means nothing with off; remove it or choose a profile"};
        }
        if (argument.starts_with("min=") && min_seen) {
            return Error{"\"" + std::string(argument) + "\": min is given twice; keep one"};
        }
        min_seen = min_seen || argument.starts_with("min=");
        const Status status = apply_option(rule, argument);
        if (!status) {
            return status.error();
        }
    }
    return rule;
}

std::span<const std::string_view> tls_ciphers(TlsProfile profile) {
    switch (profile) {
        case TlsProfile::intermediate:
            return kIntermediateCiphers;
        case TlsProfile::modern:
        case TlsProfile::off:
            break;
    }
    return {};
}

std::span<const std::string_view> tls_groups() {
    return kGroups;
}

bool is_strong_tls_group(std::string_view group) {
    // OpenSSL 3.5 marks optional groups and key shares: ?X25519, *X25519.
    while (!group.empty() && (group.front() == '?' || group.front() == '*')) {
        group.remove_prefix(1);
    }
    const auto same = [group](std::string_view known) { return ascii_iequals(group, known); };
    return std::any_of(kGroups.begin(), kGroups.end(), same) ||
           std::any_of(kOtherStrongGroups.begin(), kOtherStrongGroups.end(), same);
}

Decision decide_tls_server(const TlsRule& rule, const TlsConnection& connection) {
    if (rule.profile == TlsProfile::off || (!connection.tls && !rule.client_certificate)) {
        return Decision::allow();
    }
    return decide_tls_location(rule, connection);
}

Decision decide_tls_location(const TlsRule& rule, const TlsConnection& connection) {
    if (rule.profile == TlsProfile::off) {
        return Decision::allow();
    }
    if (!connection.tls) {
        return Decision::deny(Reason::tls_required, kForbidden);
    }
    return decide_on_tls(rule, connection);
}

}  // namespace sallyport::policy
