#include "engine/core/pieces/version.hpp"

#include "common/bytes.hpp"

#include <array>
#include <cstdint>
#include <optional>

namespace sallyport::engine {
namespace {

using Numbers = std::array<std::uint64_t, 3>;

std::optional<Numbers> read_numbers(std::string_view text) {
    Numbers numbers{};
    std::size_t at = 0;
    bool good = true;
    for_each_split(text, '.', [&](std::string_view part) {
        const auto number = parse_u64(part);
        good = good && number && at < numbers.size();
        if (good) {
            numbers[at++] = *number;
        }
    });
    return good && at == numbers.size() ? std::optional(numbers) : std::nullopt;
}

bool has_sign(std::string_view text) {
    return text.starts_with('~') || text.starts_with('^');
}

}  // namespace

bool piece_version_serves(std::string_view have, std::string_view wanted) {
    const auto ours = read_numbers(have);
    const auto theirs = read_numbers(wanted.substr(has_sign(wanted) ? 1 : 0));
    if (!ours || !theirs || *theirs > *ours) {
        return false;
    }
    const bool same_major = (*ours)[0] == (*theirs)[0];
    if (wanted.starts_with('~')) {
        return same_major && (*ours)[1] == (*theirs)[1];
    }
    return !wanted.starts_with('^') || same_major;
}

}  // namespace sallyport::engine
