#include "engine/core/secret_box.hpp"

#include "common/crypto.hpp"

namespace sallyport::engine {
namespace {

constexpr std::size_t kKeyIdBytes = 4;

}  // namespace

SecretBox::SecretBox(const Secret& secret) {
    keys_.push_back(derive(secret));
}

void SecretBox::add_earlier(const Secret& secret) {
    keys_.push_back(derive(secret));
}

SecretBox::Key SecretBox::derive(const Secret& secret) {
    const Secret id = derive_key(secret, "sallyport stored secrets, key id", kKeyIdBytes);
    return {hex_encode(id.data(), id.size()),
            derive_key(secret, "sallyport stored secrets, key", kAeadKeyBytes), secret.clone()};
}

Json SecretBox::seal(std::string_view plain, std::string_view associated,
                     const Bytes& nonce) const {
    const Key& key = keys_.front();
    const Result<Bytes> sealed = aead_seal(key.key, nonce, plain, associated);
    if (!sealed.ok()) {
        return {};
    }
    return Json::object({{"v", Json::integer(1)},
                         {"kid", Json::string(key.id)},
                         {"iv", Json::string(base64_encode(nonce.data(), nonce.size()))},
                         {"data", Json::string(base64_encode(sealed->data(), sealed->size()))}});
}

Result<Secret> SecretBox::open(const Json& envelope, std::string_view associated) const {
    if (!envelope.has("v") && !envelope.has("kid")) {
        return open_foreign(envelope);
    }
    const auto nonce = base64_decode(envelope["iv"].text());
    const auto sealed = base64_decode(envelope["data"].text());
    if (!nonce || !sealed || nonce->size() != kAeadNonceBytes) {
        return Error{"the stored secret is damaged"};
    }
    for (const Key& key : keys_) {
        if (key.id != envelope["kid"].text()) {
            continue;
        }
        Result<Bytes> plain = aead_open(key.key, *nonce, as_text(*sealed), associated);
        return plain.ok() ? Result<Secret>(Secret(*std::move(plain)))
                          : Error{"the stored secret is damaged"};
    }
    return Error{"the stored secret was sealed with a key that is not configured"};
}

// The key is the characters as they were written. A wrong one shows by the padding, or by a text
// that is no JSON.
Result<Secret> SecretBox::open_foreign(const Json& envelope) const {
    const auto iv = hex_decode(envelope["iv"].text());
    const auto sealed = hex_decode(envelope["data"].text());
    if (!iv || !sealed) {
        return Error{"the stored secret is damaged"};
    }
    for (const Key& key : keys_) {
        Result<Bytes> plain = aes_cbc_open(key.written, *iv, *sealed);
        if (plain.ok() && Json::parse(as_text(*plain)).ok()) {
            return Secret(*std::move(plain));
        }
    }
    return Error{"the stored secret was sealed with a key that is not configured"};
}

bool SecretBox::is_current(const Json& envelope) const {
    return envelope["kid"].text() == keys_.front().id;
}

}  // namespace sallyport::engine
