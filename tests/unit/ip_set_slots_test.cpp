// A set that is replaced under its readers: in threads here, in processes in the gateway.
#include "module/policy/ip_set_slots.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

namespace sallyport::policy {
namespace {

IpSetImage image(std::initializer_list<const char*> texts) {
    std::vector<Cidr> blocks;
    for (const char* text : texts) {
        blocks.push_back(*Cidr::parse(text));
    }
    return IpSetImage(blocks);
}

// Every second /24 of 10.0.0.0/8, beginning with `offset`.
IpSetImage stripes(unsigned offset, std::size_t count) {
    std::vector<Cidr> blocks;
    for (std::size_t i = 0; i < count; ++i) {
        const auto net = static_cast<std::uint32_t>(2 * i + offset);
        const std::uint8_t quad[4] = {10, static_cast<std::uint8_t>(net >> 8),
                                      static_cast<std::uint8_t>(net), 0};
        blocks.push_back({IpAddress::from_v4(quad), 120});
    }
    return IpSetImage(blocks);
}

class Memory {
  public:
    explicit Memory(std::size_t slot_bytes)
        : size_(IpSetSlots::memory_bytes(slot_bytes)), data_(std::aligned_alloc(4096, size_)) {
        std::memset(data_, 0, size_);
    }
    ~Memory() { std::free(data_); }
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;
    std::span<std::byte> bytes() const { return {static_cast<std::byte*>(data_), size_}; }

  private:
    std::size_t size_;
    void* data_;
};

TEST(IpSetSlots, EveryoneSeesWhatWasPublishedLast) {
    const Memory memory(8192);
    IpSetSlots writer(memory.bytes());
    const IpSetSlots reader(memory.bytes());
    const IpAddress ten = *IpAddress::parse("10.0.0.1");
    const IpAddress eleven = *IpAddress::parse("11.0.0.1");
    EXPECT_EQ(reader.version(), 0u);
    EXPECT_FALSE(reader.contains(ten));
    for (int round = 0; round < 5; ++round) {
        ASSERT_TRUE(writer.publish(image({"10.0.0.0/8"}), 1));
        EXPECT_TRUE(reader.contains(ten));
        EXPECT_FALSE(reader.contains(eleven));
        ASSERT_TRUE(writer.publish(image({"11.0.0.0/8", "12.0.0.0/8"}), 2));
        EXPECT_FALSE(reader.contains(ten));
        EXPECT_TRUE(reader.contains(eleven));
        EXPECT_EQ(reader.blocks(), 2u);
    }
    EXPECT_EQ(reader.version(), 10u);
}

TEST(IpSetSlots, AnotherSetIsTakenOver) {
    const Memory old_memory(1 << 20);
    IpSetSlots old(old_memory.bytes());
    const Memory memory(1 << 20);
    IpSetSlots slots(memory.bytes());
    EXPECT_FALSE(slots.adopt(old)) << "there is nothing yet";
    EXPECT_EQ(slots.version(), 0u);
    ASSERT_TRUE(old.publish(image({"10.0.0.0/8"}), 1));
    ASSERT_TRUE(old.publish(stripes(0, 1000), 1000));
    ASSERT_TRUE(slots.adopt(old));
    EXPECT_TRUE(slots.contains(*IpAddress::parse("10.0.2.1")));
    EXPECT_FALSE(slots.contains(*IpAddress::parse("10.0.1.1")));
    EXPECT_EQ(slots.blocks(), 1000u);
    ASSERT_TRUE(old.publish(image({"11.0.0.0/8"}), 1));
    EXPECT_TRUE(slots.contains(*IpAddress::parse("10.0.2.1"))) << "a copy";
    const Memory small_memory(4096);
    IpSetSlots small(small_memory.bytes());
    ASSERT_TRUE(old.publish(stripes(0, 1000), 1000));
    EXPECT_FALSE(small.adopt(old));
    EXPECT_EQ(small.version(), 0u);
}

TEST(IpSetSlots, WhatDoesNotFitChangesNothing) {
    const Memory memory(4096);
    IpSetSlots slots(memory.bytes());
    ASSERT_TRUE(slots.publish(image({"10.0.0.0/8"}), 1));
    EXPECT_FALSE(slots.publish(stripes(0, 10'000), 10'000));
    EXPECT_TRUE(slots.contains(*IpAddress::parse("10.9.9.9")));
    EXPECT_EQ(slots.version(), 1u);
}

TEST(IpSetSlots, TheOldVersionsMemoryIsFreeAtOnce) {
    const Memory memory(4096);
    IpSetSlots slots(memory.bytes());
    ASSERT_TRUE(slots.publish(image({"10.0.0.0/8"}), 1));
    ASSERT_TRUE(slots.publish(image({"11.0.0.0/8"}), 1));
    const auto old = slots.retire();
    std::memset(old.data(), 0xff, old.size());
    EXPECT_TRUE(slots.contains(*IpAddress::parse("11.0.0.1")));
    ASSERT_TRUE(slots.publish(image({"12.0.0.0/8"}), 1));
    EXPECT_TRUE(slots.contains(*IpAddress::parse("12.0.0.1")));
}

// 10.0.0.0/24 is in the even versions, 10.0.1.0/24 in the odd ones, 10.255.255.0/24 in none, and
// 192.0.2.0/24 in all: no mixture of two versions may ever be seen.
TEST(IpSetSlots, ReadersNeverSeeAMixture) {
    constexpr std::size_t kSlot = 1 << 20;
    const Memory memory(kSlot);
    IpSetSlots writer(memory.bytes());
    const auto with_always = [](unsigned offset, std::size_t count) {
        std::vector<Cidr> blocks{*Cidr::parse("192.0.2.0/24")};
        for (std::size_t i = 0; i < count; ++i) {
            const auto net = static_cast<std::uint32_t>(2 * i + offset);
            const std::uint8_t quad[4] = {10, static_cast<std::uint8_t>(net >> 8),
                                          static_cast<std::uint8_t>(net), 0};
            blocks.push_back({IpAddress::from_v4(quad), 120});
        }
        return IpSetImage(blocks);
    };
    const IpSetImage images[2] = {with_always(0, 20'000), with_always(1, 200)};
    ASSERT_TRUE(writer.publish(images[0], 1));
    std::atomic<bool> stop{false};
    std::atomic<int> wrong{0};
    std::atomic<std::uint64_t> lookups{0};
    std::vector<std::thread> readers;
    for (int i = 0; i < 2; ++i) {
        readers.emplace_back([&] {
            const IpSetSlots reader(memory.bytes());
            const IpAddress always = *IpAddress::parse("192.0.2.9");
            const IpAddress never = *IpAddress::parse("10.255.255.1");
            while (!stop) {
                wrong += reader.contains(always) && !reader.contains(never) ? 0 : 1;
                ++lookups;
            }
        });
    }
    for (int i = 0; i < 400 || lookups < 1000; ++i) {
        ASSERT_TRUE(writer.publish(images[i % 2], 1));
        if (i % 7 == 0) {
            const auto old = writer.retire();
            std::memset(old.data(), 0, old.size());
        }
    }
    stop = true;
    for (std::thread& reader : readers) {
        reader.join();
    }
    EXPECT_EQ(wrong, 0);
}

// The worst a list can be: every block its own IPv6 range.
TEST(IpSetImage, AMillionBlocksOfAnyKindStayUnder64MiB) {
    EXPECT_LT(IpSetImage::bytes_max(1'000'000), std::size_t{64} << 20);
    std::vector<Cidr> v6;
    for (std::uint32_t i = 0; i < 100'000; ++i) {
        const std::uint8_t bytes[16] = {0x20, static_cast<std::uint8_t>(i >> 16),
                                        static_cast<std::uint8_t>(i >> 8),
                                        static_cast<std::uint8_t>(i)};
        v6.push_back({IpAddress::from_v6(bytes), 40});
    }
    const IpSetImage image(v6);
    EXPECT_EQ(image.range_count(), v6.size());
    EXPECT_LE(image.bytes(), IpSetImage::bytes_max(v6.size()));
}

// Whatever lies in the memory: no crash, no read outside.
TEST(IpSetView, RefusesWhatIsNoImage) {
    const IpSetImage good = stripes(0, 1000);
    std::vector<std::uint64_t> words(good.bytes() / 8 + 1);
    const auto bytes = std::as_writable_bytes(std::span(words));
    good.write(bytes);
    ASSERT_TRUE(IpSetView::open(bytes).has_value());
    EXPECT_FALSE(IpSetView::open(bytes.first(good.bytes() - 8)).has_value());
    EXPECT_FALSE(IpSetView::open(bytes.first(8)).has_value());
    EXPECT_FALSE(IpSetView::open({}).has_value());
    for (const std::uint64_t word : {0ull, 1ull, ~0ull, 1ull << 61, 1ull << 32}) {
        for (std::size_t i = 0; i < 5; ++i) {
            auto copy = words;
            copy[i] = word;
            const auto view = IpSetView::open(std::as_bytes(std::span(copy)));
            if (view) {
                view->contains(*IpAddress::parse("10.1.2.3"));
                view->contains(*IpAddress::parse("2001:db8::1"));
            }
        }
    }
    // A torn index names places that are not there.
    for (std::size_t i = 5; i < words.size(); ++i) {
        words[i] = ~0ull;
    }
    const auto view = IpSetView::open(bytes);
    ASSERT_TRUE(view.has_value());
    for (const char* text : {"0.0.0.0", "10.0.0.1", "255.255.255.255", "::", "ffff::"}) {
        view->contains(*IpAddress::parse(text));
    }
}

}  // namespace
}  // namespace sallyport::policy
