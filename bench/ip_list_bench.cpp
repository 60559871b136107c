// What address lists cost: time to read and build, memory, and nanoseconds a lookup, beside other
// ways to do it.
//
// Method: random blocks (IPv4 /20 to /32 over all unicast space, IPv6 /29 to /64 below 2000::/3,
// fixed seed), written as a file would hold them. Reading is parse_ip_list over that text, building
// is IpSetImage and its image. Lookups are of 65 536 random addresses, half of them members, in
// random order; the median of nine passes over all. Memory is what the form needs once for all
// workers. The alternatives: binary search over the merged ranges; a binary trie walked bit by bit
// (nginx's radix tree, `geo` and `allow`/`deny` with many entries are of its kind); DIR-24-8, a
// table of all /24 blocks with a second level. A machine that does something else meanwhile shows
// in the figures: compare rows of one run.
#include "module/policy/ip_list.hpp"
#include "module/policy/ip_set_slots.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace sallyport;
using policy::IpSet;
using policy::IpSetImage;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kProbes = 65536;
constexpr int kPasses = 9;

double ms_since(Clock::time_point start) {
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

std::vector<Cidr> random_blocks(std::size_t count, bool v6, std::mt19937_64& random) {
    std::vector<Cidr> blocks;
    blocks.reserve(count);
    while (blocks.size() < count) {
        std::uint8_t bytes[16] = {};
        if (v6) {
            const std::uint64_t high = (random() >> 3) | std::uint64_t{1} << 61;
            for (unsigned i = 0; i < 8; ++i) {
                bytes[i] = static_cast<std::uint8_t>(high >> (56 - 8 * i));
            }
            const auto bits = static_cast<std::uint8_t>(29 + random() % 36);
            blocks.push_back({IpAddress::from_v6(bytes).masked(bits), bits});
            continue;
        }
        const auto word = static_cast<std::uint32_t>(0x01000000 + random() % 0xdf000000u);
        const std::uint8_t quad[4] = {
            static_cast<std::uint8_t>(word >> 24), static_cast<std::uint8_t>(word >> 16),
            static_cast<std::uint8_t>(word >> 8), static_cast<std::uint8_t>(word)};
        const auto bits = static_cast<std::uint8_t>(96 + 20 + random() % 13);
        blocks.push_back({IpAddress::from_v4(quad).masked(bits), bits});
    }
    return blocks;
}

std::vector<IpAddress> random_probes(const std::vector<Cidr>& blocks, bool v6,
                                     std::mt19937_64& random) {
    std::vector<IpAddress> probes;
    for (std::size_t i = 0; i < kProbes / 2; ++i) {
        probes.push_back(blocks[random() % blocks.size()].last());
    }
    for (const Cidr& block : random_blocks(kProbes / 2, v6, random)) {
        probes.push_back(block.last());
    }
    std::shuffle(probes.begin(), probes.end(), random);
    return probes;
}

template <typename F>
double ns_a_lookup(const std::vector<IpAddress>& probes, std::size_t& members, F&& contains) {
    std::vector<double> passes;
    for (int pass = 0; pass < kPasses; ++pass) {
        members = 0;
        const auto start = Clock::now();
        for (const IpAddress& probe : probes) {
            members += contains(probe) ? 1 : 0;
        }
        passes.push_back(ms_since(start) * 1e6 / static_cast<double>(probes.size()));
    }
    std::nth_element(passes.begin(), passes.begin() + kPasses / 2, passes.end());
    return passes[kPasses / 2];
}

// Sorted, disjoint, as every form below wants them.
struct Range {
    std::uint32_t first;
    std::uint32_t last;
};
std::vector<Range> merged(const std::vector<Cidr>& blocks) {
    std::vector<Range> all;
    for (const Cidr& block : blocks) {
        all.push_back({block.base.v4(), block.last().v4()});
    }
    std::sort(all.begin(), all.end(), [](Range a, Range b) { return a.first < b.first; });
    std::vector<Range> out;
    for (const Range range : all) {
        if (!out.empty() && range.first <= std::uint64_t{out.back().last} + 1) {
            out.back().last = std::max(out.back().last, range.last);
        } else {
            out.push_back(range);
        }
    }
    return out;
}

bool binary_search(const std::vector<Range>& ranges, std::uint32_t address) {
    const auto after =
        std::upper_bound(ranges.begin(), ranges.end(), address,
                         [](std::uint32_t value, Range range) { return value < range.first; });
    return after != ranges.begin() && address <= std::prev(after)->last;
}

class Trie {
  public:
    void add(const Cidr& block) {
        std::uint32_t node = 0;
        for (unsigned bit = 0; bit + 96 < block.bits && !nodes_[node].member; ++bit) {
            const unsigned side = block.base.v4() >> (31 - bit) & 1;
            if (nodes_[node].child[side] == 0) {
                nodes_[node].child[side] = static_cast<std::uint32_t>(nodes_.size());
                nodes_.push_back({});
            }
            node = nodes_[node].child[side];
        }
        nodes_[node].member = true;
    }
    bool contains(std::uint32_t address) const {
        std::uint32_t node = 0;
        for (unsigned bit = 0; !nodes_[node].member; ++bit) {
            node = bit < 32 ? nodes_[node].child[address >> (31 - bit) & 1] : 0;
            if (node == 0) {
                return false;
            }
        }
        return true;
    }
    std::size_t bytes() const { return nodes_.size() * sizeof(Node); }

  private:
    struct Node {
        std::uint32_t child[2] = {0, 0};
        bool member = false;
    };
    std::vector<Node> nodes_{Node{}};
};

class Dir24 {
  public:
    explicit Dir24(const std::vector<Range>& ranges) : first_(1u << 24) {
        for (const Range range : ranges) {
            for (std::uint64_t at = range.first; at <= range.last;) {
                const auto block = static_cast<std::uint32_t>(at >> 8);
                const std::uint64_t end = std::min<std::uint64_t>(range.last, at | 0xff);
                if ((at & 0xff) == 0 && (end & 0xff) == 0xff) {
                    first_[block] = kAll;
                } else {
                    mark(block, static_cast<unsigned>(at & 0xff),
                         static_cast<unsigned>(end & 0xff));
                }
                at = end + 1;
            }
        }
    }
    bool contains(std::uint32_t address) const {
        const std::uint32_t entry = first_[address >> 8];
        return entry == kAll || (entry != 0 && second_[entry * 256 + (address & 0xff)] != 0);
    }
    std::size_t bytes() const { return first_.size() * 4 + second_.size(); }

  private:
    static constexpr std::uint32_t kAll = 0xffffffff;
    void mark(std::uint32_t block, unsigned from, unsigned to) {
        if (first_[block] == 0) {
            first_[block] = static_cast<std::uint32_t>(second_.size() / 256);
            second_.resize(second_.size() + 256);
        }
        std::memset(second_.data() + std::size_t{first_[block]} * 256 + from, 1, to - from + 1);
    }
    std::vector<std::uint32_t> first_;
    std::vector<std::uint8_t> second_ = std::vector<std::uint8_t>(256);
};

void row(const char* name, double build_ms, std::size_t bytes, double ns, std::size_t members) {
    std::printf("  %-34s %10.1f %12.1f %10.1f %10zu\n", name, build_ms,
                static_cast<double>(bytes) / (1 << 20), ns, members);
}

void show(std::size_t count, bool v6) {
    std::mt19937_64 random(20261126);
    const std::vector<Cidr> blocks = random_blocks(count, v6, random);
    const std::vector<IpAddress> probes = random_probes(blocks, v6, random);
    std::string text;
    for (const Cidr& block : blocks) {
        text += block.to_string() + "\n";
    }
    auto start = Clock::now();
    const auto parsed = policy::parse_ip_list(text, "bench");
    const double read_ms = ms_since(start);
    start = Clock::now();
    const IpSetImage image(*parsed);
    const IpSet set(image);
    const double build_ms = ms_since(start);
    std::printf("%zu %s blocks (%.1f MiB of text, read in %.0f ms)\n", count, v6 ? "IPv6" : "IPv4",
                static_cast<double>(text.size()) / (1 << 20), read_ms);
    std::printf("  %-34s %10s %12s %10s %10s\n", "form", "build ms", "MiB", "ns/lookup", "members");
    std::size_t members = 0;
    double ns = ns_a_lookup(probes, members, [&](const IpAddress& a) { return set.contains(a); });
    row("sallyport, fixed list", build_ms, set.memory_bytes(), ns, members);

    const std::size_t slot = (image.bytes() + 4095) / 4096 * 4096;
    const std::size_t bytes = policy::IpSetSlots::memory_bytes(slot);
    void* memory = std::aligned_alloc(4096, bytes);
    std::memset(memory, 0, bytes);
    policy::IpSetSlots slots({static_cast<std::byte*>(memory), bytes});
    slots.publish(image, count);
    ns = ns_a_lookup(probes, members, [&](const IpAddress& a) { return slots.contains(a); });
    row("sallyport, refreshed list", build_ms, slot, ns, members);
    std::free(memory);
    if (v6) {
        return;
    }
    start = Clock::now();
    const std::vector<Range> ranges = merged(blocks);
    double ms = ms_since(start);
    ns = ns_a_lookup(probes, members,
                     [&](const IpAddress& a) { return binary_search(ranges, a.v4()); });
    row("binary search over ranges", ms, ranges.size() * sizeof(Range), ns, members);
    start = Clock::now();
    Trie trie;
    for (const Cidr& block : blocks) {
        trie.add(block);
    }
    ms = ms_since(start);
    ns = ns_a_lookup(probes, members, [&](const IpAddress& a) { return trie.contains(a.v4()); });
    row("binary trie (nginx's geo)", ms, trie.bytes(), ns, members);
    start = Clock::now();
    const Dir24 dir(ranges);
    ms = ms_since(start);
    ns = ns_a_lookup(probes, members, [&](const IpAddress& a) { return dir.contains(a.v4()); });
    row("DIR-24-8", ms, dir.bytes(), ns, members);
}

}  // namespace

int main() {
    std::printf("ip_list_bench: address lists; medians of %d passes over %zu lookups\n", kPasses,
                kProbes);
    for (const std::size_t count : {10'000u, 100'000u, 1'000'000u}) {
        show(count, false);
        show(count, true);
    }
    return 0;
}
