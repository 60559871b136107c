// Amazon SNS: a JSON envelope signed over some of its values, one name and one value a line. The
// certificate is the one configured, or one fetched from where the envelope says, which must be
// Amazon's. Anybody can have Amazon sign something, so the topic must be the operator's.
#include "common/json.hpp"
#include "module/policy/webhook_builtin.hpp"
#include "module/policy/webhook_time.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace sallyport::policy::webhook {
namespace {

constexpr std::array kNotification = {std::string_view("Message"),  std::string_view("MessageId"),
                                      std::string_view("Subject"),  std::string_view("Timestamp"),
                                      std::string_view("TopicArn"), std::string_view("Type")};
constexpr std::array kConfirmation = {
    std::string_view("Message"),   std::string_view("MessageId"), std::string_view("SubscribeURL"),
    std::string_view("Timestamp"), std::string_view("Token"),     std::string_view("TopicArn"),
    std::string_view("Type")};

class SnsCheck : public BuiltinCheck {
  public:
    explicit SnsCheck(const BuiltinContext& context) : context_(context) {}

    void offer_header(std::string_view, std::string_view) override {}
    Reason begin(const RequestHead&, std::int64_t) override { return Reason::none; }
    void consume(std::string_view) override {}

    Outcome finish(std::int64_t now_ms, std::string_view whole_body) override {
        const auto parsed = Json::parse(whole_body, Json::Duplicates::refuse);
        if (!parsed || !parsed->is_object()) {
            return {Reason::webhook_signature_missing};
        }
        envelope_ = *parsed;
        if (envelope_["Signature"].text().empty()) {
            return {Reason::webhook_signature_missing};
        }
        const auto& topics = context_.profile.builtin.topics;
        const std::string topic(envelope_["TopicArn"].text());
        const auto text = signed_text();
        const auto signature = base64_decode(envelope_["Signature"].text());
        if (!text || !signature) {
            return {Reason::webhook_signature_malformed};
        }
        if (std::find(topics.begin(), topics.end(), topic) == topics.end()) {
            return {Reason::webhook_signature_invalid};
        }
        Outcome outcome = compare(*text, *signature);
        if (outcome.reason != Reason::none) {
            return outcome;
        }
        id_ = envelope_["MessageId"].text();
        if (id_.empty() || id_.size() > kIdBytesMax || !is_field_value(id_)) {
            return {Reason::webhook_id_malformed};
        }
        outcome.id = id_;
        outcome.id_authenticated = true;
        outcome.timestamp_ms = parse_timestamp(envelope_["Timestamp"].text(), TimeFormat::iso8601);
        outcome.reason = freshness(outcome.timestamp_ms, now_ms);
        return outcome;
    }

    ReplayIdentity replay_identity() const override {
        ReplayIdentity out;
        out.kind = ReplayIdentity::Kind::id;
        out.texts[out.count++] = id_;
        return out;
    }

  private:
    // Nothing when a value that is signed is missing or not a string.
    std::optional<std::string> signed_text() const {
        const std::string_view type = envelope_["Type"].text();
        const bool notification = type == "Notification";
        if (!notification && type != "SubscriptionConfirmation" &&
            type != "UnsubscribeConfirmation") {
            return std::nullopt;
        }
        std::string out;
        bool whole = true;
        const auto line = [&](std::string_view name) {
            const Json value = envelope_[name];
            if ((!value || value.is_null()) && name == "Subject") {
                return;  // the one that may be left out
            }
            whole = whole && value.is_string();
            out.append(name).append("\n").append(value.text()).append("\n");
        };
        if (notification) {
            std::for_each(kNotification.begin(), kNotification.end(), line);
        } else {
            std::for_each(kConfirmation.begin(), kConfirmation.end(), line);
        }
        return whole ? std::optional(out) : std::nullopt;
    }

    Outcome compare(const std::string& text, const Bytes& signature) const {
        const std::string_view version = envelope_["SignatureVersion"].text();
        if (version != "1" && version != "2") {
            return {Reason::webhook_signature_malformed};
        }
        const std::string_view url = envelope_["SigningCertURL"].text();
        if (!certificate_url_allowed(CertificateHosts::sns, url)) {
            return {Reason::webhook_signature_invalid};
        }
        const DigestAlgorithm algorithm =
            version == "2" ? DigestAlgorithm::sha256 : DigestAlgorithm::sha1;
        const Bytes hash = digest(algorithm, text);
        const auto verifies = [&](const PublicKey& key) {
            return key.verify_digest(SignatureScheme::rsa_pkcs1, algorithm, hash, signature);
        };
        Outcome out{Reason::webhook_signature_invalid};
        for (std::size_t s = 0; s < context_.secrets.size(); ++s) {
            if (verifies(context_.secrets[s].public_key()) && out.secret_index < 0) {
                out = {Reason::none, static_cast<int>(s)};
            }
        }
        if (out.reason == Reason::none || context_.keys == nullptr) {
            return out;
        }
        const PublicKey* fetched = context_.keys->find(url);
        if (fetched == nullptr) {
            return {Reason::webhook_certificate_pending};
        }
        if (verifies(*fetched)) {
            return {Reason::none, static_cast<int>(context_.secrets.size())};
        }
        return {Reason::webhook_signature_invalid};
    }

    Reason freshness(std::optional<std::int64_t> time_ms, std::int64_t now_ms) const {
        if (!time_ms) {
            return Reason::webhook_timestamp_malformed;
        }
        const Profile& profile = context_.profile;
        if (profile.tolerance_ms && now_ms - *time_ms > *profile.tolerance_ms) {
            return Reason::webhook_timestamp_stale;
        }
        if (profile.future_ms && *time_ms - now_ms > *profile.future_ms) {
            return Reason::webhook_timestamp_future;
        }
        return Reason::none;
    }

    BuiltinContext context_;
    Json envelope_;
    std::string id_;
};

}  // namespace

std::unique_ptr<BuiltinCheck> make_sns_check(const BuiltinContext& context) {
    return std::make_unique<SnsCheck>(context);
}

}  // namespace sallyport::policy::webhook
