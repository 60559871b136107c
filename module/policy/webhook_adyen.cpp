// Adyen: every item of a notification carries a signature over eight of its own values. All items
// must be genuine, for the upstream gets the body as a whole. What the signature leaves out (dates,
// reasons, additional data) anybody on the way could have changed.
#include "common/bytes.hpp"
#include "common/json.hpp"
#include "module/policy/webhook_builtin.hpp"

#include <array>
#include <string>

namespace sallyport::policy::webhook {
namespace {

// Adyen sends one item, in old set-ups up to six.
constexpr std::size_t kItemsMax = 16;

class AdyenCheck : public BuiltinCheck {
  public:
    explicit AdyenCheck(const BuiltinContext& context) : context_(context) {}

    void offer_header(std::string_view, std::string_view) override {}
    Reason begin(const RequestHead&, std::int64_t) override { return Reason::none; }
    void consume(std::string_view) override {}

    Outcome finish(std::int64_t, std::string_view whole_body) override {
        const auto parsed = whole_body.size() > kBodyTokenBytesMax
                                ? Result<Json>(Error{"too large"})
                                : Json::parse(whole_body, Json::Duplicates::refuse);
        const Json items = parsed ? (*parsed)["notificationItems"] : Json();
        if (!items.is_array() || items.size() == 0) {
            return {Reason::webhook_signature_missing};
        }
        if (items.size() > kItemsMax) {
            return {Reason::webhook_signature_malformed};
        }
        Outcome out{Reason::none};
        for (std::size_t i = 0; i < items.size(); ++i) {
            const Json item = items.at(i)["NotificationRequestItem"];
            const std::string_view signature = item["additionalData"]["hmacSignature"].text();
            if (signature.empty()) {
                return {Reason::webhook_signature_missing};
            }
            const auto bytes = base64_decode(signature);
            const auto text = signed_text(item);
            if (!bytes || !text) {
                return {Reason::webhook_signature_malformed};
            }
            const int secret = match(*text, *bytes);
            if (secret < 0) {
                return {Reason::webhook_signature_invalid};
            }
            out.secret_index = i == 0 ? secret : out.secret_index;
            identity_ += *text + "\n";
        }
        // One event of one payment; a batch has no name of its own.
        if (items.size() == 1) {
            const Json item = items.at(0)["NotificationRequestItem"];
            id_ = std::string(item["pspReference"].text()) + "-" +
                  std::string(item["eventCode"].text());
        }
        if (id_.size() > kIdBytesMax || !is_field_value(id_)) {
            return {Reason::webhook_id_malformed};
        }
        out.id = id_;
        out.id_authenticated = !id_.empty();
        return out;
    }

    // By all that is signed: the same event of a payment can come as a success and a failure.
    ReplayIdentity replay_identity() const override {
        ReplayIdentity out;
        out.kind = ReplayIdentity::Kind::signature;
        out.texts[out.count++] = identity_;
        return out;
    }

  private:
    // A value that is missing is signed as an empty one; of another kind it is nothing Adyen sends.
    static std::optional<std::string> signed_text(const Json& item) {
        const Json amount = item["amount"];
        const std::array values = {item["pspReference"],
                                   item["originalReference"],
                                   item["merchantAccountCode"],
                                   item["merchantReference"],
                                   amount["value"],
                                   amount["currency"],
                                   item["eventCode"],
                                   item["success"]};
        std::string out;
        for (std::size_t i = 0; i < values.size(); ++i) {
            const Json& value = values[i];
            out += i > 0 ? ":" : "";
            if (value.is_integer() || value.is_boolean()) {
                out += value.dump();
            } else if (value.is_string()) {
                out += value.text();
            } else if (value && !value.is_null()) {
                return std::nullopt;
            }
        }
        return out;
    }

    int match(const std::string& text, const Bytes& signature) const {
        int found = -1;
        for (std::size_t s = 0; s < context_.secrets.size(); ++s) {
            const bool good =
                signature_matches(context_.profile, context_.secrets[s], text, signature);
            found = good && found < 0 ? static_cast<int>(s) : found;
        }
        return found;
    }

    BuiltinContext context_;
    std::string identity_;
    std::string id_;
};

}  // namespace

std::unique_ptr<BuiltinCheck> make_adyen_check(const BuiltinContext& context) {
    return std::make_unique<AdyenCheck>(context);
}

}  // namespace sallyport::policy::webhook
