#include "common/crypto_scrypt.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>

namespace sallyport {
namespace {

// OpenSSL wants an upper bound on what it may take; the block size times 128 bytes times N, and a
// little for itself.
constexpr std::uint64_t kSlackBytes = std::uint64_t{1} << 20;

}  // namespace

Result<Bytes> scrypt(std::string_view password, std::span<const std::uint8_t> salt,
                     const ScryptCost& cost) {
    const std::uint64_t n = std::uint64_t{1} << (cost.log_n & 31U);
    const std::uint64_t memory_max = 128 * cost.r * (n + cost.p) + kSlackBytes;
    Bytes out(kScryptBytes);
    if (EVP_PBE_scrypt(password.data(), password.size(), salt.data(), salt.size(), n, cost.r,
                       cost.p, memory_max, out.data(), out.size()) != 1) {
        ERR_clear_error();
        return Error{"scrypt failed: its cost is out of range or memory is short"};
    }
    return out;
}

}  // namespace sallyport
