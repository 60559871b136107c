// What routes take in their query and what they answer, as OpenAPI describes it.
#pragma once

#include "common/json.hpp"

#include <string_view>

namespace sallyport::engine {

// The parameters of a route's query, added to `parameters`.
void add_query_parameters(std::string_view method, std::string_view path, Json& parameters);

struct DescribedAnswer {
    std::string_view status;  // empty: it is not described
    Json schema;              // exists when the answer has a body
};
DescribedAnswer answer_schema(std::string_view method, std::string_view path);

// The types that answers refer to, for components/schemas.
Json answer_types();

}  // namespace sallyport::engine
