#include "common/contract.hpp"

#include "common/bytes.hpp"
#include "common/limits.hpp"

#include <array>
#include <optional>

namespace sallyport::contract {
namespace {

constexpr std::string_view kVersion = "v1";
constexpr std::string_view kSignatureField = ";sig=";

std::string encode(std::string_view text) {
    return base64url_encode(as_bytes(text), text.size());
}

std::string signature_of(std::string_view covered, const HmacKey& key) {
    HmacStream stream(key);
    stream.update(covered);
    std::array<std::uint8_t, 64> mac;
    const std::size_t size = stream.finish(mac.data());
    return hex_encode(mac.data(), size);
}

// The next `;name=value` of `rest`; the order of fields is fixed.
std::optional<std::string_view> take_field(std::string_view& rest, std::string_view name) {
    if (!rest.starts_with(';')) {
        return std::nullopt;
    }
    rest.remove_prefix(1);
    const std::size_t end = rest.find(';');
    std::string_view field = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end);
    if (!field.starts_with(name) || field.size() <= name.size() || field[name.size()] != '=') {
        return std::nullopt;
    }
    return field.substr(name.size() + 1);
}

constexpr std::string_view kRefused =
    "the gateway verdict is missing, malformed, stale or not signed by our gateway";

bool take_text(std::string_view& rest, std::string_view name, std::string& out) {
    const auto field = take_field(rest, name);
    if (!field) {
        return false;
    }
    out = std::string(*field);
    return true;
}

bool take_encoded(std::string_view& rest, std::string_view name, std::string& out) {
    const auto field = take_field(rest, name);
    if (!field) {
        return false;
    }
    const auto decoded = base64url_decode(*field);
    if (!decoded) {
        return false;
    }
    out = std::string(as_text(*decoded));
    return true;
}

bool take_time(std::string_view& rest, std::int64_t& out) {
    const auto field = take_field(rest, "t");
    const auto parsed = field ? parse_u64(*field) : std::nullopt;
    if (!parsed || *parsed > 99'999'999'999) {
        return false;
    }
    out = static_cast<std::int64_t>(*parsed);
    return true;
}

}  // namespace

HmacKey verdict_key(const Secret& secret) {
    const Secret key = derive_key(secret, "sallyport verdict v1", 32);
    return HmacKey(DigestAlgorithm::sha256, key.reveal());
}

std::string sign_verdict(const GatewayVerdict& verdict, const HmacKey& key) {
    std::string text(kVersion);
    text += ";t=" + std::to_string(verdict.time_s);
    text += ";ip=" + verdict.client_address;
    text += ";proto=" + verdict.scheme;
    text += ";method=" + verdict.method;
    text += ";target=" + encode(verdict.target);
    text += ";delivery=" + encode(verdict.delivery_id);
    text += ";policy=" + verdict.policy;
    const std::string signature = signature_of(text, key);
    text.append(kSignatureField).append(signature);
    return text;
}

Result<GatewayVerdict> open_verdict(std::string_view header, const HmacKey& key) {
    const Error refused{std::string(kRefused)};
    if (header.size() > limits::kVerdictBytesMax) {
        return refused;
    }
    const std::size_t at = header.rfind(kSignatureField);
    if (at == std::string_view::npos) {
        return refused;
    }
    const std::string_view covered = header.substr(0, at);
    const std::string expected = signature_of(covered, key);
    if (!constant_time_equal(expected, header.substr(at + kSignatureField.size()))) {
        return refused;
    }
    if (!covered.starts_with(kVersion)) {
        return refused;
    }
    std::string_view rest = covered.substr(kVersion.size());
    GatewayVerdict verdict;
    const bool complete =
        take_time(rest, verdict.time_s) && take_text(rest, "ip", verdict.client_address) &&
        take_text(rest, "proto", verdict.scheme) && take_text(rest, "method", verdict.method) &&
        take_encoded(rest, "target", verdict.target) &&
        take_encoded(rest, "delivery", verdict.delivery_id) &&
        take_text(rest, "policy", verdict.policy) && rest.empty();
    if (!complete) {
        return refused;
    }
    return verdict;
}

Result<GatewayVerdict> verify_verdict(std::string_view header, const HmacKey& key,
                                      std::int64_t now_s) {
    auto verdict = open_verdict(header, key);
    if (verdict && (verdict->time_s < now_s - limits::kVerdictAgeMaxS ||
                    verdict->time_s > now_s + limits::kVerdictAgeMaxS)) {
        return Error{std::string(kRefused)};
    }
    return verdict;
}

}  // namespace sallyport::contract
