// OAuth 2.0 of connections (RFC 6749, PKCE: RFC 7636): addresses, requests to the token endpoint,
// and what becomes of a connection's value. Pure: no network, no clock, no randomness.
//
// A connection's value is the contract's: client_id, client_secret, redirect_url, scope, props,
// grant_type, authorization_method, token_url; once claimed also access_token, refresh_token,
// token_type, expires_in, claimed_at (both seconds) and data (whatever else the provider said).
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

// `{name}` in a provider's address is the connection's property of that name.
std::string with_props(std::string_view url, const Json& props);

enum class Pkce { none, plain, s256 };

struct AuthorizationRequest {
    std::string url;  // of the provider's authorization endpoint
    std::string client_id;
    std::string redirect_url;
    std::vector<std::string> scopes;
    std::string state;
    std::string prompt;  // empty: not sent
    Pkce pkce = Pkce::none;
    std::string code_verifier;  // when there is PKCE
};
std::string authorization_url(const AuthorizationRequest& request);

// BASE64URL(SHA256(verifier)).
std::string pkce_challenge(std::string_view verifier);

// What is posted for tokens, where to, and the field `Authorization` (empty: none).
struct TokenRequest {
    std::string url;
    std::string content_type = "application/x-www-form-urlencoded";
    std::string body;
    std::string authorization;
};
// Both go to value["token_url"]. Exchanges value["code"], or asks in the client's own name for
// grant_type client_credentials.
TokenRequest claim_request(const Json& value, std::string_view client_secret);
// Nothing to refresh with is an error.
Result<TokenRequest> refresh_request(const Json& value, std::string_view client_secret);

// The value with the tokens of a token endpoint's answer in it; what was good for one claim alone
// (the code and its verifier) is gone. An answer without a token is an error, which never holds the
// answer itself.
Result<Json> claimed_value(const Json& value, int status, std::string_view body,
                           std::int64_t now_s);

// Whether the provider refused for good, so that asking again is of no use.
inline bool is_final_refusal(int status) {
    return status >= 400 && status < 500 && status != 429;
}

// A token is replaced a quarter of an hour before it ends, or half-way through a shorter life.
bool is_due(const Json& value, std::int64_t now_s);
bool has_ended(const Json& value, std::int64_t now_s);

// ---- CLOUD_OAUTH2: a service that has the client's secret claims and refreshes tokens in the
// engine's stead (Activepieces' own is https://secrets.activepieces.com; bodies of its
// cloud-oauth2-service).

inline constexpr std::string_view kCloudOAuth2Type = "CLOUD_OAUTH2";

// The service's address without a slash at its end. Codes and refresh tokens go there: what is
// neither https nor on this machine is an error, and so is a query.
Result<std::string> parse_cloud_service(std::string_view text);

// To be posted to SERVICE/claim and SERVICE/refresh. `piece` is how the service knows the client's
// secret. REQUIRES: `service` as parse_cloud_service gave it.
TokenRequest cloud_claim_request(std::string_view service, std::string_view piece,
                                 const Json& value);
// Nothing to refresh with is an error.
Result<TokenRequest> cloud_refresh_request(std::string_view service, std::string_view piece,
                                           const Json& value);

// As claimed_value: what the provider said besides is in the answer's own `data`, and nothing else
// of the answer is believed.
Result<Json> cloud_claimed_value(const Json& value, int status, std::string_view body,
                                 std::int64_t now_s);

}  // namespace sallyport::engine
