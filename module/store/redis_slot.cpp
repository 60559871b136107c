#include "module/store/redis_slot.hpp"

#include "common/bytes.hpp"

#include <array>

namespace sallyport::store {
namespace {

constexpr std::array<std::uint16_t, 256> crc_table() {
    std::array<std::uint16_t, 256> table{};
    for (unsigned i = 0; i < table.size(); ++i) {
        unsigned crc = i << 8;
        for (int bit = 0; bit < 8; ++bit) {
            crc = (crc << 1) ^ ((crc & 0x8000) != 0 ? 0x1021u : 0u);
        }
        table[i] = static_cast<std::uint16_t>(crc & 0xffff);
    }
    return table;
}
constexpr auto kCrc = crc_table();

}  // namespace

std::uint16_t key_slot(std::string_view key) {
    const std::size_t open = key.find('{');
    if (open != std::string_view::npos) {
        const std::size_t close = key.find('}', open + 1);
        if (close != std::string_view::npos && close != open + 1) {
            key = key.substr(open + 1, close - open - 1);
        }
    }
    unsigned crc = 0;
    for (const char c : key) {
        crc = ((crc << 8) & 0xffff) ^ kCrc[(crc >> 8) ^ static_cast<std::uint8_t>(c)];
    }
    return static_cast<std::uint16_t>(crc % kSlots);
}

std::optional<Redirect> parse_redirect(std::string_view error) {
    Redirect out;
    out.ask = error.starts_with("ASK ");
    if (!out.ask && !error.starts_with("MOVED ")) {
        return std::nullopt;
    }
    error.remove_prefix(error.find(' ') + 1);
    const std::size_t space = error.find(' ');
    const std::size_t colon = error.rfind(':');
    if (space == std::string_view::npos || colon == std::string_view::npos || colon < space) {
        return std::nullopt;
    }
    const auto slot = parse_u64(error.substr(0, space));
    const auto port = parse_u64(error.substr(colon + 1));
    if (!slot || *slot >= kSlots || !port || *port == 0 || *port > 65'535) {
        return std::nullopt;
    }
    out.slot = static_cast<std::uint16_t>(*slot);
    out.host = error.substr(space + 1, colon - space - 1);
    out.port = static_cast<std::uint16_t>(*port);
    return out;
}

}  // namespace sallyport::store
