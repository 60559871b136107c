#include "module/policy/cors.hpp"

#include "common/bytes.hpp"
#include "module/policy/cors_words.hpp"

#include <algorithm>

namespace sallyport::policy {
namespace {

bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}
bool is_label_char(char c) {
    return is_lower(c) || is_digit(c) || c == '-' || c == '_';
}

struct OriginParts {
    std::string_view scheme, host, port;  // port without the colon; absent: empty
    bool has_port = false;
};

std::optional<OriginParts> split(std::string_view origin) {
    const std::size_t at = origin.find("://");
    if (at == std::string_view::npos) {
        return std::nullopt;
    }
    OriginParts out{origin.substr(0, at), origin.substr(at + 3), {}, false};
    const std::size_t bracket = out.host.rfind(']');
    const std::size_t colon = out.host.find(':', bracket == std::string_view::npos ? 0 : bracket);
    if (colon != std::string_view::npos) {
        out.port = out.host.substr(colon + 1);
        out.host = out.host.substr(0, colon);
        out.has_port = true;
    }
    return out;
}

bool is_scheme(std::string_view text) {
    return !text.empty() && is_lower(text.front()) &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return is_lower(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
           });
}

bool is_ipv6(std::string_view text) {
    return text.size() > 2 && text.front() == '[' && text.back() == ']' &&
           text.find_first_not_of("0123456789abcdef:.", 1) == text.size() - 1;
}

bool is_host(std::string_view text) {
    if (is_ipv6(text)) {
        return true;
    }
    bool fits = !text.empty();
    for_each_split(text, '.', [&](std::string_view label) {
        fits = fits && !label.empty() && std::all_of(label.begin(), label.end(), is_label_char);
    });
    return fits;
}

bool is_origin_port(std::string_view text) {
    const auto number = parse_u64(text);
    return number && *number > 0 && *number <= 65535 && text.front() != '0';
}

// `text` has been found to be no origin: the part that is most often wrong.
Error not_an_origin(std::string_view text) {
    const std::string shown = in_quotes(text) + " is not an origin as browsers send it";
    if (text.find('*') != std::string_view::npos) {
        return Error{shown +
                     "; a pattern may have * for the first label and for the port, as in "
                     "origins=https://*.example.com"};
    }
    if (std::any_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; })) {
        return Error{shown + "; write it in lower case"};
    }
    if (!text.empty() && text.back() == '/') {
        return Error{shown + "; leave out the slash at its end"};
    }
    return Error{shown + "; write scheme://host or scheme://host:port and nothing else"};
}

Status check_parts(std::string_view text, std::string_view host, bool any_port) {
    const auto parts = split(text);
    if (!parts || text.size() > kCorsOriginBytesMax || !is_scheme(parts->scheme) ||
        !is_host(host) || (parts->has_port && !any_port && !is_origin_port(parts->port))) {
        return not_an_origin(text);
    }
    const bool own_port = (parts->scheme == "https" && parts->port == "443") ||
                          (parts->scheme == "http" && parts->port == "80");
    if (own_port) {
        return Error{in_quotes(text) + " names the port that browsers leave out; write " +
                     in_quotes(text.substr(0, text.rfind(':')))};
    }
    return Done{};
}

bool matches_pattern(std::string_view pattern, std::string_view origin) {
    const auto want = split(pattern);
    const auto have = split(origin);
    if (!want || !have || want->scheme != have->scheme) {
        return false;
    }
    const bool port_fits = want->port == "*"
                               ? !have->has_port || is_origin_port(have->port)
                               : want->has_port == have->has_port && want->port == have->port;
    if (!port_fits || !want->host.starts_with("*.")) {
        return port_fits && want->host == have->host;
    }
    const std::string_view rest = want->host.substr(1);
    if (have->host.size() <= rest.size() || !have->host.ends_with(rest)) {
        return false;
    }
    const std::string_view label = have->host.substr(0, have->host.size() - rest.size());
    return std::all_of(label.begin(), label.end(), is_label_char);
}

bool vary_names(std::string_view vary, std::string_view name) {
    bool present = false;
    for_each_split(vary, ',', [&](std::string_view known) {
        present = present || ascii_iequals(trim_ows(known), name);
    });
    return present;
}

}  // namespace

Status check_cors_origin(std::string_view origin) {
    const auto parts = split(origin);
    return check_parts(origin, parts ? parts->host : std::string_view(), false);
}

Status check_cors_pattern(std::string_view pattern) {
    const auto parts = split(pattern);
    std::string_view host = parts ? parts->host : std::string_view();
    if (host.starts_with("*.")) {
        host.remove_prefix(2);
        // `*.com` would trust everybody who can buy a name.
        if (host.find('.') == std::string_view::npos && host != "localhost") {
            return Error{in_quotes(pattern) +
                         " trusts a whole top-level domain; name one below it"};
        }
    }
    return check_parts(pattern, host, parts && parts->port == "*");
}

Status check_cors_regex(std::string_view regex) {
    const std::string shown = "the expression " + in_quotes(regex);
    if (!regex.starts_with('^') || !regex.ends_with('$') || regex.ends_with("\\$")) {
        return Error{shown +
                     " must begin with ^ and end with $, or it matches parts of other names"};
    }
    int depth = 0;
    bool in_class = false;
    for (std::size_t i = 0; i < regex.size(); ++i) {
        const char c = regex[i];
        if (c == '\\') {
            ++i;
        } else if (in_class) {
            in_class = c != ']';
        } else if (c == '[') {
            in_class = true;
            // A bracket that stands first is a member of the class.
            i += i + 1 < regex.size() && regex[i + 1] == '^' ? 1 : 0;
            i += i + 1 < regex.size() && regex[i + 1] == ']' ? 1 : 0;
        } else if (c == '(') {
            ++depth;
        } else if (c == ')') {
            --depth;
        } else if (c == '|' && depth == 0) {
            return Error{shown +
                         " has an alternative outside of parentheses, where ^ and $ do not "
                         "hold; put parentheses around it"};
        } else if (c == '.') {
            return Error{shown +
                         " has a dot that matches every character; write \\. for a dot and "
                         "[a-z0-9-] for what stands in a label"};
        }
    }
    return Done{};
}

bool is_trustworthy_origin(std::string_view origin) {
    const auto parts = split(origin);
    if (!parts) {
        return false;
    }
    return parts->scheme != "http" || parts->host == "localhost" || parts->host == "127.0.0.1" ||
           parts->host == "[::1]" || parts->host.ends_with(".localhost");
}

[[gnu::hot]] std::optional<std::size_t> find_exact_origin(const CorsSpec& spec,
                                                          std::string_view origin) {
    for (std::size_t i = 0; i < spec.exact.size(); ++i) {
        if (origin == spec.exact[i]) {
            return i;
        }
    }
    return std::nullopt;
}

bool cors_list_contains(const CorsSpec& spec, std::string_view origin) {
    if (origin.empty() || origin.size() > kCorsOriginBytesMax) {
        return false;
    }
    return find_exact_origin(spec, origin) ||
           std::any_of(spec.patterns.begin(), spec.patterns.end(), [&](const std::string& pattern) {
               return matches_pattern(pattern, origin);
           });
}

bool is_reflectable_origin(std::string_view origin) {
    return !origin.empty() && origin.size() <= kCorsOriginBytesMax && is_field_value(origin) &&
           origin.find_first_of(" ,\t") == std::string_view::npos;
}

bool is_reflectable_header_list(std::string_view names) {
    if (names.empty() || names.size() > kCorsRequestHeadersBytesMax) {
        return false;
    }
    bool fits = true;
    for_each_split(names, ',',
                   [&](std::string_view name) { fits = fits && is_token(trim_ows(name)); });
    return fits;
}

bool is_same_host(std::string_view origin, std::string_view host) {
    const auto parts = split(origin);
    if (!parts || host.empty()) {
        return false;
    }
    return ascii_iequals(origin.substr(parts->scheme.size() + 3), host);
}

bool is_cors_response_field(std::string_view name) {
    constexpr std::string_view kPrefix = "Access-Control-";
    if (name.size() < kPrefix.size() || !ascii_iequals(name.substr(0, kPrefix.size()), kPrefix)) {
        return false;
    }
    const std::string_view rest = name.substr(kPrefix.size());
    const auto begins = [rest](std::string_view word) {
        return rest.size() >= word.size() && ascii_iequals(rest.substr(0, word.size()), word);
    };
    return begins("allow-") || begins("expose-") || begins("max-age");
}

bool vary_names_all(std::string_view vary, std::span<const std::string_view> names) {
    return trim_ows(vary) == "*" ||
           std::all_of(names.begin(), names.end(),
                       [vary](std::string_view name) { return vary_names(vary, name); });
}

std::string merge_vary(std::string_view vary, std::span<const std::string_view> added) {
    std::string out;
    out.reserve(vary.size() + 64);  // more than what may be added
    out.append(vary);
    if (trim_ows(vary) == "*") {
        return out;
    }
    for (const std::string_view name : added) {
        if (!vary_names(vary, name)) {
            out.append(out.empty() ? "" : ", ").append(name);
        }
    }
    return out;
}

Result<CorsSpec> parse_cors(std::span<const std::string_view> words) {
    CorsWords reader;
    for (const std::string_view word : words) {
        const Status status = reader.read(word);
        if (!status) {
            return status.error();
        }
    }
    return reader.finish();
}

}  // namespace sallyport::policy
