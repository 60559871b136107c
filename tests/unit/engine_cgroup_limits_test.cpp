#include "engine/core/cgroup_limits.hpp"

#include <gtest/gtest.h>

namespace sallyport::engine {
namespace {

TEST(CgroupLimits, AreReadAsTheKernelWritesThem) {
    EXPECT_EQ(cgroup_millicpus("150000 100000\n"), 1500U);
    EXPECT_EQ(cgroup_millicpus("50000 100000"), 500U);
    for (const char* none : {"max 100000\n", "", "\n", "5", "5 0", "a b", "-1 100000", "1 2 3",
                             "18446744073709551615 1"}) {
        EXPECT_EQ(cgroup_millicpus(none), std::nullopt) << none;
    }
    EXPECT_EQ(cgroup_bytes("1073741824\n"), 1073741824U);
    for (const char* none : {"max\n", "", "12k", "-1"}) {
        EXPECT_EQ(cgroup_bytes(none), std::nullopt) << none;
    }
}

}  // namespace
}  // namespace sallyport::engine
