// Turns the pairs of a profile text into a Profile: one function a key (webhook_profile.cpp), then
// what only makes sense together (webhook_profile_build.cpp). Included by these two files only.
#pragma once

#include "module/policy/webhook_profile.hpp"

#include <array>

namespace sallyport::policy::webhook {

class Builder {
  public:
    // `open`: constants may be missing.
    explicit Builder(std::string_view name, bool open = false) : open_(open) { out_.name = name; }
    Result<Profile> build(const Pairs& given);

  private:
    using Setter = Status (Builder::*)(std::string_view value);
    struct Key {
        std::string_view name;
        Setter set;
    };
    static const std::array<Key, 37>& keys();

    Status set_type(std::string_view value);
    Status set_sig(std::string_view value);
    Status set_group(std::string_view value) { return separator("group", value, out_.group); }
    Status set_split(std::string_view value) { return separator("split", value, out_.split); }
    Status set_kv(std::string_view value) { return separator("kv", value, out_.kv); }
    Status set_key(std::string_view value);
    Status set_prefix(std::string_view value) { return text(value, out_.prefix); }
    Status set_algo(std::string_view value);
    Status set_enc(std::string_view value);
    Status set_case(std::string_view value);
    Status set_signed(std::string_view value) { return text(value, signed_); }
    Status set_ts(std::string_view value);
    Status set_ts_fmt(std::string_view value);
    Status set_tolerance(std::string_view value);
    Status set_future(std::string_view value);
    Status set_id(std::string_view value) { return sources("id", value, true, out_.id); }
    Status set_key_fmt(std::string_view value);
    Status set_url(std::string_view value);
    Status set_url_port(std::string_view value);
    Status set_require(std::string_view value);
    Status set_body(std::string_view value);
    Status set_inflate_max(std::string_view value);
    Status set_ts_unsigned(std::string_view value) {
        return allow("ts_unsigned", value, ts_unsigned_);
    }
    Status set_id_unsigned(std::string_view value) {
        return allow("id_unsigned", value, out_.id_unsigned_allowed);
    }
    Status set_builtin(std::string_view value);
    Status set_handshake(std::string_view value) { return text(value, out_.handshake); }
    Status set_alg(std::string_view value) { return text(value, out_.builtin.alg); }
    Status set_aud(std::string_view value);
    Status set_iss(std::string_view value) { return text(value, out_.builtin.issuer); }
    Status set_body_claim(std::string_view value) { return text(value, out_.builtin.body_claim); }
    Status set_body_claim_enc(std::string_view value);
    Status set_qsh(std::string_view value);
    Status set_topic(std::string_view value);
    Status set_keyid(std::string_view value) { return text(value, out_.builtin.key_id); }
    Status set_tag(std::string_view value) { return text(value, out_.builtin.tag); }
    Status set_webhook_id(std::string_view value);
    Status set_certificates(std::string_view value);

    Status text(std::string_view value, std::string& out) {
        out = value;
        return Done{};
    }
    Status separator(std::string_view key, std::string_view value, std::string& out);
    Status allow(std::string_view key, std::string_view value, bool& out);
    Status sources(std::string_view key, std::string_view value, bool digest,
                   std::vector<Source>& out);
    Result<Source> source(std::string_view key, std::string_view text, bool digest);

    Status finish();
    // webhook_profile_builtin.cpp
    Status finish_builtin();
    Status finish_jwt();
    Status finish_jws();
    Status finish_adyen();
    Status finish_ebay();
    Status finish_graph();
    Status one_place(std::string_view builtin);
    Status finish_sns();
    Status finish_httpsig();
    Status set_algorithm(std::string_view name);
    Status check_certificates();
    Status parse_requirement();
    Status check_shape();
    Status check_key();
    Status check_time();
    Status intern_all();
    Status intern(Source& source, bool single_only, bool required);
    Status intern_template(Template& parts);
    Result<std::size_t> header_slot(std::string_view name, bool numbered, bool single_only,
                                    bool required);
    Result<std::size_t> json_slot(std::string_view path);
    Result<std::size_t> sig_slot(std::string_view name);
    void plan_body();
    bool target_covered() const;
    bool body_covered() const;
    bool covered(const Source& source) const;

    bool open_ = false;
    Profile out_;
    std::string signed_ = "{body}";
    std::string require_;
    std::string require_given_;
    std::string algo_given_text_;
    std::optional<std::int64_t> future_ms_;
    std::map<std::string, std::string> params_;
    bool tolerance_given_ = false;
    bool ts_unsigned_ = false;
    bool ts_fmt_given_ = false;
    bool key_fmt_given_ = false;
    bool algo_given_ = false;
};

}  // namespace sallyport::policy::webhook
