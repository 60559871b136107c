// Bans as Redis sees them (ban_script.lua): what nodes say, what they hear, what they count
// together.
//
// All keys are `sallyport:{bans}:…`, one slot of a cluster. Addresses stand there as they are, so
// that an operator finds them; a credential is a keyed hash.
#pragma once

#include "module/policy/ban.hpp"
#include "module/policy/ban_word.hpp"
#include "module/store/redis_script.hpp"
#include "module/store/resp_reader.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::store {

const RedisScript& ban_script();
// Of all keys in a cluster.
std::uint16_t ban_slot();

// How much a node has heard. A store that lost its memory has another epoch.
struct BanHearing {
    std::string epoch;
    std::string number = "0";
};

// The epoch of a store that has none begins with `fresh`.
void append_ban_say(std::string& out, std::string_view fresh,
                    std::span<const policy::BanWord> words);
void append_ban_pull(std::string& out, std::string_view fresh, const BanHearing& heard,
                     std::size_t max);
void append_ban_strike(std::string& out, std::string_view fresh, const policy::BanRule& rule,
                       const policy::BanSubject& subject);

struct BanNews {
    BanHearing heard;
    bool more = false;
    std::vector<policy::BanWord> words;
    std::size_t strange = 0;  // lines that are no words here: another version, other prefixes
};
// Nothing when the reply is not the script's.
std::optional<BanNews> parse_ban_pull(const Reply& reply, policy::BanPrefixes prefixes);
// The ban or allowance that holds, if any.
std::optional<policy::BanWord> parse_ban_strike(const Reply& reply, policy::BanPrefixes prefixes);

}  // namespace sallyport::store
