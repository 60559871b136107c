// Senders that no template describes: JSON Web Tokens, Amazon SNS, HTTP Message Signatures and
// others. Each is one class behind this interface; webhook_verify hands a request's parts on to it.
#pragma once

#include "module/policy/decision.hpp"
#include "module/policy/webhook_profile.hpp"
#include "module/policy/webhook_replay_key.hpp"
#include "module/policy/webhook_secret.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace sallyport::policy::webhook {

// What templates may refer to besides header fields. Views live as long as the request.
struct RequestHead {
    std::string_view method;
    std::string_view target;  // path and query exactly as received
    std::string_view scheme;  // http or https
    std::string_view host;    // the Host field, port included
};

struct Outcome {
    Reason reason = Reason::none;  // none: genuine and fresh
    int secret_index = -1;         // which secret matched, in configured order
    std::string_view id{};  // what the profile's `id` found; lives as long as the verification
    bool id_authenticated = false;
    std::optional<std::int64_t> timestamp_ms{};
};

// Certificates that were fetched: the verifier names the URL, whoever does the fetching answers.
class KeySource {
  public:
    KeySource() = default;
    KeySource(const KeySource&) = delete;
    KeySource& operator=(const KeySource&) = delete;
    virtual ~KeySource() = default;
    // Null while there is none; the source then sees to it that there will be one.
    // REQUIRES: certificate_url_allowed.
    virtual const PublicKey* find(std::string_view url) = 0;
};

// True when `url` is a place where that provider publishes certificates: https, its own hosts, no
// port, no credentials. Everything else may be the attacker's.
bool certificate_url_allowed(CertificateHosts hosts, std::string_view url);

struct BuiltinContext {
    const Profile& profile;
    std::span<const SecretKey> secrets;
    KeySource* keys;  // null: configured secrets only
};

class BuiltinCheck {
  public:
    BuiltinCheck() = default;
    BuiltinCheck(const BuiltinCheck&) = delete;
    BuiltinCheck& operator=(const BuiltinCheck&) = delete;
    virtual ~BuiltinCheck() = default;

    virtual void offer_header(std::string_view name, std::string_view value) = 0;
    virtual Reason begin(const RequestHead& head, std::int64_t now_ms) = 0;
    virtual void consume(std::string_view piece) = 0;
    virtual Outcome finish(std::int64_t now_ms, std::string_view whole_body) = 0;
    // REQUIRES: finish found the request genuine.
    virtual ReplayIdentity replay_identity() const = 0;
};

std::unique_ptr<BuiltinCheck> make_builtin(const BuiltinContext& context);
std::unique_ptr<BuiltinCheck> make_jwt_check(const BuiltinContext& context);
std::unique_ptr<BuiltinCheck> make_jws_check(const BuiltinContext& context);
std::unique_ptr<BuiltinCheck> make_adyen_check(const BuiltinContext& context);
std::unique_ptr<BuiltinCheck> make_ebay_check(const BuiltinContext& context);
std::unique_ptr<BuiltinCheck> make_graph_check(const BuiltinContext& context);
std::unique_ptr<BuiltinCheck> make_sns_check(const BuiltinContext& context);
std::unique_ptr<BuiltinCheck> make_httpsig_check(const BuiltinContext& context);

// `text` signed with that profile's algorithm and that secret.
bool signature_matches(const Profile& profile, const SecretKey& secret, std::string_view text,
                       std::span<const std::uint8_t> signature);

}  // namespace sallyport::policy::webhook
