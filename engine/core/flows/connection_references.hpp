// Expressions that name a connection are made to name another one.
#pragma once

#include "common/json.hpp"

#include <string>
#include <string_view>

namespace sallyport::engine {

// `text` with each `connections['from']`, `connections["from"]` and `connections.from` between
// `{{` and `}}` as a reference to `to`. What only looks like one stays: text around the braces, a
// member of that name (`step_1.connections.from`), a longer name.
std::string with_connection(std::string_view text, std::string_view from, std::string_view to);

// The same for every text of a step's settings. The source of a code step is no template.
Json settings_with_connection(const Json& settings, std::string_view from, std::string_view to);

}  // namespace sallyport::engine
