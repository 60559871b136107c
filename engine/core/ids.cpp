#include "engine/core/ids.hpp"

#include "common/crypto.hpp"

#include <algorithm>

namespace sallyport::engine {
namespace {

constexpr std::string_view kAlphabet =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
// The largest multiple of 62 below 256: bytes from here on are rejected to keep all letters equal.
constexpr unsigned kAcceptBelow = 248;
constexpr std::size_t kIdTimeChars = 8;

// 62^8 ms last until the year 8888; the alphabet is in ASCII order. REQUIRES: room for the time.
void put_time(std::string& id, std::int64_t unix_ms) {
    auto rest = static_cast<std::uint64_t>(std::max<std::int64_t>(unix_ms, 0));
    for (std::size_t i = kIdTimeChars; i-- > 0;) {
        id[i] = kAlphabet[rest % kAlphabet.size()];
        rest /= kAlphabet.size();
    }
}

}  // namespace

std::optional<std::string> id_from_random(const std::array<std::uint8_t, kIdRandomBytes>& random) {
    std::string id;
    id.reserve(kIdChars);
    for (const std::uint8_t byte : random) {
        if (byte < kAcceptBelow) {
            id += kAlphabet[byte % kAlphabet.size()];
            if (id.size() == kIdChars) {
                return id;
            }
        }
    }
    return std::nullopt;
}

std::optional<std::string> ordered_id_from_random(
    std::int64_t unix_ms, const std::array<std::uint8_t, kIdRandomBytes>& random) {
    std::optional<std::string> id = id_from_random(random);
    if (id) {
        put_time(*id, unix_ms);
    }
    return id;
}

std::string first_ordered_id(std::int64_t unix_ms) {
    std::string id(kIdTimeChars, kAlphabet.front());
    put_time(id, unix_ms);
    return id;
}

std::string derived_id(std::string_view from) {
    for (std::string text(from);; text += '+') {
        const Bytes bytes = digest(DigestAlgorithm::sha512, text);
        std::array<std::uint8_t, kIdRandomBytes> random{};
        std::copy_n(bytes.begin(), random.size(), random.begin());
        if (std::optional<std::string> id = id_from_random(random)) {
            return *std::move(id);
        }
    }
}

bool is_id(std::string_view text) {
    return text.size() == kIdChars && std::all_of(text.begin(), text.end(), [](char c) {
               return kAlphabet.find(c) != std::string_view::npos;
           });
}

}  // namespace sallyport::engine
