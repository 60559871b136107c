// The strict URL parser of egress_policy.hpp. What it accepts, every URL parser reads the same way.
#include "common/bytes.hpp"
#include "engine/core/egress_policy.hpp"
#include "engine/core/url_host.hpp"

#include <algorithm>

namespace sallyport::engine {
namespace {

constexpr std::size_t kHostBytesMax = 253;  // RFC 1035 section 3.1
constexpr std::size_t kLabelBytesMax = 63;

bool is_alpha(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

Error refuse(std::string_view why) {
    return Error{"the URL " + std::string(why)};
}

// WHATWG URL's "ends in a number": such a host is an IPv4 address to some parsers (2130706433,
// 0x7f.1, 127.1, 0177.0.0.1), whatever it looks like.
bool ends_in_number(std::string_view host) {
    const std::string_view last = host.substr(host.rfind('.') + 1);
    const bool decimal = !last.empty() && std::all_of(last.begin(), last.end(), is_digit);
    const bool hexadecimal = last.size() >= 2 && last[0] == '0' && last[1] == 'x';
    return decimal || hexadecimal;
}

bool is_name(std::string_view host) {
    bool valid = host.size() <= kHostBytesMax;
    for_each_split(host, '.', [&](std::string_view label) {
        valid = valid && !label.empty() && label.size() <= kLabelBytesMax && label.front() != '-' &&
                label.back() != '-' && std::all_of(label.begin(), label.end(), [](char c) {
                    return is_digit(c) || is_alpha(c) || c == '-' || c == '_';
                });
    });
    return valid;
}

Status read_host(std::string_view host, EgressUrl& url) {
    if (!host.empty() && host.front() == '[') {
        const auto address =
            host.back() == ']' ? IpAddress::parse(host.substr(1, host.size() - 2)) : std::nullopt;
        if (!address || host.find(':') == std::string_view::npos) {
            return refuse("has a malformed IPv6 address");
        }
        url.host = address->to_string();
        url.literal = true;
        return Done{};
    }
    if (!host.empty() && host.back() == '.') {
        host.remove_suffix(1);
    }
    if (!is_name(host)) {
        return refuse("has no valid host name (international names in their xn-- form)");
    }
    url.host = ascii_lower(host);
    if (ends_in_number(url.host)) {
        const auto address = IpAddress::parse(url.host);
        if (!address) {
            return refuse("writes an address in a form other than four decimal numbers");
        }
        url.literal = true;
    }
    return Done{};
}

Status read_authority(std::string_view authority, EgressUrl& url) {
    if (authority.find('@') != std::string_view::npos) {
        return refuse("holds user information; use a header or a connection");
    }
    url.port = url.scheme == "https" ? 443 : 80;
    const std::size_t bracket = authority.rfind(']');
    const std::size_t colon = authority.rfind(':');
    const bool has_port =
        colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
    if (has_port) {
        const std::string_view digits = authority.substr(colon + 1);
        const auto port = parse_u64(digits);
        if (!port || *port == 0 || *port > 0xffff) {
            return refuse("has no valid port (1 to 65535)");
        }
        url.port = static_cast<std::uint16_t>(*port);
        authority = authority.substr(0, colon);
    }
    return read_host(authority, url);
}

std::string encode_target(std::string_view raw) {
    static constexpr char kHex[] = "0123456789ABCDEF";
    std::string out;
    out.reserve(raw.size() + 1);
    if (raw.empty() || raw.front() != '/') {
        out.push_back('/');
    }
    for (const char c : raw) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = byte > 0x20 && byte < 0x7f &&
                           std::string_view("\"<>`{}|^\\").find(c) == std::string_view::npos;
        if (plain) {
            out.push_back(c);
        } else {
            out.push_back('%');
            out.push_back(kHex[byte >> 4]);
            out.push_back(kHex[byte & 15]);
        }
    }
    return out;
}

}  // namespace

std::string EgressUrl::origin() const {
    return scheme + "://" + url_host(host) + ":" + std::to_string(port);
}

std::string EgressUrl::text() const {
    const bool default_port = port == (scheme == "https" ? 443 : 80);
    return scheme + "://" + url_host(host) +
           (default_port ? std::string() : ":" + std::to_string(port)) + target;
}

Result<EgressUrl> parse_egress_url(std::string_view text) {
    if (text.size() > kUrlBytesMax) {
        return refuse("is longer than " + std::to_string(kUrlBytesMax) + " bytes");
    }
    if (std::any_of(text.begin(), text.end(),
                    [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; })) {
        return refuse("holds a control character");
    }
    const std::size_t scheme_end = text.find("://");
    if (scheme_end == std::string_view::npos) {
        return refuse("is not absolute: write http:// or https:// and a host");
    }
    EgressUrl url;
    url.scheme = ascii_lower(text.substr(0, scheme_end));
    if (url.scheme != "http" && url.scheme != "https") {
        return refuse("has a scheme other than http and https");
    }
    std::string_view rest = text.substr(scheme_end + 3);
    rest = rest.substr(0, rest.find('#'));
    const std::size_t authority_end = std::min(rest.find_first_of("/?"), rest.size());
    const std::string_view authority = rest.substr(0, authority_end);
    if (authority.find_first_of("\\ ") != std::string_view::npos) {
        return refuse("has a backslash or blank in its host");
    }
    const Status read = read_authority(authority, url);
    if (!read.ok()) {
        return read.error();
    }
    url.target = encode_target(rest.substr(authority_end));
    if (url.target.size() > kUrlBytesMax) {
        return refuse("is longer than " + std::to_string(kUrlBytesMax) + " bytes when encoded");
    }
    return url;
}

}  // namespace sallyport::engine
