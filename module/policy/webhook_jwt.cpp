// JSON Web Tokens that come with a delivery (monday.com, Netlify, Atlassian). The algorithm is the
// profile's, never the token's. Such a token says who sent something; what was sent it covers only
// where the sender puts a digest of the body into it.
#include "common/json.hpp"
#include "module/policy/webhook_builtin.hpp"
#include "module/policy/webhook_form.hpp"

#include <algorithm>
#include <cmath>
#include <memory_resource>
#include <string>
#include <vector>

namespace sallyport::policy::webhook {
namespace {

// Larger tokens carry more than a webhook's sender has to say.
constexpr std::size_t kTokenBytesMax = 8 * 1024;
// What the two clocks may differ by.
constexpr std::int64_t kLeewayMs = 60'000;
// Times beyond this (the year 9999) are no times.
constexpr double kSecondsMax = 253'402'300'799.0;

std::optional<Bytes> decode_part(std::string_view text) {
    return text.find('=') == std::string_view::npos ? base64url_decode(text) : std::nullopt;
}

std::optional<std::int64_t> seconds_ms(const Json& value) {
    const double seconds = value.number_or(-1);
    if (!value.is_number() || !(seconds >= 0) || seconds > kSecondsMax) {
        return std::nullopt;
    }
    return static_cast<std::int64_t>(std::floor(seconds * 1000));
}

// RFC 3986: everything but unreserved characters is escaped, with upper case digits.
std::string percent_encode(std::string_view text) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const char lower = ascii_lower(c);
        if ((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
            c == '_' || c == '~') {
            out.push_back(c);
        } else {
            out.push_back('%');
            out.push_back(kDigits[byte >> 4]);
            out.push_back(kDigits[byte & 15]);
        }
    }
    return out;
}

// Atlassian's canonical query: names and values escaped anew, sorted, values of one name joined.
std::optional<std::string> canonical_query(std::string_view query) {
    std::pmr::monotonic_buffer_resource memory;
    std::vector<std::pair<std::string, std::string>> fields;
    bool good = true;
    if (!query.empty()) {
        for_each_split(query, '&', [&](std::string_view field) {
            const std::size_t equals = field.find('=');
            const auto name = percent_decode(field.substr(0, equals), true, &memory);
            const auto value = percent_decode(
                equals == std::string_view::npos ? "" : field.substr(equals + 1), true, &memory);
            good = good && name && value && fields.size() < kFormFieldsMax;
            if (good && !name->empty() && *name != "jwt") {
                fields.emplace_back(percent_encode(*name), percent_encode(*value));
            }
        });
    }
    if (!good) {
        return std::nullopt;
    }
    std::sort(fields.begin(), fields.end());
    std::string out;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        const bool same = i > 0 && fields[i - 1].first == fields[i].first;
        if (same) {
            out += "," + fields[i].second;
        } else {
            out += (i > 0 ? "&" : "") + fields[i].first + "=" + fields[i].second;
        }
    }
    return out;
}

std::optional<std::string> query_hash(const RequestHead& head) {
    std::string path;
    for (const char c : head.target.substr(0, head.target.find('?'))) {
        path += c == '&' ? std::string("%26") : std::string(1, c);
    }
    while (path.size() > 1 && path.back() == '/') {
        path.pop_back();
    }
    const auto query = canonical_query(query_of(head.target));
    if (!query) {
        return std::nullopt;
    }
    std::string text(head.method);
    text.append("&").append(path).append("&").append(*query);
    return hex_encode(digest(DigestAlgorithm::sha256, text));
}

class JwtCheck : public BuiltinCheck {
  public:
    explicit JwtCheck(const BuiltinContext& context)
        : context_(context), body_(DigestAlgorithm::sha256) {}

    void offer_header(std::string_view name, std::string_view value) override {
        const Source& place = context_.profile.signature.front();
        if (place.kind == Source::Kind::header && ascii_iequals(name, place.name)) {
            ++count_;
            token_ = value;
        }
    }

    Reason begin(const RequestHead& head, std::int64_t now_ms) override {
        const Profile& profile = context_.profile;
        std::string_view token = token_;
        if (profile.signature.front().kind == Source::Kind::query) {
            auto found =
                form_value(query_of(head.target), profile.signature.front().name, false, &memory_);
            if (found.state == FormFind::absent) {
                return Reason::webhook_signature_missing;
            }
            count_ = found.state == FormFind::found ? 1 : 2;
            query_token_ = found.text;
            token = query_token_;
        }
        if (count_ == 0) {
            return Reason::webhook_signature_missing;
        }
        // "Bearer " and no other prefix may stand there unasked: RFC 6750.
        if (profile.prefix.empty() && token.size() > 7 &&
            ascii_iequals(token.substr(0, 7), "bearer ")) {
            token.remove_prefix(7);
        }
        if (count_ != 1 || !token.starts_with(profile.prefix) || token.size() > kTokenBytesMax) {
            return Reason::webhook_signature_malformed;
        }
        token.remove_prefix(profile.prefix.size());
        const Reason read = read_token(token);
        if (read != Reason::none) {
            return read;
        }
        const Reason claims = check_claims(head);
        return claims != Reason::none ? claims : check_time(now_ms);
    }

    void consume(std::string_view piece) override { body_.update(piece); }

    Outcome finish(std::int64_t now_ms, std::string_view) override {
        Bytes hash(digest_size(DigestAlgorithm::sha256));
        body_.finish(hash.data());
        const std::string& claim = context_.profile.builtin.body_claim;
        if (!claim.empty() && !constant_time_equal(hex_encode(hash), claims_[claim].text())) {
            return {Reason::webhook_signature_invalid};
        }
        if (claim.empty()) {
            identity_.append(as_text(hash));  // the token says nothing of the body
        }
        const Reason fresh = check_time(now_ms);  // again: the body may have taken its time
        if (fresh != Reason::none) {
            return {fresh};
        }
        id_ = claims_["jti"].text();
        if (id_.size() > kIdBytesMax || !is_field_value(id_)) {
            return {Reason::webhook_id_malformed};
        }
        return {Reason::none, secret_index_, id_, !id_.empty(), issued_ms_};
    }

    ReplayIdentity replay_identity() const override {
        ReplayIdentity out;
        out.kind = id_.empty() ? ReplayIdentity::Kind::signature : ReplayIdentity::Kind::id;
        out.texts[out.count++] = id_.empty() ? std::string_view(identity_) : id_;
        return out;
    }

  private:
    Reason read_token(std::string_view token) {
        const std::size_t first = token.find('.');
        const std::size_t second =
            first == std::string_view::npos ? first : token.find('.', first + 1);
        if (second == std::string_view::npos) {
            return Reason::webhook_signature_malformed;
        }
        const auto head_bytes = decode_part(token.substr(0, first));
        const auto claim_bytes = decode_part(token.substr(first + 1, second - first - 1));
        const auto signature = decode_part(token.substr(second + 1));
        if (!head_bytes || !claim_bytes || !signature) {
            return Reason::webhook_signature_malformed;
        }
        const auto head = Json::parse(as_text(*head_bytes), Json::Duplicates::refuse);
        const auto claims = Json::parse(as_text(*claim_bytes), Json::Duplicates::refuse);
        if (!head || !claims || !head->is_object() || !claims->is_object()) {
            return Reason::webhook_signature_malformed;
        }
        const bool understood = (*head)["alg"].text() == context_.profile.builtin.alg &&
                                !head->has("crit") && !head->has("b64");
        if (!understood) {
            return Reason::webhook_signature_invalid;
        }
        for (std::size_t s = 0; s < context_.secrets.size(); ++s) {
            if (signature_matches(context_.profile, context_.secrets[s], token.substr(0, second),
                                  *signature) &&
                secret_index_ < 0) {
                secret_index_ = static_cast<int>(s);
            }
        }
        claims_ = *claims;
        identity_ = as_text(digest(DigestAlgorithm::sha256, token.substr(0, second)));
        return secret_index_ < 0 ? Reason::webhook_signature_invalid : Reason::none;
    }

    bool audience_matches(const RequestHead& head) const {
        const BuiltinOptions& options = context_.profile.builtin;
        std::string wanted = options.audience;
        if (options.audience_is_url) {
            wanted = context_.profile.url;
            if (wanted.empty()) {
                wanted.append(head.scheme).append("://").append(head.host).append(head.target);
            }
        }
        const Json given = claims_["aud"];
        bool found = wanted.empty() || given.text() == wanted;
        given.each_element([&](const Json& each) { found = found || each.text() == wanted; });
        return found;
    }

    Reason check_claims(const RequestHead& head) const {
        const BuiltinOptions& options = context_.profile.builtin;
        bool good = audience_matches(head) &&
                    (options.issuer.empty() || claims_["iss"].text() == options.issuer);
        if (options.query_hash) {
            const auto wanted = query_hash(head);
            good = good && wanted && constant_time_equal(*wanted, claims_["qsh"].text());
        }
        return good ? Reason::none : Reason::webhook_signature_invalid;
    }

    // A token that never ends is accepted only when it is bound to this very body.
    Reason check_time(std::int64_t now_ms) {
        const auto expires = seconds_ms(claims_["exp"]);
        const auto starts = seconds_ms(claims_["nbf"]);
        issued_ms_ = seconds_ms(claims_["iat"]);
        const bool unread = (claims_.has("exp") && !expires) || (claims_.has("nbf") && !starts) ||
                            (claims_.has("iat") && !issued_ms_);
        if (unread) {
            return Reason::webhook_timestamp_malformed;
        }
        const auto tolerance = context_.profile.tolerance_ms;
        const bool endless = !expires && !(tolerance && issued_ms_);
        if ((endless && context_.profile.builtin.body_claim.empty()) ||
            (tolerance && !issued_ms_)) {
            return Reason::webhook_timestamp_missing;
        }
        if ((expires && now_ms >= *expires + kLeewayMs) ||
            (tolerance && now_ms - *issued_ms_ > *tolerance)) {
            return Reason::webhook_timestamp_stale;
        }
        if ((starts && now_ms < *starts - kLeewayMs) ||
            (issued_ms_ && now_ms < *issued_ms_ - kLeewayMs)) {
            return Reason::webhook_timestamp_future;
        }
        return Reason::none;
    }

    BuiltinContext context_;
    std::pmr::monotonic_buffer_resource memory_;
    std::size_t count_ = 0;
    std::string_view token_;
    std::string query_token_;
    Json claims_;
    int secret_index_ = -1;
    std::optional<std::int64_t> issued_ms_;
    DigestStream body_;
    std::string identity_;
    std::string_view id_;
};

}  // namespace

std::unique_ptr<BuiltinCheck> make_jwt_check(const BuiltinContext& context) {
    return std::make_unique<JwtCheck>(context);
}

}  // namespace sallyport::policy::webhook
