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
    // What a key may have, a byte more for each part included: longer ones are not worth a
    // comparison.
    static constexpr std::size_t kBytesMax = 48;
    static constexpr std::size_t kPlaces = 128;

    struct Entry {
        std::uint64_t bytes[kBytesMax / 8];
        KeyHash hash;
        KeyText text;
        std::uint8_t size;
        bool has_hash;
        bool has_text;
    };

    // The place of `key`, with what is known of it; null when it is not one to be kept here. What
    // is not known yet the caller may fill in.
    Entry* place_of(const KeyParts& key) {
        std::uint64_t words[kBytesMax / 8] = {};
        auto* const bytes = reinterpret_cast<unsigned char*>(words);
        std::size_t used = 0;
        for (std::size_t i = 0; i < key.count; ++i) {
            const std::string_view part = key.parts[i];
            if (part.size() >= kBytesMax - used) {
                return nullptr;
            }
            bytes[used] = static_cast<unsigned char>(part.size());
            copy_part(bytes + used + 1, part);
            used += 1 + part.size();
        }
        if (used == 0) {
            return nullptr;
        }
        const std::size_t filled = (used + 7) / 8;
        std::uint64_t mixed = 0;
        for (std::size_t i = 0; i < filled; ++i) {
            mixed = (mixed ^ words[i]) * 0x9e3779b97f4a7c15U;
            mixed ^= mixed >> 29;
        }
        if (table_ == nullptr) {
            table_ = std::make_unique<Table>();
        }
        const std::size_t place = mixed >> 57;
        const auto tag = static_cast<std::uint16_t>(mixed >> 40 | 1);
        Entry& entry = table_->entries[place];
        bool same = table_->tags[place] == tag && entry.size == used;
        for (std::size_t i = 0; same && i < filled; ++i) {
            same = entry.bytes[i] == words[i];
        }
        if (!same) {
            table_->tags[place] = tag;
            entry.size = static_cast<std::uint8_t>(used);
            std::memcpy(entry.bytes, words, sizeof words);
            entry.has_hash = false;
            entry.has_text = false;
        }
        return &entry;
    }

  private:
    // Parts are short: a call costs more than the bytes.
    static void copy_part(unsigned char* to, std::string_view part) {
        const char* from = part.data();
        const std::size_t size = part.size();
        if (size >= 8) {
            for (std::size_t i = 0; i + 8 < size; i += 8) {
                std::memcpy(to + i, from + i, 8);
            }
            std::memcpy(to + size - 8, from + size - 8, 8);
        } else if (size >= 4) {
            std::memcpy(to, from, 4);
            std::memcpy(to + size - 4, from + size - 4, 4);
        } else if (size > 0) {
            to[0] = static_cast<unsigned char>(from[0]);
            to[size / 2] = static_cast<unsigned char>(from[size / 2]);
            to[size - 1] = static_cast<unsigned char>(from[size - 1]);
        }
    }

    // Where keys hardly come back, nearly all are told from what is here by the tag, and the entry
    // is written without having been waited for.
    struct Table {
        std::array<std::uint16_t, kPlaces> tags;  // 0: none
        std::array<Entry, kPlaces> entries;
    };
    static_assert(kPlaces == 128, "a place is named by seven bits");
    std::unique_ptr<Table> table_;
};

}  // namespace sallyport::policy
