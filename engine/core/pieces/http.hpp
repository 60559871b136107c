// The HTTP piece, natively: turns the resolved input of send_request into a call and the answer
// into the step's output. Pure: the call itself is the driver's.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"
#include "engine/core/http_proxy.hpp"
#include "engine/core/http_retry.hpp"
#include "engine/core/web_message.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

inline constexpr std::string_view kHttpPiece = "@activepieces/piece-http";
// Its trigger: fetches a list again and again (core/item_memory.hpp).
inline constexpr std::string_view kNewItems = "new_items";

struct HttpCall {
    std::string method;
    std::string url;
    std::vector<WebHeader> headers;
    std::string body;
    std::int64_t timeout_ms = 0;  // 0: the engine's own bound
    bool follow_redirects = true;
    HttpRetry retry = HttpRetry::when_told;
    std::optional<HttpProxy> proxy;
};

Result<HttpCall> http_call(const Json& input);

struct HttpCallOutcome {
    bool ok = true;
    // {status, headers, body}, with `file` for the body when that is wanted; with {response:
    // {status, body}, request: {body}} where the flow goes on in spite of an error, as published.
    Json output;
    std::string message;  // when not ok
};
// Statuses from 400 fail the step, unless its failure mode says otherwise.
HttpCallOutcome http_call_outcome(const Json& input, int status,
                                  const std::vector<WebHeader>& headers, std::string_view body);
// The output where a call that got no answer lets the flow go on; nullopt where it does not.
std::optional<Json> http_failure_output(const Json& input, std::string_view message);

}  // namespace sallyport::engine
