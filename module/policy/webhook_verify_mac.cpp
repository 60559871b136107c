// The MACs of a verification: one for each variant of the signed text and each secret. A variant is
// a signature group (with its own timestamp) and a spelling of the URL; nearly always there is one.
#include "common/bytes.hpp"
#include "module/policy/webhook_escape.hpp"
#include "module/policy/webhook_form.hpp"
#include "module/policy/webhook_verify.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <new>
#include <string>
#include <utility>

namespace sallyport::policy::webhook {

Verification::~Verification() {
    for (std::size_t i = 0; i < stream_count_; ++i) {
        streams_[i].~MacStream();  // wipes the keyed state
    }
}

// True when groups sign different texts, because the text holds something of the group itself.
bool Verification::group_matters() const {
    return profile_.message.has(Part::Kind::sig_field) ||
           (profile_.timestamp && profile_.timestamp->kind == Source::Kind::sig_field &&
            profile_.message.has(Part::Kind::timestamp));
}

std::pmr::string Verification::make_url(const RequestHead& head) const {
    std::pmr::string out(memory_);
    if (!profile_.url.empty()) {
        out = profile_.url;
        return out;
    }
    out.reserve(head.scheme.size() + 3 + head.host.size() + head.target.size());
    out.append(head.scheme).append("://").append(head.host).append(head.target);
    return out;
}

void Verification::open_streams() {
    const std::size_t groups = group_matters() ? std::max<std::size_t>(candidates_.groups(), 1) : 1;
    ports_ = other_url_.empty() ? 1 : 2;
    // HubSpot's documentation signs the URL decoded, its own libraries verify it as it came.
    const bool spelt = profile_.message.has(Part::Kind::url_hubspot) &&
                       std::string_view(hubspot_url(url_, memory_)) != url_;
    urls_ = ports_ * (spelt ? 2 : 1);
    variants_ = groups * urls_;
    const std::size_t count = variants_ * columns();
    streams_ =
        static_cast<MacStream*>(memory_->allocate(sizeof(MacStream) * count, alignof(MacStream)));
    macs_ = static_cast<Mac*>(memory_->allocate(sizeof(Mac) * count, alignof(Mac)));
    for (std::size_t i = 0; i < count; ++i) {
        if (profile_.type == SchemeType::hmac) {
            new (&streams_[i])
                MacStream(std::in_place_type<HmacStream>, secrets_[i % secrets_.size()].hmac());
        } else {
            // Ed25519 has a digest of its own inside; this one tells deliveries apart.
            new (&streams_[i]) MacStream(std::in_place_type<DigestStream>, profile_.algorithm);
        }
        ++stream_count_;
        new (&macs_[i]) Mac();
    }
}

void Verification::consume(std::string_view piece) {
    if (streaming_) {
        for (std::size_t i = 0; i < stream_count_; ++i) {
            std::visit([piece](auto& stream) { stream.update(piece); }, streams_[i]);
        }
    }
    if (body_digest_) {
        body_digest_->update(piece);
    }
    if (profile_.needs_body_crc32) {
        body_crc32_ = crc32_update(body_crc32_, piece);
    }
    if (json_ != nullptr) {
        json_->feed(piece);
    }
}

void Verification::feed_parts(std::size_t from, std::size_t to, std::string_view whole_body) {
    for (std::size_t i = from; i < to; ++i) {
        feed_part(profile_.message.parts[i], whole_body);
    }
}

void Verification::feed_part(const Part& part, std::string_view whole_body) {
    for (std::size_t v = 0; v < variants_; ++v) {
        if (part.kind != Part::Kind::secret) {
            update_variant(v, part_text(part, v, whole_body));
            continue;
        }
        for (std::size_t s = 0; s < secrets_.size(); ++s) {
            std::visit([&](auto& stream) { stream.update(secrets_[s].bytes().reveal()); },
                       streams_[v * columns() + s]);
        }
    }
}

void Verification::update_variant(std::size_t variant, std::string_view text) {
    for (std::size_t s = 0; s < columns(); ++s) {
        std::visit([text](auto& stream) { stream.update(text); },
                   streams_[variant * columns() + s]);
    }
}

// A value that is missing, or that two readers may read differently, must not be signed as if it
// were empty: the signature then counts as wrong.
std::string_view Verification::form_text(FormValue value) {
    part_unusable_ = part_unusable_ || value.state != FormFind::found;
    scratch_ = std::move(value.text);
    return scratch_;
}

std::string_view Verification::json_text(JsonValue value) {
    part_unusable_ = part_unusable_ || value.state != JsonValue::State::found;
    return value.text;
}

std::string_view Verification::json_part(const Part& part, std::string_view whole_body) {
    if (part.kind == Part::Kind::json || part.kind == Part::Kind::json_or_nothing) {
        const JsonValue value = json_->value(part.slot);
        const bool nothing =
            value.state == JsonValue::State::absent || value.state == JsonValue::State::null;
        const bool allowed = part.kind == Part::Kind::json_or_nothing && json_->whole();
        return nothing && allowed ? std::string_view() : json_text(value);
    }
    const auto span = json_->span(part.slot);
    part_unusable_ = part_unusable_ || !span;
    const std::string_view raw =
        span ? whole_body.substr(span->begin, span->end - span->begin) : std::string_view();
    if (part.kind == Part::Kind::json_raw) {
        return raw;
    }
    auto spelt = php_json(raw, memory_);
    part_unusable_ = part_unusable_ || !spelt;
    scratch_ = std::move(spelt).value_or(std::pmr::string(memory_));
    return scratch_;
}

std::string_view Verification::url_part(Part::Kind kind, std::size_t variant) {
    const std::size_t spelling = variant % urls_;
    const std::string_view url = spelling % ports_ == 0 ? url_ : other_url_;
    if (kind == Part::Kind::url || spelling >= ports_) {
        return url;
    }
    scratch_ = hubspot_url(url, memory_);
    return scratch_;
}

std::string_view Verification::sorted_text(std::string_view whole_body) {
    auto sorted = form_sorted(whole_body, memory_);
    part_unusable_ = part_unusable_ || !sorted;
    scratch_ = std::move(sorted).value_or(std::pmr::string(memory_));
    return scratch_;
}

// The view lives until the next call.
std::string_view Verification::part_text(const Part& part, std::size_t variant,
                                         std::string_view whole_body) {
    const std::size_t group = variant_group(variant);
    switch (part.kind) {
        case Part::Kind::literal:
            return part.text;
        case Part::Kind::timestamp:
            return when_of_group(group).text;
        case Part::Kind::method:
            return head_.method;
        case Part::Kind::url:
        case Part::Kind::url_hubspot:
            return url_part(part.kind, variant);
        case Part::Kind::path:
            return head_.target;
        case Part::Kind::header:
            return fields_.value(part.slot);
        case Part::Kind::query:
            return form_text(form_value(query_of(head_.target), part.text, false, memory_));
        case Part::Kind::sig_field:
            return candidates_.field(group, part.slot).text;
        case Part::Kind::secret:
            return {};  // fed by feed_part, a different text for each stream
        case Part::Kind::body:
            return whole_body;
        case Part::Kind::body_sha256_hex:
            return {body_sha256_hex_.data(), body_sha256_hex_.size()};
        case Part::Kind::body_crc32: {
            std::array<char, 16> digits;
            const auto end =
                std::to_chars(digits.data(), digits.data() + digits.size(), body_crc32_);
            scratch_.assign(digits.data(), end.ptr);
            return scratch_;
        }
        case Part::Kind::json:
        case Part::Kind::json_or_nothing:
        case Part::Kind::json_raw:
        case Part::Kind::json_php:
            return json_part(part, whole_body);
        case Part::Kind::form:
            return form_text(form_value(whole_body, part.text, true, memory_));
        case Part::Kind::form_sorted:
            return sorted_text(whole_body);
    }
    return {};
}

// Ed25519 verifies the message in one piece.
void Verification::build_messages(std::string_view whole_body) {
    messages_ = static_cast<std::string_view*>(
        memory_->allocate(sizeof(std::string_view) * variants_, alignof(std::string_view)));
    for (std::size_t v = 0; v < variants_; ++v) {
        std::size_t size = 0;
        for (const Part& part : profile_.message.parts) {
            size += part_text(part, v, whole_body).size();
        }
        auto* text = static_cast<char*>(memory_->allocate(size + 1, 1));
        std::size_t at = 0;
        for (const Part& part : profile_.message.parts) {
            const std::string_view piece = part_text(part, v, whole_body);
            std::memcpy(text + at, piece.data(), piece.size());
            at += piece.size();
        }
        new (&messages_[v]) std::string_view(text, size);
    }
}

bool Verification::key_matches(const Mac& mac, std::size_t variant, const PublicKey& key,
                               std::size_t candidate) {
    std::array<std::uint8_t, kKeySignatureBytesMax> memory;
    const auto signature = candidates_.signature(candidate, memory);
    if (profile_.type == SchemeType::ed25519) {
        return key.verify_message(messages_[variant], signature);
    }
    return key.verify_digest(signature_scheme(profile_.type), profile_.algorithm,
                             {mac.bytes.data(), mac.size}, signature);
}

void Verification::finish_macs() {
    for (std::size_t i = 0; i < stream_count_; ++i) {
        macs_[i].size = static_cast<std::uint8_t>(std::visit(
            [this, i](auto& stream) { return stream.finish(macs_[i].bytes.data()); }, streams_[i]));
    }
}

}  // namespace sallyport::policy::webhook
