// Frames from any bytes: no crash, never more than the bound, and what was packed comes out.
#include "engine/core/packed_text.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport::engine;
    constexpr std::size_t kMost = 1 << 20;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto unpacked = unpack_text(text, kMost);
    if (unpacked.ok() && unpacked->size() > kMost) {
        std::abort();
    }
    if (const auto frame = pack_text(text)) {
        const auto back = unpack_text(*frame);
        if (!back.ok() || *back != text) {
            std::abort();
        }
    }
    return 0;
}
