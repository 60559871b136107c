// Names of settings: those that mean another one, those that others read and this engine has no use
// for, and what a name that nobody knows may have been meant to be.
#pragma once

#include "engine/app/config.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

// The environment with every alias written as the setting it means. A setting that is there itself
// counts; lists are joined.
Environment with_aliases(Environment environment);

bool is_alias(std::string_view name);

// Why the setting, which Activepieces or its guides know, does nothing here; empty when the name is
// none of these.
std::string_view why_without_effect(std::string_view name);

// The name of `known` that is nearest to `name`; empty when none is near.
std::string nearest_name(std::string_view name, const std::vector<std::string_view>& known);

// The table of aliases and of settings without effect, for documents and --help.
std::string describe_other_names();

}  // namespace sallyport::engine
