// A package as `npm pack` writes it, a gzipped tar with one folder, read before npm is given it:
// npm would fetch whatever its package.json asks for. Pure.
#pragma once

#include "common/result.hpp"
#include "engine/core/npm_packages.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace sallyport::engine {

// More than any piece is with all that it bundles.
inline constexpr std::size_t kNpmArchiveBytesMax = 10u << 20;
inline constexpr std::size_t kNpmArchiveUnpackedBytesMax = 64u << 20;
inline constexpr std::size_t kNpmArchiveEntriesMax = 20'000;

struct NpmArchive {
    std::string name;
    std::string version;  // exact
};

// What it holds, when that is files in one folder, and a package.json which depends on packages of
// a registry alone. Errors say what is wrong with it.
Result<NpmArchive> read_npm_archive(std::string_view bytes);

// What is asked of npm for it: the one package, in a file of that name beside the package.json.
// `sha256` is in hexadecimal.
NpmPackages archived_package(std::string_view name, std::string_view sha256);

}  // namespace sallyport::engine
