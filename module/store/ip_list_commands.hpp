// Address lists that lie in Redis: a string of lines or a set of blocks, and beside it a version,
// which whoever changes the list changes last. A list is read piece by piece: no piece keeps the
// server from others, and a change while it is read shows in the version.
#pragma once

#include "module/store/redis_script.hpp"
#include "module/store/resp_reader.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::store {

inline constexpr std::size_t kListVersionBytesMax = 256;

// `<key>:version`
std::string list_version_key(std::string_view key);

const RedisScript& ip_list_script();
void append_list_version(std::string& out, std::string_view version_key);
void append_list_piece(std::string& out, std::string_view key, std::string_view cursor);

struct ListVersion {
    bool known = false;  // false: there is none
    std::string text;
};
// Nothing when the reply is something else, or a version longer than kListVersionBytesMax.
std::optional<ListVersion> parse_list_version(const Reply& reply);

struct ListPiece {
    std::string_view type;  // string, set, none, or what else the key holds
    std::string_view next;  // "0": this was the last
    std::string_view text;
};
// Views into the reply.
std::optional<ListPiece> parse_list_piece(const Reply& reply);

}  // namespace sallyport::store
