// Microsoft Graph signs no change notification: each carries the `clientState` that was chosen when
// subscribing. Rich notifications bring tokens as well (`validationTokens`); where `aud=` is given
// there must be at least one and all must hold. Secrets are the client states and, in JSON, the key
// sets that Microsoft publishes.
#include "common/bytes.hpp"
#include "common/json.hpp"
#include "module/policy/jwt.hpp"
#include "module/policy/webhook_builtin.hpp"

#include <string>

namespace sallyport::policy::webhook {
namespace {

// More than one request of Graph holds.
constexpr std::size_t kNotificationsMax = 1000;
constexpr std::size_t kTokensMax = 32;
// The application that publishes change notifications.
constexpr std::string_view kPublisher = "0bf30f3b-4a52-48df-9a82-234910c4a086";

class GraphCheck : public BuiltinCheck {
  public:
    explicit GraphCheck(const BuiltinContext& context)
        : context_(context), body_(DigestAlgorithm::sha256) {}

    void offer_header(std::string_view, std::string_view) override {}
    Reason begin(const RequestHead&, std::int64_t) override { return Reason::none; }
    void consume(std::string_view piece) override { body_.update(piece); }

    Outcome finish(std::int64_t now_ms, std::string_view whole_body) override {
        const auto parsed = Json::parse(whole_body, Json::Duplicates::refuse);
        const Json list = parsed ? (*parsed)["value"] : Json();
        if (!list.is_array() || list.size() == 0) {
            return {Reason::webhook_signature_missing};
        }
        if (list.size() > kNotificationsMax) {
            return {Reason::webhook_signature_malformed};
        }
        Outcome out{Reason::none};
        for (std::size_t i = 0; i < list.size(); ++i) {
            const std::string_view state = list.at(i)["clientState"].text();
            if (state.empty()) {
                return {Reason::webhook_signature_missing};
            }
            const int secret = match(state);
            if (secret < 0) {
                return {Reason::webhook_signature_invalid};
            }
            out.secret_index = i == 0 ? secret : out.secret_index;
        }
        if (!context_.profile.builtin.audience.empty()) {
            out.reason = check_tokens((*parsed)["validationTokens"], now_ms);
        }
        hash_.resize(digest_size(DigestAlgorithm::sha256));
        body_.finish(hash_.data());
        return out;
    }

    ReplayIdentity replay_identity() const override {
        ReplayIdentity out;
        out.kind = ReplayIdentity::Kind::body;
        out.texts[out.count++] = as_text(hash_);
        return out;
    }

  private:
    int match(std::string_view state) const {
        const Bytes offered = digest(DigestAlgorithm::sha256, state);
        int found = -1;
        for (std::size_t s = 0; s < context_.secrets.size(); ++s) {
            const SecretKey& secret = context_.secrets[s];
            const std::string_view kept(reinterpret_cast<const char*>(secret.fingerprint().data()),
                                        secret.fingerprint().size());
            const bool good =
                secret.key_set() == nullptr && constant_time_equal(as_text(offered), kept);
            found = good && found < 0 ? static_cast<int>(s) : found;
        }
        return found;
    }

    Reason check_tokens(const Json& tokens, std::int64_t now_ms) const {
        if (!tokens.is_array() || tokens.size() == 0) {
            return Reason::webhook_signature_missing;
        }
        if (tokens.size() > kTokensMax) {
            return Reason::webhook_signature_malformed;
        }
        for (std::size_t i = 0; i < tokens.size(); ++i) {
            const Reason reason = check_token(tokens.at(i).text(), now_ms);
            if (reason != Reason::none) {
                return reason;
            }
        }
        return Reason::none;
    }

    Reason check_token(std::string_view token, std::int64_t now_ms) const {
        const BuiltinOptions& options = context_.profile.builtin;
        jwt::Rules rules;
        rules.algorithms = {jwt::Algorithm::rs256};
        rules.audiences = {options.audience};
        if (!options.issuer.empty()) {
            rules.issuers = {options.issuer};
        }
        Reason best = Reason::webhook_signature_invalid;
        for (const SecretKey& secret : context_.secrets) {
            if (secret.key_set() == nullptr) {
                continue;
            }
            const auto verified = jwt::verify(*secret.key_set(), rules, token, now_ms / 1000);
            if (verified.reason == Reason::auth_expired) {
                best = Reason::webhook_timestamp_stale;
            }
            // Version 1 of these tokens says `appid`, version 2 `azp`.
            if (verified.reason == Reason::none && (verified.claims["appid"].text() == kPublisher ||
                                                    verified.claims["azp"].text() == kPublisher)) {
                return Reason::none;
            }
        }
        return best;
    }

    BuiltinContext context_;
    DigestStream body_;
    Bytes hash_;
};

}  // namespace

std::unique_ptr<BuiltinCheck> make_graph_check(const BuiltinContext& context) {
    return std::make_unique<GraphCheck>(context);
}

}  // namespace sallyport::policy::webhook
