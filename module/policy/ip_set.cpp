#include "module/policy/ip_set.hpp"

#include <algorithm>

namespace sallyport::policy {
namespace {

// Below this a plain binary search stays within a few cache lines and the index is only memory.
constexpr std::size_t kIndexFrom = 256;
constexpr std::size_t kSampleStride = 32;
constexpr unsigned kMappedBits = 96;  // ::ffff:0:0/96 holds IPv4

std::uint64_t pack(std::uint32_t first, std::uint32_t last) {
    return std::uint64_t{first} << 32 | last;
}

}  // namespace

IpSet::IpSet(const std::vector<Cidr>& blocks) {
    std::vector<std::uint64_t> v4;
    std::vector<WideRange> v6;
    const IpAddress any_v4 = *IpAddress::parse("0.0.0.0");
    for (const Cidr& block : blocks) {
        const IpAddress last = block.last();
        if (block.bits >= kMappedBits && block.base.is_v4()) {
            v4.push_back(pack(block.base.v4(), last.v4()));
            continue;
        }
        v6.push_back({{block.base.high(), block.base.low()}, {last.high(), last.low()}});
        if (block.contains(any_v4)) {
            v4.push_back(pack(0, 0xffffffff));
        }
    }
    build_v4(v4);
    build_v6(v6);
}

void IpSet::build_v4(std::vector<std::uint64_t>& ranges) {
    std::sort(ranges.begin(), ranges.end());
    for (const std::uint64_t range : ranges) {
        const auto first = static_cast<std::uint32_t>(range >> 32);
        const auto last = static_cast<std::uint32_t>(range & 0xffffffff);
        // In 64 bits, so that a range that ends at 255.255.255.255 does not wrap.
        if (!v4_last_.empty() && first <= std::uint64_t{v4_last_.back()} + 1) {
            v4_last_.back() = std::max(v4_last_.back(), last);
        } else {
            v4_first_.push_back(first);
            v4_last_.push_back(last);
        }
    }
    v4_first_.shrink_to_fit();
    v4_last_.shrink_to_fit();
    if (v4_first_.size() < kIndexFrom) {
        return;
    }
    v4_index_.resize(65537);
    std::uint32_t range = 0;
    for (std::uint32_t block = 0; block <= 65536; ++block) {
        const std::uint64_t start = std::uint64_t{block} << 16;
        while (range < v4_last_.size() && v4_last_[range] < start) {
            ++range;
        }
        v4_index_[block] = range;
    }
}

void IpSet::build_v6(std::vector<WideRange>& ranges) {
    std::sort(ranges.begin(), ranges.end(),
              [](const WideRange& a, const WideRange& b) { return a.first < b.first; });
    for (const WideRange& range : ranges) {
        if (!v6_.empty() && range.first <= v6_.back().last) {
            v6_.back().last = std::max(v6_.back().last, range.last);
        } else {
            v6_.push_back(range);
        }
    }
    v6_.shrink_to_fit();
    if (v6_.size() < kIndexFrom) {
        return;
    }
    for (std::size_t i = 0; i < v6_.size(); i += kSampleStride) {
        v6_samples_.push_back(v6_[i].first);
    }
}

bool IpSet::contains_v4(std::uint32_t address) const {
    std::size_t from = 0;
    std::size_t to = v4_first_.size();
    if (!v4_index_.empty()) {
        const std::uint32_t block = address >> 16;
        from = v4_index_[block];
        // The range that reaches into the next block may hold the address as well.
        to = std::min<std::size_t>(to, std::size_t{v4_index_[block + 1]} + 1);
    }
    const auto begin = v4_first_.begin();
    const auto after = std::upper_bound(begin + static_cast<std::ptrdiff_t>(from),
                                        begin + static_cast<std::ptrdiff_t>(to), address);
    const auto at = static_cast<std::size_t>(after - begin);
    return at > from && address <= v4_last_[at - 1];
}

bool IpSet::contains_v6(const IpAddress& address) const {
    const Wide wanted{address.high(), address.low()};
    std::size_t from = 0;
    std::size_t to = v6_.size();
    if (!v6_samples_.empty()) {
        const auto after = std::upper_bound(v6_samples_.begin(), v6_samples_.end(), wanted);
        const auto sample = static_cast<std::size_t>(after - v6_samples_.begin());
        if (sample == 0) {
            return false;
        }
        from = (sample - 1) * kSampleStride;
        to = std::min(to, from + kSampleStride);
    }
    const auto after = std::upper_bound(
        v6_.begin() + static_cast<std::ptrdiff_t>(from),
        v6_.begin() + static_cast<std::ptrdiff_t>(to), wanted,
        [](const Wide& value, const WideRange& range) { return value < range.first; });
    const auto at = static_cast<std::size_t>(after - v6_.begin());
    return at > from && wanted <= v6_[at - 1].last;
}

std::size_t IpSet::memory_bytes() const {
    return (v4_first_.capacity() + v4_last_.capacity() + v4_index_.capacity()) *
               sizeof(std::uint32_t) +
           v6_.capacity() * sizeof(WideRange) + v6_samples_.capacity() * sizeof(Wide);
}

}  // namespace sallyport::policy
