#include "module/policy/webhook_handshake.hpp"

#include "common/bytes.hpp"
#include "module/policy/webhook_form.hpp"

#include <algorithm>
#include <array>
#include <memory_resource>

namespace sallyport::policy::webhook {
namespace {

// Each row is a description in the language of handshake_described.
struct Known {
    std::string_view name;
    std::string_view text;
};
constexpr std::array kKnown = {
    Known{"meta",
          "method=GET if=query:hub.mode=subscribe check=query:hub.verify_token "
          "echo=query:hub.challenge as=text"},
    Known{"strava",
          "method=GET if=query:hub.mode=subscribe check=query:hub.verify_token "
          "echo=query:hub.challenge as=json:hub.challenge"},
    Known{"dropbox", "method=GET echo=query:challenge as=text"},
    Known{"nylas", "method=GET echo=query:challenge as=text"},
    Known{"zoom",
          "method=POST signed=yes if=json:event=endpoint.url_validation "
          "echo=json:payload.plainToken transform=hmac-hex as=pair:plainToken:encryptedToken"},
    Known{"slack",
          "method=POST signed=yes if=json:type=url_verification echo=json:challenge as=text"},
    // An interaction's ping has type 1; so has every webhook event, but that one holds an event.
    Known{"discord",
          "method=POST signed=yes if=json:type=1 unless=json:event.type as=fixed:{\"type\":1}"},
    Known{"discord", "method=POST signed=yes if=json:type=0 status=204 as=none"},
    Known{"twitch",
          "method=POST signed=yes "
          "if=header:Twitch-Eventsub-Message-Type=webhook_callback_verification "
          "echo=json:challenge as=text"},
    Known{"asana", "method=POST signed=first echo=header:X-Hook-Secret as=header:X-Hook-Secret"},
    Known{"clio", "method=POST signed=first echo=header:X-Hook-Secret as=header:X-Hook-Secret"},
    Known{"notion", "method=POST signed=first echo=json:verification_token as=none"},
    Known{"graph", "method=POST echo=query:validationToken as=text"},
    Known{"sharepoint", "method=POST echo=query:validationToken as=text"},
    Known{"okta",
          "method=GET signed=yes echo=header:X-Okta-Verification-Challenge as=json:verification"},
    Known{"monday", "method=POST echo=json:challenge as=json:challenge"},
    Known{"crc",
          "method=GET echo=query:crc_token transform=hmac-base64 prefix=sha256= "
          "as=proof:response_token"},
    Known{"x-twitter",
          "method=GET echo=query:crc_token transform=hmac-base64 prefix=sha256= "
          "as=proof:response_token"},
    Known{"linkedin",
          "method=GET echo=query:challengeCode transform=hmac-hex "
          "as=pair:challengeCode:challengeResponse"},
    Known{"ebay",
          "method=GET echo=query:challenge_code transform=sha256-token-url-hex "
          "as=proof:challengeResponse"},
    Known{"smartcar",
          "method=POST if=json:eventType=VERIFY echo=json:data.challenge transform=hmac-hex "
          "as=proof:challenge"},
    Known{"smartsheet",
          "method=POST echo=header:Smartsheet-Hook-Challenge "
          "as=header:Smartsheet-Hook-Response"},
    Known{"ringcentral", "method=POST echo=header:Validation-Token as=header:Validation-Token"},
    Known{"front", "method=POST echo=header:X-Front-Challenge as=text"},
    Known{"head", "method=HEAD as=none"},
    Known{"trello", "method=HEAD as=none"},
    Known{"circle", "method=HEAD as=none"},
    Known{"get", "method=GET as=none"},
    Known{"mailchimp", "method=GET as=none"},
    Known{"exact", "method=POST if=empty as=none"},
    Known{"exact-online", "method=POST if=empty as=none"},
    Known{"tebex",
          "method=POST signed=yes if=json:type=validation.webhook echo=json:id as=json:id"},
    Known{"event-grid",
          "method=POST if=json:0.eventType=Microsoft.EventGrid.SubscriptionValidationEvent "
          "echo=json:0.data.validationCode as=json:validationResponse"},
    // The address is called by `sallyport certs`.
    Known{"aws-sns",
          "method=POST signed=yes if=json:Type=SubscriptionConfirmation echo=json:SubscribeURL "
          "as=none"},
    Known{"sns",
          "method=POST signed=yes if=json:Type=SubscriptionConfirmation echo=json:SubscribeURL "
          "as=none"},
    Known{"cloudevents",
          "method=OPTIONS echo=header:WebHook-Request-Origin as=header:WebHook-Allowed-Origin "
          "also=WebHook-Request-Rate:WebHook-Allowed-Rate"},
};

bool is_challenge(std::string_view text) {
    return !text.empty() && text.size() <= kChallengeBytesMax && text.front() != ' ' &&
           text.back() != ' ' &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
}

std::string json_quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out.push_back('\\');
        }
        out.push_back(c);
    }
    return out + "\"";
}

struct Found {
    FormFind state = FormFind::absent;
    std::string text;
};

Found read(const Source& source, const HandshakeRequest& request, const JsonPicker& json) {
    if (source.kind == Source::Kind::header) {
        const auto value = request.header(source.name);
        return value ? Found{FormFind::found, std::string(*value)} : Found{};
    }
    if (source.kind == Source::Kind::json) {
        const JsonValue value = json.value(source.slot);
        if (value.state == JsonValue::State::found) {
            return {FormFind::found, std::string(value.text)};
        }
        return {value.state == JsonValue::State::absent ? FormFind::absent : FormFind::conflict,
                ""};
    }
    std::pmr::monotonic_buffer_resource memory;
    const auto value = form_value(query_of(request.target()), source.name, true, &memory);
    return {value.state, std::string(value.text)};
}

std::string transformed(const Handshake& handshake, const HandshakeRequest& request,
                        const std::string& challenge, const Secret* token, const Secret* secret) {
    const std::string_view key = secret == nullptr ? std::string_view() : secret->reveal();
    switch (handshake.transform) {
        case Handshake::Transform::none:
            return handshake.prefix + challenge;
        case Handshake::Transform::hmac_hex:
            return handshake.prefix + hex_encode(hmac(DigestAlgorithm::sha256, key, challenge));
        case Handshake::Transform::hmac_base64: {
            const Bytes mac = hmac(DigestAlgorithm::sha256, key, challenge);
            return handshake.prefix + base64_encode(mac.data(), mac.size());
        }
        case Handshake::Transform::sha256_hex:
            break;
    }
    std::string text = challenge;
    if (handshake.token_follows) {
        text.append(token == nullptr ? std::string_view() : token->reveal()).append(request.url());
    }
    return handshake.prefix + hex_encode(digest(DigestAlgorithm::sha256, text));
}

std::string filled(std::string_view body, const std::string& challenge, const std::string& proof,
                   bool json) {
    std::string out;
    while (!body.empty()) {
        if (body.starts_with("{challenge}")) {
            out += json ? json_quoted(challenge) : challenge;
            body.remove_prefix(11);
        } else if (body.starts_with("{proof}")) {
            out += json ? json_quoted(proof) : proof;
            body.remove_prefix(7);
        } else {
            out.push_back(body.front());
            body.remove_prefix(1);
        }
    }
    return out;
}

}  // namespace

bool handshake_known(std::string_view name) {
    return std::any_of(kKnown.begin(), kKnown.end(),
                       [name](const Known& known) { return known.name == name; });
}

std::string handshake_names() {
    std::string out;
    std::string_view last;
    for (const Known& known : kKnown) {
        if (known.name != last) {
            out.append(out.empty() ? "" : ", ").append(known.name);
        }
        last = known.name;
    }
    return out;
}

Result<std::vector<Handshake>> handshakes_named(std::string_view name) {
    std::vector<Handshake> out;
    for (const Known& known : kKnown) {
        if (known.name != name) {
            continue;
        }
        // Rows hold no quotes of the profile language: blanks separate.
        Pairs pairs;
        for_each_split(known.text, ' ', [&](std::string_view pair) {
            const std::size_t equals = pair.find('=');
            pairs.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
        });
        auto described = handshake_described(pairs);
        if (!described) {
            return described.error();
        }
        described->name = name;
        out.push_back(std::move(*described));
    }
    if (out.empty()) {
        return Error{"\"" + std::string(name) + "\" is not a handshake; known are " +
                     handshake_names() + ", or describe one with method=… echo=… as=…"};
    }
    return out;
}

bool may_be(const Handshake& handshake, const HandshakeRequest& request) {
    const JsonPicker none({}, nullptr);
    const auto head = [](const Source& source) { return source.kind != Source::Kind::json; };
    if (request.method() != handshake.method) {
        return false;
    }
    if (handshake.when && head(handshake.when->source)) {
        const Found found = read(handshake.when->source, request, none);
        if (found.state != FormFind::found ||
            (!handshake.when->value.empty() && found.text != handshake.when->value)) {
            return false;
        }
    }
    return !handshake.echo || !head(*handshake.echo) ||
           read(*handshake.echo, request, none).state != FormFind::absent;
}

HandshakeAnswer answer_handshake(const Handshake& handshake, const HandshakeRequest& request,
                                 const Secret* token, const Secret* secret) {
    HandshakeAnswer out;
    if (!may_be(handshake, request) || request.body().size() > kHandshakeBodyBytesMax ||
        (handshake.empty_body && !request.body().empty())) {
        return out;
    }
    std::pmr::monotonic_buffer_resource memory;
    JsonPicker json(handshake.paths, &memory);
    json.feed(request.body());
    json.end();
    if (handshake.when) {
        const Found found = read(handshake.when->source, request, json);
        if (found.state != FormFind::found ||
            (!handshake.when->value.empty() && found.text != handshake.when->value)) {
            return out;
        }
    }
    if (handshake.unless && read(*handshake.unless, request, json).state != FormFind::absent) {
        return out;
    }
    const Found echo = handshake.echo ? read(*handshake.echo, request, json) : Found{};
    if (handshake.echo && echo.state == FormFind::absent) {
        return out;
    }
    if (handshake.check) {
        const Found offered = read(*handshake.check, request, json);
        if (token == nullptr || offered.state != FormFind::found ||
            !constant_time_equal(token->reveal(), offered.text)) {
            return {HandshakeAnswer::Kind::refused, 403};
        }
    }
    if (handshake.echo && (echo.state != FormFind::found || !is_challenge(echo.text))) {
        return {HandshakeAnswer::Kind::refused, 400};
    }
    const std::string proof = transformed(handshake, request, echo.text, token, secret);
    out.kind = HandshakeAnswer::Kind::answered;
    out.status = handshake.status;
    out.json = handshake.json;
    out.body = filled(handshake.body, echo.text, proof, handshake.json);
    if (!handshake.header.empty()) {
        out.fields.emplace_back(handshake.header, echo.text);
    }
    if (!handshake.second_header.empty()) {
        const auto value = request.header(handshake.second_source);
        if (value && is_challenge(*value)) {
            out.fields.emplace_back(handshake.second_header, *value);
        }
    }
    out.challenge = echo.text;
    return out;
}

}  // namespace sallyport::policy::webhook
