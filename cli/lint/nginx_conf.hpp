// nginx configuration as a tree, read the way nginx reads it (quotes, escapes, ${…}, comments,
// includes). Pure: files come through `ConfSource`. Whatever stands in a block is kept as
// directives, so the entries of map, geo and types are there too, with their key as the name.
#pragma once

#include "common/bytes.hpp"
#include "common/result.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::lint {

// nginx itself knows no bounds here; a configuration that needs more is a mistake or an attack.
inline constexpr std::size_t kConfDepthMax = 64;
inline constexpr std::size_t kConfFilesMax = 4096;
inline constexpr std::size_t kConfDirectivesMax = 1'000'000;

struct Directive {
    std::string name;
    std::vector<std::string> args;
    std::string file;
    unsigned line = 0;
    bool has_block = false;
    std::vector<Directive> block;

    // The argument, or an empty text.
    std::string_view arg(std::size_t index) const {
        return index < args.size() ? std::string_view(args[index]) : std::string_view();
    }
    // nginx takes the words of its flags and choices in any case.
    bool says(std::size_t index, std::string_view word) const {
        return ascii_iequals(arg(index), word);
    }
};

struct ConfSource {
    std::function<Result<std::string>(const std::string& path)> read;
    // The files that an include's pattern names, sorted; the pattern itself when it has no
    // wildcard.
    std::function<std::vector<std::string>(const std::string& pattern)> expand;
};

// The main configuration `path` with everything that it includes; relative includes are relative to
// its folder, as for nginx. Errors name file and line.
Result<std::vector<Directive>> parse_nginx_conf(const std::string& path, const ConfSource& source);

}  // namespace sallyport::lint
