#include "module/policy/ip_set.hpp"

#include "common/ip.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace sallyport::policy {
namespace {

// Below this a plain binary search stays within a few cache lines and the index is only memory.
constexpr std::size_t kIndexFrom = 256;
constexpr std::size_t kIndexPlaces = 65537;
constexpr std::size_t kIndexBytes = (kIndexPlaces + 1) * sizeof(std::uint32_t);  // a multiple of 8
constexpr std::uint64_t kMagic = 0x5350495053455431;                             // "SPIPSET1"

struct Header {
    std::uint64_t magic;
    std::uint64_t v4_count;
    std::uint64_t v6_count;
    std::uint64_t v6_base;
    std::uint64_t v6_shift;
};

std::uint64_t pack(std::uint32_t first, std::uint32_t last) {
    return std::uint64_t{first} << 32 | last;
}
std::uint32_t first_of(std::uint64_t range) {
    return static_cast<std::uint32_t>(range >> 32);
}
std::uint32_t last_of(std::uint64_t range) {
    return static_cast<std::uint32_t>(range & 0xffffffff);
}

std::size_t index_bytes(std::size_t count) {
    return count < kIndexFrom ? 0 : kIndexBytes;
}
std::size_t v4_bytes(std::size_t count) {
    return count * sizeof(std::uint64_t) + index_bytes(count);
}
std::size_t v6_bytes(std::size_t count) {
    return count * sizeof(WideRange) + index_bytes(count);
}

}  // namespace

std::size_t IpSetView::bytes_of(std::span<const std::byte> image) {
    const auto view = open(image);
    return view ? sizeof(Header) + v6_bytes(view->v6_count_) + v4_bytes(view->v4_count_) : 0;
}

std::optional<IpSetView> IpSetView::open(std::span<const std::byte> image) {
    Header header;
    if (image.size() < sizeof header) {
        return std::nullopt;
    }
    std::memcpy(&header, image.data(), sizeof header);
    const std::size_t room = image.size() - sizeof header;
    const bool fits = header.magic == kMagic && header.v4_count <= room / sizeof(std::uint64_t) &&
                      header.v6_count <= room / sizeof(WideRange) && header.v6_shift < 64 &&
                      v4_bytes(header.v4_count) + v6_bytes(header.v6_count) <= room;
    if (!fits) {
        return std::nullopt;
    }
    IpSetView view;
    view.v4_count_ = header.v4_count;
    view.v6_count_ = header.v6_count;
    view.v6_base_ = header.v6_base;
    view.v6_shift_ = static_cast<unsigned>(header.v6_shift);
    const std::byte* v6 = image.data() + sizeof header;
    const std::byte* v4 = v6 + v6_bytes(header.v6_count);
    view.v6_ = reinterpret_cast<const WideRange*>(v6);
    view.v4_first_ = reinterpret_cast<const std::uint32_t*>(v4);
    view.v4_last_ = view.v4_first_ + header.v4_count;
    if (header.v4_count >= kIndexFrom) {
        view.v4_index_ = view.v4_last_ + header.v4_count;
    }
    if (header.v6_count >= kIndexFrom) {
        view.v6_index_ = reinterpret_cast<const std::uint32_t*>(view.v6_ + header.v6_count);
    }
    return view;
}

[[gnu::hot]] bool IpSetView::contains_v4(std::uint32_t address) const {
    std::size_t from = 0;
    std::size_t to = v4_count_;
    if (v4_index_ != nullptr) {
        const std::uint32_t block = address >> 16;
        // The range that reaches into the next block may hold the address as well.
        to = std::min<std::size_t>(to, std::size_t{v4_index_[block + 1]} + 1);
        from = std::min<std::size_t>(to, v4_index_[block]);
    }
    const std::uint32_t* after = std::upper_bound(v4_first_ + from, v4_first_ + to, address);
    const auto at = static_cast<std::size_t>(after - v4_first_);
    return at > from && address <= v4_last_[at - 1];
}

[[gnu::hot]] bool IpSetView::contains_v6(const WideAddress& address) const {
    std::size_t from = 0;
    std::size_t to = v6_count_;
    if (v6_index_ != nullptr) {
        if (address.high < v6_base_) {
            return false;
        }
        const std::uint64_t block = (address.high - v6_base_) >> v6_shift_;
        if (block >= kIndexPlaces - 1) {
            return false;
        }
        to = std::min<std::size_t>(to, std::size_t{v6_index_[block + 1]} + 1);
        from = std::min<std::size_t>(to, v6_index_[block]);
    }
    const WideRange* after = std::upper_bound(
        v6_ + from, v6_ + to, address,
        [](const WideAddress& value, const WideRange& range) { return value < range.first; });
    const auto at = static_cast<std::size_t>(after - v6_);
    return at > from && address <= v6_[at - 1].last;
}

IpSetImage::IpSetImage(const std::vector<Cidr>& blocks) {
    const IpAddress any_v4 = *IpAddress::parse("0.0.0.0");
    for (const Cidr& block : blocks) {
        const IpAddress last = block.last();
        if (block.bits >= kMappedBits && block.base.is_v4()) {
            v4_.push_back(pack(block.base.v4(), last.v4()));
            continue;
        }
        v6_.push_back({{block.base.high(), block.base.low()}, {last.high(), last.low()}});
        if (block.contains(any_v4)) {
            v4_.push_back(pack(0, 0xffffffff));
        }
    }
    merge_v4();
    merge_v6();
}

void IpSetImage::merge_v4() {
    std::sort(v4_.begin(), v4_.end());
    std::size_t kept = 0;
    for (const std::uint64_t range : v4_) {
        // In 64 bits, so that a range that ends at 255.255.255.255 does not wrap.
        if (kept > 0 && first_of(range) <= std::uint64_t{last_of(v4_[kept - 1])} + 1) {
            v4_[kept - 1] =
                pack(first_of(v4_[kept - 1]), std::max(last_of(v4_[kept - 1]), last_of(range)));
        } else {
            v4_[kept++] = range;
        }
    }
    v4_.resize(kept);
}

void IpSetImage::merge_v6() {
    std::sort(v6_.begin(), v6_.end(),
              [](const WideRange& a, const WideRange& b) { return a.first < b.first; });
    std::size_t kept = 0;
    for (const WideRange& range : v6_) {
        if (kept > 0 && range.first <= v6_[kept - 1].last) {
            v6_[kept - 1].last = std::max(v6_[kept - 1].last, range.last);
        } else {
            v6_[kept++] = range;
        }
    }
    v6_.resize(kept);
}

std::size_t IpSetImage::bytes() const {
    return sizeof(Header) + v4_bytes(v4_.size()) + v6_bytes(v6_.size());
}

std::size_t IpSetImage::bytes_max(std::size_t blocks) {
    // One more IPv4 range when a wide IPv6 block covers them all.
    return sizeof(Header) + v6_bytes(blocks) + v4_bytes(1) + 2 * kIndexBytes;
}

void IpSetImage::write(std::span<std::byte> out) const {
    Header header{kMagic, v4_.size(), v6_.size(), 0, 0};
    if (!v6_.empty()) {
        header.v6_base = v6_.front().first.high;
        // The place that the index begins to tell addresses apart: above it, all are the same.
        const std::uint64_t span = v6_.back().last.high - header.v6_base;
        const auto width = static_cast<unsigned>(std::bit_width(span));
        header.v6_shift = width > 16 ? width - 16 : 0;
    }
    std::memcpy(out.data(), &header, sizeof header);
    std::byte* v6 = out.data() + sizeof header;
    write_v6(v6, header.v6_base, static_cast<unsigned>(header.v6_shift));
    write_v4(v6 + v6_bytes(v6_.size()));
}

void IpSetImage::write_v4(std::byte* out) const {
    auto* first = reinterpret_cast<std::uint32_t*>(out);
    std::uint32_t* last = first + v4_.size();
    for (std::size_t i = 0; i < v4_.size(); ++i) {
        first[i] = first_of(v4_[i]);
        last[i] = last_of(v4_[i]);
    }
    if (v4_.size() < kIndexFrom) {
        return;
    }
    // index[h]: the first range whose last address is in or behind block h.h.0.0/16.
    std::uint32_t* index = last + v4_.size();
    std::uint32_t range = 0;
    for (std::uint32_t block = 0; block < kIndexPlaces; ++block) {
        const std::uint64_t start = std::uint64_t{block} << 16;
        while (range < v4_.size() && last[range] < start) {
            ++range;
        }
        index[block] = range;
    }
    index[kIndexPlaces] = 0;  // fills up to a whole word
}

void IpSetImage::write_v6(std::byte* out, std::uint64_t base, unsigned shift) const {
    if (v6_.empty()) {
        return;
    }
    std::memcpy(out, v6_.data(), v6_.size() * sizeof(WideRange));
    if (v6_.size() < kIndexFrom) {
        return;
    }
    auto* index = reinterpret_cast<std::uint32_t*>(out + v6_.size() * sizeof(WideRange));
    std::uint32_t range = 0;
    for (std::uint64_t block = 0; block < kIndexPlaces; ++block) {
        while (range < v6_.size() && (v6_[range].last.high - base) >> shift < block) {
            ++range;
        }
        index[block] = range;
    }
    index[kIndexPlaces] = 0;
}

IpCoverage IpSetImage::coverage() const {
    constexpr std::uint64_t kGlobalFirst = std::uint64_t{0x20} << 56;
    constexpr std::uint64_t kGlobalLast = (std::uint64_t{0x40} << 56) - 1;
    double v4 = 0;
    for (const std::uint64_t range : v4_) {
        v4 += static_cast<double>(last_of(range) - first_of(range)) + 1;
    }
    double v6 = 0;
    for (const WideRange& range : v6_) {
        const std::uint64_t first = std::max(range.first.high, kGlobalFirst);
        const std::uint64_t last = std::min(range.last.high, kGlobalLast);
        v6 += first < last ? static_cast<double>(last - first) + 1 : 0;
    }
    return {v4 / 4294967296.0, v6 / (static_cast<double>(kGlobalLast - kGlobalFirst) + 1)};
}

IpSet::IpSet(const IpSetImage& image)
    : memory_((image.bytes() + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t)) {
    const auto bytes = std::as_writable_bytes(std::span(memory_));
    image.write(bytes);
    view_ = *IpSetView::open(bytes);
}

}  // namespace sallyport::policy
