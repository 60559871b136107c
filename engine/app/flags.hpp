// What clients are told of the engine before anybody signs in (engine contract 1.3, GET flags).
#pragma once

#include "common/json.hpp"

namespace sallyport::engine {

struct Config;

// By the contract's names; those of what there is not, such as a place to buy, are left out.
Json flags_of(const Config& config);

}  // namespace sallyport::engine
