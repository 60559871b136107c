// Detached JSON Web Signatures (RFC 7515 appendix F): header..signature over a body that travels on
// its own (Fireblocks), or over the time and the body (Neon).
#include "common/bytes.hpp"
#include "module/policy/jwt.hpp"
#include "module/policy/webhook_builtin.hpp"
#include "module/policy/webhook_form.hpp"

#include <memory_resource>
#include <string>

namespace sallyport::policy::webhook {
namespace {

class JwsCheck : public BuiltinCheck {
  public:
    explicit JwsCheck(const BuiltinContext& context) : context_(context) {}

    void offer_header(std::string_view name, std::string_view value) override {
        const Profile& profile = context_.profile;
        const auto is = [name](const Source& source) {
            return source.kind == Source::Kind::header && ascii_iequals(source.name, name);
        };
        if (is(profile.signature.front())) {
            ++tokens_;
            token_ = value;
        }
        if (profile.timestamp && is(*profile.timestamp)) {
            ++times_;
            time_ = value;
        }
        if (!profile.id.empty() && is(profile.id.front())) {
            ++ids_;
            id_ = value;
        }
    }

    Reason begin(const RequestHead& head, std::int64_t now_ms) override {
        const Profile& profile = context_.profile;
        if (profile.signature.front().kind == Source::Kind::query) {
            auto found =
                form_value(query_of(head.target), profile.signature.front().name, false, &memory_);
            tokens_ = found.state == FormFind::absent ? 0 : found.state == FormFind::found ? 1 : 2;
            query_token_ = found.text;
            token_ = query_token_;
        }
        if (tokens_ == 0) {
            return Reason::webhook_signature_missing;
        }
        const auto parts = jwt::split(token_);
        if (tokens_ != 1 || !parts || !parts->payload.empty()) {
            return Reason::webhook_signature_malformed;
        }
        parts_ = *parts;
        if (!profile.timestamp) {
            return Reason::none;
        }
        if (times_ != 1) {
            return times_ == 0 ? Reason::webhook_timestamp_missing
                               : Reason::webhook_timestamp_malformed;
        }
        time_ms_ = parse_timestamp(time_, profile.time_format);
        if (!time_ms_) {
            return Reason::webhook_timestamp_malformed;
        }
        const Reason fresh =
            freshness(now_ms);  // what lies ahead may have come when the body is read
        return fresh == Reason::webhook_timestamp_stale ? fresh : Reason::none;
    }

    void consume(std::string_view) override {}

    Outcome finish(std::int64_t now_ms, std::string_view whole_body) override {
        std::string payload = base64url_encode(as_bytes(whole_body), whole_body.size());
        if (context_.profile.builtin.timestamped) {
            const std::string timed = std::string(time_) + "." + payload;
            payload = base64url_encode(as_bytes(timed), timed.size());
        }
        const std::string text = std::string(parts_.header) + "." + payload;
        parts_.signed_text = text;
        Outcome out{Reason::webhook_signature_invalid};
        const auto algorithm = jwt::algorithm_from(context_.profile.builtin.alg);
        for (std::size_t s = 0; algorithm && s < context_.secrets.size(); ++s) {
            const jwt::KeySet* keys = context_.secrets[s].key_set();
            const bool good =
                keys != nullptr &&
                jwt::check_signature(*keys, std::span(&*algorithm, 1), parts_) == Reason::none;
            if (good && out.secret_index < 0) {
                out = {Reason::none, static_cast<int>(s)};
            }
        }
        if (out.reason != Reason::none) {
            return out;
        }
        identity_ = as_text(digest(DigestAlgorithm::sha256, text));
        out.timestamp_ms = time_ms_;
        out.reason = freshness(now_ms);
        if (ids_ == 1 && !id_.empty() && id_.size() <= kIdBytesMax && is_field_value(id_)) {
            out.id = id_;
        }
        return out;
    }

    ReplayIdentity replay_identity() const override {
        ReplayIdentity out;
        out.kind = ReplayIdentity::Kind::signature;
        out.texts[out.count++] = identity_;
        return out;
    }

  private:
    Reason freshness(std::int64_t now_ms) const {
        const Profile& profile = context_.profile;
        if (time_ms_ && profile.tolerance_ms && now_ms - *time_ms_ > *profile.tolerance_ms) {
            return Reason::webhook_timestamp_stale;
        }
        if (time_ms_ && profile.future_ms && *time_ms_ - now_ms > *profile.future_ms) {
            return Reason::webhook_timestamp_future;
        }
        return Reason::none;
    }

    BuiltinContext context_;
    std::pmr::monotonic_buffer_resource memory_;
    std::size_t tokens_ = 0;
    std::size_t times_ = 0;
    std::size_t ids_ = 0;
    std::string_view token_;
    std::string_view time_;
    std::string_view id_;
    std::string query_token_;
    jwt::Parts parts_{};
    std::optional<std::int64_t> time_ms_;
    std::string identity_;
};

}  // namespace

std::unique_ptr<BuiltinCheck> make_jws_check(const BuiltinContext& context) {
    return std::make_unique<JwsCheck>(context);
}

}  // namespace sallyport::policy::webhook
