#include "module/policy/webhook_builtin.hpp"

#include "common/bytes.hpp"

#include <algorithm>

namespace sallyport::policy::webhook {
namespace {

bool is_host_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}
bool is_path_char(char c) {
    return is_host_char(ascii_lower(c)) || c == '/' || c == '_' || c == '.';
}
bool all_of(std::string_view text, bool (*good)(char)) {
    return !text.empty() && std::all_of(text.begin(), text.end(), good);
}

bool sns_host(std::string_view host) {
    constexpr std::string_view kBegin = "sns.";
    for (const std::string_view end : {".amazonaws.com", ".amazonaws.com.cn"}) {
        if (host.size() > kBegin.size() + end.size() && host.starts_with(kBegin) &&
            host.ends_with(end) &&
            all_of(host.substr(kBegin.size(), host.size() - kBegin.size() - end.size()),
                   is_host_char)) {
            return true;
        }
    }
    return false;
}

bool sns_path(std::string_view path) {
    constexpr std::string_view kBegin = "/SimpleNotificationService-";
    constexpr std::string_view kEnd = ".pem";
    return path.size() > kBegin.size() + kEnd.size() && path.starts_with(kBegin) &&
           path.ends_with(kEnd) &&
           all_of(path.substr(kBegin.size(), path.size() - kBegin.size() - kEnd.size()),
                  [](char c) { return is_host_char(ascii_lower(c)); });
}

bool paypal_host(std::string_view host) {
    if (host == "paypal.com") {
        return true;
    }
    if (!host.ends_with(".paypal.com")) {
        return false;
    }
    bool good = true;
    for_each_split(host, '.',
                   [&](std::string_view label) { good = good && all_of(label, is_host_char); });
    return good;
}

}  // namespace

bool certificate_url_allowed(CertificateHosts hosts, std::string_view url) {
    // Longer than any of them, and short enough for a file that names it.
    constexpr std::size_t kUrlBytesMax = 512;
    constexpr std::string_view kScheme = "https://";
    if (url.size() > kUrlBytesMax || !url.starts_with(kScheme)) {
        return false;
    }
    const std::string_view rest = url.substr(kScheme.size());
    const std::size_t slash = rest.find('/');
    if (slash == std::string_view::npos) {
        return false;
    }
    const std::string_view host = rest.substr(0, slash);
    const std::string_view path = rest.substr(slash);
    switch (hosts) {
        case CertificateHosts::sns:
            return sns_host(host) && sns_path(path);
        case CertificateHosts::paypal:
            return paypal_host(host) && all_of(path, is_path_char) &&
                   path.find("..") == std::string_view::npos;
        case CertificateHosts::none:
            break;
    }
    return false;
}

bool signature_matches(const Profile& profile, const SecretKey& secret, std::string_view text,
                       std::span<const std::uint8_t> signature) {
    if (profile.type == SchemeType::hmac) {
        std::array<std::uint8_t, 64> mac;
        HmacStream stream(secret.hmac());
        stream.update(text);
        const std::size_t size = stream.finish(mac.data());
        return constant_time_equal(
            {reinterpret_cast<const char*>(mac.data()), size},
            {reinterpret_cast<const char*>(signature.data()), signature.size()});
    }
    if (profile.type == SchemeType::ed25519) {
        return secret.public_key().verify_message(text, signature);
    }
    const SignatureScheme scheme =
        profile.builtin.raw_ecdsa ? SignatureScheme::ecdsa_raw : signature_scheme(profile.type);
    return secret.public_key().verify_digest(scheme, profile.algorithm,
                                             digest(profile.algorithm, text), signature);
}

std::unique_ptr<BuiltinCheck> make_builtin(const BuiltinContext& context) {
    switch (context.profile.builtin.kind) {
        case Builtin::jwt:
            return make_jwt_check(context);
        case Builtin::jws:
            return make_jws_check(context);
        case Builtin::adyen:
            return make_adyen_check(context);
        case Builtin::ebay:
            return make_ebay_check(context);
        case Builtin::graph:
            return make_graph_check(context);
        case Builtin::aws_sns:
            return make_sns_check(context);
        case Builtin::httpsig:
            return make_httpsig_check(context);
        case Builtin::none:
            break;
    }
    return nullptr;
}

}  // namespace sallyport::policy::webhook
