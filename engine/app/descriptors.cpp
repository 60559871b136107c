#include "engine/app/descriptors.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <limits>

namespace sallyport::engine {
namespace {

// Twice the connections that the server takes.
constexpr rlim_t kDescriptorsWanted = 8192;
// Databases, sandboxes, the loop and what comes and goes while a sandbox is started: two dozen are
// open when nobody asks anything.
constexpr rlim_t kOwnDescriptors = 32;

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
    if (::getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY) {
        return std::numeric_limits<std::size_t>::max();
    }
    const rlim_t limit = files.rlim_cur;
    const rlim_t left = limit > kOwnDescriptors ? limit - kOwnDescriptors : 1;
    return static_cast<std::size_t>(std::min(limit / 2, left));
}

}  // namespace sallyport::engine
