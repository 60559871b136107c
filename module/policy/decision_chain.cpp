#include "module/policy/decision_chain.hpp"

#include "common/bytes.hpp"

#include <optional>

namespace sallyport::policy {
namespace {

constexpr std::string_view kChain = R"(,"chain":")";
constexpr std::string_view kSeq = R"(","seq":)";
constexpr std::string_view kMac = R"(,"mac":")";
constexpr std::string_view kEnd = R"("})";
constexpr std::size_t kIdDigits = 16;
constexpr std::size_t kMacDigits = 64;

std::string_view as_view(const ChainMac& mac) {
    return {reinterpret_cast<const char*>(mac.data()), mac.size()};
}

ChainMac mac_of(const HmacKey& key, const ChainMac& before, std::string_view text) {
    HmacStream stream(key);
    stream.update(as_view(before));
    stream.update(text);
    ChainMac out{};
    stream.finish(out.data());
    return out;
}

std::string id_text(std::uint64_t id) {
    std::array<std::uint8_t, 8> bytes{};
    for (std::size_t i = bytes.size(); i-- > 0; id >>= 8) {
        bytes[i] = static_cast<std::uint8_t>(id & 0xff);
    }
    return hex_encode(bytes.data(), bytes.size());
}

struct Parts {
    std::string_view text;  // what the MAC is over
    std::uint64_t id = 0;
    std::uint64_t seq = 0;
    ChainMac mac{};
};

// From the end: what stands before is JSON that a client had a part in.
std::optional<Parts> parts_of(std::string_view line) {
    constexpr std::size_t kTail = kMac.size() + kMacDigits + kEnd.size();
    Parts out;
    if (line.size() < kTail || !line.ends_with(kEnd)) {
        return std::nullopt;
    }
    out.text = line.substr(0, line.size() - kTail);
    const std::string_view tail = line.substr(out.text.size());
    if (!tail.starts_with(kMac) || !hex_decode_to(tail.substr(kMac.size(), kMacDigits), out.mac)) {
        return std::nullopt;
    }
    const std::size_t seq = out.text.rfind(kSeq);
    if (seq == std::string_view::npos || seq < kChain.size() + kIdDigits) {
        return std::nullopt;
    }
    const auto number = parse_u64(out.text.substr(seq + kSeq.size()));
    const std::size_t id = seq - kIdDigits;
    std::array<std::uint8_t, 8> bytes{};
    if (!number || out.text.substr(id - kChain.size(), kChain.size()) != kChain ||
        !hex_decode_to(out.text.substr(id, kIdDigits), bytes)) {
        return std::nullopt;
    }
    out.seq = *number;
    for (const std::uint8_t byte : bytes) {
        out.id = out.id << 8 | byte;
    }
    return out;
}

}  // namespace

HmacKey chain_key(const Secret& secret) {
    const Secret derived = derive_key(secret, "sallyport decision chain v1", 32);
    return HmacKey(DigestAlgorithm::sha256, derived.reveal());
}

ChainPlace append_chain(std::string& line, const HmacKey& key, const ChainPlace& place) {
    line.append(kChain).append(id_text(place.id)).append(kSeq).append(std::to_string(place.seq));
    const ChainMac mac = mac_of(key, place.mac, line);
    line.append(kMac).append(hex_encode(mac.data(), mac.size())).append(kEnd);
    return {place.id, place.seq + 1, mac};
}

ChainReader::Finding ChainReader::read(std::string_view line) {
    const auto parts = parts_of(line);
    if (!parts) {
        return Finding::no_mac;
    }
    const auto known = chains_.find(parts->id);
    const ChainPlace next{parts->id, parts->seq + 1, parts->mac};
    if (known == chains_.end()) {
        if (chains_.size() == kChainsMax) {
            return Finding::too_many;
        }
        chains_.emplace(parts->id, next);
        if (parts->seq != 0) {
            return Finding::begins;
        }
        const ChainMac mac = mac_of(key_, ChainMac{}, parts->text);
        return constant_time_equal(as_view(mac), as_view(parts->mac)) ? Finding::whole
                                                                      : Finding::forged;
    }
    ChainPlace& place = known->second;
    if (parts->seq < place.seq) {
        return Finding::repeated;
    }
    // After a gap the chain goes on from here: one hole is one finding.
    const bool gap = parts->seq > place.seq;
    const ChainMac mac = mac_of(key_, place.mac, parts->text);
    if (!gap && !constant_time_equal(as_view(mac), as_view(parts->mac))) {
        // A changed line keeps the MAC that the next one was made with.
        place = next;
        return Finding::forged;
    }
    place = next;
    return gap ? Finding::missing : Finding::whole;
}

std::string_view meaning(ChainReader::Finding finding) {
    switch (finding) {
        case ChainReader::Finding::whole:
            return "whole";
        case ChainReader::Finding::begins:
            return "the chain's earlier lines are not here; this one is believed";
        case ChainReader::Finding::no_mac:
            return "carries no MAC";
        case ChainReader::Finding::forged:
            return "is not what was written, or another key was used";
        case ChainReader::Finding::missing:
            return "the lines before are missing";
        case ChainReader::Finding::repeated:
            return "stands at a place that was taken";
        case ChainReader::Finding::too_many:
            return "more chains than any log has";
    }
    return "";
}

}  // namespace sallyport::policy
