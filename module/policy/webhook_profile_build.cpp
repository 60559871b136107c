#include "common/bytes.hpp"
#include "module/policy/webhook_profile_builder.hpp"

#include <algorithm>
#include <string>

namespace sallyport::policy::webhook {
namespace {

// RFC 9110 section 11.1: an authentication scheme is a token without case, a space behind it.
bool is_auth_scheme(std::string_view prefix) {
    return prefix.ends_with(' ') && is_token(prefix.substr(0, prefix.size() - 1));
}

}  // namespace

Status Builder::finish() {
    out_.prefix_is_scheme =
        is_auth_scheme(out_.prefix) &&
        std::all_of(out_.signature.begin(), out_.signature.end(), [](const Source& source) {
            return source.kind == Source::Kind::header &&
                   ascii_iequals(source.name, "Authorization");
        });
    if (out_.is_builtin()) {
        return finish_builtin();
    }
    const Status no_builtin = check_certificates();
    if (!no_builtin) {
        return no_builtin;
    }
    if (algo_given_) {
        const auto algorithm = digest_from_name(algo_given_text_);
        if (!algorithm) {
            return Error{in_quotes(algo_given_text_) +
                         " is not a value of \"algo\"; known are sha256, sha384, sha512, sha1 and "
                         "md5"};
        }
        out_.algorithm = *algorithm;
    }
    const Status requirement = parse_requirement();
    if (!requirement) {
        return requirement;
    }
    if (out_.type == SchemeType::basic && out_.signature.empty()) {
        Source authorization;
        authorization.name = "Authorization";
        out_.signature.push_back(authorization);
    }
    auto message = parse_template(signed_, params_, open_);
    if (!message) {
        return message.error();
    }
    out_.message = std::move(*message);
    if (out_.require) {
        auto equals = parse_template(require_, params_, open_);
        if (!equals) {
            return equals.error();
        }
        out_.require->equals = std::move(*equals);
    }
    for (const auto step :
         {&Builder::check_key, &Builder::check_shape, &Builder::check_time, &Builder::intern_all}) {
        const Status status = (this->*step)();
        if (!status) {
            return status;
        }
    }
    plan_body();
    if (out_.body != BodyForm::raw && out_.needs_whole_body) {
        return Error{
            "body=gunzip and body=json-escape cannot be combined with form: values or a template "
            "that needs the body twice; use {body}"};
    }
    return Done{};
}

// How the key is written belongs to the type: a public key is no shared secret.
Status Builder::check_key() {
    if (!key_fmt_given_ && out_.asymmetric()) {
        out_.key_format = KeyFormat::pem;
    }
    const KeyFormat format = out_.key_format;
    if ((format >= KeyFormat::pem) != out_.asymmetric()) {
        return Error{out_.asymmetric()
                         ? "the type needs a public key; write key_fmt=pem, "
                           "spki-base64, raw-hex, raw-base64 or whpk"
                         : "key_fmt says that the secret is a public key; add "
                           "type=ed25519, ecdsa, rsa or rsa-pss, or write key_fmt=utf8"};
    }
    const bool raw = format == KeyFormat::raw_hex || format == KeyFormat::raw_base64 ||
                     format == KeyFormat::whpk;
    if (format == KeyFormat::jwks && out_.builtin.kind != Builtin::jwt &&
        out_.builtin.kind != Builtin::jws) {
        return Error{"key_fmt=jwks belongs to builtin=jwt and builtin=jws; use pem"};
    }
    if (raw && out_.type != SchemeType::ed25519) {
        return Error{
            "key_fmt=raw-hex, raw-base64 and whpk belong to type=ed25519; use pem or "
            "spki-base64"};
    }
    if (out_.type == SchemeType::ed25519 && algo_given_) {
        return Error{"\"algo\" does not belong to type=ed25519, which has its own; leave it out"};
    }
    return Done{};
}

Status Builder::check_shape() {
    const bool keyed = out_.signs();
    if (out_.builtin.body_is_token) {
        return Error{"sig=body belongs to builtin=jwt; write for example sig=header:X-Signature"};
    }
    if (out_.signature.empty()) {
        return Error{
            "\"sig\" is missing; say where the signature comes from, for example "
            "sig=header:X-Signature"};
    }
    if (out_.kv.empty() != out_.keys.empty()) {
        return Error{"\"kv\" and \"key\" belong together; write for example kv== key=v1"};
    }
    if (!out_.kv.empty() && out_.split.empty()) {
        return Error{"\"kv\" needs \"split\"; write for example split=, kv== key=v1"};
    }
    if (!out_.group.empty() && out_.group == out_.split) {
        return Error{"\"group\" and \"split\" must differ"};
    }
    if (out_.algorithm == DigestAlgorithm::md5 && out_.type != SchemeType::hash) {
        return Error{"algo=md5 is accepted for type=hash only; use sha256"};
    }
    if (out_.message.has(Part::Kind::secret) != (out_.type == SchemeType::hash)) {
        return Error{out_.type == SchemeType::hash
                         ? "type=hash needs {secret} in \"signed\"; without it anybody can sign"
                         : "{secret} belongs to type=hash; the other types use the secret as key"};
    }
    if (keyed && out_.message.parts.empty()) {
        return Error{"\"signed\" is empty; write for example signed=\"{body}\""};
    }
    if (out_.message.has(Part::Kind::timestamp) && !out_.timestamp) {
        return Error{"{timestamp} needs \"ts\"; write for example ts=header:X-Timestamp"};
    }
    if (out_.inflate_bytes_max != 0 && out_.body != BodyForm::gunzip) {
        return Error{"\"inflate_max\" belongs to body=gunzip"};
    }
    if (out_.body == BodyForm::gunzip && out_.inflate_bytes_max == 0) {
        return Error{"body=gunzip needs a bound; write for example inflate_max=1m"};
    }
    if (out_.require && out_.require->equals.has(Part::Kind::body)) {
        return Error{"\"require\" cannot compare with {body}; use {body_sha256_hex}"};
    }
    return Done{};
}

Status Builder::check_time() {
    if (!out_.timestamp) {
        if (tolerance_given_ || future_ms_ || ts_fmt_given_) {
            return Error{
                "\"tolerance\", \"future\" and \"ts_fmt\" need \"ts\"; say where the "
                "timestamp comes from, for example ts=header:X-Timestamp"};
        }
        return Done{};
    }
    out_.future_ms = future_ms_ ? future_ms_ : out_.tolerance_ms;
    if (!ts_unsigned_ && !covered(*out_.timestamp)) {
        return Error{
            "the timestamp is not covered by the signature, so anybody can refresh it; add "
            "{timestamp} to \"signed\", or ts_unsigned=allow if the provider signs none"};
    }
    return Done{};
}

Status Builder::intern_all() {
    for (Source& source : out_.signature) {
        const Status status = intern(source, true, false);
        if (!status) {
            return status;
        }
        out_.signature_in_body = out_.signature_in_body || source.kind == Source::Kind::json ||
                                 source.kind == Source::Kind::form;
    }
    if (out_.timestamp) {
        const Status status = intern(*out_.timestamp, true, true);
        if (!status) {
            return status;
        }
    }
    const bool keyed = out_.signs();
    for (Source& source : out_.id) {
        const Status status = intern(source, true, false);
        if (!status) {
            return status;
        }
        source.authenticated = keyed && covered(source);
    }
    const Status message = intern_template(out_.message);
    if (!message || !out_.require) {
        return message;
    }
    const Status source = intern(out_.require->source, true, true);
    return source ? intern_template(out_.require->equals) : source;
}

Status Builder::intern(Source& source, bool single_only, bool required) {
    Result<std::size_t> slot = std::size_t{0};
    switch (source.kind) {
        case Source::Kind::header:
        case Source::Kind::numbered:
            slot = header_slot(source.name, source.kind == Source::Kind::numbered, single_only,
                               required);
            break;
        case Source::Kind::json:
            slot = json_slot(source.name);
            break;
        case Source::Kind::sig_field:
            slot = sig_slot(source.name);
            break;
        case Source::Kind::form:
            out_.needs_whole_body = true;
            break;
        case Source::Kind::query:
        case Source::Kind::digest:
            break;
    }
    if (!slot) {
        return slot.error();
    }
    source.slot = *slot;
    return Done{};
}

Status Builder::intern_template(Template& parts) {
    for (Part& part : parts.parts) {
        Result<std::size_t> slot = std::size_t{0};
        if (part.kind == Part::Kind::header) {
            if (!is_token(part.text)) {
                return Error{in_quotes(part.text) + " in \"{header:…}\" is not a header name"};
            }
            slot = header_slot(part.text, false, true, true);
        } else if (is_json(part.kind)) {
            slot = json_slot(part.text);
        } else if (part.kind == Part::Kind::sig_field) {
            slot = sig_slot(part.text);
        }
        if (!slot) {
            return slot.error();
        }
        part.slot = *slot;
        out_.needs_body_sha256 |= part.kind == Part::Kind::body_sha256_hex;
        out_.needs_body_crc32 |= part.kind == Part::Kind::body_crc32;
        out_.needs_whole_body |=
            part.kind == Part::Kind::form || part.kind == Part::Kind::form_sorted ||
            part.kind == Part::Kind::json_raw || part.kind == Part::Kind::json_php;
    }
    return Done{};
}

Result<std::size_t> Builder::header_slot(std::string_view name, bool numbered, bool single_only,
                                         bool required) {
    const std::string lower = ascii_lower(name);
    for (std::size_t i = 0; i < out_.headers.size(); ++i) {
        HeaderSlot& slot = out_.headers[i];
        if (slot.name == lower && slot.numbered == numbered) {
            slot.single_only = slot.single_only || single_only;
            slot.required = slot.required || required;
            return i;
        }
    }
    if (out_.headers.size() == kHeadersMax) {
        return Error{"a profile may refer to " + std::to_string(kHeadersMax) + " headers at most"};
    }
    out_.headers.push_back({lower, numbered, required, single_only});
    return out_.headers.size() - 1;
}

Result<std::size_t> Builder::json_slot(std::string_view path) {
    for (std::size_t i = 0; i < out_.json_paths.size(); ++i) {
        if (out_.json_paths[i].text == path) {
            return i;
        }
    }
    JsonPath parsed;
    parsed.text = path;
    bool valid = out_.json_paths.size() < kJsonPathsMax;
    for_each_split(path, '.', [&](std::string_view segment) {
        valid = valid && !segment.empty() && segment.size() <= kJsonKeyBytesMax;
        parsed.segments.emplace_back(segment);
    });
    if (!valid || parsed.segments.size() > kJsonPathDepthMax) {
        return Error{
            in_quotes(path) + " is not a JSON path; write names separated by dots (at most " +
            std::to_string(kJsonPathDepthMax) + " of at most " + std::to_string(kJsonKeyBytesMax) +
            " bytes), and at most " + std::to_string(kJsonPathsMax) + " paths a profile"};
    }
    out_.json_paths.push_back(std::move(parsed));
    return out_.json_paths.size() - 1;
}

Result<std::size_t> Builder::sig_slot(std::string_view name) {
    if (out_.kv.empty()) {
        return Error{"sig:" + std::string(name) +
                     " needs name-value items in the signature header; add split=, kv== key=v1"};
    }
    const auto found = std::find(out_.sig_fields.begin(), out_.sig_fields.end(), name);
    if (found != out_.sig_fields.end()) {
        return static_cast<std::size_t>(found - out_.sig_fields.begin());
    }
    if (out_.sig_fields.size() == kSigFieldsMax) {
        return Error{"a profile may refer to " + std::to_string(kSigFieldsMax) +
                     " sig: items at most"};
    }
    out_.sig_fields.emplace_back(name);
    return out_.sig_fields.size() - 1;
}

// The body streams when it occurs once and everything before it is known from the request head.
void Builder::plan_body() {
    std::size_t bodies = 0;
    bool late = false;
    bool early = true;
    const bool time_in_body = out_.timestamp && (out_.timestamp->kind == Source::Kind::json ||
                                                 out_.timestamp->kind == Source::Kind::form);
    for (std::size_t i = 0; i < out_.message.parts.size(); ++i) {
        const Part::Kind kind = out_.message.parts[i].kind;
        if (kind == Part::Kind::body) {
            early = early && !late;
            out_.stream_part = i;
            ++bodies;
        }
        late = late || after_body(kind) || (kind == Part::Kind::timestamp && time_in_body);
    }
    const bool fields_late = out_.signature_in_body && !out_.sig_fields.empty();
    // Ed25519 reads the whole message twice.
    out_.streams = bodies == 1 && early && !fields_late && out_.type != SchemeType::ed25519;
    out_.needs_whole_body = out_.needs_whole_body || (bodies > 0 && !out_.streams);
}

// A configured url= says nothing about the request that came.
bool Builder::target_covered() const {
    return out_.message.has(Part::Kind::path) ||
           (out_.url.empty() &&
            (out_.message.has(Part::Kind::url) || out_.message.has(Part::Kind::url_hubspot)));
}

bool Builder::body_covered() const {
    return out_.message.covers_body() ||
           (out_.require && out_.require->source.kind == Source::Kind::query && target_covered() &&
            out_.require->equals.has(Part::Kind::body_sha256_hex));
}

bool Builder::covered(const Source& source) const {
    const Template& message = out_.message;
    const bool is_time = out_.timestamp && out_.timestamp->kind == source.kind &&
                         ascii_iequals(out_.timestamp->name, source.name);
    if (!out_.signs()) {
        return false;
    }
    if (is_time && message.has(Part::Kind::timestamp)) {
        return true;
    }
    switch (source.kind) {
        case Source::Kind::header:
            return message.has(Part::Kind::header, source.name);
        case Source::Kind::query:
            return message.has(Part::Kind::query, source.name) || target_covered();
        case Source::Kind::sig_field:
            return message.has(Part::Kind::sig_field, source.name);
        case Source::Kind::json:
            return body_covered() || message.has(Part::Kind::json, source.name) ||
                   message.has(Part::Kind::json_or_nothing, source.name) ||
                   message.has_around(source.name);
        case Source::Kind::form:
            return body_covered() || message.has(Part::Kind::form, source.name);
        case Source::Kind::digest:
            return true;
        case Source::Kind::numbered:
            return false;
    }
    return false;
}

bool Profile::has_signed_id() const {
    return std::any_of(id.begin(), id.end(), [](const Source& source) {
        return source.authenticated && source.kind != Source::Kind::digest;
    });
}

Result<Profile> build_profile(std::string_view name, const Pairs& pairs) {
    return Builder(name).build(pairs);
}

Status check_profile(std::string_view name, const Pairs& pairs) {
    const auto built = Builder(name, true).build(pairs);
    return built ? Status(Done{}) : Status(built.error());
}

Result<Profile> parse_profile(std::string_view name, std::string_view text) {
    const auto pairs = parse_pairs(text);
    if (!pairs) {
        return pairs.error();
    }
    return build_profile(name, *pairs);
}

}  // namespace sallyport::policy::webhook
