// Stands before OpenPGP.js and is what it takes for the world: random numbers, digests and HKDF are the sandbox's, and
// of the rest of WebCrypto it is told that there is none, so that it does the work itself.
import { createHmac } from 'crypto';
const refuse = async () => {
    throw Object.assign(new Error('not supported here'), { name: 'NotSupportedError' });
};
const is_hkdf = (algorithm) => (algorithm?.name ?? algorithm) === 'HKDF';
const hmac = (hash, key, ...parts) => parts.reduce((made, part) => made.update(part), createHmac(hash, key)).digest();
// RFC 5869.
const hkdf = ({ hash, salt, info }, key, size) => {
    const name = hash.name ?? hash;
    const secret = hmac(name, new Uint8Array(salt), key);
    const out = new Uint8Array(size);
    let block = new Uint8Array(0);
    for (let at = 0; at * secret.length < size; at++) {
        block = hmac(name, secret, block, new Uint8Array(info), Uint8Array.of(at + 1));
        out.set(block.subarray(0, size - at * secret.length), at * secret.length);
    }
    return out.buffer;
};
const subtle = {
    digest: (name, data) => crypto.subtle.digest(name, data),
    importKey: async (format, data, algorithm) => is_hkdf(algorithm) ? new Uint8Array(data) : refuse(),
    deriveBits: async (algorithm, key, bits) => is_hkdf(algorithm) ? hkdf(algorithm, key, bits / 8) : refuse(),
};
for (const name of ['generateKey', 'encrypt', 'decrypt', 'deriveKey', 'exportKey', 'sign', 'verify', 'wrapKey', 'unwrapKey']) {
    subtle[name] = refuse;
}
const global = { crypto: { getRandomValues: (view) => crypto.getRandomValues(view), subtle } };
const globalThis = global;
