// What the bodies of requests hold, as OpenAPI describes it.
#pragma once

#include "common/json.hpp"

#include <string_view>

namespace sallyport::engine {

// The JSON Schema of the body that the route takes; nothing for one that takes none.
Json body_schema(std::string_view method, std::string_view path);

}  // namespace sallyport::engine
