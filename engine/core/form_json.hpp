// Bodies that are forms (application/x-www-form-urlencoded), as JSON.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"

#include <cstddef>
#include <string_view>

namespace sallyport::engine {

// Reading a form costs several times what JSON of its size does, and whoever knows a webhook's
// address may send one. The contract's own parser drops what follows the first thousand.
inline constexpr std::size_t kFormFieldsMax = 10'000;

// An error when it has more fields than that.
Result<Json> read_form(std::string_view text);

}  // namespace sallyport::engine
