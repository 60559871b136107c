// CurlHttpClient: the HttpClient port by libcurl's multi interface, driven by the engine's loop. No
// thread of its own but the name resolver's.
//
// libcurl never resolves a name here: it gets the checked addresses, and the socket address is
// checked once more before each connect. Proxies and netrc of the environment, cookies, HSTS and
// alt-svc of a server have no influence. A pooled connection is reused only by the same tenant, for
// the same origin and the same checked addresses; one through a request's own proxy, by nobody.
// One request at a time has it: on a shared one, answers that wait unread would be read all the
// same.
#pragma once

#include "engine/core/egress_policy.hpp"
#include "engine/ports/http_client.hpp"
#include "engine/ports/loop.hpp"

#include <cstddef>
#include <memory>
#include <string>

namespace sallyport::engine {

struct HttpClientOptions {
    EgressPolicy policy;
    std::string ca_file;  // PEM; empty: the system's store
    std::string user_agent = "Sallyport";
    // Each request under way holds a descriptor, and memory for a small answer.
    std::size_t requests_max = 512;
    // One tenant cannot take all of them.
    std::size_t tenant_requests_max = 128;
    // Of answers that are not small, with what is made of them, and one more; the others wait,
    // unread, when they have become so large.
    std::size_t large_bytes_max = 128u << 20;
};

class CurlHttpClient final : public HttpClient {
  public:
    // `loop` outlives the client; all members are called on its thread.
    CurlHttpClient(Loop& loop, HttpClientOptions options);
    ~CurlHttpClient() override;  // requests under way end with `cancelled`

    RequestId send(HttpRequest request, Done done) override;
    void cancel(RequestId id) override;

  private:
    class Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace sallyport::engine
