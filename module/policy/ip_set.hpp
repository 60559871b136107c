// An immutable set of addresses, built once from CIDR blocks and read by every worker after the
// fork.
//
// Blocks become sorted, merged, disjoint ranges: IPv4 in 8 bytes a range behind a first-level index
// over the upper 16 bits, IPv6 in 32 bytes behind a sampled index. A lookup is a few cache lines
// whatever the size; 1 000 000 blocks take less than 40 MiB.
#pragma once

#include "common/ip.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sallyport::policy {

class IpSet {
  public:
    IpSet() = default;
    explicit IpSet(const std::vector<Cidr>& blocks);

    bool contains(const IpAddress& address) const {
        return address.is_v4() ? contains_v4(address.v4()) : contains_v6(address);
    }
    bool empty() const { return v4_first_.empty() && v6_.empty(); }
    // Disjoint ranges after merging; at most the number of blocks, plus one for ::/0-like blocks
    // that cover the IPv4 space too.
    std::size_t range_count() const { return v4_first_.size() + v6_.size(); }
    std::size_t memory_bytes() const;

  private:
    struct Wide {  // an address as one comparable pair
        std::uint64_t high = 0;
        std::uint64_t low = 0;
        friend auto operator<=>(const Wide&, const Wide&) = default;
    };
    struct WideRange {
        Wide first;
        Wide last;
    };

    bool contains_v4(std::uint32_t address) const;
    bool contains_v6(const IpAddress& address) const;
    void build_v4(std::vector<std::uint64_t>& ranges);
    void build_v6(std::vector<WideRange>& ranges);

    // v4_first_[i] to v4_last_[i], both included.
    std::vector<std::uint32_t> v4_first_;
    std::vector<std::uint32_t> v4_last_;
    // v4_index_[h]: the first range whose last address is in or behind block h.h.0.0/16. Empty for
    // small sets.
    std::vector<std::uint32_t> v4_index_;
    std::vector<WideRange> v6_;
    // The first address of every kSampleStride-th range. Empty for small sets.
    std::vector<Wide> v6_samples_;
};

}  // namespace sallyport::policy
