#include "module/policy/tls_policy.hpp"

#include "common/bytes.hpp"
#include "module/policy/http_status.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <utility>

namespace sallyport::policy {
namespace {

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
    for (const auto profile :
         {TlsProfile::off, TlsProfile::modern, TlsProfile::intermediate, TlsProfile::custom}) {
        if (text == word(profile)) {
            return profile;
        }
    }
    return std::nullopt;
}

Status set_min(TlsRule& rule, std::string_view version) {
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
        return Error{"\"min=" + std::string(version) +
                     "\" is not a version to insist on; write min=TLSv1.2 or min=TLSv1.3"};
    }
    return Done{};
}

Status set_list(std::vector<std::string>& list, std::string_view name, std::string_view value,
                bool (*strong)(std::string_view)) {
    Status status = Done{};
    for_each_split(value, ':', [&](std::string_view item) {
        if (item.starts_with("TLS_")) {
            status = Error{"\"" + std::string(item) +
                           "\" is one of TLS 1.3's, which are always offered; leave it out"};
        } else if (!strong(item)) {
            status = Error{"\"" + std::string(name) + "=\" offers \"" + std::string(item) +
                           "\", which is weak or unknown; leave it out"};
        }
        list.emplace_back(item);
    });
    return status;
}

// dns:admin.example.org, email:ops@example.org, uri:spiffe://example.org/ops
Status add_name(TlsCertificateRule& rule, std::string_view value) {
    const std::size_t colon = value.find(':');
    const std::string_view kind = value.substr(0, colon);
    const bool known = kind == "dns" || kind == "email" || kind == "uri";
    if (!known || colon + 1 == value.size() || value.find('*') != std::string_view::npos) {
        return Error{"\"client_san=" + std::string(value) +
                     "\" is not usable; write client_san=dns:NAME, email:ADDRESS or uri:URI, "
                     "without wildcards"};
    }
    rule.names.push_back(kind == "uri" ? std::string(value) : ascii_lower(value));
    return Done{};
}

// Colons between the bytes, as `openssl x509 -fingerprint` writes them, are left out.
Status add_fingerprint(TlsCertificateRule& rule, std::string_view value) {
    std::string hex;
    std::copy_if(value.begin(), value.end(), std::back_inserter(hex),
                 [](char c) { return c != ':'; });
    auto bytes = hex_decode(hex, HexCase::any);
    if (!bytes || bytes->size() != 32) {
        return Error{"\"client_fingerprint=" + std::string(value) +
                     "\" is not a SHA-256; run: openssl x509 -noout -fingerprint -sha256 -in FILE"};
    }
    rule.fingerprints.push_back(std::move(*bytes));
    return Done{};
}

Status apply_certificate_option(TlsRule& rule, std::string_view name, std::string_view value) {
    if (name == "client_cert") {
        if (value != "required") {
            return Error{"\"client_cert=" + std::string(value) +
                         "\" is unknown; write client_cert=required or leave it out"};
        }
        rule.client_certificate = true;
        return Done{};
    }
    if (!rule.client_certificate) {
        return Error{"\"" + std::string(name) +
                     "=\" asks something of a certificate that nobody must show; write "
                     "client_cert=required before it"};
    }
    if (name == "client_san") {
        return add_name(rule.certificate, value);
    }
    if (name == "client_fingerprint") {
        return add_fingerprint(rule.certificate, value);
    }
    if (value.empty()) {
        return Error{"\"client_ca=\" names no file; write client_ca=PATH"};
    }
    rule.certificate.ca_files.emplace_back(value);
    return Done{};
}

Status apply_option(TlsRule& rule, std::string_view argument) {
    const std::size_t equals = argument.find('=');
    const std::string_view name = argument.substr(0, equals);
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : argument.substr(equals + 1);
    if (name == "min") {
        return set_min(rule, value);
    }
    if (name == "client_cert" || name == "client_san" || name == "client_fingerprint" ||
        name == "client_ca") {
        return apply_certificate_option(rule, name, value);
    }
    if (name == "ciphers" || name == "groups") {
        if (rule.profile != TlsProfile::custom) {
            return Error{"\"" + std::string(name) + "=\" changes the profile " +
                         std::string(word(rule.profile)) + "; write custom instead"};
        }
        return name == "ciphers" ? set_list(rule.ciphers, name, value, is_strong_tls_cipher)
                                 : set_list(rule.groups, name, value, is_strong_tls_group);
    }
    return Error{"unknown parameter \"" + std::string(argument) +
                 "\"; write min=TLSv1.2|TLSv1.3, client_cert=required, client_san=, "
                 "client_fingerprint=, client_ca=, or with custom ciphers= and groups="};
}

// All refusals of this feature are 403: 421 invites the client to try again on another connection,
// which would not be better, and 426 is about switching the protocol of this one (RFC
// 9110 15.5.22).
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
                     "\"; write modern, intermediate, custom or off"};
    }
    TlsRule rule;
    rule.profile = *profile;
    rule.min = *profile == TlsProfile::modern ? TlsVersion::v1_3 : TlsVersion::v1_2;
    std::vector<std::string_view> seen;
    for (const std::string_view argument : arguments.subspan(1)) {
        if (rule.profile == TlsProfile::off) {
            return Error{"\"" + std::string(argument) +
                         "\" means nothing with off; remove it or choose a profile"};
        }
        const std::string_view name = argument.substr(0, argument.find('='));
        const bool once = name == "min" || name == "ciphers" || name == "groups";
        if (once && std::find(seen.begin(), seen.end(), name) != seen.end()) {
            return Error{"\"" + std::string(argument) + "\": " + std::string(name) +
                         " is given twice; keep one"};
        }
        seen.push_back(name);
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
        case TlsProfile::custom:
            return kIntermediateCiphers;
        case TlsProfile::modern:
        case TlsProfile::off:
            break;
    }
    return {};
}

std::vector<std::string_view> tls_ciphers(const TlsRule& rule) {
    if (!rule.ciphers.empty()) {
        return {rule.ciphers.begin(), rule.ciphers.end()};
    }
    const auto profile = tls_ciphers(rule.profile);
    return {profile.begin(), profile.end()};
}

bool is_strong_tls_cipher(std::string_view cipher) {
    const bool forward_secret = cipher.starts_with("ECDHE-") || cipher.starts_with("DHE-");
    const bool authenticated = cipher.find("-GCM-") != std::string_view::npos ||
                               cipher.find("-CHACHA20-POLY1305") != std::string_view::npos ||
                               cipher.ends_with("-CCM");
    return forward_secret && authenticated && cipher.find("PSK") == std::string_view::npos;
}

std::span<const std::string_view> tls_groups() {
    return kGroups;
}

std::vector<std::string_view> tls_groups(const TlsRule& rule) {
    if (!rule.groups.empty()) {
        return {rule.groups.begin(), rule.groups.end()};
    }
    return {kGroups.begin(), kGroups.end()};
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

Decision decide_tls_certificate(const TlsCertificateRule& rule, const TlsCertificate& certificate) {
    const auto any_of = [](const auto& wanted, auto&& holds) {
        return wanted.empty() || std::any_of(wanted.begin(), wanted.end(), holds);
    };
    const bool named = any_of(rule.names, [&](const std::string& name) {
        return std::find(certificate.names.begin(), certificate.names.end(), name) !=
               certificate.names.end();
    });
    const bool known = any_of(rule.fingerprints, [&](const Bytes& fingerprint) {
        return fingerprint == certificate.fingerprint;
    });
    return named && known && certificate.issued_by_rule
               ? Decision::allow()
               : Decision::deny(Reason::tls_certificate_not_allowed, kForbidden);
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
