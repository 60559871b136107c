#include "module/policy/webhook_form.hpp"

#include "common/bytes.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace sallyport::policy::webhook {
namespace {

// The byte behind `%` at `at`, or -1.
int escaped_byte(std::string_view text, std::size_t at) {
    if (at + 2 >= text.size()) {
        return -1;
    }
    const int high = hex_digit(text[at + 1]);
    const int low = hex_digit(text[at + 2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

std::pair<std::string_view, std::string_view> split_pair(std::string_view pair) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) {
        return {pair, {}};
    }
    return {pair.substr(0, equals), pair.substr(equals + 1)};
}

}  // namespace

std::optional<std::pmr::string> percent_decode(std::string_view text, bool plus,
                                               std::pmr::memory_resource* memory) {
    std::pmr::string out(memory);
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%') {
            const int byte = escaped_byte(text, i);
            if (byte < 0) {
                return std::nullopt;
            }
            out.push_back(static_cast<char>(byte));
            i += 2;
        } else {
            out.push_back(plus && text[i] == '+' ? ' ' : text[i]);
        }
    }
    return out;
}

std::string percent_encode(std::string_view text) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const char lower = ascii_lower(c);
        if ((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
            c == '_' || c == '~') {
            out.push_back(c);
        } else {
            out.push_back('%');
            out.push_back(kDigits[byte >> 4]);
            out.push_back(kDigits[byte & 15]);
        }
    }
    return out;
}

FormValue form_value(std::string_view text, std::string_view name, bool plus,
                     std::pmr::memory_resource* memory) {
    FormValue out{FormFind::absent, std::pmr::string(memory)};
    for_each_split(text, '&', [&](std::string_view pair) {
        const auto [raw_name, raw_value] = split_pair(pair);
        // Names are compared decoded, so that `%69d` cannot hide a second `id`.
        if (raw_name != name) {
            if (raw_name.find_first_of("%+") == std::string_view::npos) {
                return;
            }
            const auto decoded = percent_decode(raw_name, plus, memory);
            if (!decoded || *decoded != name) {
                return;
            }
        }
        auto value = percent_decode(raw_value, plus, memory);
        if (out.state != FormFind::absent || !value) {
            out.state = FormFind::conflict;
            return;
        }
        out.state = FormFind::found;
        out.text = std::move(*value);
    });
    return out;
}

std::optional<std::pmr::string> form_sorted(std::string_view body,
                                            std::pmr::memory_resource* memory) {
    std::pmr::string out(memory);
    if (body.empty()) {
        return out;
    }
    if (static_cast<std::size_t>(std::count(body.begin(), body.end(), '&')) >= kFormFieldsMax) {
        return std::nullopt;
    }
    std::pmr::vector<std::pair<std::pmr::string, std::pmr::string>> fields(memory);
    bool valid = true;
    for_each_split(body, '&', [&](std::string_view pair) {
        const auto [raw_name, raw_value] = split_pair(pair);
        auto name = percent_decode(raw_name, true, memory);
        auto value = percent_decode(raw_value, true, memory);
        valid = valid && name && value;
        if (valid && !pair.empty()) {
            fields.emplace_back(std::move(*name), std::move(*value));
        }
    });
    if (!valid) {
        return std::nullopt;
    }
    std::sort(fields.begin(), fields.end());
    fields.erase(std::unique(fields.begin(), fields.end()), fields.end());
    out.reserve(body.size());
    for (const auto& [name, value] : fields) {
        out.append(name).append(value);
    }
    return out;
}

std::string_view query_of(std::string_view target) {
    const std::size_t mark = target.find('?');
    return mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
}

std::pmr::string hubspot_url(std::string_view url, std::pmr::memory_resource* memory) {
    constexpr std::string_view kDecoded = ":/?@!$'()*,;";
    std::pmr::string out(memory);
    out.reserve(url.size());
    for (std::size_t i = 0; i < url.size(); ++i) {
        const int byte = url[i] == '%' ? escaped_byte(url, i) : -1;
        if (byte >= 0 && kDecoded.find(static_cast<char>(byte)) != std::string_view::npos) {
            out.push_back(static_cast<char>(byte));
            i += 2;
        } else {
            out.push_back(url[i]);
        }
    }
    return out;
}

std::pmr::string other_port_spelling(std::string_view url, std::pmr::memory_resource* memory) {
    std::pmr::string out(memory);
    const std::size_t scheme_end = url.find("://");
    if (scheme_end == std::string_view::npos) {
        return out;
    }
    const std::size_t authority = scheme_end + 3;
    const std::size_t end = std::min(url.find_first_of("/?#", authority), url.size());
    const std::string_view host = url.substr(authority, end - authority);
    const std::size_t colon = host.rfind(':');
    const bool has_port =
        colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos;
    out.reserve(url.size() + 4);
    out.append(url.substr(0, authority));
    if (has_port) {
        out.append(host.substr(0, colon));
    } else {
        out.append(host).append(url.starts_with("https") ? ":443" : ":80");
    }
    out.append(url.substr(end));
    return out;
}

}  // namespace sallyport::policy::webhook
