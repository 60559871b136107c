// What the guest may ask of the host. One set of hooks, installed at start; each is called inside
// an import: it must return, and must take every address and value for hostile.
#pragma once

#include "engine/jsbox/quickjs.hpp"

#include <cstdint>
#include <string_view>

namespace sallyport::engine::jsbox::wasm {

struct Hooks {
    // True ends the script: the soft clock.
    bool (*should_interrupt)() = nullptr;
    // A host function was called; the returned Value is its result, 0 for undefined.
    js::Value (*host_call)(std::uint32_t arguments, int count, int id) = nullptr;
    // The source of a module that is not there yet, as js::own_text made it; 0: there is none.
    std::uint32_t (*module_source)(std::string_view name) = nullptr;
};
void install(const Hooks& hooks);

}  // namespace sallyport::engine::jsbox::wasm
