#include "module/policy/request_rules.hpp"

#include "common/bytes.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

namespace sallyport::policy {
namespace {

// What nginx itself reads as a method.
bool is_method(std::string_view word) {
    constexpr std::size_t kBytesMax = 32;  // the longest registered one has 17
    return !word.empty() && word.size() <= kBytesMax &&
           std::all_of(word.begin(), word.end(),
                       [](char c) { return (c >= 'A' && c <= 'Z') || c == '_' || c == '-'; });
}

// The byte that `%xx` at `at` stands for.
std::optional<std::uint8_t> escaped(std::string_view text, std::size_t at) {
    if (at + 2 >= text.size()) {
        return std::nullopt;
    }
    const int high = hex_digit(text[at + 1]);
    const int low = hex_digit(text[at + 2]);
    if (high < 0 || low < 0) {
        return std::nullopt;
    }
    return static_cast<std::uint8_t>(high * 16 + low);
}

// UTF-8 byte by byte (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
class Utf8Reader {
  public:
    // False when the byte cannot stand here.
    bool take(std::uint8_t byte) {
        if (left_ != 0) {
            const bool ok = byte >= low_ && byte <= high_;
            low_ = 0x80;
            high_ = 0xbf;
            --left_;
            return ok;
        }
        if (byte < 0x80) {
            return true;
        }
        if (byte < 0xc2 || byte > 0xf4) {
            return false;
        }
        left_ = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
        low_ = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
        high_ = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
        return true;
    }
    bool between_characters() const { return left_ == 0; }

  private:
    unsigned left_ = 0;
    std::uint8_t low_ = 0x80;
    std::uint8_t high_ = 0xbf;
};

// What an escape in the path hides; empty: nothing.
std::string_view escape_fault(std::string_view path, std::size_t at, std::uint8_t byte) {
    switch (byte) {
        case '/':
            return "encoded_slash";
        case '\\':
            return "backslash";
        case '.':
            return "encoded_dot";
        case '%':
            // What the next one to decode it will see: after `%25` the two digits stand plainly.
            return at + 4 < path.size() && hex_digit(path[at + 3]) >= 0 &&
                           hex_digit(path[at + 4]) >= 0
                       ? "double_encoding"
                       : "";
        default:
            return byte < 0x20 || byte == 0x7f ? "control_character" : "";
    }
}

}  // namespace

Result<MethodList> MethodList::parse(std::span<const std::string_view> words) {
    MethodList out;
    if (words.size() > kMethodsMax) {
        return Error{"more than " + std::to_string(kMethodsMax) +
                     " methods; leave the directive out"};
    }
    for (const std::string_view word : words) {
        const std::string quoted = "\"" + std::string(word) + "\"";
        if (!is_method(word)) {
            return Error{quoted + " is no method; write upper-case names such as GET POST, or off"};
        }
        if (word == "TRACE" || word == "CONNECT") {
            return Error{quoted + " never passes nginx; leave it out"};
        }
        if (std::find(out.names_.begin(), out.names_.end(), word) != out.names_.end() &&
            word != "HEAD") {
            return Error{quoted + " stands twice; keep one"};
        }
        out.add(word);
        if (word == "GET") {
            out.add("HEAD");
        }
    }
    return out;
}

void MethodList::add(std::string_view method) {
    if (!allows(method)) {
        names_.emplace_back(method);
        field_.append(field_.empty() ? "" : ", ").append(method);
    }
}

void MethodList::add(const MethodList& others) {
    for (const std::string& name : others.names_) {
        add(std::string_view(name));
    }
}

bool MethodList::allows(std::string_view method) const {
    return std::find(names_.begin(), names_.end(), method) != names_.end();
}

Result<StrictRules> StrictRules::parse(std::span<const std::string_view> words) {
    StrictRules out;
    for (const std::string_view word : words) {
        bool* rule = word == "http2"        ? &out.http2
                     : word == "path"       ? &out.path
                     : word == "semicolons" ? &out.semicolons
                                            : nullptr;
        if (rule == nullptr) {
            return Error{"unknown word \"" + std::string(word) +
                         "\"; write http2, path and semicolons, or off"};
        }
        if (*rule) {
            return Error{"\"" + std::string(word) + "\" stands twice; keep one"};
        }
        *rule = true;
    }
    return out;
}

std::string_view path_fault(std::string_view target, const StrictRules& rules) {
    const std::string_view path = target.substr(0, target.find('?'));
    Utf8Reader utf8;
    for (std::size_t at = 0; at < path.size(); ++at) {
        auto byte = static_cast<std::uint8_t>(path[at]);
        std::string_view fault;
        if (byte == '%') {
            const auto decoded = escaped(path, at);
            if (!decoded) {
                return rules.path ? "bad_encoding" : "";
            }
            fault = escape_fault(path, at, *decoded);
            byte = *decoded;
            at += 2;
        } else if (byte == '\\') {
            fault = "backslash";
        }
        if (rules.semicolons && byte == ';') {
            return "semicolon";
        }
        if (rules.path && !fault.empty()) {
            return fault;
        }
        if (rules.path && !utf8.take(byte)) {
            return "bad_utf8";
        }
    }
    return rules.path && !utf8.between_characters() ? "bad_utf8" : "";
}

std::string_view http2_field_fault(std::string_view name, std::string_view value) {
    constexpr std::array<std::string_view, 5> kConnection = {
        "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"};
    if (std::find(kConnection.begin(), kConnection.end(), name) != kConnection.end()) {
        return "connection_field";
    }
    return name == "te" && !ascii_iequals(trim_ows(value), "trailers") ? "connection_field" : "";
}

std::string_view http2_scheme_fault(std::string_view scheme) {
    return ascii_iequals(scheme, "https") || ascii_iequals(scheme, "http") ? "" : "scheme";
}

}  // namespace sallyport::policy
