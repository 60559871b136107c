// Short texts for JSON Schemas: members with blanks between, each `name:type`, with `!` at the end
// when it is required and `?` when it is there and may be null. Types: text, number, boolean,
// object, any, texts (a list of them), objects, lists; `A|B` is one of these words; a capital
// begins the name of a type of its own, `Name[]` is a list of it.
#pragma once

#include "common/json.hpp"

#include <string_view>

namespace sallyport::engine {

Json described_type(std::string_view type);
Json described_object(std::string_view members);

}  // namespace sallyport::engine
