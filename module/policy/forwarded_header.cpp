#include "module/policy/forwarded_header.hpp"

#include "common/bytes.hpp"

#include <algorithm>
#include <cstdint>

namespace sallyport::policy {
namespace {

// A host name is 253 bytes at most; a port adds six.
constexpr std::size_t kHostBytesMax = 259;

bool is_port(std::string_view text) {
    constexpr std::size_t kDigitsMax = 5;
    const auto port = text.size() > kDigitsMax ? std::nullopt : parse_u64(text);
    return port && *port <= 65535;
}

// What a host name is made of.
constexpr auto kHostBytes = [] {
    std::array<bool, 256> table{};
    for (const char c : std::string_view("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                         "0123456789-._")) {
        table[static_cast<std::uint8_t>(c)] = true;
    }
    return table;
}();

// RFC 7239 section 6: `_` and letters, digits, `.`, `_` or `-` in place of a port.
bool is_obfuscated_port(std::string_view text) {
    return text.size() > 1 && text.front() == '_' &&
           std::all_of(text.begin(), text.end(), [](char c) {
               const char lower = ascii_lower(c);
               return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
                      c == '_' || c == '-';
           });
}

bool is_ows(char c) {
    return c == ' ' || c == '\t';
}

// Takes a token or a quoted string off the front of `text`. The value of a quoted string is what
// stands between the quotes, escapes and all: an address or a name needs none.
std::optional<std::string_view> take_value(std::string_view& text) {
    if (text.empty()) {
        return std::nullopt;
    }
    if (text.front() != '"') {
        std::size_t end = 0;
        while (end < text.size() && is_token(text.substr(end, 1))) {
            ++end;
        }
        if (end == 0) {
            return std::nullopt;
        }
        const std::string_view token = text.substr(0, end);
        text.remove_prefix(end);
        return token;
    }
    for (std::size_t i = 1; i < text.size(); ++i) {
        if (text[i] == '\\') {
            ++i;
        } else if (text[i] == '"') {
            const std::string_view value = text.substr(1, i - 1);
            text.remove_prefix(i + 1);
            return is_field_value(value) ? std::optional(value) : std::nullopt;
        }
    }
    return std::nullopt;
}

// RFC 7239 section 4: each parameter at most once an element. Parameters that nobody here reads
// (`by`, extensions) count for that too, up to as many as an element may sensibly have.
class Pairs {
  public:
    bool add(std::string_view name) {
        for (std::size_t i = 0; i < size_; ++i) {
            if (ascii_iequals(names_[i], name)) {
                return false;
            }
        }
        if (size_ == names_.size()) {
            return false;
        }
        names_[size_++] = name;
        return true;
    }

  private:
    std::array<std::string_view, 8> names_{};
    std::size_t size_ = 0;
};

// Takes `pair *( ";" pair )` off the front of `text`.
std::optional<ForwardedElement> take_element(std::string_view& text) {
    ForwardedElement element;
    Pairs pairs;
    while (true) {
        if (text.empty() || text.front() == '"') {
            return std::nullopt;
        }
        const auto name = take_value(text);
        if (!name || text.empty() || text.front() != '=') {
            return std::nullopt;
        }
        text.remove_prefix(1);
        const auto value = take_value(text);
        if (!value || !pairs.add(*name)) {
            return std::nullopt;
        }
        if (ascii_iequals(*name, "for")) {
            element.node = *value;
        } else if (ascii_iequals(*name, "proto")) {
            element.proto = *value;
        } else if (ascii_iequals(*name, "host")) {
            element.host = *value;
        }
        if (text.empty() || text.front() != ';') {
            return element;
        }
        text.remove_prefix(1);
    }
}

}  // namespace

std::optional<NodeAddress> parse_other_node(std::string_view entry, bool brackets_required) {
    if (entry.empty()) {
        return std::nullopt;
    }
    std::string_view text = entry;
    std::string_view port;
    bool has_port = false;
    const bool brackets = entry.front() == '[';
    if (brackets) {
        const std::size_t close = entry.find(']');
        if (close == std::string_view::npos) {
            return std::nullopt;
        }
        text = entry.substr(1, close - 1);
        const std::string_view rest = entry.substr(close + 1);
        has_port = !rest.empty();
        if (has_port && rest.front() != ':') {
            return std::nullopt;
        }
        port = has_port ? rest.substr(1) : rest;
    } else if (const std::size_t colon = entry.find(':');
               colon != std::string_view::npos && colon == entry.rfind(':')) {
        has_port = true;
        text = entry.substr(0, colon);
        port = entry.substr(colon + 1);
    }
    const bool written_as_v6 = text.find(':') != std::string_view::npos;
    const bool port_fits = is_port(port) || (brackets_required && is_obfuscated_port(port));
    if ((has_port && !port_fits) || (brackets && !written_as_v6) ||
        (brackets_required && written_as_v6 && !brackets)) {
        return std::nullopt;
    }
    const auto address = IpAddress::parse(text);
    return address ? std::optional(NodeAddress{*address, text}) : std::nullopt;
}

bool ForwardedElements::parse_line(std::string_view line) {
    line = trim_ows(line);
    while (true) {
        const auto element = take_element(line);
        if (!element || size_ == elements_.size()) {
            return false;
        }
        elements_[size_++] = *element;
        while (!line.empty() && is_ows(line.front())) {
            line.remove_prefix(1);
        }
        if (line.empty()) {
            return true;
        }
        if (line.front() != ',') {
            return false;
        }
        line.remove_prefix(1);
        while (!line.empty() && is_ows(line.front())) {
            line.remove_prefix(1);
        }
    }
}

bool ForwardedElements::parse(std::span<const std::string_view> lines) {
    size_ = 0;
    std::size_t bytes = 0;
    for (const std::string_view line : lines) {
        bytes += line.size();
        if (bytes > kForwardedBytesMax || !parse_line(line)) {
            size_ = 0;
            return false;
        }
    }
    return true;
}

bool is_host_and_port(std::string_view text) {
    if (text.empty() || text.size() > kHostBytesMax) {
        return false;
    }
    if (text.front() == '[') {
        return text.find('_') == std::string_view::npos && parse_node(text, true).has_value();
    }
    char before = '.';
    for (const char& c : text) {
        if (!kHostBytes[static_cast<std::uint8_t>(c)]) {
            const auto name = static_cast<std::size_t>(&c - text.data());
            return c == ':' && name > 0 && is_port(text.substr(name + 1));
        }
        if (c == '.' && before == '.') {
            return false;
        }
        before = c;
    }
    return true;
}

[[gnu::hot]] std::string_view last_member(std::string_view list) {
    const std::size_t comma = list.rfind(',');
    return trim_ows(comma == std::string_view::npos ? list : list.substr(comma + 1));
}

}  // namespace sallyport::policy
