// HTTP Message Signatures (RFC 9421) with Content-Digest (RFC 9530). The policy decides what must
// be covered, the algorithm is the key's, and the digest is computed over the body that came: a
// signature over fields alone says nothing about a body.
#include "common/bytes.hpp"
#include "module/policy/structured_field.hpp"
#include "module/policy/webhook_builtin.hpp"
#include "module/policy/webhook_form.hpp"

#include <algorithm>
#include <array>
#include <memory_resource>
#include <string>
#include <vector>

namespace sallyport::policy::webhook {
namespace {

// Signatures of one request that are looked at, and components one of them may cover.
constexpr std::size_t kLabelsMax = 4;
constexpr std::size_t kComponentsMax = 32;
// Fields of a request that are kept; nginx bounds their bytes.
constexpr std::size_t kFieldsMax = 128;

struct Field {
    std::string_view name;
    std::string_view value;
};

class HttpsigCheck : public BuiltinCheck {
  public:
    explicit HttpsigCheck(const BuiltinContext& context)
        : context_(context), sha256_(DigestAlgorithm::sha256), sha512_(DigestAlgorithm::sha512) {}

    void offer_header(std::string_view name, std::string_view value) override {
        too_many_ = too_many_ || fields_.size() == kFieldsMax;
        if (!too_many_) {
            fields_.push_back({name, value});
        }
    }

    Reason begin(const RequestHead& head, std::int64_t now_ms) override {
        head_ = head;
        const auto inputs_text = field("signature-input");
        const auto signatures_text = field("signature");
        if (!inputs_text || !signatures_text) {
            return Reason::webhook_signature_missing;
        }
        inputs_text_ = *inputs_text;
        const auto inputs = sf::parse_dictionary(inputs_text_);
        const auto signatures = sf::parse_dictionary(*signatures_text);
        if (too_many_ || !inputs || !signatures || inputs->size() > kLabelsMax) {
            return Reason::webhook_signature_malformed;
        }
        Reason reason = Reason::webhook_signature_invalid;
        for (const sf::Member& input : *inputs) {
            const auto found =
                std::find_if(signatures->begin(), signatures->end(),
                             [&](const sf::Member& m) { return m.key == input.key; });
            if (found == signatures->end() || secret_index_ >= 0) {
                continue;
            }
            const Reason judged = judge(input, *found, now_ms);
            // What was wrong with the right signature tells more than that others did not fit.
            reason = judged == Reason::none || reason == Reason::webhook_signature_invalid ? judged
                                                                                           : reason;
        }
        return reason;
    }

    void consume(std::string_view piece) override {
        if (wanted_sha256_) {
            sha256_.update(piece);
        }
        if (wanted_sha512_) {
            sha512_.update(piece);
        }
    }

    Outcome finish(std::int64_t now_ms, std::string_view) override {
        bool equal = true;
        for (const auto& [wanted, stream] :
             {std::pair(&wanted_sha256_, &sha256_), std::pair(&wanted_sha512_, &sha512_)}) {
            if (*wanted) {
                std::array<std::uint8_t, 64> hash;
                const std::size_t size = stream->finish(hash.data());
                equal =
                    equal && constant_time_equal({reinterpret_cast<const char*>(hash.data()), size},
                                                 as_text(**wanted));
            }
        }
        if (!equal) {
            return {Reason::webhook_signature_invalid};
        }
        const Reason fresh = freshness(now_ms);
        if (fresh != Reason::none) {
            return {fresh};
        }
        return {Reason::none, secret_index_, nonce_, !nonce_.empty(), created_s_ * 1000};
    }

    ReplayIdentity replay_identity() const override {
        ReplayIdentity out;
        out.kind = nonce_.empty() ? ReplayIdentity::Kind::signature : ReplayIdentity::Kind::id;
        out.texts[out.count++] = nonce_.empty() ? std::string_view(base_digest_) : nonce_;
        return out;
    }

  private:
    // All occurrences, trimmed, joined as RFC 9421 says; nothing when there is none.
    std::optional<std::string> field(std::string_view name) const {
        std::optional<std::string> out;
        for (const Field& each : fields_) {
            if (ascii_iequals(each.name, name)) {
                out = out ? *out + ", " : std::string();
                out->append(trim_ows(each.value));
            }
        }
        return out;
    }

    std::string authority() const {
        std::string host = ascii_lower(public_host());
        const std::string_view port = public_scheme() == "https" ? ":443" : ":80";
        if (host.ends_with(port)) {
            host.resize(host.size() - port.size());
        }
        return host;
    }
    // A configured url= says what the client called, where a proxy in front hides it.
    std::string_view public_scheme() const {
        const std::string_view url = context_.profile.url;
        return url.empty() ? head_.scheme : url.substr(0, url.find("://"));
    }
    std::string_view public_host() const {
        std::string_view url = context_.profile.url;
        if (url.empty()) {
            return head_.host;
        }
        url.remove_prefix(url.find("://") + 3);
        return url.substr(0, url.find('/'));
    }

    std::optional<std::string> derived(std::string_view name, const sf::Parameters& parameters) {
        const std::size_t mark = head_.target.find('?');
        const std::string_view path = head_.target.substr(0, mark);
        if (name == "@query-param") {
            const std::string* wanted = sf::text_of(parameters, "name");
            if (wanted == nullptr || parameters.size() != 1) {
                return std::nullopt;
            }
            auto value = form_value(query_of(head_.target), *wanted, true, &memory_);
            return value.state == FormFind::found ? raw_query_value(*wanted) : std::nullopt;
        }
        if (!parameters.empty()) {
            return std::nullopt;
        }
        if (name == "@method") {
            return std::string(head_.method);
        }
        if (name == "@target-uri") {
            return std::string(public_scheme()) + "://" + std::string(public_host()) +
                   std::string(head_.target);
        }
        if (name == "@authority") {
            return authority();
        }
        if (name == "@scheme") {
            return ascii_lower(public_scheme());
        }
        if (name == "@request-target") {
            return std::string(head_.target);
        }
        if (name == "@path") {
            return path.empty() ? "/" : std::string(path);
        }
        if (name == "@query") {
            return mark == std::string_view::npos ? "?" : std::string(head_.target.substr(mark));
        }
        return std::nullopt;  // @status and what we do not know
    }

    // As it stands in the query, which is how senders encode it. REQUIRES: it is there once.
    std::optional<std::string> raw_query_value(std::string_view name) {
        std::optional<std::string> out;
        for_each_split(query_of(head_.target), '&', [&](std::string_view each) {
            const std::size_t equals = each.find('=');
            const auto decoded = percent_decode(each.substr(0, equals), true, &memory_);
            if (decoded && *decoded == name) {
                out = equals == std::string_view::npos ? "" : std::string(each.substr(equals + 1));
            }
        });
        return out;
    }

    // Nothing when a covered component is missing, unknown, or covered twice.
    std::optional<std::string> signature_base(const sf::Member& input) {
        std::string out;
        std::vector<std::string_view> seen;
        for (const sf::Item& item : input.items) {
            const auto* name = std::get_if<std::string>(&item.value);
            if (name == nullptr || std::find(seen.begin(), seen.end(), item.raw) != seen.end()) {
                return std::nullopt;
            }
            seen.push_back(item.raw);
            std::optional<std::string> value;
            if (name->starts_with('@')) {
                value = derived(*name, item.parameters);
            } else if (item.parameters.empty() && *name == ascii_lower(*name)) {
                value = field(*name);
            }
            if (!value) {
                return std::nullopt;
            }
            out.append(item.raw).append(": ").append(*value).append("\n");
        }
        return out.append("\"@signature-params\": ").append(input.raw);
    }

    static bool covers(const sf::Member& input, std::string_view name) {
        return std::any_of(input.items.begin(), input.items.end(), [&](const sf::Item& item) {
            const auto* text = std::get_if<std::string>(&item.value);
            return text != nullptr && *text == name;
        });
    }

    // Whole addresses stand for their parts.
    static bool covers_or_implies(const sf::Member& input, std::string_view name) {
        const bool of_target = name == "@path" || name == "@query";
        const bool of_uri = of_target || name == "@authority" || name == "@scheme";
        return covers(input, name) || (of_uri && covers(input, "@target-uri")) ||
               (of_target && covers(input, "@request-target"));
    }

    bool covers_required(const sf::Member& input) const {
        const BuiltinOptions& options = context_.profile.builtin;
        const bool query =
            options.requires_query && head_.target.find('?') != std::string_view::npos;
        return (!query || covers_or_implies(input, "@query")) &&
               std::all_of(options.required.begin(), options.required.end(),
                           [&](const std::string& name) { return covers_or_implies(input, name); });
    }

    bool parameters_fit(const sf::Parameters& parameters) const {
        const BuiltinOptions& options = context_.profile.builtin;
        const std::string* alg = sf::text_of(parameters, "alg");
        const std::string* key_id = sf::text_of(parameters, "keyid");
        const std::string* tag = sf::text_of(parameters, "tag");
        const bool alg_unread = sf::find(parameters, "alg") != nullptr && alg == nullptr;
        return !alg_unread && (alg == nullptr || *alg == options.alg) &&
               (options.key_id.empty() || (key_id != nullptr && *key_id == options.key_id)) &&
               (options.tag.empty() || (tag != nullptr && *tag == options.tag));
    }

    Reason judge(const sf::Member& input, const sf::Member& signature, std::int64_t now_ms) {
        const auto* bytes = signature.is_list || signature.items.empty()
                                ? nullptr
                                : std::get_if<Bytes>(&signature.items.front().value);
        if (bytes == nullptr || !input.is_list || input.items.size() > kComponentsMax ||
            bytes->size() > kKeySignatureBytesMax) {
            return Reason::webhook_signature_malformed;
        }
        if (!parameters_fit(input.parameters) || !covers_required(input)) {
            return Reason::webhook_signature_invalid;
        }
        const auto created = sf::integer_of(input.parameters, "created");
        const auto expires = sf::integer_of(input.parameters, "expires");
        if (!created || *created < 0) {
            return Reason::webhook_timestamp_missing;
        }
        if (sf::find(input.parameters, "expires") != nullptr && !expires) {
            return Reason::webhook_timestamp_malformed;
        }
        const auto base = signature_base(input);
        if (!base) {
            return Reason::webhook_signature_invalid;
        }
        int matched = -1;
        for (std::size_t s = 0; s < context_.secrets.size(); ++s) {
            if (signature_matches(context_.profile, context_.secrets[s], *base, *bytes) &&
                matched < 0) {
                matched = static_cast<int>(s);
            }
        }
        if (matched < 0) {
            return Reason::webhook_signature_invalid;
        }
        if (covers(input, "content-digest") && !read_content_digest()) {
            return Reason::webhook_signature_invalid;
        }
        created_s_ = *created;
        expires_s_ = expires;
        const Reason fresh = freshness(now_ms);
        if (fresh == Reason::none) {
            return accept(input, matched, *base);
        }
        return fresh;
    }

    Reason accept(const sf::Member& input, int matched, const std::string& base) {
        secret_index_ = matched;
        base_digest_ = as_text(digest(DigestAlgorithm::sha256, base));
        const std::string* nonce = sf::text_of(input.parameters, "nonce");
        if (nonce != nullptr) {
            nonce_ = *nonce;
        }
        return nonce_.size() <= kIdBytesMax && is_field_value(nonce_)
                   ? Reason::none
                   : Reason::webhook_id_malformed;
    }

    // Every digest of the field must be one that we compute.
    bool read_content_digest() {
        const auto text = field("content-digest");
        const auto members = text ? sf::parse_dictionary(*text) : std::nullopt;
        if (!members || members->empty()) {
            return false;
        }
        for (const sf::Member& member : *members) {
            const auto* bytes = member.is_list || member.items.empty()
                                    ? nullptr
                                    : std::get_if<Bytes>(&member.items.front().value);
            if (bytes == nullptr || (member.key != "sha-256" && member.key != "sha-512")) {
                return false;
            }
            (member.key == "sha-256" ? wanted_sha256_ : wanted_sha512_) = *bytes;
        }
        return true;
    }

    Reason freshness(std::int64_t now_ms) const {
        const Profile& profile = context_.profile;
        if ((profile.tolerance_ms && now_ms - created_s_ * 1000 > *profile.tolerance_ms) ||
            (expires_s_ && now_ms > *expires_s_ * 1000)) {
            return Reason::webhook_timestamp_stale;
        }
        if (profile.future_ms && created_s_ * 1000 - now_ms > *profile.future_ms) {
            return Reason::webhook_timestamp_future;
        }
        return Reason::none;
    }

    BuiltinContext context_;
    RequestHead head_{};
    std::pmr::monotonic_buffer_resource memory_;
    std::vector<Field> fields_;
    bool too_many_ = false;
    std::string inputs_text_;
    DigestStream sha256_;
    DigestStream sha512_;
    std::optional<Bytes> wanted_sha256_;
    std::optional<Bytes> wanted_sha512_;
    int secret_index_ = -1;
    std::int64_t created_s_ = 0;
    std::optional<std::int64_t> expires_s_;
    std::string nonce_;
    std::string base_digest_;
};

}  // namespace

std::unique_ptr<BuiltinCheck> make_httpsig_check(const BuiltinContext& context) {
    return std::make_unique<HttpsigCheck>(context);
}

}  // namespace sallyport::policy::webhook
