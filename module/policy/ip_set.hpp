// An immutable set of addresses: built from CIDR blocks, written as one image of plain numbers,
// read wherever that image lies (a worker's heap, or memory that all workers share).
//
// Blocks become sorted, merged, disjoint ranges: IPv4 in 8 bytes a range behind an index over the
// upper 16 bits, IPv6 in 32 bytes behind an index over the 16 bits that tell its ranges apart best.
// A lookup is a few cache lines whatever the size; 1 000 000 blocks take less than 40 MiB.
#pragma once

#include "common/ip.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace sallyport::policy {

struct WideAddress {  // an address as one comparable pair
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    friend auto operator<=>(const WideAddress&, const WideAddress&) = default;
};
struct WideRange {
    WideAddress first;
    WideAddress last;
};

// Reads an image. Never leaves the image's bytes, whatever they say: memory that changes under a
// reader gives a wrong answer (which its owner notices), not a crash.
class IpSetView {
  public:
    IpSetView() = default;
    // Nothing when the bytes are no image. The bytes must outlive the view.
    static std::optional<IpSetView> open(std::span<const std::byte> image);
    // How many of the bytes are the image; 0 when they are none.
    static std::size_t bytes_of(std::span<const std::byte> image);

    bool contains(const IpAddress& address) const {
        return address.is_v4() ? contains_v4(address.v4())
                               : contains_v6({address.high(), address.low()});
    }
    bool empty() const { return v4_count_ + v6_count_ == 0; }
    std::size_t range_count() const { return v4_count_ + v6_count_; }

  private:
    bool contains_v4(std::uint32_t address) const;
    bool contains_v6(const WideAddress& address) const;

    const std::uint32_t* v4_first_ = nullptr;
    const std::uint32_t* v4_last_ = nullptr;
    const std::uint32_t* v4_index_ = nullptr;  // null for small sets
    const WideRange* v6_ = nullptr;
    const std::uint32_t* v6_index_ = nullptr;  // null for small sets
    std::size_t v4_count_ = 0;
    std::size_t v6_count_ = 0;
    std::uint64_t v6_base_ = 0;
    unsigned v6_shift_ = 0;
};

// How much of the address space a set covers.
struct IpCoverage {
    double v4 = 0;  // of all IPv4 addresses
    double v6 = 0;  // of 2000::/3, which holds all of today's
};

// A set in the making.
class IpSetImage {
  public:
    explicit IpSetImage(const std::vector<Cidr>& blocks);

    std::size_t bytes() const;
    // REQUIRES: bytes() bytes, aligned to 8.
    void write(std::span<std::byte> out) const;

    std::size_t range_count() const { return v4_.size() + v6_.size(); }
    IpCoverage coverage() const;
    // An upper bound for any set of that many blocks.
    static std::size_t bytes_max(std::size_t blocks);

  private:
    void merge_v4();
    void merge_v6();
    void write_v4(std::byte* out) const;
    void write_v6(std::byte* out, std::uint64_t base, unsigned shift) const;

    std::vector<std::uint64_t> v4_;  // first << 32 | last, both included
    std::vector<WideRange> v6_;
};

// A set that owns its image.
class IpSet {
  public:
    IpSet() = default;
    explicit IpSet(const std::vector<Cidr>& blocks) : IpSet(IpSetImage(blocks)) {}
    explicit IpSet(const IpSetImage& image);
    IpSet(IpSet&&) = default;
    IpSet& operator=(IpSet&&) = default;

    bool contains(const IpAddress& address) const { return view_.contains(address); }
    bool empty() const { return view_.empty(); }
    // Disjoint ranges after merging; at most the number of blocks, plus one for ::/0-like blocks
    // that cover the IPv4 space too.
    std::size_t range_count() const { return view_.range_count(); }
    std::size_t memory_bytes() const { return memory_.size() * sizeof(std::uint64_t); }

  private:
    std::vector<std::uint64_t> memory_;
    IpSetView view_;
};

}  // namespace sallyport::policy
