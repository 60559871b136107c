// What may be asked of npm: packages by name and version of a registry, nothing that names a file,
// an address or a repository. Pure.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"

#include <map>
#include <string>
#include <string_view>

namespace sallyport::engine {

using NpmPackages = std::map<std::string, std::string>;  // name -> version or range

bool is_npm_name(std::string_view name);
// An exact version, a range of versions, or a tag.
bool is_npm_version(std::string_view version);
// One version alone (semver.org): three numbers, with a pre-release or a build or not.
bool is_exact_npm_version(std::string_view version);

// The dependencies of a code step's package.json; none for an empty text. Errors name the entry.
Result<NpmPackages> npm_dependencies(std::string_view package_json);

// The package.json of a folder that holds these.
Json npm_manifest(const NpmPackages& packages);

}  // namespace sallyport::engine
