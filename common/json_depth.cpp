#include "common/json_depth.hpp"

namespace sallyport {
namespace {

bool fits(json_t* node, std::size_t levels) {
    if (json_is_object(node)) {
        for (void* it = json_object_iter(node); it != nullptr;
             it = json_object_iter_next(node, it)) {
            if (levels == 0 || !fits(json_object_iter_value(it), levels - 1)) {
                return false;
            }
        }
        return levels > 0;
    }
    if (json_is_array(node)) {
        for (std::size_t i = 0; i < json_array_size(node); ++i) {
            if (levels == 0 || !fits(json_array_get(node, i), levels - 1)) {
                return false;
            }
        }
        return levels > 0;
    }
    return true;
}

}  // namespace

bool is_deeper_than(const Json& value, std::size_t levels) { return !fits(value.get(), levels); }

}  // namespace sallyport
