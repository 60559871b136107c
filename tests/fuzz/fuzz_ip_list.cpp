// List files from any bytes: no crash, errors name a line, and what was accepted is found again by
// the set that is built from it, and only that.
#include "module/policy/ip_list.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

using sallyport::IpAddress;
using sallyport::policy::IpSet;

namespace {

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

bool in_any(const std::vector<sallyport::Cidr>& blocks, const IpAddress& address) {
    for (const auto& block : blocks) {
        if (block.contains(address)) {
            return true;
        }
    }
    return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto blocks = sallyport::policy::parse_ip_list(text, "list");
    if (!blocks) {
        require(blocks.message().starts_with("list:"));
        return 0;
    }
    const IpSet set(*blocks);
    require(set.empty() == blocks->empty());
    for (const auto& block : *blocks) {
        require(set.contains(block.base) && set.contains(block.last()));
        std::uint8_t probe[16];
        for (std::size_t i = 0; i < 16; ++i) {
            probe[i] = static_cast<std::uint8_t>(block.base.bytes()[i] ^ (data[i % size] & 0x11));
        }
        const IpAddress address = IpAddress::from_v6(probe);
        require(set.contains(address) == in_any(*blocks, address));
    }
    return 0;
}
