// Forms from a stranger: a line with the content type, then the body. The parts lie in the body, in
// order, and none holds the boundary.
#include "engine/core/multipart.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const std::size_t line = text.find('\n');
    const std::string_view body = line == text.npos ? std::string_view() : text.substr(line + 1);
    const auto parts = sallyport::engine::parse_multipart(text.substr(0, line), body);
    if (!parts.ok()) {
        require(!parts.message().empty());
        return 0;
    }
    require(parts->size() <= 1000);
    std::size_t at = 0;
    for (const auto& part : *parts) {
        if (part.data.empty()) {
            continue;
        }
        require(part.data.data() >= body.data() + at);
        at = static_cast<std::size_t>(part.data.data() - body.data()) + part.data.size();
        require(at < body.size());
        require(body.substr(at).starts_with("\r\n--"));
    }
    return 0;
}
