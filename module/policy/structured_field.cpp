#include "module/policy/structured_field.hpp"

#include "common/bytes.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::policy::sf {
namespace {

bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}
bool is_alpha(char c) {
    return is_lower(c) || (c >= 'A' && c <= 'Z');
}

class Parser {
  public:
    explicit Parser(std::string_view text) : text_(text) {}

    std::optional<std::vector<Member>> dictionary() {
        std::vector<Member> out;
        skip(' ');
        while (at_ < text_.size()) {
            auto parsed = member();
            const bool known = parsed && std::any_of(out.begin(), out.end(), [&](const Member& m) {
                                   return m.key == parsed->key;
                               });
            if (!parsed || known || out.size() == kMembersMax) {
                return std::nullopt;
            }
            out.push_back(std::move(*parsed));
            skip_ows();
            if (at_ == text_.size()) {
                return out;
            }
            if (!take(',')) {
                return std::nullopt;
            }
            skip_ows();
            if (at_ == text_.size()) {
                return std::nullopt;  // a comma at the end
            }
        }
        return out;
    }

  private:
    bool take(char c) {
        if (at_ < text_.size() && text_[at_] == c) {
            ++at_;
            return true;
        }
        return false;
    }
    bool next_is(char c) const { return at_ < text_.size() && text_[at_] == c; }
    void skip(char c) {
        while (take(c)) {
        }
    }
    void skip_ows() {
        while (next_is(' ') || next_is('\t')) {
            ++at_;
        }
    }
    std::string_view since(std::size_t begin) const { return text_.substr(begin, at_ - begin); }

    std::string_view key() {
        const std::size_t begin = at_;
        if (at_ == text_.size() || (!is_lower(text_[at_]) && text_[at_] != '*')) {
            return {};
        }
        while (at_ < text_.size() &&
               (is_lower(text_[at_]) || is_digit(text_[at_]) ||
                std::string_view("_-.*").find(text_[at_]) != std::string_view::npos)) {
            ++at_;
        }
        return since(begin);
    }

    std::optional<Member> member() {
        Member out;
        out.key = key();
        if (out.key.empty()) {
            return std::nullopt;
        }
        const bool has_value = take('=');
        const std::size_t begin = at_;
        if (has_value && next_is('(')) {
            out.is_list = true;
            if (!inner_list(out.items)) {
                return std::nullopt;
            }
        } else {
            Item only;
            if (has_value) {
                auto value = bare();
                if (!value) {
                    return std::nullopt;
                }
                only.value = std::move(*value);
            } else {
                only.value = true;
            }
            out.items.push_back(std::move(only));
        }
        if (!parameters(out.parameters)) {
            return std::nullopt;
        }
        out.raw = since(begin);
        return out;
    }

    bool inner_list(std::vector<Item>& out) {
        take('(');
        while (at_ < text_.size()) {
            skip(' ');
            if (take(')')) {
                return true;
            }
            Item item;
            const std::size_t begin = at_;
            auto value = bare();
            if (!value || out.size() == kMembersMax || !parameters(item.parameters)) {
                return false;
            }
            item.value = std::move(*value);
            item.raw = since(begin);
            out.push_back(std::move(item));
            if (!next_is(' ') && !next_is(')')) {
                return false;
            }
        }
        return false;
    }

    bool parameters(Parameters& out) {
        while (take(';')) {
            skip(' ');
            Parameter parameter{key(), true};
            if (parameter.name.empty() || out.size() == kMembersMax) {
                return false;
            }
            if (take('=')) {
                auto value = bare();
                if (!value) {
                    return false;
                }
                parameter.value = std::move(*value);
            }
            if (find(out, parameter.name) != nullptr) {
                return false;
            }
            out.push_back(std::move(parameter));
        }
        return true;
    }

    std::optional<Bare> bare() {
        if (at_ == text_.size()) {
            return std::nullopt;
        }
        const char c = text_[at_];
        if (c == '"') {
            return string();
        }
        if (c == ':') {
            return bytes();
        }
        if (c == '?') {
            return boolean();
        }
        if (c == '-' || is_digit(c)) {
            return integer();
        }
        return token();
    }

    std::optional<Bare> string() {
        std::string out;
        for (++at_; at_ < text_.size(); ++at_) {
            char c = text_[at_];
            if (c == '"') {
                ++at_;
                return out;
            }
            if (c == '\\') {
                if (++at_ == text_.size() || (text_[at_] != '"' && text_[at_] != '\\')) {
                    return std::nullopt;
                }
                c = text_[at_];
            } else if (c < 0x20 || c > 0x7e) {
                return std::nullopt;
            }
            out.push_back(c);
        }
        return std::nullopt;
    }

    std::optional<Bare> bytes() {
        const std::size_t end = text_.find(':', at_ + 1);
        if (end == std::string_view::npos) {
            return std::nullopt;
        }
        auto out = base64_decode(text_.substr(at_ + 1, end - at_ - 1));
        if (!out) {
            return std::nullopt;
        }
        at_ = end + 1;
        return std::move(*out);
    }

    std::optional<Bare> boolean() {
        ++at_;
        if (take('1')) {
            return true;
        }
        return take('0') ? std::optional<Bare>(false) : std::nullopt;
    }

    // Integers of at most 15 digits; nothing here needs decimals.
    std::optional<Bare> integer() {
        const bool negative = take('-');
        std::int64_t value = 0;
        std::size_t digits = 0;
        while (at_ < text_.size() && is_digit(text_[at_])) {
            value = value * 10 + (text_[at_++] - '0');
            if (++digits > 15) {
                return std::nullopt;
            }
        }
        if (digits == 0 || next_is('.')) {
            return std::nullopt;
        }
        return negative ? -value : value;
    }

    std::optional<Bare> token() {
        const std::size_t begin = at_;
        if (!is_alpha(text_[at_]) && text_[at_] != '*') {
            return std::nullopt;
        }
        while (at_ < text_.size() &&
               (is_token(text_.substr(at_, 1)) || next_is(':') || next_is('/'))) {
            ++at_;
        }
        return std::string(since(begin));
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace

std::optional<std::vector<Member>> parse_dictionary(std::string_view text) {
    return Parser(text).dictionary();
}

const Parameter* find(const Parameters& parameters, std::string_view name) {
    const auto found =
        std::find_if(parameters.begin(), parameters.end(),
                     [name](const Parameter& parameter) { return parameter.name == name; });
    return found == parameters.end() ? nullptr : &*found;
}

std::optional<std::int64_t> integer_of(const Parameters& parameters, std::string_view name) {
    const Parameter* found = find(parameters, name);
    const auto* value = found == nullptr ? nullptr : std::get_if<std::int64_t>(&found->value);
    return value == nullptr ? std::nullopt : std::optional(*value);
}

const std::string* text_of(const Parameters& parameters, std::string_view name) {
    const Parameter* found = find(parameters, name);
    return found == nullptr ? nullptr : std::get_if<std::string>(&found->value);
}

}  // namespace sallyport::policy::sf
