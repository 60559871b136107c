// What the guest may ask of the host. One set of hooks, installed at start; each is called inside
// an import: it must return, and must take every address and value for hostile.
#pragma once

#include "engine/jsbox/quickjs.hpp"

#include <cstdint>

namespace sallyport::engine::jsbox::wasm {

struct Hooks {
    // True ends the script: the soft clock.
    bool (*should_interrupt)() = nullptr;
    // A host function was called; the returned Value is its result, 0 for undefined.
    js::Value (*host_call)(std::uint32_t arguments, int count, int id) = nullptr;
};
void install(const Hooks& hooks);

}  // namespace sallyport::engine::jsbox::wasm
