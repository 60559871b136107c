// Bytes under keys, kept by somebody else: what is too large for the database's taste.
//
// Calls behave as those of ports/store.hpp: they return at once and answer once, on the loop. A
// success of `put` means the bytes are kept; an Error means nobody knows.
#pragma once

#include "engine/ports/store.hpp"

#include <cstddef>
#include <optional>
#include <string>

namespace sallyport::engine {

class ObjectStore {
  public:
    virtual ~ObjectStore() = default;
    virtual void put(std::string key, std::string bytes, StoreDone<Done> done) = 0;
    // Nothing: no such object. Error: also when it has not exactly `size` bytes.
    virtual void get(std::string key, std::size_t size,
                     StoreDone<std::optional<std::string>> done) = 0;
    // What is not there is removed already.
    virtual void remove(std::string key, StoreDone<Done> done) = 0;
};

}  // namespace sallyport::engine
