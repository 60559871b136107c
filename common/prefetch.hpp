// Memory that will be looked at soon.
#pragma once

#include <cstddef>

namespace sallyport {

inline constexpr std::size_t kCacheLine = 64;

// The processor fetches it meanwhile; nothing else happens.
inline void prefetch(const void* memory, std::size_t bytes) {
    const auto* first = static_cast<const char*>(memory);
    for (std::size_t at = 0; at < bytes; at += kCacheLine) {
        __builtin_prefetch(first + at, 1);
    }
}

}  // namespace sallyport
