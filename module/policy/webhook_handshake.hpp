// Handshakes: what a provider asks before it sends anything, and the exact answer.
//
//   method=GET if=query:hub.mode=subscribe check=query:hub.verify_token=SECRET
//   echo=query:hub.challenge as=text
//
// A handshake is data, by name (meta, slack, zoom …) or described by the operator. Some providers
// sign theirs: those are answered only after the signature was verified. Some hand over the secret
// (Asana, Notion): those are answered only while there is none. Pure: the glue reads the request.
#pragma once

#include "common/crypto.hpp"
#include "common/result.hpp"
#include "common/secret.hpp"
#include "module/policy/webhook_json.hpp"
#include "module/policy/webhook_profile.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::policy::webhook {

// What is echoed ends up in a response: no longer than any provider's challenge.
inline constexpr std::size_t kChallengeBytesMax = 512;
// Bodies of handshakes are small; larger ones are deliveries.
inline constexpr std::size_t kHandshakeBodyBytesMax = 16 * 1024;

struct Handshake {
    enum class Trust : std::uint8_t {
        none,     // answered as it comes
        signed_,  // answered after the signature was verified
        first,    // brings the secret: answered only while there is none
    };
    enum class Transform : std::uint8_t { none, hmac_hex, hmac_base64, sha256_hex };
    struct Condition {
        Source source;
        std::string value;  // empty: it is there
    };

    std::string name;
    std::string method;
    Trust trust = Trust::none;
    std::optional<Condition> when;
    std::optional<Source> unless;
    bool empty_body = false;      // only when the body is empty
    std::optional<Source> check;  // must equal the operator's token
    std::optional<Source> echo;   // the challenge
    Transform transform = Transform::none;
    std::string prefix;          // before the transformed challenge
    bool token_follows = false;  // sha256: challenge, token and URL are digested together
    std::uint16_t status = 200;
    std::string body;           // {challenge} and {proof} stand for what was read and made
    bool json = false;          // the body's type, else text
    std::string header;         // response field that carries the challenge
    std::string second_header;  // and a fixed second request field, echoed likewise
    std::string second_source;
    std::vector<JsonPath> paths;  // of every json: source, in their slots

    bool reads_body() const { return !paths.empty() || empty_body; }
};

// Names and what they stand for; discord is two.
Result<std::vector<Handshake>> handshakes_named(std::string_view name);
bool handshake_known(std::string_view name);
std::string handshake_names();

// method= if= unless= check= echo= as= transform= prefix= signed= status= of a description.
Result<Handshake> handshake_described(const Pairs& pairs);

// A request as handshakes see it.
class HandshakeRequest {
  public:
    HandshakeRequest() = default;
    HandshakeRequest(const HandshakeRequest&) = delete;
    HandshakeRequest& operator=(const HandshakeRequest&) = delete;
    virtual ~HandshakeRequest() = default;
    virtual std::string_view method() const = 0;
    virtual std::string_view target() const = 0;
    virtual std::string url() const = 0;
    // The one field of that name; nothing when there is none or more than one.
    virtual std::optional<std::string_view> header(std::string_view name) const = 0;
    virtual std::string_view body() const = 0;
};

struct HandshakeAnswer {
    enum class Kind : std::uint8_t { no_handshake, refused, answered };
    Kind kind = Kind::no_handshake;
    std::uint16_t status = 0;  // 400 for a challenge that cannot be echoed, 403 for a wrong token
    std::string body;
    bool json = false;
    std::vector<std::pair<std::string, std::string>> fields;
    std::string challenge;  // what was echoed; trust=first: the secret
};

// Whether `handshake` could be meant, as far as the head tells; cheap.
bool may_be(const Handshake& handshake, const HandshakeRequest& request);

// `token` and `secret` are the operator's, either may be null.
HandshakeAnswer answer_handshake(const Handshake& handshake, const HandshakeRequest& request,
                                 const Secret* token, const Secret* secret);

}  // namespace sallyport::policy::webhook
