// The webhook piece, natively: the catch_webhook trigger and the return_response action. Pure.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"
#include "engine/core/web_message.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

inline constexpr std::string_view kWebhookPiece = "@activepieces/piece-webhook";

// The trigger's output: {method, headers, body, queryParams, rawBody}. Fails on a body that is not
// what its Content-Type says, and on types this engine does not take.
struct WebhookRefusal {
    int status = 400;
    std::string code;
    std::string message;
};
struct WebhookPayload {
    Json payload;  // empty when refused
    WebhookRefusal refusal;
};
// `urls` is where the files that the body carries will lie, in their order: they stand in the
// files' place, and there is no rawBody.
WebhookPayload webhook_payload(const WebRequest& request,
                               const std::vector<std::string>& urls = {});

// The files that the body carries: those of a form (multipart/form-data), or the body itself when
// it is of a binary type (images, sound, video, PDF, archives). Views of the body.
struct WebhookFile {
    std::string name;
    std::string_view data;
};
Result<std::vector<WebhookFile>> webhook_files(const WebRequest& request);

// Whether the caller satisfies the trigger's authType (none, basic, header, hmac). hmac has the
// fields secret, headerName (x-signature), algorithm (sha256; sha1, sha384, sha512), encoding (hex;
// base64) and prefix, and signs the raw body, which must be UTF-8. The input may not hold
// templates: a trigger has nothing to refer to.
bool webhook_authorized(const Json& trigger_input, const Json& payload);

struct WebhookReply {
    Json response;  // {status, headers, body}
    bool stop = true;
};
// `input` is the resolved input of return_response.
Result<WebhookReply> webhook_reply(const Json& input);

// The recorded response as an answer on the wire. Fields that would break the connection's framing
// or speak for the server are left out.
WebResponse to_web_response(const Json& response);

}  // namespace sallyport::engine
