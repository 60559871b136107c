// Texts in zstd frames: what goes in comes out, what is broken or too large is refused.
#include "engine/core/packed_text.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sallyport::test {
namespace {

using namespace engine;

std::string words(std::size_t bytes) {
    std::string text;
    for (std::size_t i = 0; text.size() < bytes; ++i) {
        text += R"({"type":"step_succeeded","step":"step_)" + std::to_string(i) + R"("},)";
    }
    return text;
}

// No two bytes say anything about each other.
std::string noise(std::size_t bytes) {
    std::string text;
    std::uint64_t state = 42;
    while (text.size() < bytes) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        text += static_cast<char>(state >> 56);
    }
    return text;
}

TEST(PackedText, ComesOutAsItWentIn) {
    for (const std::size_t size : {kPackBytesMin, std::size_t{70'000}, std::size_t{3'000'000}}) {
        const std::string text = words(size) + std::string("\0\xff", 2);
        const auto frame = pack_text(text);
        ASSERT_TRUE(frame) << size;
        EXPECT_LT(frame->size(), text.size() / 4);
        const auto back = unpack_text(*frame);
        ASSERT_TRUE(back.ok()) << back.message();
        EXPECT_EQ(*back, text);
    }
}

TEST(PackedText, StaysAsItIsWhenThatIsCheaper) {
    EXPECT_FALSE(pack_text(""));
    EXPECT_FALSE(pack_text(words(kPackBytesMin / 2)));
    EXPECT_FALSE(pack_text(noise(100'000)));
}

TEST(PackedText, WhatIsBrokenIsRefused) {
    const std::string frame = *pack_text(words(100'000));
    EXPECT_FALSE(unpack_text("").ok());
    EXPECT_FALSE(unpack_text("[1]").ok());
    EXPECT_FALSE(unpack_text(frame + "x").ok());
    for (std::size_t cut = 0; cut < frame.size(); cut += 97) {
        EXPECT_FALSE(unpack_text(frame.substr(0, cut)).ok()) << cut;
    }
    for (std::size_t at = 0; at < frame.size(); at += 61) {
        std::string bent = frame;
        bent[at] = static_cast<char>(bent[at] ^ 0x10);
        const auto back = unpack_text(bent);
        EXPECT_TRUE(!back.ok() || *back == words(100'000)) << at;
    }
}

TEST(PackedText, ABombIsHeldToTheBound) {
    const std::string frame = *pack_text(std::string(50'000'000, 'x'));
    ASSERT_LT(frame.size(), 20'000u);
    EXPECT_FALSE(unpack_text(frame, 49'999'999).ok());
    EXPECT_TRUE(unpack_text(frame, 50'000'000).ok());
    // Without an announced size: the third byte's upper bits, and the size, away.
    const std::string unsized("\x28\xb5\x2f\xfd\x00\x58", 6);
    std::string bomb = unsized;
    for (int block = 0; block < 1000; ++block) {  // each: 128 KB of one byte
        bomb += std::string(block == 999 ? "\x03\x00\x10" : "\x02\x00\x10", 3) + "x";
    }
    EXPECT_FALSE(unpack_text(bomb, 10'000'000).ok());
    const auto all = unpack_text(bomb, 200'000'000);
    ASSERT_TRUE(all.ok()) << all.message();
    EXPECT_EQ(all->size(), 1000u * 128 * 1024);
}

}  // namespace
}  // namespace sallyport::test
