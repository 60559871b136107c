// Reads small files that configuration names (secrets, lists). Start-up and reload only: this is the
// one place in common that does I/O, and no request ever reaches it.
#pragma once

#include <cstddef>
#include <string>

#include "common/result.hpp"
#include "common/secret.hpp"

namespace sallyport {

// The whole file, at most `bytes_max`. Errors name the path and the cause.
Result<std::string> read_file_text(const std::string& path, std::size_t bytes_max);

// A secret file: one trailing newline is removed; must be a regular file, not empty, and neither
// readable nor writable by others (mode & 007 == 0), checked on the open descriptor.
Result<Secret> read_secret_file(const std::string& path);

}  // namespace sallyport
