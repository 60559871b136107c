// Checks the shape of a JSON object from outside against a short table: which members, of which
// kind, required or not. Messages name the path, so that a caller can mend the request.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"

#include <span>
#include <string_view>

namespace sallyport::engine {

enum class Kind { any, text, boolean, number, object, array, text_array };
enum class Need { required, optional };  // an optional member may also be null

struct Field {
    std::string_view name;
    Kind kind = Kind::any;
    Need need = Need::required;
};

// `where` is the path of `value`, for instance `body` or `body/request`. Members the table does not
// name are left alone: newer clients send more than we read.
Status check_shape(const Json& value, std::span<const Field> fields, std::string_view where);

}  // namespace sallyport::engine
