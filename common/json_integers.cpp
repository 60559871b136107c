#include "common/json_integers.hpp"

#include <array>
#include <cstddef>

namespace sallyport {
namespace {

constexpr json_int_t kSharedMax = 1023;

// What jansson never counts and never frees, like its own true, false and null.
constexpr auto kForEver = static_cast<std::size_t>(-1);

using Shared = std::array<json_t*, kSharedMax + 1>;

Shared make_shared_integers() {
    Shared shared{};
    for (std::size_t value = 0; value < shared.size(); ++value) {
        shared[value] = json_integer(static_cast<json_int_t>(value));
        if (shared[value] != nullptr) {
            shared[value]->refcount = kForEver;
        }
    }
    return shared;
}

}  // namespace

json_t* integer_node(json_int_t value) {
    static const Shared shared = make_shared_integers();
    return value < 0 || value > kSharedMax ? json_integer(value)
                                           : shared[static_cast<std::size_t>(value)];
}

}  // namespace sallyport
