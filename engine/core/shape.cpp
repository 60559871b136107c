#include "engine/core/shape.hpp"

#include <string>

namespace sallyport::engine {
namespace {

bool is_kind(const Json& value, Kind kind) {
    switch (kind) {
        case Kind::any:
            return true;
        case Kind::text:
            return value.is_string();
        case Kind::boolean:
            return value.is_boolean();
        case Kind::number:
            return value.is_number();
        case Kind::object:
            return value.is_object();
        case Kind::array:
            return value.is_array();
        case Kind::text_array: {
            bool all = value.is_array();
            value.each_element([&all](const Json& item) { all = all && item.is_string(); });
            return all;
        }
    }
    return false;
}

std::string_view kind_name(Kind kind) {
    switch (kind) {
        case Kind::any:
            return "a value";
        case Kind::text:
            return "a string";
        case Kind::boolean:
            return "a boolean";
        case Kind::number:
            return "a number";
        case Kind::object:
            return "an object";
        case Kind::array:
            return "an array";
        case Kind::text_array:
            return "an array of strings";
    }
    return "a value";
}

}  // namespace

Status check_shape(const Json& value, std::span<const Field> fields, std::string_view where) {
    if (!value.is_object()) {
        return Error{std::string(where) + " must be an object"};
    }
    for (const Field& field : fields) {
        const Json member = value[field.name];
        const bool absent = !member.exists() || (member.is_null() && field.kind != Kind::any);
        if (absent && field.need == Need::required) {
            return Error{std::string(where) + " must have required property '" +
                         std::string(field.name) + "'"};
        }
        if (!absent && !is_kind(member, field.kind)) {
            return Error{std::string(where) + "/" + std::string(field.name) + " must be " +
                         std::string(kind_name(field.kind))};
        }
    }
    return Done{};
}

}  // namespace sallyport::engine
