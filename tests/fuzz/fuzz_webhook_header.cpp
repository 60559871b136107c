// Headers and bodies of a stranger against every kind of profile. The input's first byte chooses
// the profile, the rest is cut at NUL into header value, second header, target and body. Nothing a
// stranger writes may be taken for genuine.
#include "module/policy/webhook_presets.hpp"
#include "module/policy/webhook_verify.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory_resource>
#include <string_view>
#include <vector>

using namespace sallyport::policy::webhook;
using sallyport::policy::Reason;

namespace {

struct Subject {
    Profile profile;
    std::vector<SecretKey> keys;
};

const std::vector<Subject>& subjects() {
    static const std::vector<Subject> all = [] {
        std::vector<Subject> out;
        for (const Preset& preset : presets()) {
            auto profile = parse_profile(preset.name, preset.text);
            if (!profile) {
                continue;
            }
            Subject subject{std::move(*profile), {}};
            for (const char* text : {"MDEyMzQ1Njc4OWFiY2RlZg==", "fedcba98765432100123456789abcdef",
                                     "user:a secret that no fuzzer guesses"}) {
                auto key =
                    SecretKey::make(subject.profile, sallyport::Secret(std::string_view(text)));
                if (key) {
                    subject.keys.push_back(std::move(*key));
                }
            }
            out.push_back(std::move(subject));
        }
        return out;
    }();
    return all;
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
    const Subject& subject = subjects()[data[0] % subjects().size()];
    std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
    const std::array<std::string_view, 2> values = {take(rest), take(rest)};
    const std::string_view target = take(rest);
    std::pmr::monotonic_buffer_resource memory;
    Verification verification(subject.profile, subject.keys, &memory);
    std::size_t turn = 0;
    for (const HeaderSlot& header : subject.profile.headers) {
        const std::string name = header.numbered ? header.name + "1" : header.name;
        verification.offer_header(name, values[turn++ % values.size()]);
    }
    constexpr std::int64_t kNowMs = 1'767'225'600'000;
    if (verification.begin({"POST", target, "https", "example.com"}, kNowMs) != Reason::none) {
        return 0;
    }
    const std::string_view body = rest;
    while (!rest.empty()) {
        const std::size_t piece = 1 + static_cast<std::uint8_t>(rest.front()) % 61;
        if (verification.update(rest.substr(0, piece)) != Reason::none) {
            return 0;
        }
        rest.remove_prefix(std::min(piece, rest.size()));
    }
    if (verification.finish(kNowMs, body).reason == Reason::none) {
        std::abort();
    }
    return 0;
}
