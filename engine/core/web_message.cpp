#include "engine/core/web_message.hpp"

#include "common/bytes.hpp"

#include <algorithm>

namespace sallyport::engine {
namespace {

std::string decode(std::string_view text, bool plus_is_space) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const int high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
        const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
        if (low >= 0) {
            out += static_cast<char>(high * 16 + low);
            i += 2;
        } else {
            out += plus_is_space && text[i] == '+' ? ' ' : text[i];
        }
    }
    return out;
}

// `name[]` and `name[0]` mean `name`.
std::string_view base_name(std::string_view key, bool& is_list) {
    const std::size_t open = key.find('[');
    if (open == std::string_view::npos || open == 0 || !key.ends_with(']')) {
        return key;
    }
    const std::string_view index = key.substr(open + 1, key.size() - open - 2);
    if (index.find_first_not_of("0123456789") != std::string_view::npos) {
        return key;
    }
    is_list = true;
    return key.substr(0, open);
}

// Where a pair's `=` is: brackets of a name may hold others (`a[x=y]=z`).
std::size_t end_of_name(std::string_view pair) {
    const std::size_t first = pair.find('=');
    const std::size_t open = pair.find('[');
    const std::size_t close = open < first ? pair.find("]=", open) : std::string_view::npos;
    return close == std::string_view::npos ? first : close + 1;
}

}  // namespace

std::string_view find_header(const std::vector<WebHeader>& headers, std::string_view name) {
    const auto found =
        std::find_if(headers.begin(), headers.end(),
                     [name](const WebHeader& header) { return ascii_iequals(header.name, name); });
    return found == headers.end() ? std::string_view() : std::string_view(found->value);
}

std::string_view WebRequest::path() const {
    return std::string_view(target).substr(0, target.find('?'));
}

std::string_view WebRequest::query() const {
    const std::size_t mark = target.find('?');
    return mark == std::string::npos ? std::string_view()
                                     : std::string_view(target).substr(mark + 1);
}

WebResponse json_response(int status, const Json& body) {
    return {status, {{"content-type", "application/json; charset=utf-8"}}, body.dump()};
}

std::string media_type(std::string_view content_type) {
    return ascii_lower(trim_ows(content_type.substr(0, content_type.find(';'))));
}

bool is_json_media_type(std::string_view media) {
    return media == "application/json" || media.ends_with("+json");
}

FormPairs parse_form(std::string_view text) {
    FormPairs pairs;
    for_each_split(text, '&', [&pairs](std::string_view pair) {
        if (pair.empty()) {
            return;
        }
        const std::size_t equals = end_of_name(pair);
        const std::string_view value =
            equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
        pairs.emplace_back(decode(pair.substr(0, equals), true), decode(value, true));
    });
    return pairs;
}

std::string member_name(std::string_view text) {
    constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD
    std::string name(Json::string(text).text());
    for (std::size_t at = name.find('\0'); at != std::string::npos; at = name.find('\0', at)) {
        name.replace(at, 1, kReplacement);
    }
    return name;
}

std::string percent_decode(std::string_view text) {
    return decode(text, false);
}

std::vector<std::string> form_values(const FormPairs& pairs, std::string_view name) {
    std::vector<std::string> values;
    for (const auto& [key, value] : pairs) {
        bool is_list = false;
        if (base_name(key, is_list) == name) {
            values.push_back(value);
        }
    }
    return values;
}

std::string percent_encode(std::string_view text) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') ||
                           std::string_view("-._~").find(c) != std::string_view::npos;
        if (plain) {
            out += c;
        } else {
            out += '%';
            out += kHex[byte >> 4];
            out += kHex[byte & 15];
        }
    }
    return out;
}

}  // namespace sallyport::engine
