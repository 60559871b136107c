// eBay: X-EBAY-SIGNATURE is base64 of a JSON object whose `signature` is ECDSA with SHA-1 over the
// body. The public key belongs to the `kid` in it; here every configured key is tried instead, so
// nothing in the request chooses one.
#include "common/bytes.hpp"
#include "common/json.hpp"
#include "module/policy/webhook_builtin.hpp"

#include <string>

namespace sallyport::policy::webhook {
namespace {

class EbayCheck : public BuiltinCheck {
  public:
    explicit EbayCheck(const BuiltinContext& context)
        : context_(context), body_(context.profile.algorithm) {}

    void offer_header(std::string_view name, std::string_view value) override {
        if (ascii_iequals(name, "X-EBAY-SIGNATURE")) {
            ++count_;
            value_ = value;
        }
    }

    Reason begin(const RequestHead&, std::int64_t) override {
        if (count_ == 0) {
            return Reason::webhook_signature_missing;
        }
        const auto text =
            value_.size() > kSignatureTextBytesMax ? std::nullopt : base64_decode(value_);
        const auto envelope = text ? Json::parse(as_text(*text), Json::Duplicates::refuse)
                                   : Result<Json>(Error{"not base64"});
        const auto signature =
            envelope ? base64_decode((*envelope)["signature"].text()) : std::nullopt;
        if (count_ != 1 || !signature || signature->empty()) {
            return Reason::webhook_signature_malformed;
        }
        signature_ = *signature;
        return Reason::none;
    }

    void consume(std::string_view piece) override { body_.update(piece); }

    Outcome finish(std::int64_t, std::string_view) override {
        hash_.resize(digest_size(context_.profile.algorithm));
        body_.finish(hash_.data());
        Outcome out{Reason::webhook_signature_invalid};
        for (std::size_t s = 0; s < context_.secrets.size(); ++s) {
            const bool good = context_.secrets[s].public_key().verify_digest(
                SignatureScheme::ecdsa_der, context_.profile.algorithm, hash_, signature_);
            if (good && out.secret_index < 0) {
                out = {Reason::none, static_cast<int>(s)};
            }
        }
        return out;
    }

    // There are several valid signatures of one body.
    ReplayIdentity replay_identity() const override {
        ReplayIdentity out;
        out.kind = ReplayIdentity::Kind::signature;
        out.texts[out.count++] = as_text(hash_);
        return out;
    }

  private:
    BuiltinContext context_;
    std::size_t count_ = 0;
    std::string_view value_;
    Bytes signature_;
    Bytes hash_;
    DigestStream body_;
};

}  // namespace

std::unique_ptr<BuiltinCheck> make_ebay_check(const BuiltinContext& context) {
    return std::make_unique<EbayCheck>(context);
}

}  // namespace sallyport::policy::webhook
