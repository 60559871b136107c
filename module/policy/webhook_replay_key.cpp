#include "module/policy/webhook_replay_key.hpp"

#include <cstring>

namespace sallyport::policy::webhook {

ReplayKeys make_replay_keys(const ReplayIdentity& identity, std::string_view scope,
                            const HmacKey& store_key) {
    ReplayKeys out;
    out.count = identity.count;
    // The scope's length stands first, so that no scope can run over into an identifier.
    const std::uint64_t scope_size = scope.size();
    for (std::size_t i = 0; i < identity.count; ++i) {
        HmacStream stream(store_key);
        stream.update({reinterpret_cast<const char*>(&scope_size), sizeof(scope_size)});
        stream.update(scope);
        const char kind = static_cast<char>(identity.kind);
        stream.update({&kind, 1});
        stream.update(identity.texts[i]);
        std::array<std::uint8_t, 64> mac;
        stream.finish(mac.data());
        std::memcpy(&out.keys[i].high, mac.data(), sizeof(out.keys[i].high));
        std::memcpy(&out.keys[i].low, mac.data() + 8, sizeof(out.keys[i].low));
    }
    return out;
}

}  // namespace sallyport::policy::webhook
