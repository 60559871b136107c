// JSON Web Tokens (RFC 7519, 8725) as a pure decision: is this token signed by a key we hold, is it
// for us, and is it valid now. Nothing in a token's header chooses how it is verified; `none`,
// `crit`, `jku`, `jwk` and `x5c` are never honoured.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"
#include "module/policy/decision.hpp"
#include "module/policy/jwk_set.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::policy::jwt {

// nginx's header buffers end here; what is longer is not a bearer token.
inline constexpr std::size_t kTokenBytesMax = 8192;
// A token without `kid` is tried with this many keys at most: each costs a signature check.
inline constexpr std::size_t kKeysTriedMax = 4;

// A claim that must hold a value: equal to it, an array with it, or (for `scope` and `scp`) a list
// of words with it.
struct Demand {
    std::string claim;
    std::string value;
};

struct Rules {
    std::vector<std::string> issuers;       // one of them; empty: any issuer
    std::vector<std::string> audiences;     // one of them; empty: any audience
    std::vector<Algorithm> algorithms;      // empty: whatever the keys are for
    std::int64_t leeway_s = 60;             // how far clocks may differ
    std::optional<std::int64_t> age_max_s;  // since `iat`
    bool expiry_required = true;
    std::size_t token_bytes_max = kTokenBytesMax;  // more where a body is the token
    std::vector<Demand> demands;
};

// The three parts of the compact form (RFC 7515 section 7.1), as written.
struct Parts {
    std::string_view header;
    std::string_view payload;
    std::string_view signature;
    std::string_view signed_text;  // header.payload
};

// Nothing when these are not three parts, or too long.
std::optional<Parts> split(std::string_view token, std::size_t bytes_max = kTokenBytesMax);

// Whether one of `keys` made `signature` over `signed_text`, as the header says and `algorithms`
// admit (empty: every one). For detached signatures (RFC 7515 appendix F) as well as tokens.
Reason check_signature(const KeySet& keys, std::span<const Algorithm> algorithms,
                       const Parts& parts);

struct Verified {
    Reason reason = Reason::auth_invalid;  // none: the token holds
    Json claims;                           // only then
};

Verified verify(const KeySet& keys, const Rules& rules, std::string_view token, std::int64_t now_s);

// A claim as text for variables and logs: texts as they are, numbers and booleans in JSON's form,
// arrays and objects as compact JSON. Nothing when there is no such claim, when it is null, or when
// it holds what may not stand in a header field.
std::optional<std::string> claim_text(const Json& claim);
// The claim whose name, in lower case and with `_` for what is neither letter nor digit, is `name`.
// Nothing when two claims share that form: which one was meant cannot be known.
Json find_claim(const Json& claims, std::string_view name);

}  // namespace sallyport::policy::jwt
