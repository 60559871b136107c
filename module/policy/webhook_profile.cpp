#include "module/policy/webhook_profile.hpp"

#include "common/bytes.hpp"
#include "common/units.hpp"
#include "module/policy/webhook_profile_builder.hpp"

#include <algorithm>
#include <array>

namespace sallyport::policy::webhook {
namespace {

// One key's value looked up in a table of words.
template <typename T, std::size_t N>
Result<T> pick(std::string_view key, std::string_view value,
               const std::array<std::pair<std::string_view, T>, N>& words) {
    std::string known;
    for (const auto& [word, meaning] : words) {
        if (word == value) {
            return meaning;
        }
        known.append(known.empty() ? "" : ", ").append(word);
    }
    return Error{in_quotes(value) + " is not a value of \"" + std::string(key) + "\"; known are " +
                 known};
}

}  // namespace

const std::array<Builder::Key, 37>& Builder::keys() {
    static constexpr std::array<Key, 37> kKeys = {{
        {"type", &Builder::set_type},
        {"sig", &Builder::set_sig},
        {"group", &Builder::set_group},
        {"split", &Builder::set_split},
        {"kv", &Builder::set_kv},
        {"key", &Builder::set_key},
        {"prefix", &Builder::set_prefix},
        {"algo", &Builder::set_algo},
        {"enc", &Builder::set_enc},
        {"case", &Builder::set_case},
        {"signed", &Builder::set_signed},
        {"ts", &Builder::set_ts},
        {"ts_fmt", &Builder::set_ts_fmt},
        {"ts_unsigned", &Builder::set_ts_unsigned},
        {"tolerance", &Builder::set_tolerance},
        {"future", &Builder::set_future},
        {"id", &Builder::set_id},
        {"id_unsigned", &Builder::set_id_unsigned},
        {"key_fmt", &Builder::set_key_fmt},
        {"url", &Builder::set_url},
        {"url_port", &Builder::set_url_port},
        {"require", &Builder::set_require},
        {"body", &Builder::set_body},
        {"inflate_max", &Builder::set_inflate_max},
        {"builtin", &Builder::set_builtin},
        {"handshake", &Builder::set_handshake},
        {"alg", &Builder::set_alg},
        {"aud", &Builder::set_aud},
        {"iss", &Builder::set_iss},
        {"body_claim", &Builder::set_body_claim},
        {"body_claim_enc", &Builder::set_body_claim_enc},
        {"qsh", &Builder::set_qsh},
        {"topic", &Builder::set_topic},
        {"keyid", &Builder::set_keyid},
        {"tag", &Builder::set_tag},
        {"webhook_id", &Builder::set_webhook_id},
        {"certificates", &Builder::set_certificates},
    }};
    return kKeys;
}

// What builtin=paypal stands for; the certificate is the one that the request names.
constexpr std::string_view kPaypal =
    "type=rsa algo=sha256 sig=header:Paypal-Transmission-Sig enc=base64 "
    "signed=\"{header:Paypal-Transmission-Id}|{header:Paypal-Transmission-Time}|"
    "{param:webhook_id}|{body_crc32}\" key_fmt=pem id=header:Paypal-Transmission-Id "
    "certificates=paypal";

Result<Profile> Builder::build(const Pairs& given) {
    const bool paypal =
        std::find(given.begin(), given.end(),
                  std::pair<std::string, std::string>("builtin", "paypal")) != given.end();
    const Pairs pairs = paypal ? merge_pairs(*parse_pairs(kPaypal), given) : given;
    for (const auto& [key, value] : pairs) {
        if (key.starts_with("param:") && key.size() > 6) {
            params_[key.substr(6)] = value;
        }
    }
    // Types and builtins first: their refusal explains more than that of a key which belongs to
    // them.
    for (const bool type_first : {true, false}) {
        for (const auto& [name, value] : pairs) {
            if (name.starts_with("param:") || type_first != (name == "type" || name == "builtin")) {
                continue;
            }
            const auto& all = keys();
            const auto* const key =
                std::find_if(all.begin(), all.end(),
                             [&wanted = name](const Key& k) { return k.name == wanted; });
            if (key == all.end()) {
                std::string known = "param:NAME";
                for (const Key& k : all) {
                    known.append(", ").append(k.name);
                }
                return Error{in_quotes(name) + " is not a key of a webhook profile; known are " +
                             known};
            }
            const Status set = (this->*key->set)(value);
            if (!set) {
                return set.error();
            }
        }
    }
    const Status finished = finish();
    if (!finished) {
        return finished.error();
    }
    return std::move(out_);
}

Status Builder::set_type(std::string_view value) {
    constexpr std::array<std::pair<std::string_view, SchemeType>, 8> kWords = {{
        {"hmac", SchemeType::hmac},
        {"hash", SchemeType::hash},
        {"token", SchemeType::token},
        {"basic", SchemeType::basic},
        {"ed25519", SchemeType::ed25519},
        {"ecdsa", SchemeType::ecdsa},
        {"rsa", SchemeType::rsa},
        {"rsa-pss", SchemeType::rsa_pss},
    }};
    const auto type = pick("type", value, kWords);
    if (!type) {
        return type.error();
    }
    out_.type = *type;
    return Done{};
}

Status Builder::separator(std::string_view key, std::string_view value, std::string& out) {
    if (value.empty() || value.size() > 8) {
        return Error{"\"" + std::string(key) +
                     "\" takes a separator of 1 to 8 bytes; write for example " + std::string(key) +
                     "=, or " + std::string(key) + "=\" \""};
    }
    out = value;
    return Done{};
}

Status Builder::allow(std::string_view key, std::string_view value, bool& out) {
    if (value != "allow") {
        return Error{in_quotes(value) + " is not a value of \"" + std::string(key) + "\"; write " +
                     std::string(key) + "=allow or leave it out"};
    }
    out = true;
    return Done{};
}

Status Builder::set_key(std::string_view value) {
    Status status = Done{};
    for_each_split(value, '|', [&](std::string_view name) {
        if (name.empty()) {
            status = Error{"\"key\" takes item names separated by \"|\"; write for example key=v1"};
        }
        out_.keys.emplace_back(name);
    });
    return status;
}

Status Builder::set_sig(std::string_view value) {
    if (value == "body") {  // the whole body is a token
        out_.builtin.body_is_token = true;
        return Done{};
    }
    return sources("sig", value, false, out_.signature);
}

Status Builder::set_algo(std::string_view value) {
    algo_given_ = true;
    return text(value, algo_given_text_);
}

Status Builder::set_enc(std::string_view value) {
    constexpr std::array<std::pair<std::string_view, Encoding>, 5> kWords = {{
        {"hex", Encoding::hex},
        {"base64", Encoding::base64},
        {"base64url", Encoding::base64url},
        {"hex-in-base64", Encoding::hex_in_base64},
        {"base64-percent", Encoding::base64_percent},
    }};
    const auto encoding = pick("enc", value, kWords);
    if (!encoding) {
        return encoding.error();
    }
    out_.encoding = *encoding;
    return Done{};
}

Status Builder::set_case(std::string_view value) {
    constexpr std::array<std::pair<std::string_view, HexCase>, 3> kWords = {{
        {"lower", HexCase::lower},
        {"upper", HexCase::upper},
        {"any", HexCase::any},
    }};
    const auto hex_case = pick("case", value, kWords);
    if (!hex_case) {
        return hex_case.error();
    }
    out_.hex_case = *hex_case;
    return Done{};
}

Status Builder::set_ts(std::string_view value) {
    auto parsed = source("ts", value, false);
    if (!parsed) {
        return parsed.error();
    }
    out_.timestamp = std::move(*parsed);
    return Done{};
}

Status Builder::set_ts_fmt(std::string_view value) {
    constexpr std::array<std::pair<std::string_view, TimeFormat>, 4> kWords = {{
        {"unix", TimeFormat::unix_s},
        {"unix_ms", TimeFormat::unix_ms},
        {"iso8601", TimeFormat::iso8601},
        {"http-date", TimeFormat::http_date},
    }};
    const auto format = pick("ts_fmt", value, kWords);
    if (!format) {
        return format.error();
    }
    out_.time_format = *format;
    ts_fmt_given_ = true;
    return Done{};
}

Status Builder::set_tolerance(std::string_view value) {
    const auto duration = parse_duration_ms(value);
    if (!duration) {
        return duration.error();
    }
    tolerance_given_ = true;
    if (*duration > 0) {
        out_.tolerance_ms = *duration;
    }
    return Done{};
}

Status Builder::set_future(std::string_view value) {
    const auto duration = parse_duration_ms(value);
    if (!duration) {
        return duration.error();
    }
    future_ms_ = *duration;
    return Done{};
}

Status Builder::set_key_fmt(std::string_view value) {
    constexpr std::array<std::pair<std::string_view, KeyFormat>, 10> kWords = {{
        {"utf8", KeyFormat::utf8},
        {"hex", KeyFormat::hex},
        {"base64", KeyFormat::base64},
        {"whsec", KeyFormat::whsec},
        {"pem", KeyFormat::pem},
        {"spki-base64", KeyFormat::spki_base64},
        {"raw-hex", KeyFormat::raw_hex},
        {"raw-base64", KeyFormat::raw_base64},
        {"whpk", KeyFormat::whpk},
        {"jwks", KeyFormat::jwks},
    }};
    const auto format = pick("key_fmt", value, kWords);
    if (!format) {
        return format.error();
    }
    out_.key_format = *format;
    key_fmt_given_ = true;
    return Done{};
}

Status Builder::set_url(std::string_view value) {
    if (!value.starts_with("https://") && !value.starts_with("http://")) {
        return Error{in_quotes(value) +
                     " is not a URL; write for example url=https://example.com/hook"};
    }
    out_.url = value;
    return Done{};
}

Status Builder::set_url_port(std::string_view value) {
    constexpr std::array<std::pair<std::string_view, UrlPort>, 2> kWords = {{
        {"as-is", UrlPort::as_is},
        {"both", UrlPort::both},
    }};
    const auto port = pick("url_port", value, kWords);
    if (!port) {
        return port.error();
    }
    out_.url_port = *port;
    return Done{};
}

Status Builder::set_require(std::string_view value) {
    return text(value, require_given_);
}

Status Builder::parse_requirement() {
    const std::string_view value = require_given_;
    if (value.empty()) {
        return Done{};
    }
    const std::size_t equals = value.find('=');
    if (equals == std::string_view::npos) {
        return Error{
            "\"require\" takes source=template; write for example "
            "require=\"query:bodySHA256={body_sha256_hex}\""};
    }
    auto parsed = source("require", value.substr(0, equals), false);
    if (!parsed) {
        return parsed.error();
    }
    out_.require.emplace();
    out_.require->source = std::move(*parsed);
    require_ = value.substr(equals + 1);
    return Done{};
}

Status Builder::set_body(std::string_view value) {
    constexpr std::array<std::pair<std::string_view, BodyForm>, 3> kWords = {{
        {"raw", BodyForm::raw},
        {"gunzip", BodyForm::gunzip},
        {"json-escape", BodyForm::json_escape},
    }};
    const auto body = pick("body", value, kWords);
    if (!body) {
        return body.error();
    }
    out_.body = *body;
    return Done{};
}

Status Builder::set_inflate_max(std::string_view value) {
    const auto size = parse_size_bytes(value);
    if (!size || *size == 0) {
        return Error{in_quotes(value) +
                     " is not a value of \"inflate_max\"; write a size such as 1m"};
    }
    out_.inflate_bytes_max = static_cast<std::size_t>(*size);
    return Done{};
}

Status Builder::sources(std::string_view key, std::string_view value, bool digest,
                        std::vector<Source>& out) {
    Status status = Done{};
    for_each_split(value, '|', [&](std::string_view text) {
        auto parsed = source(key, text, digest);
        if (!parsed) {
            status = parsed.error();
            return;
        }
        out.push_back(std::move(*parsed));
    });
    return status;
}

Result<Source> Builder::source(std::string_view key, std::string_view text, bool digest) {
    Source out;
    if (text == "sha256:" && digest) {
        out.kind = Source::Kind::digest;
        return out;
    }
    const std::size_t colon = text.find(':');
    const std::string_view word = text.substr(0, colon);
    const std::string_view name =
        colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
    out.name = name;
    bool known = !name.empty();
    if (word == "header" && name.ends_with("-*") && key == "sig") {
        out.kind = Source::Kind::numbered;
        out.name.pop_back();
        known = known && is_token(out.name);
    } else if (word == "header") {
        out.kind = Source::Kind::header;
        known = known && is_token(name) && !name.ends_with('*');
    } else if (word == "query") {
        out.kind = Source::Kind::query;
    } else if (word == "json") {
        out.kind = Source::Kind::json;
    } else if (word == "form") {
        out.kind = Source::Kind::form;
    } else if (word == "sig" && key == "ts") {
        out.kind = Source::Kind::sig_field;
    } else {
        known = false;
    }
    if (!known) {
        return Error{in_quotes(text) + " is not a source for \"" + std::string(key) +
                     "\"; known are header:NAME" + (key == "sig" ? ", header:NAME-*" : "") +
                     ", query:NAME, json:a.b, form:NAME" + (key == "ts" ? ", sig:NAME" : "") +
                     (digest ? ", sha256:" : "")};
    }
    return out;
}

}  // namespace sallyport::policy::webhook
