// What nodes tell one another of a subject: that it is banned, allowed for good, or free again. One
// line of text a word, because it travels through a store and an operator may read it there.
//
//     <b|a|l> <by hand: 0|1> <level> <count> <age> <left> <memory> <rule|-> <subject>
//
// Times are milliseconds ago and still, so that no two clocks have to agree; -1 is for ever.
#pragma once

#include "module/policy/ban.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::policy {

enum class BanSaid : std::uint8_t { banned, allowed, lifted };

struct BanWord {
    BanSubject subject;
    BanSaid said = BanSaid::banned;
    bool by_hand = false;  // an operator's: may end an allowance
    std::uint8_t level = 0;
    std::uint32_t count = 0;
    std::int64_t age_ms = 0;     // since it was said
    std::int64_t left_ms = 0;    // of the ban; kBanForever
    std::int64_t memory_ms = 0;  // until it may be forgotten; kBanForever
    std::string rule;
};

std::string to_text(const BanWord& word);
// Nothing for a text that is no word, or whose subject is none under these prefixes.
std::optional<BanWord> parse_ban_word(std::string_view text, BanPrefixes prefixes);

}  // namespace sallyport::policy
