#include "engine/core/oauth_server.hpp"

#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "engine/core/web_message.hpp"

#include <algorithm>
#include <array>

namespace sallyport::engine {
namespace {

constexpr std::size_t kUriBytesMax = 2000;
constexpr std::size_t kChallengeChars = 43;  // of a SHA-256 in base64url
constexpr std::size_t kVerifierCharsMax = 128;
// Schemes with a meaning of their own in browsers.
constexpr std::array<std::string_view, 14> kForbidden = {
    "http", "javascript", "data", "vbscript", "file",       "blob",        "about",
    "ftp",  "ws",         "wss",  "mailto",   "filesystem", "view-source", "tel"};

bool is_scheme(std::string_view scheme) {
    return !scheme.empty() && scheme.front() >= 'a' && scheme.front() <= 'z' &&
           std::all_of(scheme.begin(), scheme.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' ||
                      c == '.';
           });
}

bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

bool is_this_machine(std::string_view host) {
    if (host.starts_with("[::1]")) {
        host.remove_prefix(5);
        return host.empty() || host.starts_with(':');
    }
    const std::string_view name = host.substr(0, host.find(':'));
    return name == "localhost" || name == "127.0.0.1";
}

std::string form_of(const ConsentPage& page, std::string_view action, std::string_view fields) {
    return "<form method=\"post\" action=\"" + std::string(action) +
           "\"><input type=\"hidden\" name=\"request\" value=\"" + html_escape(page.request) +
           "\">" + std::string(fields) + "</form>";
}

std::string sign_in_form(const ConsentPage& page) {
    return form_of(page, "/authorize/sign-in",
                   "<label>E-mail <input type=\"email\" name=\"email\" autocomplete=\"username\" "
                   "required></label><label>Password <input type=\"password\" name=\"password\" "
                   "autocomplete=\"current-password\" required></label>"
                   "<button>Sign in</button>");
}

std::string choice_form(const ConsentPage& page) {
    std::string fields = "<p>You are " + html_escape(page.email) + ".</p>";
    if (!page.everywhere) {
        fields += "<label>Project <select name=\"projectId\">";
        for (const auto& [id, name] : page.projects) {
            fields +=
                "<option value=\"" + html_escape(id) + "\">" + html_escape(name) + "</option>";
        }
        fields += "</select></label>";
    }
    fields +=
        "<button name=\"decision\" value=\"allow\">Allow</button>"
        "<button name=\"decision\" value=\"deny\">Deny</button>";
    return form_of(page, "/authorize/consent", fields);
}

}  // namespace

bool is_redirect_uri(std::string_view uri) {
    const std::size_t colon = uri.find(':');
    if (uri.size() > kUriBytesMax || colon == std::string_view::npos ||
        !is_scheme(uri.substr(0, colon)) || uri.find('#') != std::string_view::npos ||
        !std::all_of(uri.begin(), uri.end(), [](char c) {
            return c > ' ' && c < 0x7f &&
                   std::string_view("\"'<>\\^`{|}").find(c) == std::string_view::npos;
        })) {
        return false;
    }
    const std::string_view scheme = uri.substr(0, colon);
    std::string_view rest = uri.substr(colon + 1);
    if (scheme != "http" && scheme != "https") {
        return rest.starts_with('/') &&
               std::find(kForbidden.begin(), kForbidden.end(), scheme) == kForbidden.end();
    }
    if (!rest.starts_with("//")) {
        return false;
    }
    rest.remove_prefix(2);
    const std::string_view host = rest.substr(0, rest.find_first_of("/?"));
    return !host.empty() && host.find('@') == std::string_view::npos &&
           (scheme == "https" || is_this_machine(host));
}

bool is_pkce_challenge(std::string_view challenge) {
    return challenge.size() == kChallengeChars && base64url_decode(challenge).has_value();
}

bool fits_challenge(std::string_view verifier, std::string_view challenge) {
    if (verifier.size() < kChallengeChars || verifier.size() > kVerifierCharsMax ||
        !std::all_of(verifier.begin(), verifier.end(), is_unreserved)) {
        return false;
    }
    const Bytes hash = digest(DigestAlgorithm::sha256, verifier);
    return constant_time_equal(base64url_encode(hash.data(), hash.size()), challenge);
}

std::string with_query(std::string_view uri,
                       std::span<const std::pair<std::string, std::string>> parameters) {
    std::string out(uri);
    char separator = uri.find('?') == std::string_view::npos ? '?' : '&';
    for (const auto& [name, value] : parameters) {
        if (!value.empty()) {
            out += separator + percent_encode(name) + "=" + percent_encode(value);
            separator = '&';
        }
    }
    return out;
}

std::string html_escape(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            case '\'':
                out += "&#39;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

std::string consent_html(const ConsentPage& page) {
    const std::string problem =
        page.problem.empty() ? "" : "<p role=\"alert\">" + html_escape(page.problem) + "</p>";
    return "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Access for an "
           "assistant</title><style>body{font:1rem sans-serif;max-width:30rem;margin:3rem auto}"
           "label,button{display:block;margin:1rem 0}</style></head><body><h1>" +
           html_escape(page.client_name) + "</h1><p>asks to use the flows of " +
           (page.everywhere ? "<strong>all projects</strong> that you may use"
                            : "a project of yours") +
           ", and to change them where its MCP server offers that. It will be told at <code>" +
           html_escape(page.redirect_uri) + "</code>.</p>" + problem +
           (page.email.empty() ? sign_in_form(page) : choice_form(page)) + "</body></html>";
}

}  // namespace sallyport::engine
