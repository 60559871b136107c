// What routes take in their query and what they answer, as OpenAPI describes it.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"
#include "engine/core/web_message.hpp"

#include <string_view>

namespace sallyport::engine {

// The parameters of a route's query, added to `parameters`.
void add_query_parameters(std::string_view method, std::string_view path, Json& parameters);

// Numbers and words that are described have to be such; an empty number is as if it was not there.
// What is missing is the handler's to say: who may not ask hears that first.
Status check_query(std::string_view path, const FormPairs& given);

struct DescribedAnswer {
    std::string_view status;  // empty: it is not described
    Json schema;              // exists when the answer has a body
};
DescribedAnswer answer_schema(std::string_view method, std::string_view path);

// The types that answers refer to, for components/schemas.
Json answer_types();

}  // namespace sallyport::engine
