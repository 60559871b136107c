// What an authorization server for MCP clients decides (OAuth 2.1, RFC 7591, 7636), without I/O:
// which redirect addresses may be registered, whether a verifier fits its challenge, and the pages
// that people see.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sallyport::engine {

// https, http on this machine alone (RFC 8252 section 7.3), or a scheme of an application; no
// fragment, no user, at most 2000 bytes, nothing a browser would run or a header would not carry.
bool is_redirect_uri(std::string_view uri);

// RFC 7636 with S256, the only method: 43 to 128 characters, hashed and compared in constant time.
bool is_pkce_challenge(std::string_view challenge);
bool fits_challenge(std::string_view verifier, std::string_view challenge);

// `uri` with these parameters added to its query.
std::string with_query(std::string_view uri,
                       std::span<const std::pair<std::string, std::string>> parameters);

// Text as it may stand in HTML, in attributes too.
std::string html_escape(std::string_view text);

struct ConsentPage {
    std::string client_name;
    std::string redirect_uri;
    std::string request;  // what the form hands back
    std::string problem;  // shown above the form; empty: none
    std::string email;    // of who is signed in; empty: the page asks for that first
    std::vector<std::pair<std::string, std::string>> projects;  // id and name
    bool everywhere = false;  // every project is asked for: there is none to choose
};
std::string consent_html(const ConsentPage& page);

}  // namespace sallyport::engine
