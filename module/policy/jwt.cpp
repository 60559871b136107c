#include "module/policy/jwt.hpp"

#include "common/bytes.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

namespace sallyport::policy::jwt {
namespace {

Json object_in(std::string_view base64url) {
    const auto text = base64url_decode(base64url);
    if (!text) {
        return {};
    }
    auto json = Json::parse(as_text(*text), Json::Duplicates::refuse);
    return json && json->is_object() ? std::move(*json) : Json();
}

bool verifies(const Key& key, std::string_view text, std::span<const std::uint8_t> signature) {
    const auto view = [](const std::uint8_t* data, std::size_t size) {
        return std::string_view(reinterpret_cast<const char*>(data), size);
    };
    std::array<std::uint8_t, 64> made{};
    if (key.secret) {
        HmacStream stream(*key.secret);
        stream.update(text);
        const std::size_t size = stream.finish(made.data());
        return constant_time_equal(view(made.data(), size),
                                   view(signature.data(), signature.size()));
    }
    if (key.algorithm == Algorithm::eddsa) {
        return key.public_key->verify_message(text, signature);
    }
    DigestStream digest(digest_of(key.algorithm));
    digest.update(text);
    const std::size_t size = digest.finish(made.data());
    return key.public_key->verify_digest(*scheme_of(key.algorithm), digest_of(key.algorithm),
                                         std::span(made).first(size), signature);
}

// RFC 9864's name for the one curve of EdDSA that is known here.
std::optional<Algorithm> algorithm_in(const Json& header) {
    const Json said = header["alg"];
    if (!said.is_string()) {
        return std::nullopt;
    }
    return said.text() == "Ed25519" ? Algorithm::eddsa : algorithm_from(said.text());
}

// Far beyond any date, and exact in a double.
constexpr double kDateMax = 1e13;

struct Date {
    bool present = false;
    bool usable = true;
    double value = 0;
};

Date date_in(const Json& claims, std::string_view name) {
    const Json claim = claims[name];
    if (!claim) {
        return {};
    }
    const double value = claim.number_or(std::nan(""));
    const bool usable = claim.is_number() && std::isfinite(value) && std::fabs(value) < kDateMax;
    return {true, usable, value};
}

Reason check_dates(const Rules& rules, const Json& claims, std::int64_t now_s) {
    const Date expiry = date_in(claims, "exp");
    const Date start = date_in(claims, "nbf");
    const Date issued = date_in(claims, "iat");
    if (!expiry.usable || !start.usable || !issued.usable) {
        return Reason::auth_malformed;
    }
    const auto now = static_cast<double>(now_s);
    const auto leeway = static_cast<double>(rules.leeway_s);
    if (!expiry.present && rules.expiry_required) {
        return Reason::auth_claim_refused;
    }
    if (expiry.present && now >= expiry.value + leeway) {
        return Reason::auth_expired;
    }
    if ((start.present && now + leeway < start.value) ||
        (issued.present && now + leeway < issued.value)) {
        return Reason::auth_not_yet_valid;
    }
    if (rules.age_max_s) {
        if (!issued.present) {
            return Reason::auth_claim_refused;
        }
        if (now - issued.value > static_cast<double>(*rules.age_max_s) + leeway) {
            return Reason::auth_expired;
        }
    }
    return Reason::none;
}

bool is_one_of(const std::vector<std::string>& wanted, const Json& claim) {
    return claim.is_string() &&
           std::find(wanted.begin(), wanted.end(), claim.text()) != wanted.end();
}

bool any_is_one_of(const std::vector<std::string>& wanted, const Json& claim) {
    bool found = is_one_of(wanted, claim);
    claim.each_element([&](const Json& element) { found = found || is_one_of(wanted, element); });
    return found;
}

bool holds(const Json& claims, const Demand& demand) {
    const Json claim = claims[demand.claim];
    if (any_is_one_of({demand.value}, claim)) {
        return true;
    }
    if (claim.is_string() && (demand.claim == "scope" || demand.claim == "scp")) {
        bool found = false;
        for_each_split(claim.text(), ' ',
                       [&](std::string_view scope) { found = found || scope == demand.value; });
        return found;
    }
    return (claim.is_boolean() || claim.is_integer()) && claim_text(claim) == demand.value;
}

Reason check_claims(const Rules& rules, const Json& claims) {
    const bool refused =
        (!rules.issuers.empty() && !is_one_of(rules.issuers, claims["iss"])) ||
        (!rules.audiences.empty() && !any_is_one_of(rules.audiences, claims["aud"])) ||
        !std::all_of(rules.demands.begin(), rules.demands.end(),
                     [&](const Demand& demand) { return holds(claims, demand); });
    return refused ? Reason::auth_claim_refused : Reason::none;
}

bool is_name(std::string_view claim, std::string_view name) {
    return std::equal(claim.begin(), claim.end(), name.begin(), name.end(), [](char a, char b) {
        const char lower = ascii_lower(a);
        const bool plain = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
        return (plain ? lower : '_') == b;
    });
}

}  // namespace

std::optional<Parts> split(std::string_view token, std::size_t bytes_max) {
    if (token.size() > bytes_max || token.find('=') != std::string_view::npos) {
        return std::nullopt;
    }
    const std::size_t first = token.find('.');
    const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
    if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
        return std::nullopt;
    }
    return Parts{token.substr(0, first), token.substr(first + 1, second - first - 1),
                 token.substr(second + 1), token.substr(0, second)};
}

Reason check_signature(const KeySet& keys, std::span<const Algorithm> algorithms,
                       const Parts& parts) {
    const Json header = object_in(parts.header);
    // Extensions that must be understood (RFC 7515 4.1.11, RFC 7797) are not understood here.
    if (!header || header.has("crit") || header.has("b64") ||
        (header.has("kid") && !header["kid"].is_string())) {
        return Reason::auth_malformed;
    }
    const auto algorithm = algorithm_in(header);
    const bool admitted =
        algorithm && (algorithms.empty() || std::find(algorithms.begin(), algorithms.end(),
                                                      *algorithm) != algorithms.end());
    if (!admitted) {
        return Reason::auth_algorithm_refused;
    }
    std::array<std::uint8_t, kKeySignatureBytesMax> buffer{};
    const auto size = base64url_decode_to(parts.signature, buffer);
    if (!size || *size == 0) {
        return Reason::auth_malformed;
    }
    const std::span<const std::uint8_t> signature(buffer.data(), *size);
    // An empty name is a name that no key has (RFC 7515 section 4.1.4).
    const auto id = header.has("kid") ? std::optional(header["kid"].text()) : std::nullopt;
    std::size_t tried = 0;
    bool id_known = false;
    for (const Key& key : keys.keys()) {
        // A key without a name may be the one meant; a name that is known is binding.
        const bool named = !id || key.id.empty() || key.id == *id;
        id_known = id_known || (id && !key.id.empty() && key.id == *id);
        if (key.algorithm != *algorithm || !named) {
            continue;
        }
        if (++tried > kKeysTriedMax) {
            break;
        }
        if (verifies(key, parts.signed_text, signature)) {
            return Reason::none;
        }
    }
    if (tried > 0) {
        return Reason::auth_invalid;
    }
    return !id || id_known ? Reason::auth_algorithm_refused : Reason::auth_key_unknown;
}

Verified verify(const KeySet& keys, const Rules& rules, std::string_view token,
                std::int64_t now_s) {
    const auto parts = split(token, rules.token_bytes_max);
    if (!parts) {
        return {Reason::auth_malformed, {}};
    }
    Reason reason = check_signature(keys, rules.algorithms, *parts);
    if (reason != Reason::none) {
        return {reason, {}};
    }
    Json claims = object_in(parts->payload);
    if (!claims) {
        return {Reason::auth_malformed, {}};
    }
    reason = check_claims(rules, claims);
    if (reason == Reason::none) {
        reason = check_dates(rules, claims, now_s);
    }
    return {reason, reason == Reason::none ? std::move(claims) : Json()};
}

std::optional<std::string> claim_text(const Json& claim) {
    if (!claim || claim.is_null()) {
        return std::nullopt;
    }
    if (claim.is_string()) {
        if (!is_field_value(claim.text())) {
            return std::nullopt;
        }
        return std::string(claim.text());
    }
    return claim.dump();
}

Json find_claim(const Json& claims, std::string_view name) {
    Json found;
    int count = 0;
    claims.each_member([&](std::string_view claim, const Json& value) {
        if (is_name(claim, name)) {
            ++count;
            found = value;
        }
    });
    return count == 1 ? found : Json();
}

}  // namespace sallyport::policy::jwt
