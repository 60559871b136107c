// A stranger's tokens and key files. The first byte chooses: the rest is a token for a fixed set of
// keys (nothing a stranger writes may be taken for genuine), or a
// key set followed by NUL and a token.
#include "module/policy/jwt.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

using namespace sallyport::policy;

namespace {

constexpr std::int64_t kNow = 1'800'000'000;

// The public keys of RFC 7515 A.3 and RFC 8037 A.4, and a secret that no fuzzer guesses.
const jwt::KeySet& fixed_keys() {
    static const jwt::KeySet keys = [] {
        auto made = jwt::KeySet::parse(R"({"keys":[
            {"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
             "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},
            {"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
            {"kty":"oct","kid":"h","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWZub3RndWVzc2Vk"}]})");
        if (!made) {
            std::abort();
        }
        return std::move(*made);
    }();
    return keys;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
    jwt::Rules rules;
    rules.expiry_required = (data[0] & 2) != 0;
    if ((data[0] & 1) == 0) {
        // The examples' own tokens have expired or are no JSON, so `none` is always a forgery.
        rules.expiry_required = true;
        if (jwt::verify(fixed_keys(), rules, rest, kNow).reason == Reason::none) {
            std::abort();
        }
        return 0;
    }
    const std::size_t end = rest.find('\0');
    const auto keys = jwt::KeySet::parse(rest.substr(0, end));
    if (keys && end != std::string_view::npos) {
        const auto verdict = jwt::verify(*keys, rules, rest.substr(end + 1), kNow);
        verdict.claims.each_member([](std::string_view name, const sallyport::Json& value) {
            (void)jwt::find_claim(value, name);
            (void)jwt::claim_text(value);
        });
    }
    return 0;
}
