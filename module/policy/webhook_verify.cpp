#include "module/policy/webhook_verify.hpp"

#include "common/bytes.hpp"
#include "module/policy/webhook_form.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <type_traits>

namespace sallyport::policy::webhook {
namespace {

std::string_view text_of(const std::uint8_t* bytes, std::size_t size) {
    return {reinterpret_cast<const char*>(bytes), size};
}

// Ids end up in logs, variables and the verdict header.
bool usable_id(std::string_view id) {
    return !id.empty() && id.size() <= kIdBytesMax && is_field_value(id);
}

bool fingerprint_equal(std::string_view offered, const SecretKey& secret) {
    std::array<std::uint8_t, 64> digest;
    DigestStream stream(DigestAlgorithm::sha256);
    stream.update(offered);
    const std::size_t size = stream.finish(digest.data());
    return constant_time_equal(text_of(digest.data(), size),
                               text_of(secret.fingerprint().data(), secret.fingerprint().size()));
}

void hex_to(const std::array<std::uint8_t, 32>& bytes, std::array<char, 64>& out) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        out[2 * i] = kDigits[bytes[i] >> 4];
        out[2 * i + 1] = kDigits[bytes[i] & 15];
    }
}

// The SHA-256 of a signature item's text, which stands in for an id where a sender gives none.
void signature_digest(std::string_view text, std::array<char, 64>& out) {
    std::array<std::uint8_t, 32> bytes;
    DigestStream stream(DigestAlgorithm::sha256);
    stream.update(text);
    stream.finish(bytes.data());
    hex_to(bytes, out);
}

// What follows "Basic " (RFC 7617; the scheme's name has no case), or nothing.
std::string_view basic_credentials(std::string_view value) {
    constexpr std::string_view kScheme = "basic ";
    if (value.size() <= kScheme.size() ||
        !ascii_iequals(value.substr(0, kScheme.size()), kScheme)) {
        return {};
    }
    return trim_ows(value.substr(kScheme.size()));
}

}  // namespace

Verification::Verification(const Profile& profile, std::span<const SecretKey> secrets,
                           std::pmr::memory_resource* memory, KeySource* keys)
    : profile_(profile),
      secrets_(secrets),
      memory_(memory),
      keys_(keys),
      builtin_(profile.is_builtin() ? make_builtin({profile, secrets, keys}) : nullptr),
      fields_(profile),
      candidates_(profile),
      url_(memory),
      other_url_(memory),
      scratch_(memory),
      timestamp_text_(memory),
      id_(memory) {
    if (!profile.json_paths.empty()) {
        static_assert(std::is_trivially_destructible_v<JsonPicker>);
        json_ = new (memory->allocate(sizeof(JsonPicker), alignof(JsonPicker)))
            JsonPicker(profile.json_paths, memory);
    }
    if (profile.body == BodyForm::gunzip) {
        gunzip_.emplace(profile.inflate_bytes_max);
    }
    if (profile.body == BodyForm::json_escape) {
        escape_.emplace();
    }
    if (profile.needs_body_sha256 || !keyed()) {
        body_digest_.emplace(DigestAlgorithm::sha256);
    }
}

Reason Verification::begin(const RequestHead& head, std::int64_t now_ms) {
    head_ = head;
    if (!has_keys()) {
        return Reason::webhook_secret_missing;
    }
    if (builtin_ != nullptr) {
        return builtin_->begin(head, now_ms);
    }
    Reason reason = read_candidates();
    if (reason == Reason::none) {
        reason = check_fields();
    }
    if (reason == Reason::none) {
        reason = read_head_time(now_ms);
    }
    if (reason == Reason::none && profile_.certificate_url) {
        reason = find_certificate();
    }
    if (reason != Reason::none) {
        return reason;
    }
    if (!keyed()) {
        return profile_.signature_in_body ? Reason::none : judge_credentials();
    }
    if (profile_.message.has(Part::Kind::url) || profile_.message.has(Part::Kind::url_hubspot)) {
        url_ = make_url(head);
        if (profile_.url_port == UrlPort::both) {
            other_url_ = other_port_spelling(url_, memory_);
        }
    }
    streaming_ = profile_.streams;
    if (streaming_) {
        open_streams();
        feed_parts(0, profile_.stream_part, {});
    }
    return Reason::none;
}

// Each header that the profile refers to: there if it must be, and never twice.
Reason Verification::check_fields() const {
    for (std::size_t i = 0; i < profile_.headers.size(); ++i) {
        const HeaderSlot& slot = profile_.headers[i];
        const bool is_time = profile_.timestamp &&
                             profile_.timestamp->kind == Source::Kind::header &&
                             profile_.timestamp->slot == i;
        const auto holds = [i](const Source& source) {
            return source.kind == Source::Kind::header && source.slot == i;
        };
        const bool is_id = std::any_of(profile_.id.begin(), profile_.id.end(), holds);
        const Reason malformed = is_time ? Reason::webhook_timestamp_malformed
                                 : is_id ? Reason::webhook_id_malformed
                                         : Reason::webhook_signature_malformed;
        if (slot.single_only && fields_.count(i) > 1) {
            return malformed;
        }
        if (slot.required && fields_.count(i) == 0) {
            return is_time ? Reason::webhook_timestamp_missing : malformed;
        }
        if (slot.required && fields_.value(i).empty()) {
            return malformed;
        }
    }
    return Reason::none;
}

Reason Verification::read_candidates() {
    bool present = false;
    bool within = !fields_.numbered_conflict();
    for (const Source& source : profile_.signature) {
        if (source.kind == Source::Kind::header && fields_.count(source.slot) > 0) {
            present = true;
            within = within && fields_.count(source.slot) == 1 &&
                     candidates_.add(fields_.value(source.slot));
        } else if (source.kind == Source::Kind::numbered) {
            for (std::size_t i = 0; i < fields_.numbered_count(); ++i) {
                present = present || fields_.numbered(i).slot == source.slot;
                within = within && (fields_.numbered(i).slot != source.slot ||
                                    candidates_.add(fields_.numbered(i).value));
            }
        } else if (source.kind == Source::Kind::query) {
            const FormValue found = form_value(query_of(head_.target), source.name, false, memory_);
            present = present || found.state != FormFind::absent;
            within = within && found.state != FormFind::conflict;
            if (found.state == FormFind::found) {
                // Candidates hold views: the text must stay.
                auto* kept = static_cast<char*>(memory_->allocate(found.text.size() + 1, 1));
                std::memcpy(kept, found.text.data(), found.text.size());
                within = within && candidates_.add({kept, found.text.size()});
            }
        }
    }
    if (!within) {
        return Reason::webhook_signature_malformed;
    }
    if (profile_.signature_in_body) {
        return Reason::none;
    }
    if (!present) {
        return Reason::webhook_signature_missing;
    }
    return candidates_.size() == 0 ? Reason::webhook_signature_malformed : Reason::none;
}

Reason Verification::read_body_candidates(std::string_view whole_body) {
    for (const Source& source : profile_.signature) {
        std::string_view text;
        if (source.kind == Source::Kind::json) {
            const JsonValue value = json_->value(source.slot);
            if (value.state == JsonValue::State::conflict) {
                return Reason::webhook_signature_malformed;
            }
            text = value.text;
        } else if (source.kind == Source::Kind::form) {
            const FormValue value = form_value(whole_body, source.name, true, memory_);
            if (value.state == FormFind::conflict) {
                return Reason::webhook_signature_malformed;
            }
            auto* kept = static_cast<char*>(memory_->allocate(value.text.size() + 1, 1));
            std::memcpy(kept, value.text.data(), value.text.size());
            text = {kept, value.text.size()};
        }
        if (!text.empty() && !candidates_.add(text)) {
            return Reason::webhook_signature_malformed;
        }
    }
    return candidates_.size() == 0 ? Reason::webhook_signature_missing : Reason::none;
}

// Types token and basic: no MAC, so the answer is known before the body.
Reason Verification::judge_credentials() {
    // One row of results in place of MACs: which secret matched.
    variants_ = 1;
    macs_ = static_cast<Mac*>(memory_->allocate(sizeof(Mac) * secrets_.size(), alignof(Mac)));
    for (std::size_t s = 0; s < secrets_.size(); ++s) {
        new (&macs_[s]) Mac();
    }
    bool any = false;
    for (std::size_t c = 0; c < candidates_.size(); ++c) {
        std::string_view offered = candidates_[c].value;
        std::array<std::uint8_t, kCredentialBytesMax> decoded;
        if (profile_.type == SchemeType::basic) {
            const auto size = base64_decode_to(basic_credentials(offered), decoded);
            offered = text_of(decoded.data(), size.value_or(0));
        }
        for (std::size_t s = 0; s < secrets_.size(); ++s) {
            const bool equal = fingerprint_equal(offered, secrets_[s]) && !offered.empty();
            macs_[s].matched = macs_[s].matched || equal;
            any = any || equal;
        }
    }
    return any ? Reason::none : Reason::webhook_signature_invalid;
}

// The configured keys are tried as well, so a certificate that is not there yet matters only when
// they do not match; that is known at the end.
Reason Verification::find_certificate() {
    const std::string_view url = fields_.value(profile_.certificate_url->slot);
    if (!certificate_url_allowed(profile_.certificate_hosts, url)) {
        return Reason::webhook_signature_invalid;
    }
    fetched_ = keys_ == nullptr ? nullptr : keys_->find(url);
    return fetched_ == nullptr && secrets_.empty() ? Reason::webhook_certificate_pending
                                                   : Reason::none;
}

Reason Verification::update(std::string_view chunk) {
    if (builtin_ != nullptr) {
        builtin_->consume(chunk);
        return Reason::none;
    }
    if (escape_) {
        const bool text = escape_->feed(chunk, [this](std::string_view piece) { consume(piece); });
        return text ? Reason::none : Reason::webhook_signature_invalid;
    }
    if (!gunzip_) {
        consume(chunk);
        return Reason::none;
    }
    gunzip_->give(chunk);
    for (std::string_view piece = gunzip_->take(); !piece.empty(); piece = gunzip_->take()) {
        consume(piece);
    }
    switch (gunzip_->state()) {
        case GunzipStream::State::open:
        case GunzipStream::State::ended:
            return Reason::none;
        case GunzipStream::State::corrupt:
            return Reason::webhook_signature_invalid;
        case GunzipStream::State::too_large:
            return Reason::webhook_body_too_large;
    }
    return Reason::webhook_signature_invalid;
}

Outcome Verification::finish(std::int64_t now_ms, std::string_view whole_body) {
    if (builtin_ != nullptr) {
        return builtin_->finish(now_ms, whole_body);
    }
    if ((gunzip_ && gunzip_->state() != GunzipStream::State::ended) ||
        (escape_ && !escape_->whole())) {
        return {Reason::webhook_signature_invalid};
    }
    if (json_ != nullptr) {
        json_->end();
    }
    if (body_digest_) {
        body_digest_->finish(body_sha256_.data());
        hex_to(body_sha256_, body_sha256_hex_);
    }
    Reason reason = Reason::none;
    if (profile_.signature_in_body) {
        reason = read_body_candidates(whole_body);
        if (reason == Reason::none && !keyed()) {
            reason = judge_credentials();
        }
    }
    if (reason == Reason::none) {
        reason = read_body_time(whole_body);
    }
    if (reason != Reason::none) {
        return {reason};
    }
    if (keyed()) {
        if (!streaming_) {
            open_streams();
            feed_parts(0, profile_.message.parts.size(), whole_body);
        } else {
            feed_parts(profile_.stream_part + 1, profile_.message.parts.size(), whole_body);
        }
        finish_macs();
        if (profile_.type == SchemeType::ed25519) {
            build_messages(whole_body);
        }
    }
    Outcome outcome = judge(now_ms);
    if (outcome.reason == Reason::none && profile_.require) {
        outcome.reason = check_requirement(whole_body);
    }
    if (part_unusable_) {
        return {Reason::webhook_signature_invalid};
    }
    if (outcome.reason == Reason::none) {
        outcome.reason = read_id(whole_body, outcome);
    }
    return outcome;
}

bool Verification::matches(const Mac& mac, std::size_t variant, std::size_t secret,
                           std::size_t candidate) {
    const Candidate& offered = candidates_[candidate];
    if (group_matters() && offered.group != variant_group(variant)) {
        return false;
    }
    if (profile_.asymmetric()) {
        const bool own = secret < secrets_.size();
        return key_matches(mac, variant, own ? secrets_[secret].public_key() : *fetched_,
                           candidate);
    }
    return constant_time_equal(text_of(mac.bytes.data(), mac.size),
                               text_of(offered.mac.data(), offered.size));
}

// Compares everything with everything; the work does not depend on what matched.
Outcome Verification::judge(std::int64_t now_ms) {
    Outcome best{Reason::webhook_signature_invalid};
    std::array<Reason, kGroupsMax> fresh{};
    for (std::size_t g = 0; g < kGroupsMax; ++g) {
        fresh[g] = freshness(when_of_group(g), now_ms);
    }
    for (std::size_t v = 0; v < variants_; ++v) {
        for (std::size_t s = 0; s < key_count(); ++s) {
            Mac& mac = macs_[v * columns() + (columns() == 1 ? 0 : s)];
            for (std::size_t c = 0; c < candidates_.size(); ++c) {
                const Candidate& candidate = candidates_[c];
                const bool equal = keyed() ? matches(mac, v, s, c) : mac.matched;
                mac.matched = mac.matched || equal;
                const Reason reason = fresh[candidate.group];
                const bool better = best.secret_index < 0 ||
                                    (best.reason != Reason::none && reason == Reason::none);
                if (equal && better) {
                    best.reason = reason;
                    best.secret_index = static_cast<int>(s);
                    best.timestamp_ms = when_of_group(candidate.group).ms;
                    matched_text_ = candidate.text;
                }
            }
        }
    }
    if (best.secret_index < 0 && profile_.certificate_url && keys_ != nullptr &&
        fetched_ == nullptr) {
        best.reason = Reason::webhook_certificate_pending;
    }
    return best;
}

Reason Verification::check_requirement(std::string_view whole_body) {
    std::pmr::string wanted(memory_);
    for (const Part& part : profile_.require->equals.parts) {
        wanted.append(part_text(part, 0, whole_body));
    }
    const Source& source = profile_.require->source;
    FormValue value{FormFind::absent, std::pmr::string(memory_)};
    std::string_view offered;
    switch (source.kind) {
        case Source::Kind::header:
            offered = fields_.value(source.slot);
            break;
        case Source::Kind::query:
            value = form_value(query_of(head_.target), source.name, false, memory_);
            offered = value.text;
            break;
        case Source::Kind::form:
            value = form_value(whole_body, source.name, true, memory_);
            offered = value.text;
            break;
        case Source::Kind::json:
            offered = json_->value(source.slot).text;
            break;
        case Source::Kind::numbered:
        case Source::Kind::sig_field:
        case Source::Kind::digest:
            break;
    }
    const bool equal = value.state != FormFind::conflict && !offered.empty() &&
                       constant_time_equal(wanted, offered);
    return equal ? Reason::none : Reason::webhook_signature_invalid;
}

// The first source that yields something. A covered id that cannot be used is a malformed request;
// one that anybody could have written is just not used.
Reason Verification::read_id(std::string_view whole_body, Outcome& outcome) {
    for (const Source& source : profile_.id) {
        std::string_view text;
        FormValue value{FormFind::absent, std::pmr::string(memory_)};
        std::array<char, 64> hex;
        bool conflict = false;
        switch (source.kind) {
            case Source::Kind::header:
                text = fields_.value(source.slot);
                break;
            case Source::Kind::query:
            case Source::Kind::form:
                value = source.kind == Source::Kind::query
                            ? form_value(query_of(head_.target), source.name, false, memory_)
                            : form_value(whole_body, source.name, true, memory_);
                conflict = value.state == FormFind::conflict;
                text = value.text;
                break;
            case Source::Kind::json: {
                const JsonValue found = json_->value(source.slot);
                conflict = found.state == JsonValue::State::conflict;
                text = found.text;
                break;
            }
            case Source::Kind::digest:
                signature_digest(matched_text_, hex);
                text = {hex.data(), hex.size()};
                break;
            case Source::Kind::numbered:
            case Source::Kind::sig_field:
                break;
        }
        if (source.authenticated && (conflict || (!text.empty() && !usable_id(text)))) {
            return Reason::webhook_id_malformed;
        }
        if (!conflict && usable_id(text)) {
            id_ = text;
            id_authenticated_ = source.authenticated;
            id_is_digest_ = source.kind == Source::Kind::digest;
            break;
        }
    }
    outcome.id = id_;
    outcome.id_authenticated = id_authenticated_;
    return Reason::none;
}

ReplayIdentity Verification::replay_identity(ReplayKeyChoice choice) const {
    if (builtin_ != nullptr) {
        return builtin_->replay_identity();
    }
    ReplayIdentity out;
    const bool by_id = !id_.empty() && choice != ReplayKeyChoice::signature &&
                       (choice == ReplayKeyChoice::id || id_authenticated_ || !keyed());
    if (by_id && !id_is_digest_) {
        out.kind = ReplayIdentity::Kind::id;
        out.texts[out.count++] = id_;
        return out;
    }
    if (!keyed()) {
        out.kind = ReplayIdentity::Kind::body;
        out.texts[out.count++] = text_of(body_sha256_.data(), body_sha256_.size());
        return out;
    }
    // Of public-key signatures the digest of what was signed: there are several valid signatures
    // of one text. Matched ones first, so that they are in whatever the bound.
    for (const bool matched : {true, false}) {
        for (std::size_t v = 0; v < variants_; ++v) {
            for (std::size_t s = 0; s < columns() && out.count < kReplayKeysMax; ++s) {
                const Mac& mac = macs_[v * columns() + s];
                if (mac.matched == matched) {
                    out.texts[out.count++] = text_of(mac.bytes.data(), mac.size);
                }
            }
        }
    }
    return out;
}

}  // namespace sallyport::policy::webhook
