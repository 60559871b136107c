// Verifies one webhook request against a profile while its body streams by.
//
//   Verification v(profile, secrets, memory);
//   for (header) v.offer_header(name, value);
//   reason = v.begin(head, now);          // refuses before the body is read
//   for (chunk) reason = v.update(chunk);
//   outcome = v.finish(now, whole_body);  // whole_body only if v.needs_whole_body()
//
// Every candidate is compared with every secret in constant time and none is skipped after a match.
// Nothing is copied from the request but a few short texts, and memory does not depend on the
// body's size. No I/O, no clock, no replay store: see webhook_replay for what follows.
#pragma once

#include "common/crypto.hpp"
#include "common/gunzip.hpp"
#include "module/policy/decision.hpp"
#include "module/policy/webhook_builtin.hpp"
#include "module/policy/webhook_escape.hpp"
#include "module/policy/webhook_form.hpp"
#include "module/policy/webhook_json.hpp"
#include "module/policy/webhook_profile.hpp"
#include "module/policy/webhook_replay_key.hpp"
#include "module/policy/webhook_secret.hpp"
#include "module/policy/webhook_signature.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace sallyport::policy::webhook {

class Verification {
  public:
    // `profile`, `secrets`, `memory` and `keys` (null: none are fetched) must outlive the
    // verification. Throws std::bad_alloc.
    Verification(const Profile& profile, std::span<const SecretKey> secrets,
                 std::pmr::memory_resource* memory, KeySource* keys = nullptr);
    ~Verification();
    Verification(const Verification&) = delete;
    Verification& operator=(const Verification&) = delete;

    void offer_header(std::string_view name, std::string_view value) {
        if (builtin_ != nullptr) {
            builtin_->offer_header(name, value);
        } else {
            fields_.offer(name, value);
        }
    }
    // REQUIRES: every header was offered. Anything but `none` refuses the request.
    Reason begin(const RequestHead& head, std::int64_t now_ms);
    // The next bytes of the body, after transfer decoding.
    Reason update(std::string_view chunk);
    // True when `finish` needs the body once more, in one piece.
    bool needs_whole_body() const { return profile_.needs_whole_body; }
    // REQUIRES: begin and every update returned `none`; called once.
    Outcome finish(std::int64_t now_ms, std::string_view whole_body);

    // By what a repetition of this delivery would be recognised.
    // REQUIRES: finish found the request genuine.
    ReplayIdentity replay_identity(ReplayKeyChoice choice) const;

  private:
    using MacStream = std::variant<HmacStream, DigestStream>;
    struct Mac {
        std::array<std::uint8_t, kMacBytesMax> bytes;
        std::uint8_t size = 0;
        bool matched = false;
    };
    struct When {
        std::string_view text{};
        std::optional<std::int64_t> ms{};
        Reason reason = Reason::none;
    };

    bool keyed() const { return profile_.signs(); }
    // How many digests of one variant there are: shared keys go into them, public keys do not.
    std::size_t columns() const { return profile_.asymmetric() ? 1 : secrets_.size(); }
    // webhook_verify.cpp: the order of things.
    Reason check_fields() const;
    Reason read_candidates();
    Reason read_body_candidates(std::string_view whole_body);
    Reason judge_credentials();
    Reason find_certificate();
    bool has_keys() const {
        return !secrets_.empty() ||
               (keys_ != nullptr && profile_.certificate_hosts != CertificateHosts::none);
    }
    std::size_t key_count() const { return secrets_.size() + (fetched_ != nullptr ? 1 : 0); }
    Outcome judge(std::int64_t now_ms);
    bool matches(const Mac& mac, std::size_t variant, std::size_t secret, std::size_t candidate);
    bool key_matches(const Mac& mac, std::size_t variant, const PublicKey& key,
                     std::size_t candidate);
    void build_messages(std::string_view whole_body);
    Reason check_requirement(std::string_view whole_body);
    Reason read_id(std::string_view whole_body, Outcome& outcome);

    // webhook_verify_time.cpp
    Reason read_head_time(std::int64_t now_ms);
    Reason read_body_time(std::string_view whole_body);
    Reason freshness(const When& when, std::int64_t now_ms) const;
    const When& when_of_group(std::size_t group) const;

    // webhook_verify_mac.cpp: one MAC for each variant of the message and each secret.
    void open_streams();
    void consume(std::string_view piece);
    void feed_parts(std::size_t from, std::size_t to, std::string_view whole_body);
    void feed_part(const Part& part, std::string_view whole_body);
    std::string_view part_text(const Part& part, std::size_t variant, std::string_view whole_body);
    std::string_view form_text(FormValue value);
    std::string_view json_text(JsonValue value);
    std::string_view json_part(const Part& part, std::string_view whole_body);
    std::string_view url_part(Part::Kind kind, std::size_t variant);
    std::string_view sorted_text(std::string_view whole_body);
    void update_variant(std::size_t variant, std::string_view text);
    void finish_macs();
    std::size_t variant_group(std::size_t variant) const { return variant / urls_; }
    bool group_matters() const;
    std::pmr::string make_url(const RequestHead& head) const;

    const Profile& profile_;
    std::span<const SecretKey> secrets_;
    std::pmr::memory_resource* memory_;
    KeySource* keys_;
    std::unique_ptr<BuiltinCheck> builtin_;
    const PublicKey* fetched_ = nullptr;  // from where the request says, if that is allowed
    RequestHead head_{};
    HeadFields fields_;
    Candidates candidates_;
    std::pmr::string url_;          // the URL as templates see it
    std::pmr::string other_url_;    // url_port=both: its other spelling
    std::pmr::string scratch_;      // a part's text while it is fed
    std::size_t ports_ = 1;         // spellings of the URL's port
    std::size_t urls_ = 1;          // these times decoded and, for {url_hubspot}, as received
    std::size_t variants_ = 0;      // groups times URL spellings
    MacStream* streams_ = nullptr;  // variants_ * columns(), in `memory_`
    Mac* macs_ = nullptr;           // likewise
    std::size_t stream_count_ = 0;  // constructed so far
    std::string_view* messages_ = nullptr;  // ed25519: the signed text of each variant
    std::array<When, kGroupsMax> whens_{};
    JsonPicker* json_ = nullptr;  // in `memory_`: too large for those who need none
    std::optional<GunzipStream> gunzip_;
    std::optional<JsonEscape> escape_;
    std::optional<DigestStream> body_digest_;
    std::array<std::uint8_t, 32> body_sha256_{};
    std::array<char, 64> body_sha256_hex_{};
    std::uint32_t body_crc32_ = 0;
    bool part_unusable_ = false;       // a part of the signed text could not be read
    bool streaming_ = false;           // the body goes into the MACs as it arrives
    std::pmr::string timestamp_text_;  // of a query or form field, decoded
    // What matched, the id, and how it was found.
    std::string_view matched_text_{};
    std::pmr::string id_;
    bool id_authenticated_ = false;
    bool id_is_digest_ = false;
};

}  // namespace sallyport::policy::webhook
