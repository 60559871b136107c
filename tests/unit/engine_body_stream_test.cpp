// A body that is written bit by bit stays bounded and says when it is over.
#include "engine/core/body_stream.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sallyport::engine {
namespace {

TEST(BodyStream, WhatIsWrittenIsTakenOnce) {
    BodyStream stream(8, ":\n", 30'000);
    int changes = 0;
    stream.on_change([&changes] { ++changes; });
    EXPECT_TRUE(stream.write("abc"));
    EXPECT_TRUE(stream.write("de"));
    EXPECT_EQ(changes, 2);
    EXPECT_EQ(stream.take(), "abcde");
    EXPECT_EQ(stream.take(), "");
}

TEST(BodyStream, AReaderWhoIsTooSlowIsCutOff) {
    BodyStream stream(8, ":\n", 30'000);
    int gone = 0;
    stream.on_close([&gone] { ++gone; });
    EXPECT_TRUE(stream.write("12345678"));
    EXPECT_FALSE(stream.write("9"));
    EXPECT_TRUE(stream.closed());
    EXPECT_EQ(gone, 1);
    EXPECT_EQ(stream.take(), "12345678") << "nothing is sent in part";
    EXPECT_FALSE(stream.write("9"));
    stream.close();
    EXPECT_EQ(gone, 1);
}

TEST(BodyStream, WhoComesTooLateHearsOfTheEnd) {
    BodyStream stream(8, ":\n", 30'000);
    stream.close();
    bool gone = false;
    stream.on_close([&gone] { gone = true; });
    EXPECT_TRUE(gone);
}

}  // namespace
}  // namespace sallyport::engine
