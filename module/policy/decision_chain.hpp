// A log whose lines are chained: each carries its place and a MAC over itself and the line before.
// Whoever changes, removes, moves or adds a line without the key breaks the chain. What the chain
// cannot show is that lines at its very end were cut off.
//
// A line is a JSON object whose last members are
//   "chain":"<16 hex>","seq":<number from 0>,"mac":"<64 hex>"
// mac = HMAC-SHA256(key, mac of the line before (32 zero bytes for seq 0) | line up to ,"mac")
#pragma once

#include "common/crypto.hpp"
#include "common/result.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace sallyport::policy {

using ChainMac = std::array<std::uint8_t, 32>;

// Where a chain stands: what its next line must carry. Lies in shared memory.
struct ChainPlace {
    std::uint64_t id = 0;
    std::uint64_t seq = 0;
    ChainMac mac{};  // of the line before
};

// The key that a secret file stands for; the file may serve other ends as well.
HmacKey chain_key(const Secret& secret);

// `line` is a JSON object with at least one member and without its closing brace; it gets its
// place, its MAC and the brace. Returns where the chain stands once the line is written.
ChainPlace append_chain(std::string& line, const HmacKey& key, const ChainPlace& place);

// Reads the lines of one log in order. Memory is bounded by the number of chains, which start anew
// with nginx only.
class ChainReader {
  public:
    enum class Finding {
        whole,
        begins,   // the first line of a chain that is shown, and not the chain's first: older lines
                  // are elsewhere, and this one is believed
        no_mac,   // not a line of a chain
        forged,   // the line or the one before is not what was written
        missing,  // lines between the chain's last one and this are gone
        repeated,  // the place was taken already
        too_many,  // chains
    };
    static constexpr std::size_t kChainsMax = 65536;

    explicit ChainReader(HmacKey key) : key_(std::move(key)) {}

    // `line` without its line end.
    Finding read(std::string_view line);
    // By id; `seq` is the number of lines up to the last one read.
    const std::map<std::uint64_t, ChainPlace>& chains() const { return chains_; }

  private:
    HmacKey key_;
    std::map<std::uint64_t, ChainPlace> chains_;
};

std::string_view meaning(ChainReader::Finding finding);

}  // namespace sallyport::policy
