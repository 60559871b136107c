#include "engine/core/ids.hpp"

#include <algorithm>

namespace sallyport::engine {
namespace {

constexpr std::string_view kAlphabet =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
// The largest multiple of 62 below 256: bytes from here on are rejected to keep all letters equal.
constexpr unsigned kAcceptBelow = 248;

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

bool is_id(std::string_view text) {
    return text.size() == kIdChars && std::all_of(text.begin(), text.end(), [](char c) {
               return kAlphabet.find(c) != std::string_view::npos;
           });
}

}  // namespace sallyport::engine
