// A tar from a stranger, as it lies in the archive of a package: what is taken has a name and an
// exact version, and what is refused says why. Gzip is put around it here, since its checksum keeps
// bytes that are tried out.
#include "engine/core/npm_archive.hpp"
#include "tests/unit/gzipped.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport::engine;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    for (const std::string& bytes : {std::string(text), sallyport::test::gzipped(text)}) {
        const auto read = read_npm_archive(bytes);
        require(read.ok() ? is_npm_name(read->name) && is_exact_npm_version(read->version)
                          : !read.message().empty());
    }
    return 0;
}
