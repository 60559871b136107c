// What the files of tokens and passwords have in common: one entry a line, `#` starts a comment,
// names, dates.
#pragma once

#include "common/bytes.hpp"
#include "common/result.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::policy {

// As many as a file of people or machines has; a larger one belongs into a directory service.
inline constexpr std::size_t kAuthEntriesMax = 65'536;
inline constexpr std::size_t kAuthFileBytesMax = std::size_t{16} << 20;

// Letters, digits and `._@+-`, at most 64: what may stand in a log, a header field and a file.
bool is_auth_name(std::string_view text);

// `2027-01-31` (its first second) or `2027-01-31T12:00:00Z`, as Unix seconds.
std::optional<std::int64_t> parse_auth_date(std::string_view text);

// The word at the beginning, which is then gone, and the blanks behind it.
std::string_view next_word(std::string_view& rest);

// Calls `each(line)` for every entry; stops at the first error, which gets the line's number,
// behind the file's name where it is given.
template <typename Each>
Status for_each_entry(std::string_view text, Each&& each, std::string_view source = {}) {
    std::size_t number = 0;
    Status status = Done{};
    for_each_split(text, '\n', [&](std::string_view line) {
        ++number;
        line = line.substr(0, std::min(line.find('#'), line.size()));
        if (!line.empty() && line.back() == '\r') {
            line.remove_suffix(1);
        }
        line = trim_ows(line);
        if (line.empty() || !status.ok()) {
            return;
        }
        Status result = each(line);
        if (!result.ok()) {
            const std::string place =
                source.empty() ? std::string("line ") : std::string(source) + ":";
            status = Error{place + std::to_string(number) + ": " + result.message()};
        }
    });
    return status;
}

}  // namespace sallyport::policy
