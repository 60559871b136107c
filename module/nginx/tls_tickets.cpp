#include "module/nginx/tls_tickets.hpp"

#include "common/bytes.hpp"
#include "common/crypto.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <new>
#include <string_view>

namespace sallyport::ngx {
namespace {

using policy::TicketKeys;

int keys_index() {
    static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

bool set_mac_key(EVP_MAC_CTX* mac, std::string_view key) {
    std::array<char, 7> digest = {"sha256"};
    std::array<OSSL_PARAM, 3> params = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, const_cast<char*>(key.data()),
                                          key.size()),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
        OSSL_PARAM_construct_end()};
    return EVP_MAC_CTX_set_params(mac, params.data()) == 1;
}

// What SSL_CTX_set_tlsext_ticket_key_evp_cb wants to hear.
enum Answer { kFailed = -1, kUnknownKey = 0, kGood = 1, kGoodButRenew = 2 };

Answer seal_ticket(const TicketKeys& keys, unsigned char* name, unsigned char* iv,
                   EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac) {
    const EVP_CIPHER* aes = EVP_aes_256_cbc();
    std::copy_n(as_bytes(keys.name(0)), keys.name(0).size(), name);
    const bool ok = RAND_bytes(iv, EVP_CIPHER_get_iv_length(aes)) == 1 &&
                    EVP_EncryptInit_ex(cipher, aes, nullptr, as_bytes(keys.aes_key(0)), iv) == 1 &&
                    set_mac_key(mac, keys.hmac_key(0));
    return ok ? kGood : kFailed;
}

Answer open_ticket(const TicketKeys& keys, const unsigned char* name, const unsigned char* iv,
                   EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac) {
    const auto found = keys.find({reinterpret_cast<const char*>(name), keys.name(0).size()});
    if (!found) {
        return kUnknownKey;
    }
    const bool ok = set_mac_key(mac, keys.hmac_key(*found)) &&
                    EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr,
                                       as_bytes(keys.aes_key(*found)), iv) == 1;
    // The second is what another node seals with that has heard of a rotation before us.
    return !ok ? kFailed : *found <= 1 ? kGood : kGoodButRenew;
}

int on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
              EVP_MAC_CTX* mac, int sealing) noexcept {
    const auto* keys =
        static_cast<const TicketKeys*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), keys_index()));
    if (keys == nullptr || keys->size() == 0) {
        return kFailed;
    }
    return sealing != 0 ? seal_ticket(*keys, name, iv, cipher, mac)
                        : open_ticket(*keys, name, iv, cipher, mac);
}

}  // namespace

TicketKeyPage::TicketKeyPage() {
    void* page = mmap(nullptr, sizeof(TicketKeys), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        throw std::bad_alloc();
    }
    madvise(page, sizeof(TicketKeys), MADV_DONTDUMP);
    keys_ = new (page) TicketKeys();
}

TicketKeyPage::~TicketKeyPage() {
    keys_->~TicketKeys();
    munmap(keys_, sizeof(TicketKeys));
}

Status use_ticket_keys(SSL_CTX* ctx, const TicketKeys* keys) {
    if (SSL_CTX_set_ex_data(ctx, keys_index(), const_cast<TicketKeys*>(keys)) != 1 ||
        SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket) != 1) {
        return Error{"OpenSSL does not take the ticket keys"};
    }
    return Done{};
}

TicketKeys fresh_ticket_key() {
    std::array<char, policy::kTicketKeyBytes> bytes;
    random_bytes(reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size());
    auto out = TicketKeys::from_bytes({bytes.data(), bytes.size()});
    wipe(bytes.data(), bytes.size());
    return std::move(*out);
}

}  // namespace sallyport::ngx
