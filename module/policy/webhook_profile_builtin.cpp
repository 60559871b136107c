// The keys of profiles with special code: builtin=jwt, aws-sns, httpsig and paypal.
#include "common/bytes.hpp"
#include "module/policy/webhook_profile_builder.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace sallyport::policy::webhook {
namespace {

std::string quoted(std::string_view text) {
    return "\"" + std::string(text) + "\"";
}

// A signature algorithm under its names in JSON Web Algorithms and in RFC 9421.
struct Algorithm {
    std::string_view name;
    Builtin of;
    SchemeType type;
    DigestAlgorithm digest;
};
constexpr std::array kAlgorithms = {
    Algorithm{"HS256", Builtin::jwt, SchemeType::hmac, DigestAlgorithm::sha256},
    Algorithm{"HS384", Builtin::jwt, SchemeType::hmac, DigestAlgorithm::sha384},
    Algorithm{"HS512", Builtin::jwt, SchemeType::hmac, DigestAlgorithm::sha512},
    Algorithm{"RS256", Builtin::jwt, SchemeType::rsa, DigestAlgorithm::sha256},
    Algorithm{"RS384", Builtin::jwt, SchemeType::rsa, DigestAlgorithm::sha384},
    Algorithm{"RS512", Builtin::jwt, SchemeType::rsa, DigestAlgorithm::sha512},
    Algorithm{"PS256", Builtin::jwt, SchemeType::rsa_pss, DigestAlgorithm::sha256},
    Algorithm{"PS384", Builtin::jwt, SchemeType::rsa_pss, DigestAlgorithm::sha384},
    Algorithm{"PS512", Builtin::jwt, SchemeType::rsa_pss, DigestAlgorithm::sha512},
    Algorithm{"ES256", Builtin::jwt, SchemeType::ecdsa, DigestAlgorithm::sha256},
    Algorithm{"ES384", Builtin::jwt, SchemeType::ecdsa, DigestAlgorithm::sha384},
    Algorithm{"EdDSA", Builtin::jwt, SchemeType::ed25519, DigestAlgorithm::sha512},
    Algorithm{"hmac-sha256", Builtin::httpsig, SchemeType::hmac, DigestAlgorithm::sha256},
    Algorithm{"ed25519", Builtin::httpsig, SchemeType::ed25519, DigestAlgorithm::sha512},
    Algorithm{"ecdsa-p256-sha256", Builtin::httpsig, SchemeType::ecdsa, DigestAlgorithm::sha256},
    Algorithm{"ecdsa-p384-sha384", Builtin::httpsig, SchemeType::ecdsa, DigestAlgorithm::sha384},
    Algorithm{"rsa-pss-sha512", Builtin::httpsig, SchemeType::rsa_pss, DigestAlgorithm::sha512},
    Algorithm{"rsa-v1_5-sha256", Builtin::httpsig, SchemeType::rsa, DigestAlgorithm::sha256},
};

// Without a bound of its own a signed creation time is fresh for five minutes.
constexpr std::int64_t kToleranceMs = 300'000;

constexpr std::array<std::string_view, 10> kDerived = {
    "@method", "@target-uri", "@authority",   "@scheme",           "@request-target",
    "@path",   "@query",      "@query-param", "@signature-params", "@status"};

}  // namespace

Status Builder::set_builtin(std::string_view value) {
    if (value == "jwt") {
        out_.builtin.kind = Builtin::jwt;
    } else if (value == "aws-sns") {
        out_.builtin.kind = Builtin::aws_sns;
    } else if (value == "httpsig") {
        out_.builtin.kind = Builtin::httpsig;
    } else if (value != "paypal") {  // a template and a certificate's URL
        return Error{quoted(value) +
                     " is not a value of \"builtin\"; known are aws-sns, paypal, jwt, httpsig"};
    }
    return Done{};
}

Status Builder::set_aud(std::string_view value) {
    out_.builtin.audience_is_url = value == "{url}";
    return text(out_.builtin.audience_is_url ? std::string_view() : value, out_.builtin.audience);
}

Status Builder::set_qsh(std::string_view value) {
    if (value != "required") {
        return Error{quoted(value) +
                     " is not a value of \"qsh\"; write qsh=required or leave it out"};
    }
    out_.builtin.query_hash = true;
    return Done{};
}

Status Builder::set_topic(std::string_view value) {
    Status status = Done{};
    for_each_split(value, '|', [&](std::string_view topic) {
        if (!topic.starts_with("arn:aws")) {
            status = Error{quoted(topic) +
                           " is not a topic; write for example "
                           "topic=arn:aws:sns:us-east-1:123456789012:MyTopic"};
        }
        out_.builtin.topics.emplace_back(topic);
    });
    return status;
}

Status Builder::set_webhook_id(std::string_view value) {
    params_["webhook_id"] = value;
    return Done{};
}

Status Builder::set_certificates(std::string_view value) {
    if (value != "paypal") {
        return Error{quoted(value) + " is not a value of \"certificates\"; known is paypal"};
    }
    out_.certificate_hosts = CertificateHosts::paypal;
    out_.certificate_url.emplace();
    out_.certificate_url->name = "Paypal-Cert-Url";
    return Done{};
}

Status Builder::check_certificates() {
    const BuiltinOptions& builtin = out_.builtin;
    const bool foreign = !builtin.alg.empty() || !builtin.audience.empty() ||
                         builtin.audience_is_url || !builtin.issuer.empty() ||
                         !builtin.body_claim.empty() || builtin.query_hash ||
                         !builtin.topics.empty() || !builtin.key_id.empty() || !builtin.tag.empty();
    if (foreign) {
        return Error{
            "\"alg\", \"aud\", \"iss\", \"body_claim\", \"qsh\", \"topic\", \"keyid\" and "
            "\"tag\" belong to a builtin; add for example builtin=httpsig"};
    }
    if (!out_.certificate_url) {
        return Done{};
    }
    if (out_.type != SchemeType::rsa) {
        return Error{"\"certificates\" belongs to type=rsa"};
    }
    const auto slot = header_slot(out_.certificate_url->name, false, true, true);
    if (!slot) {
        return slot.error();
    }
    out_.certificate_url->slot = *slot;
    return Done{};
}

Status Builder::finish_builtin() {
    const bool templated = !out_.group.empty() || !out_.split.empty() || !out_.kv.empty() ||
                           signed_ != "{body}" || out_.timestamp || !out_.id.empty() ||
                           out_.body != BodyForm::raw || out_.certificate_url;
    if (templated) {
        return Error{
            "\"group\", \"split\", \"kv\", \"signed\", \"ts\", \"id\", \"body\" and "
            "\"certificates\" do not belong to a builtin, which knows its sender; leave "
            "them out"};
    }
    switch (out_.builtin.kind) {
        case Builtin::jwt:
            return finish_jwt();
        case Builtin::aws_sns:
            return finish_sns();
        case Builtin::httpsig:
            return finish_httpsig();
        case Builtin::none:
            break;
    }
    return Done{};
}

Status Builder::set_algorithm(std::string_view name) {
    std::string known;
    for (const Algorithm& algorithm : kAlgorithms) {
        if (algorithm.of != out_.builtin.kind) {
            continue;
        }
        if (algorithm.name == name) {
            out_.builtin.alg = name;
            out_.type = algorithm.type;
            out_.algorithm = algorithm.digest;
            out_.builtin.raw_ecdsa = algorithm.type == SchemeType::ecdsa;
            algo_given_ = false;  // ed25519 brings its own digest, which nobody asked for
            return check_key();
        }
        known.append(known.empty() ? "" : ", ").append(algorithm.name);
    }
    return Error{quoted(name) + " is not an algorithm of this builtin; known are " + known};
}

Status Builder::finish_jwt() {
    if (!require_given_.empty()) {
        return Error{"\"require\" does not belong to builtin=jwt"};
    }
    if (out_.signature.empty()) {
        Source authorization;
        authorization.name = "Authorization";
        out_.signature.push_back(authorization);
    }
    const Source::Kind place = out_.signature.front().kind;
    if (out_.signature.size() != 1 ||
        (place != Source::Kind::header && place != Source::Kind::query)) {
        return Error{
            "builtin=jwt takes its token from one place; write sig=header:NAME or "
            "sig=query:NAME"};
    }
    if (!algo_given_ && out_.builtin.alg.empty()) {
        return Error{
            "builtin=jwt needs its algorithm, which is never taken from the token; write "
            "for example algo=HS256"};
    }
    return set_algorithm(algo_given_ ? algo_given_text_ : out_.builtin.alg);
}

Status Builder::finish_sns() {
    if (out_.builtin.topics.empty() && !open_) {
        return Error{
            "builtin=aws-sns needs the topic, because every AWS customer can have a message "
            "signed; write topic=arn:aws:sns:…"};
    }
    out_.type = SchemeType::rsa;
    out_.algorithm = DigestAlgorithm::sha256;
    out_.needs_whole_body = true;
    out_.certificate_hosts = CertificateHosts::sns;
    out_.future_ms = future_ms_ ? future_ms_ : out_.tolerance_ms;
    return check_key();
}

Status Builder::finish_httpsig() {
    if (!out_.signature.empty()) {
        return Error{
            "\"sig\" does not belong to builtin=httpsig, whose fields are Signature and "
            "Signature-Input"};
    }
    std::string_view names = require_given_;
    if (names.empty()) {
        names = "@method @authority @path content-digest";
        out_.builtin.requires_query = true;
    }
    Status status = Done{};
    for_each_split(names, ' ', [&](std::string_view name) {
        const bool derived = std::find(kDerived.begin(), kDerived.end(), name) != kDerived.end();
        if (!derived && (!is_token(name) || name != ascii_lower(name))) {
            status =
                Error{quoted(name) +
                      " is not a component of a signature; write names in lower "
                      "case with one blank between them, as require=\"@method content-digest\""};
        }
        out_.builtin.required.emplace_back(name);
    });
    if (!status) {
        return status;
    }
    if (!tolerance_given_) {
        out_.tolerance_ms = kToleranceMs;
    }
    out_.future_ms = future_ms_ ? future_ms_ : out_.tolerance_ms;
    if (out_.builtin.alg.empty() && !algo_given_) {
        return Error{
            "builtin=httpsig needs its algorithm, which is never taken from the request; "
            "write for example alg=hmac-sha256"};
    }
    return set_algorithm(out_.builtin.alg.empty() ? algo_given_text_ : out_.builtin.alg);
}

}  // namespace sallyport::policy::webhook
