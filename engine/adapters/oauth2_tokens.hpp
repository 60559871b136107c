// Tokens of OAuth 2.0 connections: claims the first with a code, and keeps them fresh. Whoever
// needs a connection whose token is about to end waits for one refresh, however many runs, steps
// and engines need it at once. Those of CLOUD_OAUTH2 come from a service that has the client's
// secret, when one is set.
#pragma once

#include "common/result.hpp"
#include "engine/core/oauth2.hpp"
#include "engine/core/secret_box.hpp"
#include "engine/ports/clock.hpp"
#include "engine/ports/http_client.hpp"
#include "engine/ports/loop.hpp"
#include "engine/ports/store.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace sallyport::engine {

// Clients that an administrator has registered for a piece; the body holds the secret, sealed.
inline constexpr const char* kOAuthAppKind = "oauth_app";

class OAuth2Tokens {
  public:
    struct Ports {
        Loop& loop;
        const Clock& clock;
        EntityStore& store;
        HttpClient& http;
        const SecretBox& secrets;
    };
    using Done = std::function<void(Result<Json>)>;

    // `cloud_service` as parse_cloud_service gave it; empty: none is asked.
    explicit OAuth2Tokens(Ports ports, std::string cloud_service = {})
        : ports_(ports), cloud_service_(std::move(cloud_service)) {}

    bool has_cloud_service() const { return !cloud_service_.empty(); }

    static bool is_oauth2(std::string_view type) { return type.ends_with("OAUTH2"); }

    // A connection's value with its first tokens. `platform_id` and `piece` name the registered
    // client of PLATFORM_OAUTH2, `piece` that of CLOUD_OAUTH2 too. Errors are for the caller; they
    // hold no secret.
    void claim(const std::string& project_id, const std::string& platform_id,
               const std::string& piece, Json value, Done done);

    // The value of the stored connection, refreshed when its token is about to end. When the
    // provider refuses for good the connection's status becomes ERROR.
    void fresh(const EntityRow& row, Done done);

  private:
    struct Refresh;
    using RefreshPtr = std::shared_ptr<Refresh>;

    std::int64_t now_s() const { return ports_.clock.now_ms() / 1000; }
    void with_client_secret(const std::string& platform_id, const std::string& piece,
                            const Json& value, const std::function<void(Result<Secret>)>& then);
    void post(const std::string& project_id, TokenRequest request,
              std::function<void(HttpOutcome)> then);
    void post_claim(const std::string& project_id, const Json& value, TokenRequest request,
                    const Done& done);
    void take_lease(const RefreshPtr& refresh);
    void wait(const RefreshPtr& refresh);
    void ask_provider(const RefreshPtr& refresh);
    void ask_cloud(const RefreshPtr& refresh);
    void post_refresh(const RefreshPtr& refresh, const Result<TokenRequest>& request);
    void hear_provider(const RefreshPtr& refresh, const HttpOutcome& outcome);
    void store_refreshed(const RefreshPtr& refresh, const Json& value);
    void give_up(const RefreshPtr& refresh, const std::string& problem, bool final);
    void end(const RefreshPtr& refresh, const Result<Json>& value);
    static void answer(Refresh& refresh, const Result<Json>& value);

    Ports ports_;
    std::string cloud_service_;
    std::map<std::string, RefreshPtr> under_way_;  // by the id of the connection
};

}  // namespace sallyport::engine
