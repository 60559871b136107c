// The keys of profiles with special code (builtin=…).
#include "common/bytes.hpp"
#include "module/policy/jwk_set.hpp"
#include "module/policy/webhook_profile_builder.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace sallyport::policy::webhook {
namespace {

// A signature algorithm under its name in RFC 9421.
struct Algorithm {
    std::string_view name;
    SchemeType type;
    DigestAlgorithm digest;
};
constexpr std::array kHttpsigAlgorithms = {
    Algorithm{"hmac-sha256", SchemeType::hmac, DigestAlgorithm::sha256},
    Algorithm{"ed25519", SchemeType::ed25519, DigestAlgorithm::sha512},
    Algorithm{"ecdsa-p256-sha256", SchemeType::ecdsa, DigestAlgorithm::sha256},
    Algorithm{"ecdsa-p384-sha384", SchemeType::ecdsa, DigestAlgorithm::sha384},
    Algorithm{"rsa-pss-sha512", SchemeType::rsa_pss, DigestAlgorithm::sha512},
    Algorithm{"rsa-v1_5-sha256", SchemeType::rsa, DigestAlgorithm::sha256},
};

SchemeType type_of(jwt::Algorithm algorithm) {
    const auto scheme = jwt::scheme_of(algorithm);
    if (!scheme) {
        return SchemeType::hmac;
    }
    switch (*scheme) {
        case SignatureScheme::ed25519:
            return SchemeType::ed25519;
        case SignatureScheme::ecdsa_der:
        case SignatureScheme::ecdsa_raw:
            return SchemeType::ecdsa;
        case SignatureScheme::rsa_pss:
            return SchemeType::rsa_pss;
        case SignatureScheme::rsa_pkcs1:
            break;
    }
    return SchemeType::rsa;
}

// Without a bound of its own a signed creation time is fresh for five minutes.
constexpr std::int64_t kToleranceMs = 300'000;

constexpr std::array<std::string_view, 10> kDerived = {
    "@method", "@target-uri", "@authority",   "@scheme",           "@request-target",
    "@path",   "@query",      "@query-param", "@signature-params", "@status"};

}  // namespace

Status Builder::set_builtin(std::string_view value) {
    constexpr std::array<std::pair<std::string_view, Builtin>, 8> kWords = {{
        {"aws-sns", Builtin::aws_sns},
        {"paypal", Builtin::none},  // a template and a certificate's URL
        {"jwt", Builtin::jwt},
        {"jws", Builtin::jws},
        {"httpsig", Builtin::httpsig},
        {"adyen", Builtin::adyen},
        {"ebay", Builtin::ebay},
        {"graph", Builtin::graph},
    }};
    std::string known;
    for (const auto& [word, builtin] : kWords) {
        if (word == value) {
            out_.builtin.kind = builtin;
            return Done{};
        }
        known.append(known.empty() ? "" : ", ").append(word);
    }
    return Error{in_quotes(value) + " is not a value of \"builtin\"; known are " + known};
}

Status Builder::set_body_claim_enc(std::string_view value) {
    if (value != "hex" && value != "base64") {
        return Error{in_quotes(value) +
                     " is not a value of \"body_claim_enc\"; write hex or base64"};
    }
    out_.builtin.body_claim_base64 = value == "base64";
    return Done{};
}

Status Builder::set_aud(std::string_view value) {
    out_.builtin.audience_is_url = value == "{url}";
    return text(out_.builtin.audience_is_url ? std::string_view() : value, out_.builtin.audience);
}

Status Builder::set_qsh(std::string_view value) {
    if (value != "required") {
        return Error{in_quotes(value) +
                     " is not a value of \"qsh\"; write qsh=required or leave it out"};
    }
    out_.builtin.query_hash = true;
    return Done{};
}

Status Builder::set_topic(std::string_view value) {
    Status status = Done{};
    for_each_split(value, '|', [&](std::string_view topic) {
        if (!topic.starts_with("arn:aws")) {
            status = Error{in_quotes(topic) +
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
        return Error{in_quotes(value) + " is not a value of \"certificates\"; known is paypal"};
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
                         !builtin.body_claim.empty() || builtin.body_claim_base64 ||
                         builtin.query_hash || !builtin.topics.empty() || !builtin.key_id.empty() ||
                         !builtin.tag.empty();
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
    const bool jws = out_.builtin.kind == Builtin::jws;
    const bool templated = !out_.group.empty() || !out_.split.empty() || !out_.kv.empty() ||
                           (signed_ != "{body}" && !jws) || (out_.timestamp && !jws) ||
                           (!out_.id.empty() && !jws) || out_.body != BodyForm::raw ||
                           out_.certificate_url;
    if (templated) {
        return Error{
            "\"group\", \"split\", \"kv\", \"signed\", \"ts\", \"id\", \"body\" and "
            "\"certificates\" do not belong to a builtin, which knows its sender; leave "
            "them out"};
    }
    switch (out_.builtin.kind) {
        case Builtin::jwt:
            return finish_jwt();
        case Builtin::jws:
            return finish_jws();
        case Builtin::aws_sns:
            return finish_sns();
        case Builtin::httpsig:
            return finish_httpsig();
        case Builtin::adyen:
            return finish_adyen();
        case Builtin::ebay:
            return finish_ebay();
        case Builtin::graph:
            return finish_graph();
        case Builtin::none:
            break;
    }
    return Done{};
}

Status Builder::set_algorithm(std::string_view name) {
    std::string known = jwt::algorithm_words();
    algo_given_ = false;  // ed25519 brings its own digest, which nobody asked for
    if (out_.builtin.kind != Builtin::httpsig) {
        const auto algorithm = jwt::algorithm_from(name);
        if (algorithm) {
            out_.builtin.alg = name;
            out_.type = type_of(*algorithm);
            out_.algorithm = jwt::digest_of(*algorithm);
            return check_key();
        }
    } else {
        known.clear();
        for (const Algorithm& algorithm : kHttpsigAlgorithms) {
            if (algorithm.name == name) {
                out_.builtin.alg = name;
                out_.type = algorithm.type;
                out_.algorithm = algorithm.digest;
                out_.builtin.raw_ecdsa = algorithm.type == SchemeType::ecdsa;
                return check_key();
            }
            known.append(known.empty() ? "" : ", ").append(algorithm.name);
        }
    }
    return Error{in_quotes(name) + " is not an algorithm of this builtin; known are " + known};
}

// The token stands in one header field or query argument.
Status Builder::one_place(std::string_view builtin) {
    if (out_.signature.empty()) {
        Source authorization;
        authorization.name = "Authorization";
        out_.signature.push_back(authorization);
    }
    const Source::Kind place = out_.signature.front().kind;
    if (out_.signature.size() != 1 ||
        (place != Source::Kind::header && place != Source::Kind::query)) {
        return Error{"builtin=" + std::string(builtin) +
                     " takes its token from one place; write sig=header:NAME or sig=query:NAME"};
    }
    return Done{};
}

Status Builder::finish_jwt() {
    if (!require_given_.empty()) {
        return Error{"\"require\" does not belong to builtin=jwt"};
    }
    if (out_.builtin.body_is_token) {
        if (!out_.signature.empty() || !out_.builtin.body_claim.empty()) {
            return Error{"sig=body stands alone: the body is the token; leave the rest out"};
        }
        out_.needs_whole_body = true;
        out_.signature_in_body = true;
    } else {
        const Status place = one_place("jwt");
        if (!place) {
            return place;
        }
    }
    if (!algo_given_ && out_.builtin.alg.empty()) {
        return Error{
            "builtin=jwt needs its algorithm, which is never taken from the token; write "
            "for example algo=HS256"};
    }
    return set_algorithm(algo_given_ ? algo_given_text_ : out_.builtin.alg);
}

// A detached JSON Web Signature: header..signature, over the body or over time and body.
Status Builder::finish_jws() {
    const Status place = one_place("jws");
    if (!place) {
        return place;
    }
    out_.builtin.timestamped = signed_ == "{timestamp}.{body_base64url}";
    if (!out_.builtin.timestamped && signed_ != "{body}") {
        return Error{
            "builtin=jws signs signed=\"{body}\" or signed=\"{timestamp}.{body_base64url}\""};
    }
    const bool timed = out_.timestamp && out_.timestamp->kind == Source::Kind::header;
    if (out_.builtin.timestamped != timed || (out_.timestamp && !timed)) {
        return Error{
            "builtin=jws: {timestamp} and ts=header:NAME belong together; write both or none"};
    }
    const bool header_ids = std::all_of(out_.id.begin(), out_.id.end(), [](const Source& source) {
        return source.kind == Source::Kind::header;
    });
    if (!header_ids) {
        return Error{"builtin=jws reads its id from a header field; write id=header:NAME"};
    }
    out_.future_ms = future_ms_ ? future_ms_ : out_.tolerance_ms;
    out_.needs_whole_body = true;
    if (!algo_given_ && out_.builtin.alg.empty()) {
        return Error{
            "builtin=jws needs its algorithm, which is never taken from the request; write "
            "for example algo=RS512"};
    }
    return set_algorithm(algo_given_ ? algo_given_text_ : out_.builtin.alg);
}

Status Builder::finish_adyen() {
    out_.algorithm = DigestAlgorithm::sha256;
    if (!key_fmt_given_) {
        out_.key_format = KeyFormat::hex;
    }
    out_.signature_in_body = true;
    out_.needs_whole_body = true;
    return check_key();
}

Status Builder::finish_ebay() {
    if (!out_.signature.empty()) {
        return Error{"\"sig\" does not belong to builtin=ebay, whose field is X-EBAY-SIGNATURE"};
    }
    out_.type = SchemeType::ecdsa;
    out_.algorithm = DigestAlgorithm::sha1;
    return check_key();
}

Status Builder::finish_graph() {
    if (!out_.signature.empty()) {
        return Error{"\"sig\" does not belong to builtin=graph, which reads clientState"};
    }
    out_.type = SchemeType::token;
    out_.signature_in_body = true;
    out_.needs_whole_body = true;
    return check_key();
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
                Error{in_quotes(name) +
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
