// scrypt (RFC 7914) for passwords that the gateway checks itself.
#pragma once

#include "common/bytes.hpp"
#include "common/result.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace sallyport {

struct ScryptCost {
    unsigned log_n = 13;  // 2^13 blocks of 8 * 128 bytes: 8 MiB
    unsigned r = 8;
    unsigned p = 1;
};
inline constexpr std::size_t kScryptBytes = 32;

// 32 bytes; an error when OpenSSL refuses the cost or memory is short.
Result<Bytes> scrypt(std::string_view password, std::span<const std::uint8_t> salt,
                     const ScryptCost& cost);

}  // namespace sallyport
