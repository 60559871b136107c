#include "module/policy/ban_word.hpp"

#include "common/bytes.hpp"
#include "module/policy/ban_table.hpp"

#include <algorithm>
#include <array>

namespace sallyport::policy {
namespace {

constexpr std::size_t kFields = 9;
// Above every time that a configuration can name, and far below what a double holds exactly.
constexpr std::int64_t kTimeMsMax = std::int64_t{1} << 50;

std::string time_text(std::int64_t ms) {
    return ms >= kBanForever ? "-1" : std::to_string(std::max<std::int64_t>(ms, 0));
}

std::optional<std::int64_t> parse_time(std::string_view text) {
    if (text == "-1") {
        return kBanForever;
    }
    const auto ms = parse_u64(text);
    return ms && *ms <= static_cast<std::uint64_t>(kTimeMsMax)
               ? std::optional(static_cast<std::int64_t>(*ms))
               : std::nullopt;
}

std::optional<BanSaid> parse_said(std::string_view text) {
    return text == "b"   ? std::optional(BanSaid::banned)
           : text == "a" ? std::optional(BanSaid::allowed)
           : text == "l" ? std::optional(BanSaid::lifted)
                         : std::nullopt;
}

}  // namespace

std::string to_text(const BanWord& word) {
    const char* said = word.said == BanSaid::banned    ? "b "
                       : word.said == BanSaid::allowed ? "a "
                                                       : "l ";
    std::string out = said;
    out += word.by_hand ? "1 " : "0 ";
    out += std::to_string(unsigned{word.level}) + " " + std::to_string(word.count) + " ";
    out += time_text(word.age_ms) + " " + time_text(word.left_ms) + " ";
    out += time_text(word.memory_ms) + " " + (word.rule.empty() ? "-" : word.rule) + " ";
    return out + to_string(word.subject);
}

std::optional<BanWord> parse_ban_word(std::string_view text, BanPrefixes prefixes) {
    std::array<std::string_view, kFields> fields;
    std::size_t count = 0;
    for_each_split(text, ' ', [&](std::string_view field) {
        if (count < kFields) {
            fields[count] = field;
        }
        ++count;
    });
    if (count != kFields) {
        return std::nullopt;
    }
    const auto said = parse_said(fields[0]);
    const auto level = parse_u64(fields[2]);
    const auto outcomes = parse_u64(fields[3]);
    const auto age = parse_time(fields[4]);
    const auto left = parse_time(fields[5]);
    const auto memory = parse_time(fields[6]);
    const auto subject = parse_ban_subject(fields[8], prefixes);
    const bool good = said && (fields[1] == "0" || fields[1] == "1") && level && *level <= 255 &&
                      outcomes && *outcomes <= UINT32_MAX && age && left && memory &&
                      fields[7].size() <= kBanNameBytesMax && subject.ok();
    // Another prefix's block would be cut to ours, and ban more or less than was meant.
    if (!good || to_string(*subject) != fields[8]) {
        return std::nullopt;
    }
    return BanWord{*subject,
                   *said,
                   fields[1] == "1",
                   static_cast<std::uint8_t>(*level),
                   static_cast<std::uint32_t>(*outcomes),
                   *age,
                   *left,
                   *memory,
                   std::string(fields[7])};
}

}  // namespace sallyport::policy
