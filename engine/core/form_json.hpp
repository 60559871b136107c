// Forms (application/x-www-form-urlencoded) and queries as JSON.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"
#include "engine/core/web_message.hpp"

#include <cstddef>
#include <string_view>

namespace sallyport::engine {

// As clients' query libraries mean it: a repeated or `name[]` key is a list, `a[b]` a member of
// `a`. Names that JavaScript's objects have anyhow are left out.
Json form_to_json(const FormPairs& pairs);

// Reading a form costs several times what JSON of its size does, and whoever knows a webhook's
// address may send one. The contract's own parser drops what follows the first thousand.
inline constexpr std::size_t kFormFieldsMax = 10'000;

// Of a body: an error when it has more fields than that.
Result<Json> read_form(std::string_view text);

}  // namespace sallyport::engine
