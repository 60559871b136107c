// Where the engine takes randomness from. Tests put a seeded source here.
#pragma once

#include <cstdint>
#include <string>

namespace sallyport::engine {

class Entropy {
  public:
    virtual ~Entropy() = default;
    virtual std::string id() = 0;  // 21 letters and digits, all of them random
    // An id that sorts by `now_ms`: rows that are made one after the other lie beside each other.
    virtual std::string ordered_id(std::int64_t now_ms) = 0;
};

}  // namespace sallyport::engine
