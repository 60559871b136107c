// Names in the statements of the Postgres piece. Pure.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"

#include <string>
#include <string_view>

namespace sallyport::engine {

// A text that can be the name of a table or column.
bool is_sql_name(const Json& name);
// As SQL quotes identifiers: whatever stands in it is a name.
std::string quoted_name(std::string_view name);
// Of the input's `table`: {table_schema, table_name}.
Result<std::string> quoted_table(const Json& input);

}  // namespace sallyport::engine
