#include "module/policy/redact.hpp"

#include "common/bytes.hpp"

#include <algorithm>
#include <array>

namespace sallyport::policy {
namespace {

// 96 bits of the MAC: sessions are told apart, and a line stays readable.
constexpr std::size_t kPseudonymBytes = 12;
constexpr char kMark = '~';
// Nested addresses (`next=https%3A%2F%2F…%3Ftoken%3D…`) are decoded up to this length.
constexpr std::size_t kNestedBytesMax = 8192;
constexpr int kNestedTimesMax = 3;

// A name without case and separators that is one of these, or contains one of the second list.
constexpr std::array kSensitiveNames = {
    std::string_view("assertion"), std::string_view("auth"), std::string_view("code"),
    std::string_view("jwt"),       std::string_view("key"),  std::string_view("otp"),
    std::string_view("pass"),      std::string_view("pin"),  std::string_view("pwd"),
    std::string_view("sid"),       std::string_view("sig"),  std::string_view("sign"),
    std::string_view("ticket"),
};
constexpr std::array kSensitiveParts = {
    std::string_view("accesskey"),  std::string_view("apikey"),     std::string_view("authoriz"),
    std::string_view("cookie"),     std::string_view("credential"), std::string_view("hmac"),
    std::string_view("passphrase"), std::string_view("passwd"),     std::string_view("password"),
    std::string_view("privatekey"), std::string_view("samlre"),     std::string_view("secret"),
    std::string_view("session"),    std::string_view("signature"),  std::string_view("signingkey"),
    std::string_view("token"),
};
constexpr std::array kSecretPrefixes = {
    std::string_view("eyJ"),      std::string_view("ghp_"),     std::string_view("gho_"),
    std::string_view("ghs_"),     std::string_view("ghu_"),     std::string_view("github_pat_"),
    std::string_view("glpat-"),   std::string_view("xoxb-"),    std::string_view("xoxp-"),
    std::string_view("sk_live_"), std::string_view("sk_test_"), std::string_view("rk_live_"),
    std::string_view("sk-"),      std::string_view("whsec_"),   std::string_view("AKIA"),
};
constexpr std::size_t kSecretBytesMin = 20;  // shorter ones are words that begin alike
constexpr std::array kUrlHeaders = {
    std::string_view("referer"),          std::string_view("location"),
    std::string_view("content-location"), std::string_view("x-original-uri"),
    std::string_view("x-original-url"),   std::string_view("x-forwarded-uri"),
    std::string_view("x-rewrite-url"),    std::string_view("refresh"),
};

// Percent-encoding undone once; what is no encoding stays. `+` is a blank in queries.
std::string percent_decoded(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool fits = text[i] == '%' && i + 2 < text.size();
        const int high = fits ? hex_digit(text[i + 1]) : -1;
        const int low = fits ? hex_digit(text[i + 2]) : -1;
        if (high >= 0 && low >= 0) {
            out.push_back(static_cast<char>(high * 16 + low));
            i += 2;
        } else {
            out.push_back(text[i]);
        }
    }
    return out;
}

// Lower-case letters and digits: `X-Api-Key`, `api_key` and `apiKey` are one name.
std::string normalized(std::string_view name) {
    std::string out;
    for (const char c : name) {
        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
            out.push_back(ascii_lower(c));
        }
    }
    return out;
}

bool has(const std::vector<std::string>& list, std::string_view name) {
    return std::find(list.begin(), list.end(), name) != list.end();
}

bool ends_with_key(std::string_view raw) {
    const std::string lower = ascii_lower(raw);
    return lower.ends_with("-key") || lower.ends_with("_key") || lower.ends_with(".key") ||
           raw.ends_with("Key");
}

bool is_sensitive_word(std::string_view raw, std::string_view name) {
    return std::find(kSensitiveNames.begin(), kSensitiveNames.end(), name) !=
               kSensitiveNames.end() ||
           std::any_of(
               kSensitiveParts.begin(), kSensitiveParts.end(),
               [&](std::string_view part) { return name.find(part) != std::string::npos; }) ||
           ends_with_key(raw);
}

// An address with a user, and perhaps a password, before its host.
bool names_user(std::string_view text) {
    const std::size_t scheme = text.find("://");
    if (scheme == std::string_view::npos) {
        return false;
    }
    const std::string_view rest = text.substr(scheme + 3);
    const std::size_t at = rest.find('@');
    return at != std::string_view::npos && at < rest.find_first_of("/?#");
}

constexpr std::size_t kEncodedSlashBytes = 3;

// Where the next `%2F` begins, or the text's end.
std::size_t encoded_slash(std::string_view text, std::size_t from) {
    std::size_t at = from;
    while ((at = text.find("%2", at)) != std::string_view::npos) {
        if (at + 2 < text.size() && ascii_lower(text[at + 2]) == 'f') {
            return at;
        }
        ++at;
    }
    return text.size();
}

std::vector<std::string> segments_of(std::string_view path) {
    std::vector<std::string> out;
    for_each_split(path, '/', [&](std::string_view segment) {
        if (!segment.empty()) {
            out.emplace_back(segment);
        }
    });
    return out;
}

PathPart path_part(std::string_view raw) {
    PathPart part{raw, percent_decoded(raw), false};
    part.sensitive = looks_like_secret(part.decoded);
    return part;
}

}  // namespace

HmacKey redact_key(const Secret& secret) {
    const Secret key = derive_key(secret, "sallyport log pseudonyms", 32);
    return HmacKey(DigestAlgorithm::sha256, key.reveal());
}

bool looks_like_secret(std::string_view value) {
    return value.size() >= kSecretBytesMin &&
           std::any_of(kSecretPrefixes.begin(), kSecretPrefixes.end(),
                       [&](std::string_view prefix) { return value.starts_with(prefix); });
}

bool may_be_sensitive(const RedactRules& rules, std::string_view address) {
    if (rules.has_paths()) {
        return true;
    }
    std::size_t run = 0;  // bytes since the last separator
    for (const char c : address) {
        if (c == '?' || c == '#' || c == '@' || c == '=') {
            return true;
        }
        run = c == '/' || c == ' ' ? 0 : run + 1;
        if (run >= kSecretBytesMin) {
            return true;
        }
    }
    return false;
}

Status RedactRules::add(std::string_view word) {
    const std::size_t equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : word.substr(equals + 1);
    std::vector<std::string>* list = name == "args"      ? &args_
                                     : name == "headers" ? &headers_
                                     : name == "keep"    ? &keep_
                                                         : nullptr;
    if ((list == nullptr && name != "paths") || equals == std::string_view::npos) {
        return Error{"unknown parameter \"" + std::string(word) +
                     "\"; write on, off, args=, headers=, keep= or paths="};
    }
    std::string error;
    for_each_split(value, ',', [&](std::string_view part) {
        if (list != nullptr) {
            list->push_back(normalized(part));
            error = list->back().empty() ? "has no letter or digit" : error;
            return;
        }
        std::vector<std::string> segments = segments_of(part);
        const bool marks = std::find(segments.begin(), segments.end(), "*") != segments.end();
        if (!part.starts_with('/') || !marks || segments.front() == "*") {
            error = "must begin with / and a name and have a * for the sensitive segment";
        }
        paths_.push_back(std::move(segments));
    });
    if (!error.empty()) {
        return Error{"\"" + std::string(word) + "\": a part of it " + error +
                     "; write names with commas, or paths=/mcp/*"};
    }
    return Done{};
}

bool RedactRules::is_sensitive_argument(std::string_view name) const {
    bool found = false;
    const std::string decoded = percent_decoded(name);
    // `user[password]` and `a.token` are judged by their parts as well.
    std::size_t begin = 0;
    while (begin <= decoded.size() && !found) {
        const std::size_t end = std::min(decoded.find_first_of("[].", begin), decoded.size());
        const std::string_view part = std::string_view(decoded).substr(begin, end - begin);
        const std::string plain = normalized(part);
        found = !plain.empty() && !has(keep_, plain) &&
                (has(args_, plain) || is_sensitive_word(part, plain));
        begin = end + 1;
    }
    return found;
}

bool RedactRules::is_sensitive_header(std::string_view name) const {
    const std::string plain = normalized(name);
    return !has(keep_, plain) && (has(headers_, plain) || is_sensitive_word(name, plain));
}

std::string Redactor::pseudonym(std::string_view value) {
    if (value.empty()) {
        return {};
    }
    changed_ = true;
    std::string out(1, kMark);
    if (pseudonyms_ < kPseudonymsMax) {
        ++pseudonyms_;
        HmacStream mac(key_);
        mac.update(value);
        std::array<std::uint8_t, 64> bytes;
        mac.finish(bytes.data());
        out.append(base64url_encode(bytes.data(), kPseudonymBytes));
    }
    return out;
}

// What an argument's value may be itself: a secret, an address with arguments or a user, an object
// in JSON; encoded once more for every redirect it has gone through.
bool Redactor::holds_secret(std::string_view value) const {
    std::string text(value);
    for (int times = 0; times <= kNestedTimesMax; ++times) {
        if (looks_like_secret(text) || names_user(text) || has_sensitive_pair(text, "?&;#", "=") ||
            has_sensitive_pair(text, "{,", "\":")) {
            return true;
        }
        std::string decoded = percent_decoded(text);
        if (decoded == text) {
            return false;
        }
        text = std::move(decoded);
    }
    return false;
}

// Pairs between any of `separators`, a name and a value around `joint`. A quote before the name is
// no part of it.
bool Redactor::has_sensitive_pair(std::string_view text, std::string_view separators,
                                  std::string_view joint) const {
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find_first_of(separators, begin), text.size());
        const std::string_view inner = text.substr(begin, end - begin);
        const std::size_t at = inner.find(joint);
        begin = end + 1;
        if (at == std::string_view::npos) {
            continue;
        }
        const std::string_view name = inner.substr(0, at);
        if (looks_like_secret(inner.substr(at + joint.size())) ||
            rules_.is_sensitive_argument(name.substr(name.find_last_of("\" ") + 1))) {
            return true;
        }
    }
    return false;
}

void Redactor::pair(std::string_view text, std::string& out) {
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) {
        out.append(looks_like_secret(text) ? pseudonym(text) : std::string(text));
        return;
    }
    const std::string_view value = text.substr(equals + 1);
    const bool sensitive = rules_.is_sensitive_argument(text.substr(0, equals)) ||
                           (value.size() <= kNestedBytesMax && holds_secret(value));
    out.append(text.substr(0, equals + 1));
    out.append(sensitive ? pseudonym(value) : std::string(value));
}

std::string Redactor::query(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    std::size_t begin = 0;
    while (begin <= text.size()) {
        const std::size_t end = std::min(text.find_first_of("&;", begin), text.size());
        pair(text.substr(begin, end - begin), out);
        if (end < text.size()) {
            out.push_back(text[end]);
        }
        begin = end + 1;
    }
    return out;
}

// Marks what the rules for paths name. A rule holds wherever its segments follow one another: what
// nginx makes of `/./` and `//` when it looks for a location must not hide them here.
void Redactor::mark(std::vector<PathPart>& parts) const {
    const bool climbs = std::any_of(parts.begin(), parts.end(),
                                    [](const PathPart& part) { return part.decoded == ".."; });
    for (const auto& rule : rules_.paths()) {
        for (std::size_t start = 0; start < parts.size(); ++start) {
            std::vector<std::size_t> found;
            std::size_t matched = 0;
            for (std::size_t at = start; at < parts.size() && matched < rule.size(); ++at) {
                const std::string& segment = parts[at].decoded;
                if (segment.empty() || segment == ".") {
                    continue;
                }
                if (rule[matched] != "*" && !ascii_iequals(rule[matched], segment)) {
                    break;
                }
                if (rule[matched] == "*") {
                    found.push_back(at);
                }
                ++matched;
            }
            // The names before the first * decide: a path that ends early has its secret all the
            // same.
            for (const std::size_t index : found) {
                parts[index].sensitive = true;
            }
            if (climbs && !found.empty()) {
                for (std::size_t i = found.front(); i < parts.size(); ++i) {
                    parts[i].sensitive = true;
                }
            }
        }
    }
}

// Read twice: by its slashes, and by the encoded ones as well, which nginx takes for slashes when
// it looks for a location.
std::string Redactor::path(std::string_view text) {
    std::vector<PathPart> whole;
    std::vector<PathPart> pieces;
    std::vector<std::size_t> pieces_end;  // of each part of `whole`
    for_each_split(text, '/', [&](std::string_view raw) {
        whole.push_back(path_part(raw));
        for (std::size_t begin = 0; begin <= raw.size();) {
            const std::size_t end = encoded_slash(raw, begin);
            pieces.push_back(path_part(raw.substr(begin, end - begin)));
            begin = end + kEncodedSlashBytes;
        }
        pieces_end.push_back(pieces.size());
    });
    mark(whole);
    if (pieces.size() != whole.size()) {
        mark(pieces);
    }
    std::string out;
    std::size_t piece = 0;
    for (std::size_t i = 0; i < whole.size(); ++i) {
        out.append(i == 0 ? "" : "/");
        if (whole[i].sensitive) {
            out.append(pseudonym(whole[i].decoded));
            piece = pieces_end[i];
            continue;
        }
        for (const std::size_t first = piece; piece < pieces_end[i]; ++piece) {
            const PathPart& part = pieces[piece];
            // The slash before it, as it was written.
            out.append(piece == first ? std::string_view()
                                      : std::string_view(part.raw.data() - kEncodedSlashBytes,
                                                         kEncodedSlashBytes));
            out.append(part.sensitive ? pseudonym(part.decoded) : std::string(part.raw));
        }
    }
    return out;
}

void Redactor::authority(std::string_view& text, std::string& out) {
    const std::size_t scheme = text.find("://");
    if (scheme == std::string_view::npos || scheme > text.find_first_of("/?#")) {
        return;
    }
    const std::size_t begin = scheme + 3;
    const std::size_t end = std::min(text.find_first_of("/?#", begin), text.size());
    const std::string_view place = text.substr(begin, end - begin);
    const std::size_t at = place.rfind('@');
    out.append(text.substr(0, begin));
    if (at != std::string_view::npos) {
        out.append(pseudonym(place.substr(0, at))).append("@");
    }
    out.append(at == std::string_view::npos ? place : place.substr(at + 1));
    text.remove_prefix(end);
}

std::string Redactor::uri(std::string_view text) {
    std::string out;
    authority(text, out);
    const std::size_t query_at = std::min(text.find_first_of("?#"), text.size());
    out.append(path(text.substr(0, query_at)));
    if (query_at < text.size()) {
        out.push_back(text[query_at]);
        // A fragment may hold arguments too (OAuth's implicit flow); both are pairs.
        const std::string_view rest = text.substr(query_at + 1);
        const std::size_t fragment = rest.find('#');
        out.append(query(rest.substr(0, fragment)));
        if (fragment != std::string_view::npos) {
            out.append("#").append(query(rest.substr(fragment + 1)));
        }
    }
    return out;
}

std::string Redactor::request_line(std::string_view text) {
    const std::size_t first = text.find(' ');
    if (first == std::string_view::npos) {
        return uri(text);
    }
    const std::size_t last = text.rfind(' ');
    std::string out(text.substr(0, first + 1));
    const bool has_protocol = last > first && text.substr(last + 1).starts_with("HTTP/");
    const std::string_view target =
        has_protocol ? text.substr(first + 1, last - first - 1) : text.substr(first + 1);
    out.append(uri(target));
    if (has_protocol) {
        out.append(text.substr(last));
    }
    return out;
}

void Redactor::cookies(std::string_view text, std::string& out) {
    bool first = true;
    for_each_split(text, ';', [&](std::string_view part) {
        out.append(first ? "" : ";");
        first = false;
        const std::size_t equals = part.find('=');
        if (equals == std::string_view::npos) {
            const std::string_view value = trim_ows(part);
            out.append(part.substr(0, part.find_first_not_of(" \t"))).append(pseudonym(value));
        } else {
            out.append(part.substr(0, equals + 1)).append(pseudonym(part.substr(equals + 1)));
        }
    });
}

// RFC 8288: addresses between angle brackets.
std::string Redactor::links(std::string_view value) {
    std::string out;
    while (!value.empty()) {
        const std::size_t open = value.find('<');
        const std::size_t close = open == std::string_view::npos ? open : value.find('>', open);
        if (close == std::string_view::npos) {
            return out.append(uri(value));
        }
        out.append(value.substr(0, open + 1)).append(uri(value.substr(open + 1, close - open - 1)));
        value.remove_prefix(close);
    }
    return out.append(value);
}

std::string Redactor::header(std::string_view name, std::string_view value) {
    const std::string lower = ascii_lower(name);
    if (lower == "link") {
        return links(value);
    }
    if (std::find(kUrlHeaders.begin(), kUrlHeaders.end(), lower) != kUrlHeaders.end()) {
        return uri(value);
    }
    if (!rules_.is_sensitive_header(name)) {
        return looks_like_secret(value) ? pseudonym(value) : std::string(value);
    }
    std::string out;
    if (lower == "cookie") {
        cookies(value, out);
    } else if (lower == "set-cookie") {
        const std::size_t end = std::min(value.find(';'), value.size());
        cookies(value.substr(0, end), out);
        out.append(value.substr(end));
    } else if (lower.ends_with("authorization")) {
        // The scheme is no secret and tells what kind of client it was.
        const std::size_t space = value.find(' ');
        const bool has_scheme = space != std::string_view::npos && is_token(value.substr(0, space));
        out.append(has_scheme ? value.substr(0, space + 1) : std::string_view());
        out.append(pseudonym(has_scheme ? trim_ows(value.substr(space)) : value));
    } else {
        out = pseudonym(value);
    }
    return out;
}

}  // namespace sallyport::policy
