// SHA3-512 (FIPS 202): for flows that ask for it. Neither door uses it itself, so it is no
// DigestAlgorithm.
#pragma once

#include "common/bytes.hpp"

#include <string_view>

namespace sallyport {

Bytes sha3_512(std::string_view data);

}  // namespace sallyport
