#include "module/nginx/decision_chain.hpp"

#include "module/nginx/key_file.hpp"
#include "module/nginx/pool.hpp"
#include "module/nginx/str.hpp"

#include <new>

namespace sallyport::ngx {
namespace {

constexpr std::uint64_t kChainMagic = 0x53504348414e31;  // "SPCHAN1"

}  // namespace

struct DecisionChain::Place {
    policy::ChainPlace next;
    bool begun;
    bool writing;  // left over by a worker that died at it: nobody knows what the file has
};

Result<DecisionChain*> DecisionChain::make(ngx_conf_t* cf, std::string_view log_path,
                                           std::string_view key_file) {
    const auto secret = read_key_file(cf, key_file);
    if (!secret) {
        return secret.error();
    }
    auto* chain = pool_new<DecisionChain>(cf->pool, policy::chain_key(*secret));
    // Another log or another key is another chain.
    Bytes name(digest_size(DigestAlgorithm::sha256));
    HmacStream stream(chain->key_);
    stream.update(log_path);
    stream.finish(name.data());
    const Status announced =
        chain->announce(cf, {.name = "sallyport_decision_chain_v1_" + hex_encode(name.data(), 8),
                             .bytes = 8 * ngx_pagesize,
                             .magic = kChainMagic,
                             .what = "the chain of " + std::string(log_path)});
    if (!announced) {
        return announced.error();
    }
    return chain;
}

void DecisionChain::create(std::span<std::byte> memory, SharedZone* old) {
    static_assert(std::is_trivially_destructible_v<Place>);
    place_ = new (memory.data()) Place{};
    if (old != nullptr) {
        *place_ = *static_cast<const DecisionChain*>(old)->place_;
    }
}

void DecisionChain::keep(std::span<std::byte> memory) {
    place_ = std::launder(reinterpret_cast<Place*>(memory.data()));
}

void DecisionChain::write(ngx_fd_t fd, std::string& line) const {
    std::uint64_t fresh = 0;
    random_bytes(reinterpret_cast<std::uint8_t*>(&fresh), sizeof(fresh));
    const Lock lock(*this);
    if (!place_->begun || place_->writing) {
        place_->next = {.id = fresh};
        place_->begun = true;
    }
    const policy::ChainPlace after = policy::append_chain(line, key_, place_->next);
    line.push_back('\n');
    place_->writing = true;
    const ssize_t written = ngx_write_fd(fd, line.data(), line.size());
    // Nothing was written: the place is still free. A part was: a new chain begins after it.
    if (written == static_cast<ssize_t>(line.size())) {
        place_->next = after;
    }
    place_->writing = written > 0 && written != static_cast<ssize_t>(line.size());
}

}  // namespace sallyport::ngx
