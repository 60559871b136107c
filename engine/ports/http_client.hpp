// HttpClient: the only way out of the engine for HTTP. Steps, pieces and sandboxed `fetch` all call
// it; nothing else opens an outgoing connection.
//
// The implementation resolves the name, checks every address against the egress policy, connects to
// a checked address only, and does the same again for each redirect. Callers never see credentials
// leak across origins and never need to bound time or size themselves.
#pragma once

#include "common/bytes.hpp"
#include "engine/core/http_proxy.hpp"
#include "engine/core/http_retry.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace sallyport::engine {

struct HttpHeader {
    std::string name;
    std::string value;
};

struct HttpRequest {
    std::string method = "GET";  // GET HEAD POST PUT PATCH DELETE OPTIONS
    std::string url;             // absolute, http or https, no user information
    std::vector<HttpHeader> headers;
    std::string body;
    // Whose request it is (a project id). Connections are never reused across tenants.
    std::string tenant;
    // Sent as `Idempotency-Key` unless the headers already hold one.
    std::optional<std::string> idempotency_key;
    // From send() to the last byte, name resolution and redirects included; not while a large
    // answer waits for room.
    std::uint32_t timeout_ms = 30'000;
    // Of the decompressed body; more is `too_large`.
    std::size_t response_bytes_max = 10 * 1024 * 1024;
    // 0: a 3xx answer is returned as it is.
    unsigned redirects_max = 5;
    HttpRetry retry = HttpRetry::none;
    // Everything goes through its tunnel, to the checked address of the URL's host: the proxy is
    // not asked to find one. Both must be allowed.
    std::optional<HttpProxy> proxy;
};

struct HttpResponse {
    int status = 0;
    std::vector<HttpHeader> headers;  // of the last answer, names as received
    std::string body;                 // decompressed
    std::string url;                  // of the last request, after redirects
    // Of a large body: its share of the room for all of them (adapters/http/room.hpp). Kept by
    // whoever keeps the body, or what was made of it, until that is on disk.
    std::shared_ptr<const void> place = {};

    // The first field of that name (case-insensitive), or an empty view.
    std::string_view header(std::string_view name) const {
        for (const auto& field : headers) {
            if (ascii_iequals(field.name, name)) {
                return field.value;
            }
        }
        return {};
    }
};

enum class HttpError {
    refused_url,      // not http(s), user information, malformed, port not allowed; or the proxy's
    refused_address,  // an address the egress policy does not allow
    refused_request,  // method or header field that may not be sent
    resolve_failed,   // the name has no address
    connect_failed,   // nobody answered at the checked addresses
    tls_failed,       // handshake or certificate
    timeout,          // timeout_ms passed
    too_large,        // body or header section above its bound
    too_many_redirects,  // redirects_max passed, or a redirect that leads nowhere
    bad_response,        // not HTTP, broken encoding, connection lost in the middle
    overloaded,          // too many requests under way, here or for this tenant
    cancelled,           // cancel() or shutdown
};

// The word for logs, metrics and run records.
inline std::string_view to_string(HttpError error) {
    switch (error) {
        case HttpError::refused_url:
            return "refused_url";
        case HttpError::refused_address:
            return "refused_address";
        case HttpError::refused_request:
            return "refused_request";
        case HttpError::resolve_failed:
            return "resolve_failed";
        case HttpError::connect_failed:
            return "connect_failed";
        case HttpError::tls_failed:
            return "tls_failed";
        case HttpError::timeout:
            return "timeout";
        case HttpError::too_large:
            return "too_large";
        case HttpError::too_many_redirects:
            return "too_many_redirects";
        case HttpError::bad_response:
            return "bad_response";
        case HttpError::overloaded:
            return "overloaded";
        case HttpError::cancelled:
            return "cancelled";
    }
    return "unknown";
}

struct HttpFailure {
    HttpError error = HttpError::bad_response;
    std::string message;  // for the person who reads the run; holds no header and no body
    // True when the peer cannot have acted on the request: nothing was sent.
    bool unsent = true;
};

using HttpOutcome = std::variant<HttpResponse, HttpFailure>;

class HttpClient {
  public:
    using RequestId = std::uint64_t;
    using Done = std::function<void(HttpOutcome)>;

    HttpClient() = default;
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;
    virtual ~HttpClient() = default;

    // Returns at once. `done` is called exactly once, never from inside send(), on the engine's
    // loop (whatever executor the implementation was given).
    virtual RequestId send(HttpRequest request, Done done) = 0;
    // `done` is then called with `cancelled`, unless the request had ended already.
    virtual void cancel(RequestId id) = 0;
};

}  // namespace sallyport::engine
