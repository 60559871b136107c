#include "module/nginx/tls_settings.hpp"

#include "common/bytes.hpp"
#include "module/nginx/str.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>

namespace sallyport::ngx {
namespace {

using policy::TlsProfile;
using policy::TlsRule;
using policy::TlsVersion;

struct CtxDeleter {
    void operator()(SSL_CTX* ctx) const { SSL_CTX_free(ctx); }
};
using Ctx = std::unique_ptr<SSL_CTX, CtxDeleter>;

Ctx scratch() {
    Ctx ctx(SSL_CTX_new(TLS_server_method()));
    if (ctx == nullptr) {
        throw std::bad_alloc();
    }
    return ctx;
}

struct Protocol {
    ngx_uint_t bit;
    std::string_view name;
};
constexpr std::array kOldProtocols = {
    Protocol{NGX_SSL_SSLv2, "SSLv2"},
    Protocol{NGX_SSL_SSLv3, "SSLv3"},
    Protocol{NGX_SSL_TLSv1, "TLSv1"},
    Protocol{NGX_SSL_TLSv1_1, "TLSv1.1"},
};

// The rule's groups that the linked OpenSSL knows (X25519MLKEM768 came with 3.5).
std::string supported_groups(const TlsRule& rule) {
    const Ctx ctx = scratch();
    std::string out;
    for (const std::string_view group : policy::tls_groups(rule)) {
        if (SSL_CTX_set1_groups_list(ctx.get(), std::string(group).c_str()) == 1) {
            out.append(out.empty() ? "" : ":").append(group);
        }
    }
    ERR_clear_error();
    return out;
}

std::string joined(std::span<const std::string_view> words) {
    std::string out;
    for (const std::string_view word : words) {
        out.append(out.empty() ? "" : ":").append(word);
    }
    return out;
}

}  // namespace

ngx_uint_t TlsSettings::protocols() const {
    return server_.protocols != 0 ? server_.protocols : http_.protocols;
}
ngx_str_t TlsSettings::ciphers() const {
    return server_.ciphers.data != nullptr ? server_.ciphers : http_.ciphers;
}
ngx_str_t TlsSettings::curves() const {
    return server_.ecdh_curve.data != nullptr ? server_.ecdh_curve : http_.ecdh_curve;
}

Status TlsSettings::check(const TlsRule& rule, bool early_data_judged) const {
    Status status = check_protocols(rule);
    if (status.ok()) {
        status = check_ciphers(rule);
    }
    if (status.ok()) {
        status = check_curves(rule);
    }
    if (status.ok()) {
        status = check_commands();
    }
    return status.ok() ? check_early_data(early_data_judged) : status;
}

Status TlsSettings::check_protocols(const TlsRule& rule) const {
    for (const Protocol& old : kOldProtocols) {
        if ((protocols() & old.bit) != 0) {
            return Error{"\"ssl_protocols\" offers " + std::string(old.name) +
                         "; remove it there, or the whole directive"};
        }
    }
    if (rule.min == TlsVersion::v1_3 && (protocols() & NGX_SSL_TLSv1_2) != 0) {
        return Error{
            "\"ssl_protocols\" offers TLSv1.2 below the minimum TLSv1.3; remove it there, "
            "or the whole directive"};
    }
    return Done{};
}

Status TlsSettings::check_ciphers(const TlsRule& rule) const {
    for (const std::string& cipher : rule.ciphers) {
        const Ctx ctx = scratch();
        if (SSL_CTX_set_cipher_list(ctx.get(), cipher.c_str()) != 1) {
            ERR_clear_error();
            return Error{"\"ciphers=\" offers \"" + cipher +
                         "\", which the linked OpenSSL does not know; leave it out"};
        }
    }
    const std::string list(view(ciphers()));
    if (list.empty() || rule.min == TlsVersion::v1_3) {
        return Done{};  // TLS 1.2's ciphers mean nothing where it is not spoken
    }
    if (list.find("@SECLEVEL=0") != std::string::npos ||
        list.find("@SECLEVEL=1") != std::string::npos) {
        return Error{"\"ssl_ciphers\" lowers OpenSSL's security level; remove @SECLEVEL"};
    }
    const Ctx ctx = scratch();
    if (SSL_CTX_set_cipher_list(ctx.get(), list.c_str()) != 1) {
        ERR_clear_error();
        return Done{};  // nginx itself refuses it, in its own words
    }
    const auto admitted = policy::tls_ciphers(rule);
    const STACK_OF(SSL_CIPHER)* offered = SSL_CTX_get_ciphers(ctx.get());
    for (int i = 0; i < sk_SSL_CIPHER_num(offered); ++i) {
        const SSL_CIPHER* cipher = sk_SSL_CIPHER_value(offered, i);
        const std::string_view name = SSL_CIPHER_get_name(cipher);
        const bool tls13 = std::string_view(SSL_CIPHER_get_version(cipher)) == "TLSv1.3";
        if (!tls13 && std::find(admitted.begin(), admitted.end(), name) == admitted.end()) {
            return Error{"\"ssl_ciphers\" offers " + std::string(name) +
                         ", which the profile does not admit; remove the directive to get the "
                         "profile's list"};
        }
    }
    return Done{};
}

Status TlsSettings::check_curves(const TlsRule& rule) const {
    if (curves().data == nullptr && supported_groups(rule).empty()) {
        return Error{"\"groups=\" has none that the linked OpenSSL knows; add X25519"};
    }
    std::string weak;
    for_each_split(view(curves()), ':', [&](std::string_view group) {
        if (!group.empty() && !policy::is_strong_tls_group(group)) {
            weak = group;
        }
    });
    if (!weak.empty()) {
        return Error{"\"ssl_ecdh_curve\" offers " + weak +
                     ", which is weak or unknown; remove the directive to get the profile's list"};
    }
    return Done{};
}

// ssl_conf_command reaches OpenSSL behind the directives that are judged above.
Status TlsSettings::check_commands() const {
    ngx_array_t* const unset = static_cast<ngx_array_t*>(NGX_CONF_UNSET_PTR);
    const ngx_array_t* commands =
        server_.conf_commands != unset ? server_.conf_commands : http_.conf_commands;
    if (commands == unset || commands == nullptr) {
        return Done{};
    }
    constexpr std::array kJudgedElsewhere = {
        std::string_view("Protocol"),    std::string_view("MinProtocol"),
        std::string_view("MaxProtocol"), std::string_view("CipherString"),
        std::string_view("Groups"),      std::string_view("Curves"),
    };
    const auto* pairs = static_cast<const ngx_keyval_t*>(commands->elts);
    for (ngx_uint_t i = 0; i < commands->nelts; ++i) {
        const std::string_view key = view(pairs[i].key);
        for (const std::string_view known : kJudgedElsewhere) {
            if (ascii_iequals(key, known)) {
                return Error{"\"ssl_conf_command " + std::string(key) +
                             "\" goes around the policy; remove it and use ssl_protocols, "
                             "ssl_ciphers or ssl_ecdh_curve"};
            }
        }
    }
    return Done{};
}

Status TlsSettings::check_early_data(bool judged) const {
    const ngx_flag_t early =
        server_.early_data != NGX_CONF_UNSET ? server_.early_data : http_.early_data;
    if (early == 1 && !judged) {
        return Error{
            "\"ssl_early_data on\" lets anybody replay recorded requests; remove it, or add "
            "\"sallyport_early_data safe\""};
    }
    return Done{};
}

void TlsSettings::fill(ngx_conf_t* cf, const TlsRule& rule, bool tickets_rotate,
                       ngx_http_ssl_srv_conf_t& target) const {
    if (protocols() == 0) {
        target.protocols = NGX_CONF_BITMASK_SET | NGX_SSL_TLSv1_3 |
                           (rule.min == TlsVersion::v1_3 ? 0u : NGX_SSL_TLSv1_2);
    }
    if (ciphers().data == nullptr && !policy::tls_ciphers(rule).empty()) {
        target.ciphers = copy(cf->pool, joined(policy::tls_ciphers(rule)));
    }
    if (curves().data == nullptr) {
        target.ecdh_curve = copy(cf->pool, supported_groups(rule));
    }
    // Before 1.23.2 one ticket key lives as long as the process: no forward secrecy across it.
    ngx_array_t* const unset = static_cast<ngx_array_t*>(NGX_CONF_UNSET_PTR);
    const bool has_keys =
        server_.session_ticket_keys != unset || http_.session_ticket_keys != unset;
    if (nginx_version < 1023002 && !has_keys && !tickets_rotate &&
        server_.session_tickets == NGX_CONF_UNSET && http_.session_tickets == NGX_CONF_UNSET) {
        target.session_tickets = 0;
    }
}

}  // namespace sallyport::ngx
