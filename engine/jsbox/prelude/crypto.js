// The part of Node's and the Web's crypto that scripts use. Hashing is done by the host.
const kDigestIndex = { __proto__: null, md5: 0, sha1: 1, sha256: 2, sha384: 3, sha512: 4 };
const kDigestBlock = { __proto__: null, md5: 64, sha1: 64, sha256: 64, sha384: 128, sha512: 128 };

function digest_name(name) {
    const plain = `${name}`.toLowerCase().replaceAll('-', '');
    if (!(plain in kDigestIndex)) {
        throw new ErrorOf(`the digest '${name}' is not supported; there are md5, sha1, sha256, sha384, sha512`);
    }
    return plain;
}
function as_bytes(value, encoding) {
    if (typeof value === 'string') {
        return text_to_bytes(value, encoding);
    }
    if (is_view(value)) {
        return new Bytes(value.buffer, value.byteOffset, value.byteLength);
    }
    if (value instanceof ArrayBufferOf) {
        return new Bytes(value);
    }
    throw new TypeErrorOf('data must be a string, a Buffer, a typed array or an ArrayBuffer');
}
const digest_of = (name, bytes) => new Bytes(host.digest(kDigestIndex[name], own_buffer(bytes)));
const as_output = (bytes, encoding) => {
    const buffer = new Buffer(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return encoding === undefined || encoding === 'buffer' ? buffer : buffer.toString(encoding);
};
function random_array(size) {
    const out = new Bytes(size);
    for (let at = 0; at < size; at += 65536) {
        bytes_set(out, new Bytes(host.random(min(65536, size - at))), at);
    }
    return out;
}

class Hash {
    #name;
    #parts = [];
    #done = false;
    constructor(name) { this.#name = digest_name(name); }
    update(data, encoding) {
        if (this.#done) {
            throw new ErrorOf('Digest already called');
        }
        this.#parts.push(new Bytes(as_bytes(data, encoding)));
        return this;
    }
    digest(encoding) {
        if (this.#done) {
            throw new ErrorOf('Digest already called');
        }
        this.#done = true;
        return as_output(digest_of(this.#name, Buffer.concat(this.#parts)), encoding);
    }
}
// RFC 2104.
class Hmac {
    #name;
    #inner;
    #outer;
    #parts = [];
    #done = false;
    constructor(name, secret) {
        this.#name = digest_name(name);
        const block = kDigestBlock[this.#name];
        let key = as_bytes(secret);
        if (key.length > block) {
            key = digest_of(this.#name, key);
        }
        this.#inner = new Bytes(block).fill(0x36);
        this.#outer = new Bytes(block).fill(0x5c);
        for (let i = 0; i < key.length; i++) {
            this.#inner[i] ^= key[i];
            this.#outer[i] ^= key[i];
        }
    }
    update(data, encoding) {
        this.#parts.push(new Bytes(as_bytes(data, encoding)));
        return this;
    }
    digest(encoding) {
        if (this.#done) {
            throw new ErrorOf('Digest already called');
        }
        this.#done = true;
        const inner = digest_of(this.#name, Buffer.concat([this.#inner, ...this.#parts]));
        return as_output(digest_of(this.#name, Buffer.concat([this.#outer, inner])), encoding);
    }
}

function random_uuid() {
    const bytes = random_array(16);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = hex_encode(bytes);
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
function random_int(low, high) {
    const from = high === undefined ? 0 : low;
    const range = (high === undefined ? low : high) - from;
    if (!NumberOf.isSafeInteger(from) || !(range > 0 && range <= 281474976710655)) {
        throw new RangeErrorOf('randomInt needs safe integers, max above min, less than 2^48 apart');
    }
    const limit = 281474976710656 - (281474976710656 % range);
    for (;;) {
        const value = new Buffer(random_array(6).buffer).readUIntBE(0, 6);
        if (value < limit) {
            return from + (value % range);
        }
    }
}
function timing_safe_equal(a, b) {
    const left = as_bytes(a);
    const right = as_bytes(b);
    if (left.length !== right.length) {
        throw new RangeErrorOf('Input buffers must have the same byte length');
    }
    let difference = 0;
    for (let i = 0; i < left.length; i++) {
        difference |= left[i] ^ right[i];
    }
    return difference === 0;
}

const web_crypto = {
    randomUUID() { return random_uuid(); },
    getRandomValues(view) {
        if (!is_view(view) || view.byteLength > 65536) {
            throw new TypeErrorOf('getRandomValues needs an integer array of at most 65536 bytes');
        }
        bytes_set(new Bytes(view.buffer, view.byteOffset, view.byteLength), random_array(view.byteLength));
        return view;
    },
    subtle: {
        async digest(algorithm, data) {
            return digest_of(digest_name(algorithm?.name ?? algorithm), as_bytes(data)).buffer;
        },
    },
};
define_global('crypto', web_crypto);

const crypto_module = {
    createHash(name) { return new Hash(name); },
    createHmac(name, key) { return new Hmac(name, key); },
    getHashes() { return objectKeys(kDigestIndex); },
    getRandomValues(view) { return web_crypto.getRandomValues(view); },
    randomBytes(size) { return as_output(random_array(size)); },
    randomInt(low, high) { return random_int(low, high); },
    randomUUID() { return random_uuid(); },
    subtle: web_crypto.subtle,
    timingSafeEqual(a, b) { return timing_safe_equal(a, b); },
    webcrypto: web_crypto,
};
