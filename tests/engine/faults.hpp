// What the preloaded library of tests/engine/faults_preload.cpp does to a process: one page of a
// file that the test and the process share.
#pragma once

#include <atomic>
#include <cstdint>

namespace sallyport::test {

inline constexpr const char* kFaultsVariable = "SALLYPORT_TEST_FAULTS";  // the file's path

struct Faults {
    std::atomic<std::int64_t> clock_step_s;  // added to the wall clock, seconds
    std::atomic<bool> read_only;  // files are neither written, cut, synchronised nor made
};

}  // namespace sallyport::test
