// Texts from any bytes through redaction: a secret in a sensitive place never comes out again, and
// the rest of the text keeps its shape.
#include "module/policy/redact.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

using namespace sallyport;

namespace {

constexpr std::string_view kCanary = "CANARY7f3a91b2c4d5e6f7";

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const HmacKey key = policy::redact_key(Secret("0123456789abcdef"));
    static const policy::RedactRules rules = [] {
        policy::RedactRules out;
        require(out.add("paths=/mcp/*/sse").ok());
        return out;
    }();
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    (void)policy::Redactor(rules, key).request_line(text);
    (void)policy::Redactor(rules, key).path(text);
    (void)policy::Redactor(rules, key).header(text.substr(0, size / 2), text.substr(size / 2));
    if (text.find(kCanary) != std::string_view::npos) {
        return 0;
    }
    const std::string query = std::string(text) + "&token=" + std::string(kCanary);
    require(policy::Redactor(rules, key).query(query).find(kCanary) == std::string::npos);
    require(policy::Redactor(rules, key)
                .header("Cookie", std::string(text) + "; a=" + std::string(kCanary))
                .find(kCanary) == std::string::npos);
    policy::RedactRules probe;
    (void)probe.add(text);
    return 0;
}
