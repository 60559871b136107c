#include "module/policy/webhook_escape.hpp"

namespace sallyport::policy::webhook {

bool JsonEscape::take(std::uint8_t byte) {
    if (left_ > 0) {
        if ((byte & 0xc0) != 0x80) {
            return false;
        }
        code_ = code_ << 6 | (byte & 0x3f);
        --left_;
        return left_ > 0 ||
               (code_ >= least_ && code_ <= 0x10ffff && !(code_ >= 0xd800 && code_ <= 0xdfff));
    }
    if (byte < 0x80) {
        code_ = byte;  // DEL
        return true;
    }
    left_ = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : 1;
    least_ = byte >= 0xf0 ? 0x10000 : byte >= 0xe0 ? 0x800 : 0x80;
    code_ = byte & (byte >= 0xf0 ? 0x07U : byte >= 0xe0 ? 0x0fU : 0x1fU);
    return byte >= 0xc2 && byte <= 0xf4;
}

// Characters beyond the first plane are two units of UTF-16.
std::string_view JsonEscape::spelt() {
    size_ = 0;
    if (code_ < 0x10000) {
        put(code_);
    } else {
        put(0xd800 + ((code_ - 0x10000) >> 10));
        put(0xdc00 + ((code_ - 0x10000) & 0x3ff));
    }
    return {text_.data(), size_};
}

void JsonEscape::put(std::uint32_t unit) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    text_[size_++] = '\\';
    text_[size_++] = 'u';
    for (int shift = 12; shift >= 0; shift -= 4) {
        text_[size_++] = kDigits[unit >> shift & 15];
    }
}

std::optional<std::pmr::string> php_json(std::string_view json, std::pmr::memory_resource* memory) {
    std::pmr::string out(memory);
    out.reserve(json.size());
    JsonEscape beyond_ascii;
    const auto append = [&out](std::string_view piece) { out += piece; };
    bool in_string = false;
    for (std::size_t i = 0; i < json.size(); ++i) {
        const char c = json[i];
        if (static_cast<unsigned char>(c) >= 0x80 || !beyond_ascii.whole()) {
            if (!beyond_ascii.feed(json.substr(i, 1), append)) {
                return std::nullopt;
            }
        } else if (!in_string && (c == ' ' || c == '\t' || c == '\r' || c == '\n')) {
            continue;
        } else if (in_string && c == '\\' && i + 1 < json.size()) {
            out.append(json.substr(i++, 2));
        } else {
            in_string = in_string != (c == '"');
            out.append(in_string && c == '/' ? "\\/" : json.substr(i, 1));
        }
    }
    return beyond_ascii.whole() ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace sallyport::policy::webhook
