#include "module/policy/webhook_signature.hpp"

#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "common/crypto_public_key.hpp"
#include "module/policy/webhook_form.hpp"

#include <algorithm>
#include <cstddef>
#include <memory_resource>
#include <span>

namespace sallyport::policy::webhook {
namespace {

// Calls `each` for every part between separators until it returns false; an empty separator means
// the whole text is one part.
template <typename F>
bool split_while(std::string_view text, std::string_view separator, F&& each) {
    while (true) {
        const std::size_t at = separator.empty() ? std::string_view::npos : text.find(separator);
        if (!each(text.substr(0, at))) {
            return false;
        }
        if (at == std::string_view::npos) {
            return true;
        }
        text.remove_prefix(at + separator.size());
    }
}

bool is_number(std::string_view text) {
    return !text.empty() && text.size() <= 3 &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

void HeadFields::offer(std::string_view name, std::string_view value) {
    for (std::size_t i = 0; i < profile_->headers.size(); ++i) {
        const HeaderSlot& slot = profile_->headers[i];
        if (slot.numbered) {
            if (name.size() > slot.name.size() &&
                ascii_iequals(name.substr(0, slot.name.size()), slot.name)) {
                offer_numbered(i, name.substr(slot.name.size()), value);
            }
        } else if (name == slot.name ||
                   (name.size() == slot.name.size() && ascii_iequals(name, slot.name))) {
            if (counts_[i] == 0) {
                values_[i] = value;
            }
            counts_[i] = std::min<std::uint8_t>(static_cast<std::uint8_t>(counts_[i] + 1), 2);
        }
    }
}

void HeadFields::offer_numbered(std::size_t slot, std::string_view number, std::string_view value) {
    if (!is_number(number)) {
        return;
    }
    for (std::size_t i = 0; i < numbered_count_; ++i) {
        if (numbered_[i].slot == slot && numbered_[i].number == number) {
            numbered_conflict_ = true;
            return;
        }
    }
    if (numbered_count_ == numbered_.size()) {
        numbered_conflict_ = true;
        return;
    }
    numbered_[numbered_count_++] = {slot, number, value};
}

bool Candidates::add(std::string_view value) {
    bytes_ += value.size();
    if (bytes_ > kSignatureTextBytesMax) {
        return false;
    }
    if (profile_->group.empty()) {
        groups_ = 1;
        return add_group(value, 0);
    }
    return split_while(value, profile_->group, [this](std::string_view text) {
        if (groups_ == kGroupsMax) {
            return false;
        }
        ++groups_;
        return add_group(text, static_cast<std::uint8_t>(groups_ - 1));
    });
}

bool Candidates::add_group(std::string_view text, std::uint8_t group) {
    return split_while(text, profile_->split,
                       [&](std::string_view item) { return add_item(item, group); });
}

bool Candidates::add_item(std::string_view item, std::uint8_t group) {
    if (++seen_ > kCandidatesMax) {
        return false;
    }
    std::string_view value = item;
    if (!profile_->kv.empty()) {
        const std::size_t at = item.find(profile_->kv);
        if (at == std::string_view::npos) {
            return true;
        }
        const std::string_view name = item.substr(0, at);
        value = item.substr(at + profile_->kv.size());
        for (std::size_t i = 0; i < profile_->sig_fields.size(); ++i) {
            if (profile_->sig_fields[i] == name) {
                SigField& field = fields_[group][i];
                field.text = value;
                field.count = std::min<std::uint8_t>(static_cast<std::uint8_t>(field.count + 1), 2);
            }
        }
        if (std::find(profile_->keys.begin(), profile_->keys.end(), name) == profile_->keys.end()) {
            return true;
        }
        item = value;
    }
    if (!profile_->begins_with_prefix(value)) {
        return true;  // another version or algorithm: not ours to judge
    }
    Candidate& candidate = items_[size_];
    candidate.text = item;
    candidate.value = value.substr(profile_->prefix.size());
    candidate.group = group;
    if (decode(candidate)) {
        ++size_;
    }
    return true;
}

// Strict: the canonical text of exactly as many bytes as the MAC has, or of any signature.
bool Candidates::decode(Candidate& candidate) const {
    candidate.size = 0;
    if (!profile_->signs()) {
        return !candidate.value.empty();
    }
    if (profile_->asymmetric()) {
        std::array<std::uint8_t, kKeySignatureBytesMax> any;
        return decode_to(candidate.value, any).value_or(0) > 0;
    }
    const auto size = decode_to(candidate.value, candidate.mac);
    candidate.size = static_cast<std::uint8_t>(size.value_or(0));
    return size && *size == digest_size(profile_->algorithm);
}

std::span<const std::uint8_t> Candidates::signature(std::size_t i,
                                                    std::span<std::uint8_t> memory) const {
    return memory.first(decode_to(items_[i].value, memory).value_or(0));
}

std::optional<std::size_t> Candidates::decode_to(std::string_view text,
                                                 std::span<std::uint8_t> out) const {
    switch (profile_->encoding) {
        case Encoding::hex:
            return hex_decode_to(text, out, profile_->hex_case);
        case Encoding::base64:
            return base64_decode_to(text, out);
        case Encoding::base64url:
            return base64url_decode_to(text, out);
        case Encoding::hex_in_base64: {
            std::array<std::uint8_t, 2 * kMacBytesMax> hex;
            const auto length = base64_decode_to(text, hex);
            if (!length) {
                return std::nullopt;
            }
            return hex_decode_to({reinterpret_cast<const char*>(hex.data()), *length}, out,
                                 profile_->hex_case);
        }
        case Encoding::base64_percent: {
            std::array<std::byte, 4 * kKeySignatureBytesMax> room;
            std::pmr::monotonic_buffer_resource memory(room.data(), room.size());
            const auto plain =
                text.size() > room.size() / 2 ? std::nullopt : percent_decode(text, false, &memory);
            if (!plain) {
                return std::nullopt;
            }
            const auto standard = base64_decode_to(*plain, out);
            return standard ? standard : base64url_decode_to(*plain, out);
        }
    }
    return std::nullopt;
}

}  // namespace sallyport::policy::webhook
