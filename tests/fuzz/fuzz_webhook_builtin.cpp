// Signature fields and bodies of a stranger against the senders with special code (RFC 9421, Amazon
// SNS, tokens, Adyen, eBay, Graph), and the reader of structured fields. Nothing a stranger writes
// may be taken for genuine.
#include "module/policy/structured_field.hpp"
#include "module/policy/webhook_verify.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory_resource>
#include <string>
#include <string_view>
#include <vector>

using namespace sallyport::policy::webhook;
using sallyport::policy::Reason;

namespace {

constexpr std::string_view kEcKey =
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72bfocs3+"
    "25"
    "7rn0s2ldbqkLJK2KRiMohYjlrQ==";
constexpr std::string_view kKeySet =
    R"({"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
    R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})";

struct Subject {
    const char* profile;
    std::string_view secret;
    std::array<const char*, 3> fields;
};
constexpr std::array kSubjects = {
    Subject{"builtin=httpsig alg=hmac-sha256 key_fmt=base64 require=\"@method\" tolerance=300",
            "MDEyMzQ1Njc4OWFiY2RlZg==",
            {"Signature-Input", "Signature", "Content-Digest"}},
    Subject{"builtin=httpsig alg=ecdsa-p256-sha256 key_fmt=spki-base64",
            kEcKey,
            {"Signature-Input", "Signature", "Content-Digest"}},
    Subject{"builtin=jwt algo=HS256 aud={url}",
            "a secret that no fuzzer guesses",
            {"Authorization", "X-Other", "X-More"}},
    Subject{"builtin=jwt algo=ES256 key_fmt=jwks sig=body",
            kKeySet,
            {"Authorization", "X-Other", "X-More"}},
    Subject{"builtin=jws algo=ES256 key_fmt=jwks sig=header:X-Sig "
            "signed=\"{timestamp}.{body_base64url}\" ts=header:X-Time tolerance=300",
            kKeySet,
            {"X-Sig", "X-Time", "X-Id"}},
    Subject{"builtin=jws algo=ES256 key_fmt=jwks sig=header:X-Sig",
            kKeySet,
            {"X-Sig", "X-Time", "X-Id"}},
    Subject{"builtin=adyen", "00112233445566778899aabbccddeeff", {"X-A", "X-B", "X-C"}},
    Subject{"builtin=ebay key_fmt=spki-base64", kEcKey, {"X-EBAY-SIGNATURE", "X-B", "X-C"}},
    Subject{"builtin=graph", "a client state that no fuzzer guesses", {"X-A", "X-B", "X-C"}},
    Subject{"builtin=graph aud=app", kKeySet, {"X-A", "X-B", "X-C"}},
};

struct Ready {
    Profile profile;
    std::vector<SecretKey> keys;
};

const Ready& ready(std::size_t i) {
    static const std::vector<Ready> all = [] {
        std::vector<Ready> out;
        for (const Subject& subject : kSubjects) {
            auto profile = parse_profile("p", subject.profile);
            if (!profile) {
                std::abort();
            }
            Ready one{std::move(*profile), {}};
            auto key = SecretKey::make(one.profile, sallyport::Secret(subject.secret));
            if (!key) {
                std::abort();
            }
            one.keys.push_back(std::move(*key));
            out.push_back(std::move(one));
        }
        return out;
    }();
    return all[i];
}

std::string_view take(std::string_view& rest) {
    const std::size_t end = rest.find('\0');
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return part;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const std::size_t chosen = data[0] % (kSubjects.size() + 1);
    std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
    if (chosen == kSubjects.size()) {
        const auto members = sallyport::policy::sf::parse_dictionary(rest);
        for (std::size_t i = 0; members && i < members->size(); ++i) {
            const std::string_view raw = (*members)[i].raw;
            // What is lent lies within the text.
            if (raw.data() < rest.data() || raw.data() + raw.size() > rest.data() + rest.size()) {
                std::abort();
            }
        }
        return 0;
    }
    const Ready& subject = ready(chosen);
    std::pmr::monotonic_buffer_resource memory;
    Verification verification(subject.profile, subject.keys, &memory);
    for (const char* name : kSubjects[chosen].fields) {
        verification.offer_header(name, take(rest));
    }
    const std::string_view target = take(rest);
    constexpr std::int64_t kNowMs = 1'767'225'600'000;
    if (verification.begin({"POST", target, "https", "example.com"}, kNowMs) != Reason::none ||
        verification.update(rest) != Reason::none) {
        return 0;
    }
    if (verification.finish(kNowMs, rest).reason == Reason::none) {
        std::abort();
    }
    return 0;
}
