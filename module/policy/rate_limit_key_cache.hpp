// Hashes of keys that were met a moment ago: a client that asks often is hashed once. Direct-mapped
// and small, a worker's own; a key either is here, byte by byte, or is hashed as usual.
#pragma once

#include "module/policy/rate_limit_key.hpp"

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>

namespace sallyport::policy {

class KeyCache {
  public:
    // Longer keys, and those of several parts, are not worth a comparison.
    static constexpr std::size_t kBytesMax = 40;
    static constexpr std::size_t kPlaces = 128;

    struct Entry {
        std::uint64_t bytes[kBytesMax / 8];
        KeyHash hash;
        KeyText text;
        std::uint8_t size;  // 0: none
        bool has_hash;
        bool has_text;
    };

    // The place of `key`, with what is known of it; null when it is not one to be kept here. What
    // is not known yet the caller may fill in.
    Entry* place_of(const KeyParts& key) {
        if (key.count != 1 || key.parts[0].empty() || key.parts[0].size() > kBytesMax) {
            return nullptr;
        }
        const std::string_view text = key.parts[0];
        std::uint64_t words[kBytesMax / 8] = {};
        std::memcpy(words, text.data(), text.size());
        std::uint64_t mixed = text.size();
        for (const std::uint64_t word : words) {
            mixed = (mixed ^ word) * 0x9e3779b97f4a7c15U;
        }
        if (entries_ == nullptr) {
            entries_ = std::make_unique<std::array<Entry, kPlaces>>();
        }
        Entry& entry = (*entries_)[mixed >> 57];
        if (entry.size != text.size() || std::memcmp(entry.bytes, words, sizeof words) != 0) {
            entry.size = static_cast<std::uint8_t>(text.size());
            std::memcpy(entry.bytes, words, sizeof words);
            entry.has_hash = false;
            entry.has_text = false;
        }
        return &entry;
    }

  private:
    static_assert(kPlaces == 128, "a place is named by seven bits");
    std::unique_ptr<std::array<Entry, kPlaces>> entries_;
};

}  // namespace sallyport::policy
