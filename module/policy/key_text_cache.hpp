// The names in a store of keys that were met a moment ago: making one costs a SHA-256.
// Direct-mapped and small, a worker's own.
#pragma once

#include "module/policy/rate_limit_key.hpp"

#include <array>
#include <cstdint>
#include <memory>

namespace sallyport::policy {

class KeyTextCache {
  public:
    static constexpr std::size_t kPlaces = 128;

    // The text of the key with that hash; make() says it where it is not known. Whoever calls makes
    // hashes by a secret that nobody outside knows: keys with one hash would share a text.
    template <typename Make>
    const KeyText& of(const KeyHash& hash, Make&& make) {
        if (places_ == nullptr) {
            places_ = std::make_unique<std::array<Place, kPlaces>>();
        }
        Place& place = (*places_)[hash.low % kPlaces];
        if (!place.known || place.hash != hash) {
            place.text = make();
            place.hash = hash;
            place.known = true;
        }
        return place.text;
    }

  private:
    struct Place {
        KeyHash hash{};
        KeyText text{};
        bool known = false;
    };
    std::unique_ptr<std::array<Place, kPlaces>> places_;
};

}  // namespace sallyport::policy
