// A Lua script as Redis knows it: its text, and the SHA-1 that names it.
#pragma once

#include "common/crypto.hpp"

#include <string>
#include <string_view>

namespace sallyport::store {

struct RedisScript {
    explicit RedisScript(std::string_view source)
        : text(source), sha(hex_encode(digest(DigestAlgorithm::sha1, source))) {}

    std::string_view text;
    std::string sha;
};

}  // namespace sallyport::store
