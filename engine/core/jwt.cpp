#include "engine/core/jwt.hpp"

#include "common/bytes.hpp"

#include <array>

namespace sallyport::engine {
namespace {

constexpr std::string_view kIssuer = "activepieces";

std::string encode(std::string_view text) {
    return base64url_encode(as_bytes(text), text.size());
}

std::string signature_of(std::string_view signed_part, const HmacKey& key) {
    HmacStream stream(key);
    stream.update(signed_part);
    std::array<std::uint8_t, 64> mac{};
    const std::size_t size = stream.finish(mac.data());
    return base64url_encode(mac.data(), size);
}

Result<Json> decode_part(std::string_view part) {
    const auto bytes = base64url_decode(part);
    if (!bytes) {
        return Error{"token is not base64url"};
    }
    return Json::parse(as_text(*bytes), Json::Duplicates::refuse);
}

}  // namespace

std::string sign_jwt(const Json& claims, std::int64_t now_s, std::int64_t lifetime_s,
                     const HmacKey& key) {
    Json payload = claims.deep_copy();
    payload.set("iat", Json::integer(now_s));
    payload.set("exp", Json::integer(now_s + lifetime_s));
    payload.set("iss", Json::string(kIssuer));
    std::string token = encode(R"({"alg":"HS256","typ":"JWT","kid":"1"})");
    token += '.';
    token += encode(payload.dump());
    const std::string signature = signature_of(token, key);
    return token + '.' + signature;
}

Result<Json> verify_jwt(std::string_view token, std::int64_t now_s, const HmacKey& key) {
    if (token.size() > kJwtBytesMax) {
        return Error{"token is too long"};
    }
    const std::size_t first = token.find('.');
    const std::size_t last = token.rfind('.');
    if (first == std::string_view::npos || first == last || token.find('.', first + 1) != last) {
        return Error{"token does not have three parts"};
    }
    if (!constant_time_equal(signature_of(token.substr(0, last), key), token.substr(last + 1))) {
        return Error{"token has a wrong signature"};
    }
    const Result<Json> header = decode_part(token.substr(0, first));
    if (!header.ok() || (*header)["alg"].text() != "HS256") {
        return Error{"token is not signed with HS256"};
    }
    Result<Json> claims = decode_part(token.substr(first + 1, last - first - 1));
    if (!claims.ok() || !claims->is_object()) {
        return Error{"token has no claims"};
    }
    if ((*claims)["iss"].text() != kIssuer) {
        return Error{"token has another issuer"};
    }
    if ((*claims)["exp"].integer_or(0) <= now_s) {
        return Error{"token has expired"};
    }
    return claims;
}

}  // namespace sallyport::engine
