// A request to the engine and its answer, as the API sees them: no sockets, no HTTP library.
#pragma once

#include "common/json.hpp"
#include "engine/core/body_stream.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sallyport::engine {

struct WebHeader {
    std::string name;
    std::string value;
};

// The first field of that name (case-insensitive), or an empty view.
std::string_view find_header(const std::vector<WebHeader>& headers, std::string_view name);

struct WebRequest {
    std::string method;
    std::string target;  // as received: path and query
    std::vector<WebHeader> headers;
    std::string body;
    std::string peer;  // address of the connection; empty on a unix socket

    std::string_view header(std::string_view name) const { return find_header(headers, name); }
    std::string_view path() const;   // still percent-encoded, without the query
    std::string_view query() const;  // without the question mark
};

struct WebResponse {
    int status = 200;
    std::vector<WebHeader> headers;
    std::string body;
    std::shared_ptr<BodyStream> stream = nullptr;  // instead of `body`; the connection ends with it
};

WebResponse json_response(int status, const Json& body);

// `type/subtype` of a Content-Type, in lower case; and whether such a one is JSON.
std::string media_type(std::string_view content_type);
bool is_json_media_type(std::string_view media);

// `a=1&b=x+y` with percent-encoding undone; pairs in order. Broken escapes stay as they are.
using FormPairs = std::vector<std::pair<std::string, std::string>>;
FormPairs parse_form(std::string_view text);
// A name from outside as that of a member: bytes that are not UTF-8 become U+FFFD, and so does
// U+0000, which our own reader of JSON refuses in names.
std::string member_name(std::string_view text);
std::string percent_decode(std::string_view text);
// All but letters, digits and `-._~` (RFC 3986 section 2.3).
std::string percent_encode(std::string_view text);

// The values of `name`, also when written `name[]` or `name[0]`.
std::vector<std::string> form_values(const FormPairs& pairs, std::string_view name);

}  // namespace sallyport::engine
