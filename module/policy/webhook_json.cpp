#include "module/policy/webhook_json.hpp"

#include "common/bytes.hpp"

#include <charconv>
#include <cstring>
#include <new>

namespace sallyport::policy::webhook {
namespace {

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool is_number_char(char c) {
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

}  // namespace

JsonPicker::JsonPicker(std::span<const JsonPath> paths, std::pmr::memory_resource* memory)
    : paths_(paths) {
    if (paths.empty()) {
        return;
    }
    slots_ = static_cast<Slot*>(memory->allocate(sizeof(Slot) * paths.size(), alignof(Slot)));
    for (std::size_t i = 0; i < paths.size(); ++i) {
        new (&slots_[i]) Slot;  // its text stays unwritten until it is known
    }
}

void JsonPicker::feed(std::string_view chunk) {
    while (!chunk.empty() && step_ != Step::broken) {
        if (step_ == Step::string) {
            // The bulk of a body is string text that nobody asked for.
            const std::size_t plain = skip_string(chunk);
            for (std::size_t i = 0; keep_ && i < plain; ++i) {
                append(chunk[i]);
            }
            if (plain > 0 && high_surrogate_ != 0) {
                step_ = Step::broken;
            }
            chunk.remove_prefix(plain);
            offset_ += plain;
            if (chunk.empty()) {
                return;
            }
        }
        if (step_ != Step::broken) {
            value_end_ = offset_ + 1;
            take(chunk.front());
            chunk.remove_prefix(1);
            ++offset_;
        }
    }
}

std::size_t JsonPicker::skip_string(std::string_view text) const {
    std::size_t i = 0;
    while (i < text.size() && text[i] != '"' && text[i] != '\\' &&
           static_cast<unsigned char>(text[i]) >= 0x20) {
        ++i;
    }
    return i;
}

void JsonPicker::take(char c) {
    switch (step_) {
        case Step::string:
            return string_char(c);
        case Step::escape:
            return escape_char(c);
        case Step::unicode:
            return unicode_char(c);
        case Step::word:
            if (c != word_.front()) {
                step_ = Step::broken;
                return;
            }
            append(c);
            word_.remove_prefix(1);
            if (word_.empty()) {
                end_scalar(c == 'l' ? JsonValue::State::null : JsonValue::State::found);
            }
            return;
        case Step::number:
            if (is_number_char(c)) {
                return append(c);
            }
            value_end_ = offset_;
            end_scalar();
            value_end_ = offset_ + 1;
            if (step_ != Step::broken) {
                take(c);
            }
            return;
        case Step::value:
        case Step::first_value:
        case Step::first_key:
        case Step::key:
        case Step::colon:
        case Step::after_value:
        case Step::done:
            if (!is_space(c)) {
                begin_key_or_value(c);
            }
            return;
        case Step::broken:
            return;
    }
}

void JsonPicker::begin_key_or_value(char c) {
    switch (step_) {
        case Step::first_value:
            return c == ']' ? close(false) : begin_value(c);
        case Step::value:
            return begin_value(c);
        case Step::first_key:
        case Step::key:
            if (c == '}' && step_ == Step::first_key) {
                return close(true);
            }
            if (c != '"') {
                break;
            }
            return begin_string(true);
        case Step::colon:
            if (c != ':') {
                break;
            }
            step_ = Step::value;
            return;
        case Step::after_value:
            if (c == ',') {
                step_ = in_object() ? Step::key : Step::value;
                return;
            }
            if (c == '}' || c == ']') {
                return close(c == '}');
            }
            break;
        case Step::string:
        case Step::escape:
        case Step::unicode:
        case Step::number:
        case Step::word:
        case Step::done:
        case Step::broken:
            break;
    }
    step_ = Step::broken;
}

// An element's place is its name.
void JsonPicker::begin_element() {
    if (depth_ == 0 || in_object() || depth_ > kJsonPathDepthMax) {
        return;
    }
    std::array<char, 12> digits;
    const auto end =
        std::to_chars(digits.data(), digits.data() + digits.size(), elements_[depth_ - 1]++);
    const std::string_view place(digits.data(), static_cast<std::size_t>(end.ptr - digits.data()));
    for (std::size_t i = 0; i < paths_.size(); ++i) {
        const auto& segments = paths_[i].segments;
        if (slots_[i].matched + 1U == depth_ && depth_ <= segments.size() &&
            segments[depth_ - 1] == place) {
            slots_[i].matched = static_cast<std::uint8_t>(depth_);
        }
    }
}

void JsonPicker::begin_value(char c) {
    begin_element();
    for (std::size_t i = 0; i < paths_.size(); ++i) {
        if (slots_[i].matched == depth_ && paths_[i].segments.size() == depth_) {
            slots_[i].span = {offset_, 0};
        }
    }
    if (c == '{' || c == '[') {
        return open(c == '{');
    }
    if (c == '"') {
        return begin_string(false);
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
        begin_string(false);
        step_ = Step::number;
        return append(c);
    }
    word_ = c == 't' ? "rue" : c == 'f' ? "alse" : c == 'n' ? "ull" : "";
    begin_string(false);
    append(c);
    step_ = word_.empty() ? Step::broken : Step::word;
}

void JsonPicker::begin_string(bool is_key) {
    step_ = Step::string;
    is_key_ = is_key;
    size_ = 0;
    overflow_ = false;
    high_surrogate_ = 0;
    // Keys always matter; values only when some path ends here.
    keep_ = is_key;
    for (std::size_t i = 0; !is_key && i < paths_.size(); ++i) {
        keep_ = keep_ || (slots_[i].matched == depth_ && paths_[i].segments.size() == depth_);
    }
}

void JsonPicker::open(bool object) {
    // A container where a scalar was asked for.
    for (std::size_t i = 0; i < paths_.size(); ++i) {
        if (slots_[i].matched == depth_ && paths_[i].segments.size() == depth_ &&
            slots_[i].state != JsonValue::State::conflict) {
            slots_[i].state = JsonValue::State::unusable;
        }
    }
    if (depth_ == kJsonNestingMax) {
        step_ = Step::broken;
        return;
    }
    const std::uint64_t bit = std::uint64_t{1} << depth_;
    objects_ = object ? objects_ | bit : objects_ & ~bit;
    ++depth_;
    if (!object && depth_ <= kJsonPathDepthMax) {
        elements_[depth_ - 1] = 0;
    }
    step_ = object ? Step::first_key : Step::first_value;
}

void JsonPicker::close(bool object) {
    if (depth_ == 0 || in_object() != object) {
        step_ = Step::broken;
        return;
    }
    --depth_;
    end_value();
}

void JsonPicker::string_char(char c) {
    if (c == '"') {
        return high_surrogate_ != 0 ? void(step_ = Step::broken) : end_string();
    }
    if (c == '\\') {
        step_ = Step::escape;
        return;
    }
    // The rest was consumed by skip_string; what is left is a control character.
    step_ = Step::broken;
}

void JsonPicker::escape_char(char c) {
    constexpr std::string_view kFrom = "\"\\/bfnrt";
    constexpr std::string_view kTo = "\"\\/\b\f\n\r\t";
    if (c == 'u') {
        step_ = Step::unicode;
        code_ = 0;
        digits_ = 0;
        return;
    }
    const std::size_t at = kFrom.find(c);
    if (at == std::string_view::npos || high_surrogate_ != 0) {
        step_ = Step::broken;
        return;
    }
    append(kTo[at]);
    step_ = Step::string;
}

void JsonPicker::unicode_char(char c) {
    const int digit = hex_digit(c);
    if (digit < 0) {
        step_ = Step::broken;
        return;
    }
    code_ = code_ * 16 + static_cast<std::uint32_t>(digit);
    if (++digits_ < 4) {
        return;
    }
    step_ = Step::string;
    const bool high = code_ >= 0xd800 && code_ < 0xdc00;
    const bool low = code_ >= 0xdc00 && code_ < 0xe000;
    if (low != (high_surrogate_ != 0)) {
        step_ = Step::broken;  // half a pair
    } else if (high) {
        high_surrogate_ = code_;
    } else if (low) {
        append_code_point(0x10000 + ((high_surrogate_ - 0xd800) << 10) + (code_ - 0xdc00));
        high_surrogate_ = 0;
    } else {
        append_code_point(code_);
    }
}

void JsonPicker::append_code_point(std::uint32_t code) {
    const auto put = [this](std::uint32_t byte) { append(static_cast<char>(byte)); };
    if (code < 0x80) {
        put(code);
    } else if (code < 0x800) {
        put(0xc0 | code >> 6);
        put(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        put(0xe0 | code >> 12);
        put(0x80 | (code >> 6 & 0x3f));
        put(0x80 | (code & 0x3f));
    } else {
        put(0xf0 | code >> 18);
        put(0x80 | (code >> 12 & 0x3f));
        put(0x80 | (code >> 6 & 0x3f));
        put(0x80 | (code & 0x3f));
    }
}

void JsonPicker::append(char c) {
    const std::size_t room = is_key_ ? kJsonKeyBytesMax : kJsonValueBytesMax;
    if (!keep_ || overflow_) {
        return;
    }
    if (size_ == room) {
        overflow_ = true;
        return;
    }
    text_[size_++] = c;
}

void JsonPicker::end_string() {
    if (is_key_) {
        end_key();
    } else {
        end_scalar();
    }
}

void JsonPicker::end_key() {
    step_ = Step::colon;
    if (overflow_) {
        return;
    }
    const std::string_view key(text_.data(), size_);
    for (std::size_t i = 0; i < paths_.size(); ++i) {
        const auto& segments = paths_[i].segments;
        Slot& slot = slots_[i];
        if (slot.matched + 1U != depth_ || depth_ > segments.size() ||
            segments[depth_ - 1] != key) {
            continue;
        }
        const std::uint32_t bit = 1U << (depth_ - 1);
        if ((slot.seen & bit) != 0) {
            slot.state = JsonValue::State::conflict;
        }
        slot.seen |= bit;
        slot.matched = static_cast<std::uint8_t>(depth_);
    }
}

void JsonPicker::end_scalar(JsonValue::State state) {
    for (std::size_t i = 0; i < paths_.size(); ++i) {
        Slot& slot = slots_[i];
        if (slot.matched != depth_ || paths_[i].segments.size() != depth_ ||
            slot.state == JsonValue::State::conflict) {
            continue;
        }
        slot.state = overflow_ ? JsonValue::State::unusable : state;
        if (slot.state != JsonValue::State::found) {
            continue;
        }
        slot.size = static_cast<std::uint16_t>(size_);
        std::memcpy(slot.text.data(), text_.data(), size_);
    }
    end_value();
}

// The value of the current key, or an element, is over: whoever matched that key matches it no
// more.
void JsonPicker::end_value() {
    for (std::size_t i = 0; i < paths_.size(); ++i) {
        if (slots_[i].matched == depth_ && paths_[i].segments.size() == depth_) {
            slots_[i].span.end = value_end_;
        }
        if (depth_ > 0 && slots_[i].matched == depth_) {
            slots_[i].matched = static_cast<std::uint8_t>(depth_ - 1);
        }
    }
    step_ = depth_ == 0 ? Step::done : Step::after_value;
}

void JsonPicker::end() {
    if (step_ == Step::number && depth_ == 0) {
        value_end_ = offset_;
        end_scalar();
    }
    ended_ = step_ == Step::done;
}

JsonValue JsonPicker::value(std::size_t path) const {
    if (!ended_) {
        return {};
    }
    const Slot& slot = slots_[path];
    const bool found = slot.state == JsonValue::State::found;
    return {slot.state, found ? std::string_view(slot.text.data(), slot.size) : std::string_view()};
}

std::optional<JsonSpan> JsonPicker::span(std::size_t path) const {
    const Slot& slot = slots_[path];
    const bool one = ended_ && slot.state != JsonValue::State::conflict && slot.span.end != 0;
    return one ? std::optional(slot.span) : std::nullopt;
}

}  // namespace sallyport::policy::webhook
