#include "engine/core/npm_packages.hpp"

#include "common/bytes.hpp"

#include <algorithm>

namespace sallyport::engine {
namespace {

// The registry's own bound.
constexpr std::size_t kNameBytesMax = 214;
constexpr std::size_t kVersionBytesMax = 100;
// More than any step has a use for.
constexpr std::size_t kPackagesMax = 50;

bool is_name_part(std::string_view part) {
    return !part.empty() && part.front() != '.' && part.front() != '_' &&
           std::all_of(part.begin(), part.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '_' || c == '.';
           });
}

}  // namespace

bool is_npm_name(std::string_view name) {
    if (name.size() > kNameBytesMax) {
        return false;
    }
    if (name.starts_with('@')) {
        const std::size_t slash = name.find('/');
        return slash != std::string_view::npos && is_name_part(name.substr(1, slash - 1)) &&
               is_name_part(name.substr(slash + 1));
    }
    return is_name_part(name);
}

bool is_npm_version(std::string_view version) {
    // npm takes what ends like an archive for a file.
    const std::string lower = ascii_lower(version);
    const bool file =
        lower.ends_with(".tgz") || lower.ends_with(".tar") || lower.ends_with(".tar.gz");
    return !version.empty() && version.size() <= kVersionBytesMax && !file &&
           version.front() != '-' && version.front() != '.' &&
           std::all_of(version.begin(), version.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      std::string_view(".-+^~<>=|* ").find(c) != std::string_view::npos;
           });
}

bool is_exact_npm_version(std::string_view version) {
    if (!is_npm_version(version) || version.find_first_of("~<>=|* ^") != std::string_view::npos) {
        return false;
    }
    const std::size_t more = version.find_first_of("-+");
    std::size_t numbers = 0;
    bool exact = more != version.size() - 1;
    for_each_split(version.substr(0, more), '.', [&](std::string_view number) {
        ++numbers;
        exact = exact && parse_u64(number).has_value();
    });
    return exact && numbers == 3;
}

Result<NpmPackages> npm_dependencies(std::string_view package_json) {
    NpmPackages packages;
    if (trim_ows(package_json).empty()) {
        return packages;
    }
    const Result<Json> manifest = Json::parse(package_json);
    if (!manifest.ok() || !manifest->is_object()) {
        return Error{"the package.json of the step is not a JSON object"};
    }
    std::string problem;
    (*manifest)["dependencies"].each_member([&](std::string_view name, const Json& version) {
        if (!is_npm_name(name) || !is_npm_version(version.text())) {
            problem = "the dependency '" + std::string(name.substr(0, kNameBytesMax)) +
                      "' must be the name of a package and a version of it";
        }
        packages.emplace(name, version.text());
    });
    if (packages.size() > kPackagesMax) {
        problem = "the step has more than " + std::to_string(kPackagesMax) + " dependencies";
    }
    return problem.empty() ? Result<NpmPackages>(std::move(packages)) : Error{problem};
}

Json npm_manifest(const NpmPackages& packages) {
    Json dependencies = Json::object();
    for (const auto& [name, version] : packages) {
        dependencies.set(name, Json::string(version));
    }
    return Json::object({{"private", Json::boolean(true)}, {"dependencies", dependencies}});
}

}  // namespace sallyport::engine
