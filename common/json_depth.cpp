#include "common/json_depth.hpp"

#include <cstdint>

namespace sallyport {
namespace {

bool is_container(const json_t* node) {
    return json_is_object(node) || json_is_array(node);
}

// REQUIRES: a container. Most of what it holds is none: that takes no call.
bool fits(json_t* node, std::size_t levels) {
    if (levels == 0) {
        return false;
    }
    if (json_is_object(node)) {
        for (void* it = json_object_iter(node); it != nullptr;
             it = json_object_iter_next(node, it)) {
            json_t* const member = json_object_iter_value(it);
            if (is_container(member) && !fits(member, levels - 1)) {
                return false;
            }
        }
        return true;
    }
    const std::size_t size = json_array_size(node);
    for (std::size_t i = 0; i < size; ++i) {
        json_t* const element = json_array_get(node, i);
        if (is_container(element) && !fits(element, levels - 1)) {
            return false;
        }
    }
    return true;
}

// Takes what the text of `node` needs at most from `left`; false when that is not enough.
bool spend(json_t* node, std::size_t& left);

bool spend(std::size_t bytes, std::size_t& left) {
    left -= bytes <= left ? bytes : left + 1;  // beyond the end it wraps: never enough again
    return left <= SIZE_MAX / 2;
}

// An escape takes six bytes; quotes, comma and colon four.
bool spend_text(std::size_t length, std::size_t& left) {
    return spend(6 * length + 4, left);
}

bool spend_integer(json_int_t value, std::size_t& left) {
    std::size_t digits = value < 0 ? 3 : 2;  // with a comma
    for (; value > 9 || value < -9; value /= 10) {
        ++digits;
    }
    return spend(digits, left);
}

bool spend_members(json_t* node, std::size_t& left) {
    for (void* it = json_object_iter(node); it != nullptr; it = json_object_iter_next(node, it)) {
        if (!spend_text(json_object_iter_key_len(it), left) ||
            !spend(json_object_iter_value(it), left)) {
            return false;
        }
    }
    return spend(3, left);
}

bool spend(json_t* node, std::size_t& left) {
    constexpr std::size_t kWordBytes = 6;   // false, and a comma
    constexpr std::size_t kRealBytes = 32;  // as doubles are written
    switch (json_typeof(node)) {
        case JSON_OBJECT:
            return spend_members(node, left);
        case JSON_ARRAY:
            for (std::size_t i = 0; i < json_array_size(node); ++i) {
                if (!spend(json_array_get(node, i), left)) {
                    return false;
                }
            }
            return spend(3, left);
        case JSON_STRING:
            return spend_text(json_string_length(node), left);
        case JSON_INTEGER:
            return spend_integer(json_integer_value(node), left);
        case JSON_REAL:
            return spend(kRealBytes, left);
        case JSON_TRUE:
        case JSON_FALSE:
        case JSON_NULL:
            return spend(kWordBytes, left);
    }
    return false;
}

}  // namespace

bool is_surely_within(const Json& value, std::size_t bytes) {
    std::size_t left = bytes;
    return value.exists() && spend(value.get(), left);
}

bool is_deeper_than(const Json& value, std::size_t levels) {
    return is_container(value.get()) && !fits(value.get(), levels);
}

}  // namespace sallyport
