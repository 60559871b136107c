// By what a repeated delivery is recognised, and the short keyed form in which a store keeps it.
//
// Keys are 128 bits of an HMAC under a random key of the store, never the identifier itself: nobody
// outside can make two identifiers collide, and a dump of the store names no delivery.
#pragma once

#include "common/crypto.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sallyport::policy::webhook {

enum class ReplayKeyChoice : std::uint8_t {
    automatic,  // the identifier if the signature covers it, else the signature
    id,         // the identifier even if nothing covers it, else the signature
    signature,
};

// The MACs of every live secret stand for the signature: whichever of them a request carries, or
// carried before a rotation, one of them is found again.
inline constexpr std::size_t kReplayKeysMax = 16;

struct ReplayIdentity {
    enum class Kind : std::uint8_t { id, signature, body };
    Kind kind = Kind::signature;
    std::array<std::string_view, kReplayKeysMax> texts{};
    std::size_t count = 0;
};

struct ReplayKey {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    bool operator==(const ReplayKey&) const = default;
};

struct ReplayKeys {
    std::array<ReplayKey, kReplayKeysMax> keys{};
    std::size_t count = 0;
};

// `scope` tells deliveries to different places apart (host, location, profile).
ReplayKeys make_replay_keys(const ReplayIdentity& identity, std::string_view scope,
                            const HmacKey& store_key);

}  // namespace sallyport::policy::webhook
