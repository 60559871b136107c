// Any text as a webhook profile: it is refused with words, or it is a profile that can be used.
#include "module/policy/webhook_verify.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory_resource>
#include <string>
#include <string_view>
#include <vector>

using namespace sallyport::policy::webhook;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto profile = parse_profile("fuzz", text);
    if (!profile) {
        if (profile.message().empty()) {
            std::abort();
        }
        return 0;
    }
    if (profile->headers.size() > kHeadersMax || profile->json_paths.size() > kJsonPathsMax ||
        profile->sig_fields.size() > kSigFieldsMax || profile->signature.empty()) {
        std::abort();
    }
    std::vector<SecretKey> keys;
    auto key = SecretKey::make(*profile, sallyport::Secret(std::string_view("dXNlcjpwYXNz")));
    if (key) {
        keys.push_back(std::move(*key));
    }
    std::pmr::monotonic_buffer_resource memory;
    Verification verification(*profile, keys, &memory);
    for (const HeaderSlot& header : profile->headers) {
        verification.offer_header(header.numbered ? header.name + "1" : header.name, text);
    }
    constexpr std::string_view kBody = R"({"id":"1","a":{"b":"2"}})";
    if (verification.begin({"POST", "/hook?a=b", "https", "example.com"}, 0) ==
            sallyport::policy::Reason::none &&
        verification.update(kBody) == sallyport::policy::Reason::none) {
        verification.finish(0, kBody);
    }
    return 0;
}
