// What a container may use, as the kernel writes it in the files of a control group (version 2).
// Pure.
#pragma once

#include "common/bytes.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace sallyport::engine {

inline std::string_view first_line(std::string_view text) {
    return trim_ows(text.substr(0, text.find('\n')));
}

// Thousandths of a processor, from `cpu.max` (`<quota> <period>` in microseconds); nothing: as many
// as there are.
inline std::optional<std::uint64_t> cgroup_millicpus(std::string_view cpu_max) {
    const std::string_view line = first_line(cpu_max);
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos) {
        return std::nullopt;
    }
    const auto quota = parse_u64(line.substr(0, space));
    const auto period = parse_u64(line.substr(space + 1));
    // The kernel's own bound of a quota is far below.
    constexpr std::uint64_t kQuotaMax = std::uint64_t{1} << 50;
    if (!quota || !period || *period == 0 || *quota > kQuotaMax) {
        return std::nullopt;
    }
    return *quota * 1000 / *period;
}

// From `memory.max`; nothing: as much as there is.
inline std::optional<std::uint64_t> cgroup_bytes(std::string_view memory_max) {
    return parse_u64(first_line(memory_max));
}

}  // namespace sallyport::engine
