// Handshakes in nginx: reads the request for the policy, sends its answer, keeps the secret that a
// provider hands over. Called by the webhook feature only.
#pragma once

#include "module/nginx/request.hpp"
#include "module/nginx/webhook_conf.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace sallyport::ngx {

struct HandshakeResult {
    enum class Kind : std::uint8_t {
        none,        // no handshake
        needs_body,  // perhaps one: the body tells
        refused,     // one, and not answered; `decision` says how
        answered,    // one; `answer` is to be sent
    };
    Kind kind = Kind::none;
    policy::Decision decision{};
    std::string_view rule{};  // the handshake's name
    policy::webhook::HandshakeAnswer answer{};
};

// `verified`: handshakes whose signature was verified; else those that carry none. Without `body`
// only what the head tells is tried.
HandshakeResult try_handshakes(Request& request, const WebhookLocation& location, bool verified,
                               std::optional<std::string_view> body);
// Records the answer, sends it and finalizes the request, which may be gone afterwards.
void send_handshake_answer(Request& request, const HandshakeResult& result);

}  // namespace sallyport::ngx
