// An OAuth 2.0 authorization server on the loopback (oracle/oauth_server.mjs), started for the
// test.
#pragma once

#include "common/json.hpp"
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/ports.hpp"
#include "tests/integration/fixtures/process.hpp"
#include "tests/integration/fixtures/temp_dir.hpp"

#include <string>

namespace sallyport::test {

class OAuthServer {
  public:
    // Throws when it has not been fetched (scripts/fetch-oauth-server) or does not start.
    OAuthServer();

    std::string url(const std::string& path) const;
    // What the user consents to: the code that the client is sent.
    std::string consent(const std::string& authorization_url) const;
    Json test(const std::string& command) const;  // GET /test/…
    std::string address() const { return "127.0.0.1:" + std::to_string(port_.number()); }

  private:
    TempDir folder_{"oauth"};
    HeldPort port_;
    Process process_;
};

}  // namespace sallyport::test
