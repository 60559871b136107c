// The crypto piece: digests, signatures and passwords as the published piece makes them, and
// AES-256-GCM, which it lacks: the parts stand apart, as other libraries take them.
#include "common/crypto.hpp"

#include "common/crypto_rsa.hpp"
#include "common/secret.hpp"
#include "common/sha3.hpp"
#include "engine/core/pieces/input.hpp"
#include "engine/core/pieces/table.hpp"
#include "engine/core/step_scripts.hpp"

#include <array>

namespace sallyport::engine {
namespace {

constexpr std::int64_t kPasswordLengthMax = 256;

std::string encoded(const Bytes& bytes, std::string_view encoding) {
    return encoding == "base64" ? base64_encode(bytes.data(), bytes.size()) : hex_encode(bytes);
}

Result<Bytes> decoded(std::string_view name, const std::string& text, std::string_view encoding) {
    if (encoding == "utf-8") {
        return Bytes(text.begin(), text.end());
    }
    const auto bytes = encoding == "hex" ? hex_decode(text, HexCase::any) : base64_decode(text);
    return bytes ? Result<Bytes>(*bytes)
                 : input_error(name, "Expected text in " + std::string(encoding));
}

Result<Json> hash_text(const Json& input, const PieceWorld&) {
    const auto method = input_choice(input, "method", "",
                                     {"md5", "sha1", "sha256", "sha384", "sha512", "sha3-512"});
    if (!method.ok()) {
        return method.error();
    }
    const auto text = input_text(input, "text");
    if (!text.ok()) {
        return text.error();
    }
    const auto algorithm = digest_from_name(*method);
    return Json::string(hex_encode(algorithm ? digest(*algorithm, *text) : sha3_512(*text)));
}

Result<Json> hmac_signature(const Json& input, const PieceWorld&) {
    const auto method =
        input_choice(input, "method", "", {"md5", "sha1", "sha256", "sha384", "sha512"});
    // Some published versions take the key from a connection and call its encoding `encoding`.
    const Json auth = input["auth"];
    const bool connected = !input["secretKey"].exists() && auth.exists();
    const auto encoding = input_choice(input, connected ? "encoding" : "secretKeyEncoding", "utf-8",
                                       {"utf-8", "hex", "base64"});
    const auto output = input_choice(input, "outputEncoding", "hex", {"hex", "base64"});
    const auto secret = !connected         ? input_text(input, "secretKey")
                        : auth.is_object() ? input_text(auth, "secret_text")
                                           : input_text(input, "auth");
    const auto text = input_text(input, "text");
    for (const auto* part : {&method, &encoding, &output, &secret, &text}) {
        if (!part->ok()) {
            return part->error();
        }
    }
    const Result<Bytes> key = decoded("secretKey", *secret, *encoding);
    if (!key.ok()) {
        return key.error();
    }
    return Json::string(encoded(hmac(*digest_from_name(*method), as_text(*key), *text), *output));
}

// A text that is not to be copied where nobody wipes it.
Result<Secret> secret_text(const Json& input, std::string_view name) {
    if (input[name].is_string()) {
        return Secret(input[name].text());
    }
    const auto text = input_text(input, name);
    return text.ok() ? Result<Secret>(Secret(*text)) : text.error();
}

Result<Json> rsa_signature(const Json& input, const PieceWorld&) {
    const auto method = input_choice(input, "method", "sha256", {"sha256", "sha384", "sha512"});
    const auto output = input_choice(input, "outputEncoding", "base64", {"base64", "hex"});
    const auto text = input_text(input, "text");
    for (const auto* part : {&method, &output, &text}) {
        if (!part->ok()) {
            return part->error();
        }
    }
    const Result<Secret> key = secret_text(input, "privateKey");
    if (!key.ok()) {
        return key.error();
    }
    const Json phrase = input["passphrase"];
    const Result<Secret> pass_phrase = !phrase.exists() || phrase.is_null()
                                           ? Result<Secret>(Secret())
                                           : secret_text(input, "passphrase");
    if (!pass_phrase.ok()) {
        return pass_phrase.error();
    }
    const Result<Bytes> signature = rsa_sign(*key, *pass_phrase, *digest_from_name(*method), *text);
    return signature.ok() ? Result<Json>(Json::string(encoded(*signature, *output)))
                          : input_error("privateKey", signature.message());
}

// Unbiased: bytes that would favour the first characters are thrown away.
char random_character(const PieceWorld& world, std::string_view characters) {
    const std::size_t fair = 256 - 256 % characters.size();
    while (true) {
        for (const std::uint8_t byte : world.random(16)) {
            if (byte < fair) {
                return characters[byte % characters.size()];
            }
        }
    }
}

Result<Json> generate_password(const Json& input, const PieceWorld& world) {
    constexpr std::string_view kLetters =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    constexpr std::string_view kAll =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
        "!@#$%^&*()_+~`|}{[]:;?><,./-=";
    const auto length = input_whole(input, "length", 1, kPasswordLengthMax);
    if (!length.ok()) {
        return length.error();
    }
    const auto set = input_choice(input, "characterSet", "alphanumeric",
                                  {"alphanumeric", "alphanumeric-symbols"});
    if (!set.ok()) {
        return set.error();
    }
    std::string password;
    for (std::int64_t i = 0; i < *length; ++i) {
        password += random_character(world, *set == "alphanumeric" ? kLetters : kAll);
    }
    return Json::string(password);
}

Result<Json> generate_uuid(const Json&, const PieceWorld& world) {
    Bytes bytes = world.random(16);
    bytes.resize(16);
    bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x40);  // RFC 9562: version 4
    bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);
    std::string text = hex_encode(bytes);
    for (const std::size_t at : {20u, 16u, 12u, 8u}) {
        text.insert(at, "-");
    }
    return Json::string(text);
}

Result<Json> encode_base64(const Json& input, const PieceWorld&) {
    const auto text = input_text(input, "text");
    return text.ok() ? Result<Json>(Json::string(base64_encode(as_bytes(*text), text->size())))
                     : text.error();
}

// As lenient as the published piece: either alphabet, padding or none, blanks between.
Result<Json> decode_base64(const Json& input, const PieceWorld&) {
    const auto text = input_text(input, "text");
    if (!text.ok()) {
        return text.error();
    }
    std::string strict;
    for (const char c : *text) {
        if (c == '=') {
            break;
        }
        const bool alphanumeric =
            (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (alphanumeric || c == '+' || c == '/' || c == '-' || c == '_') {
            strict += c == '+' ? '-' : c == '/' ? '_' : c;
        }
    }
    if (strict.size() % 4 == 1) {
        strict.pop_back();  // half a byte
    }
    std::string out;
    unsigned bits = 0;
    unsigned held = 0;
    for (const char c : strict) {
        const unsigned value = c >= 'A' && c <= 'Z'   ? static_cast<unsigned>(c - 'A')
                               : c >= 'a' && c <= 'z' ? static_cast<unsigned>(c - 'a') + 26
                               : c >= '0' && c <= '9' ? static_cast<unsigned>(c - '0') + 52
                               : c == '-'             ? 62
                                                      : 63;
        held = (held << 6 | value) & 0xffff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out += static_cast<char>(held >> bits & 0xff);
        }
    }
    return Json::string(out);
}

// ---- AES-256-GCM

Result<Secret> aes_key(const Json& input) {
    const auto text = input_text(input, "key");
    const auto encoding = input_choice(input, "keyEncoding", "hex", {"hex", "base64", "utf-8"});
    if (!text.ok() || !encoding.ok()) {
        return text.ok() ? encoding.error() : text.error();
    }
    const Result<Bytes> key = decoded("key", *text, *encoding);
    if (!key.ok()) {
        return key.error();
    }
    if (key->size() != kAeadKeyBytes) {
        return input_error("key", "Expected 32 bytes, received: " + std::to_string(key->size()));
    }
    return Secret(as_text(*key));
}

Result<Json> encrypt(const Json& input, const PieceWorld& world) {
    const Result<Secret> key = aes_key(input);
    if (!key.ok()) {
        return key.error();
    }
    const auto text = input_text(input, "text");
    const auto associated = input_text_or(input, "associatedData", "");
    if (!text.ok()) {
        return text.error();
    }
    const Bytes nonce = world.random(kAeadNonceBytes);
    const Result<Bytes> sealed = aead_seal(*key, nonce, *text, *associated);
    if (!sealed.ok()) {
        return sealed.error();
    }
    const std::size_t size = sealed->size() - kAeadTagBytes;
    return Json::object(
        {{"iv", Json::string(base64_encode(nonce.data(), nonce.size()))},
         {"ciphertext", Json::string(base64_encode(sealed->data(), size))},
         {"tag", Json::string(base64_encode(sealed->data() + size, kAeadTagBytes))}});
}

Result<Json> decrypt(const Json& input, const PieceWorld&) {
    const Result<Secret> key = aes_key(input);
    if (!key.ok()) {
        return key.error();
    }
    std::array<Bytes, 3> parts;
    constexpr std::array<std::string_view, 3> kNames = {"iv", "ciphertext", "tag"};
    for (std::size_t i = 0; i < kNames.size(); ++i) {
        const auto text = input_text(input, kNames[i]);
        if (!text.ok()) {
            return text.error();
        }
        Result<Bytes> bytes = decoded(kNames[i], *text, "base64");
        if (!bytes.ok()) {
            return bytes.error();
        }
        parts[i] = *std::move(bytes);
    }
    if (parts[0].size() != kAeadNonceBytes || parts[2].size() != kAeadTagBytes) {
        return Error{"iv must be 12 bytes and tag 16"};
    }
    const auto associated = input_text_or(input, "associatedData", "");
    const std::string sealed = std::string(as_text(parts[1])) + std::string(as_text(parts[2]));
    const Result<Bytes> plain = aead_open(*key, parts[0], sealed, *associated);
    if (!plain.ok()) {
        return Error{"The text cannot be decrypted: wrong key, or it was changed"};
    }
    return Json::string(as_text(*plain));
}

}  // namespace

const NativePiece kCryptoNative = {R"json({
 "name":"@activepieces/piece-crypto","version":"0.2.0","displayName":"Crypto",
 "description":"Digests, signatures, passwords and encryption","categories":["CORE"],
 "actions":{
  "hash-text":{"displayName":"Text to Hash","description":"The digest of a text, in hexadecimal digits","props":{
   "method":["STATIC_DROPDOWN","Method",true,{"options":[["MD5","md5"],["SHA1","sha1"],["SHA256","sha256"],["SHA384","sha384"],["SHA512","sha512"],["SHA3-512","sha3-512"]]}],
   "text":["SHORT_TEXT","Text",true]}},
  "hmac-signature":{"displayName":"Generate HMAC Signature","description":"The keyed digest of a text","props":{
   "secretKey":["SHORT_TEXT","Secret key",true],
   "secretKeyEncoding":["STATIC_DROPDOWN","Secret key encoding",true,{"options":[["UTF-8","utf-8"],["Hex","hex"],["Base64","base64"]]}],
   "method":["STATIC_DROPDOWN","Method",true,{"options":[["MD5","md5"],["SHA1","sha1"],["SHA256","sha256"],["SHA384","sha384"],["SHA512","sha512"]]}],
   "text":["SHORT_TEXT","Text",true],
   "outputEncoding":["STATIC_DROPDOWN","Output Encoding",false,{"defaultValue":"hex","options":[["Hex","hex"],["Base64","base64"]]}]}},
  "rsa-signature":{"displayName":"Generate RSA Signature","description":"Signs text with an RSA private key using SHA-256, SHA-384, or SHA-512 (RSA-SHA256 by default)","props":{
   "privateKey":["LONG_TEXT","Private Key",true,{"description":"The RSA private key in PEM format (PKCS#1 or PKCS#8)"}],
   "passphrase":["SHORT_TEXT","Passphrase",false,{"description":"The passphrase protecting the private key, leave empty if it is not encrypted"}],
   "method":["STATIC_DROPDOWN","Method",true,{"description":"The hashing algorithm to use","defaultValue":"sha256","options":[["SHA256","sha256"],["SHA384","sha384"],["SHA512","sha512"]]}],
   "text":["LONG_TEXT","Text",true,{"description":"The text to be signed"}],
   "outputEncoding":["STATIC_DROPDOWN","Output Encoding",false,{"description":"The encoding of the output signature","defaultValue":"base64","options":[["Base64","base64"],["Hex","hex"]]}]}},
  "generate-password":{"displayName":"Generate Password","description":"A random password","props":{
   "length":["NUMBER","Password Length",true],
   "characterSet":["STATIC_DROPDOWN","Character Set",true,{"defaultValue":"alphanumeric","options":[["Alphanumeric","alphanumeric"],["Alphanumeric + Symbols","alphanumeric-symbols"]]}]}},
  "generate-uuid":{"displayName":"Generate UUID","description":"A random identifier, version 4","props":{}},
  "base64-encode":{"displayName":"Base64 Encode","description":"Text as base64","props":{"text":["SHORT_TEXT","Text",true]}},
  "base64-decode":{"displayName":"Base64 Decode","description":"base64 as text","props":{"text":["SHORT_TEXT","Text",true]}},
  "openpgpEncrypt":{"displayName":"OpenPGP Encrypt","description":"Encrypt a file using OpenPGP public key","props":{
   "file":["FILE","File",true,{"description":"The file to encrypt"}],
   "publicKey":["LONG_TEXT","Public Key",true,{"description":"The PGP public key in ASCII armor format"}]}},
  "aes-gcm-encrypt":{"displayName":"Encrypt (AES-256-GCM)","description":"Gives iv, ciphertext and tag in base64","props":{
   "key":["SECRET_TEXT","Key (32 bytes)",true],
   "keyEncoding":["STATIC_DROPDOWN","Key encoding",false,{"defaultValue":"hex","options":[["Hex","hex"],["Base64","base64"],["UTF-8","utf-8"]]}],
   "text":["LONG_TEXT","Text",true],"associatedData":["SHORT_TEXT","Associated data",false]}},
  "aes-gcm-decrypt":{"displayName":"Decrypt (AES-256-GCM)","description":"The text, when nobody has changed it","props":{
   "key":["SECRET_TEXT","Key (32 bytes)",true],
   "keyEncoding":["STATIC_DROPDOWN","Key encoding",false,{"defaultValue":"hex","options":[["Hex","hex"],["Base64","base64"],["UTF-8","utf-8"]]}],
   "iv":["SHORT_TEXT","IV",true],"ciphertext":["LONG_TEXT","Ciphertext",true],"tag":["SHORT_TEXT","Tag",true],
   "associatedData":["SHORT_TEXT","Associated data",false]}}},
 "triggers":{}
})json",
                                   {{"hash-text", hash_text},
                                    {"hmac-signature", hmac_signature},
                                    {"rsa-signature", rsa_signature},
                                    {"generate-password", generate_password},
                                    {"generate-uuid", generate_uuid},
                                    {"base64-encode", encode_base64},
                                    {"base64-decode", decode_base64},
                                    {"openpgpEncrypt", nullptr, kOpenpgpEncryptScript},
                                    {"aes-gcm-encrypt", encrypt},
                                    {"aes-gcm-decrypt", decrypt}}};

}  // namespace sallyport::engine
