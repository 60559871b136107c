// JSON Web Tokens that come with a delivery (monday.com, Netlify, Atlassian, Plaid) or are one
// (Wix). policy/jwt verifies them; here is where they stand and what they say about the request.
// The algorithm is the profile's, never the token's. A token says who sent something; what was sent
// it covers only where the sender puts a digest of the body into it.
#include "module/policy/jwt.hpp"
#include "module/policy/webhook_builtin.hpp"
#include "module/policy/webhook_form.hpp"

#include <algorithm>
#include <cmath>
#include <memory_resource>
#include <string>
#include <vector>

namespace sallyport::policy::webhook {
namespace {

// What the two clocks may differ by.
constexpr std::int64_t kLeewayS = 60;

// The word for webhooks of what is wrong with a token.
Reason webhook_reason(Reason reason) {
    switch (reason) {
        case Reason::none:
            return Reason::none;
        case Reason::auth_malformed:
            return Reason::webhook_signature_malformed;
        case Reason::auth_expired:
            return Reason::webhook_timestamp_stale;
        case Reason::auth_not_yet_valid:
            return Reason::webhook_timestamp_future;
        default:
            return Reason::webhook_signature_invalid;
    }
}

// A token whose signature holds says more than one whose does not.
bool says_more(Reason reason, Reason than) {
    const auto rank = [](Reason r) {
        return r == Reason::none                                              ? 4
               : r == Reason::auth_expired || r == Reason::auth_not_yet_valid ? 3
               : r == Reason::auth_claim_refused                              ? 2
               : r == Reason::auth_malformed                                  ? 1
                                                                              : 0;
    };
    return rank(reason) > rank(than);
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
        : context_(context), body_(DigestAlgorithm::sha256) {
        const BuiltinOptions& options = context.profile.builtin;
        if (const auto algorithm = jwt::algorithm_from(options.alg)) {
            rules_.algorithms.push_back(*algorithm);
        }
        if (!options.issuer.empty()) {
            rules_.issuers.push_back(options.issuer);
        }
        rules_.leeway_s = kLeewayS;
        rules_.expiry_required = false;  // see check_age
        if (options.body_is_token) {
            rules_.token_bytes_max = kBodyTokenBytesMax;
        }
    }

    void offer_header(std::string_view name, std::string_view value) override {
        if (from_body()) {
            return;
        }
        const Source& place = context_.profile.signature.front();
        if (place.kind == Source::Kind::header && ascii_iequals(name, place.name)) {
            ++count_;
            token_ = value;
        }
    }

    Reason begin(const RequestHead& head, std::int64_t now_ms) override {
        read_audience(head);
        if (context_.profile.builtin.query_hash) {
            query_hash_ = query_hash(head);
        }
        if (from_body()) {
            return Reason::none;
        }
        const Reason found = find_token(head);
        return found != Reason::none ? found : check(now_ms);
    }

    void consume(std::string_view piece) override { body_.update(piece); }

    Outcome finish(std::int64_t now_ms, std::string_view whole_body) override {
        Bytes hash(digest_size(DigestAlgorithm::sha256));
        body_.finish(hash.data());
        if (from_body()) {
            token_ = whole_body;
            while (!token_.empty() && (token_.back() == '\n' || token_.back() == '\r')) {
                token_.remove_suffix(1);
            }
            if (token_.empty()) {
                return {Reason::webhook_signature_missing};
            }
        }
        const Reason checked = check(now_ms);  // again: the body may have taken its time
        if (checked != Reason::none) {
            return {checked};
        }
        const BuiltinOptions& options = context_.profile.builtin;
        if (!options.body_claim.empty()) {
            const std::string wanted = options.body_claim_base64
                                           ? base64_encode(hash.data(), hash.size())
                                           : hex_encode(hash);
            if (!constant_time_equal(wanted, claims_[options.body_claim].text())) {
                return {Reason::webhook_signature_invalid};
            }
        } else {
            identity_.append(as_text(hash));  // the token says nothing of the body
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
    bool from_body() const { return context_.profile.builtin.body_is_token; }

    void read_audience(const RequestHead& head) {
        const BuiltinOptions& options = context_.profile.builtin;
        if (options.audience_is_url) {
            std::string url = context_.profile.url;
            if (url.empty()) {
                url.append(head.scheme).append("://").append(head.host).append(head.target);
            }
            rules_.audiences.push_back(std::move(url));
        } else if (!options.audience.empty()) {
            rules_.audiences.push_back(options.audience);
        }
    }

    Reason find_token(const RequestHead& head) {
        const Profile& profile = context_.profile;
        if (profile.signature.front().kind == Source::Kind::query) {
            auto found =
                form_value(query_of(head.target), profile.signature.front().name, false, &memory_);
            if (found.state == FormFind::absent) {
                return Reason::webhook_signature_missing;
            }
            count_ = found.state == FormFind::found ? 1 : 2;
            query_token_ = found.text;
            token_ = query_token_;
        }
        if (count_ == 0) {
            return Reason::webhook_signature_missing;
        }
        // "Bearer " and no other prefix may stand there unasked: RFC 6750.
        if (profile.prefix.empty() && token_.size() > 7 &&
            ascii_iequals(token_.substr(0, 7), "bearer ")) {
            token_.remove_prefix(7);
        }
        if (count_ != 1 || !profile.begins_with_prefix(token_)) {
            return Reason::webhook_signature_malformed;
        }
        token_.remove_prefix(profile.prefix.size());
        return Reason::none;
    }

    // Every secret is tried; the first that verifies counts.
    Reason check(std::int64_t now_ms) {
        Reason best = Reason::auth_invalid;
        secret_index_ = -1;
        for (std::size_t s = 0; s < context_.secrets.size(); ++s) {
            const jwt::KeySet* keys = context_.secrets[s].key_set();
            if (keys == nullptr) {
                continue;
            }
            jwt::Verified verified = jwt::verify(*keys, rules_, token_, now_ms / 1000);
            if (says_more(verified.reason, best)) {
                best = verified.reason;
                claims_ = std::move(verified.claims);
                secret_index_ = best == Reason::none ? static_cast<int>(s) : -1;
            }
        }
        if (best != Reason::none) {
            return webhook_reason(best);
        }
        identity_ = as_text(digest(DigestAlgorithm::sha256, token_.substr(0, token_.rfind('.'))));
        if (context_.profile.builtin.query_hash &&
            !(query_hash_ && constant_time_equal(*query_hash_, claims_["qsh"].text()))) {
            return Reason::webhook_signature_invalid;
        }
        return check_age(now_ms);
    }

    // A token that never ends is accepted only when it is bound to this very body.
    Reason check_age(std::int64_t now_ms) {
        const auto& tolerance = context_.profile.tolerance_ms;
        const bool issued = claims_.has("iat");
        issued_ms_ = std::nullopt;
        if (issued) {
            issued_ms_ = static_cast<std::int64_t>(std::floor(claims_["iat"].number_or(0) * 1000));
        }
        const bool bound = !context_.profile.builtin.body_claim.empty() || from_body();
        const bool endless = !claims_.has("exp") && !(tolerance && issued);
        if ((endless && !bound) || (tolerance && !issued)) {
            return Reason::webhook_timestamp_missing;
        }
        return tolerance && now_ms - *issued_ms_ > *tolerance ? Reason::webhook_timestamp_stale
                                                              : Reason::none;
    }

    BuiltinContext context_;
    jwt::Rules rules_;
    std::pmr::monotonic_buffer_resource memory_;
    std::size_t count_ = 0;
    std::string_view token_;
    std::string query_token_;
    std::optional<std::string> query_hash_;
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
