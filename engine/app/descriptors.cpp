#include "engine/app/descriptors.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <limits>

namespace sallyport::engine {
namespace {

// Twice the connections that the server takes.
constexpr rlim_t kDescriptorsWanted = 8192;

}  // namespace

void ask_for_descriptors() {
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < kDescriptorsWanted) {
        files.rlim_cur = std::min(files.rlim_max, kDescriptorsWanted);
        ::setrlimit(RLIMIT_NOFILE, &files);
    }
}

std::size_t connection_descriptors() {
    rlimit files{};
    return ::getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY
               ? static_cast<std::size_t>(files.rlim_cur) / 2
               : std::numeric_limits<std::size_t>::max();
}

}  // namespace sallyport::engine
