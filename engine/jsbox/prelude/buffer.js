// Buffer: the part of Node's class that scripts use. Memory is always zeroed and never pooled.
function buffer_encoding(name) {
    switch (`${name === undefined || name === null ? 'utf8' : name}`.toLowerCase()) {
        case 'utf8': case 'utf-8': return 'utf8';
        case 'hex': return 'hex';
        case 'base64': return 'base64';
        case 'base64url': return 'base64url';
        case 'latin1': case 'binary': return 'latin1';
        case 'ascii': return 'ascii';
        case 'utf16le': case 'utf-16le': case 'ucs2': case 'ucs-2': return 'utf16le';
        default: throw new TypeErrorOf(`Unknown encoding: ${name}`);
    }
}
function text_to_bytes(text, encoding) {
    switch (buffer_encoding(encoding)) {
        case 'hex': return hex_decode(text);
        case 'base64': case 'base64url': return base64_decode(text);
        case 'latin1': case 'ascii': return latin1_encode(text);
        case 'utf16le': {
            const out = new Bytes(text.length * 2);
            for (let i = 0; i < text.length; i++) {
                out[2 * i] = char_code_at(text, i) & 0xff;
                out[2 * i + 1] = char_code_at(text, i) >> 8;
            }
            return out;
        }
        default: return utf8_encode(text);
    }
}
function bytes_to_text(bytes, encoding) {
    switch (buffer_encoding(encoding)) {
        case 'hex': return hex_encode(bytes);
        case 'base64': return base64_encode(bytes);
        case 'base64url':
            return base64_encode(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
        case 'latin1': return latin1_decode(bytes);
        case 'ascii': return latin1_decode(bytes.map((byte) => byte & 0x7f));
        case 'utf16le': return utf16le_decode(bytes);
        default: return utf8_decode(bytes, false);
    }
}

class Buffer extends Bytes {
    static poolSize = 0;
    static from(value, encoding_or_offset, length) {
        if (typeof value === 'string') {
            const bytes = text_to_bytes(value, encoding_or_offset);
            return new Buffer(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        }
        if (value instanceof ArrayBufferOf) {
            return new Buffer(value, encoding_or_offset || 0, length);
        }
        if (value && value.type === 'Buffer' && is_array(value.data)) {
            return Buffer.from(value.data);
        }
        if (value === null || typeof value !== 'object') {
            throw new TypeErrorOf('Buffer.from needs a string, an array, an ArrayBuffer or a Buffer');
        }
        const source = is_view(value) || is_array(value) ? value : objectKeys(value).length ? value : [];
        const out = new Buffer(NumberOf(source.length) || 0);
        for (let i = 0; i < out.length; i++) {
            out[i] = source[i];
        }
        return out;
    }
    static alloc(size, fill, encoding) {
        const out = new Buffer(Buffer.#size(size));
        return fill === undefined || fill === 0 ? out : out.fill(fill, encoding);
    }
    static allocUnsafe(size) { return new Buffer(Buffer.#size(size)); }
    static allocUnsafeSlow(size) { return new Buffer(Buffer.#size(size)); }
    static #size(size) {
        if (typeof size !== 'number' || !(size >= 0)) {
            throw new TypeErrorOf('the size of a Buffer must be a number that is not negative');
        }
        return size;
    }
    static isBuffer(value) { return value instanceof Buffer; }
    static isEncoding(name) {
        try {
            buffer_encoding(name);
            return typeof name === 'string';
        } catch {
            return false;
        }
    }
    static byteLength(value, encoding) {
        return typeof value === 'string' ? text_to_bytes(value, encoding).length : value.byteLength;
    }
    static concat(list, total) {
        const size = total === undefined ? list.reduce((sum, item) => sum + item.length, 0) : total;
        const out = Buffer.alloc(size);
        let at = 0;
        for (const item of list) {
            const part = item.subarray(0, max(0, size - at));
            bytes_set(out, part, at);
            at += part.length;
        }
        return out;
    }
    static compare(a, b) {
        const size = min(a.length, b.length);
        for (let i = 0; i < size; i++) {
            if (a[i] !== b[i]) {
                return a[i] < b[i] ? -1 : 1;
            }
        }
        return a.length === b.length ? 0 : a.length < b.length ? -1 : 1;
    }
    toString(encoding, start = 0, end = this.length) {
        return bytes_to_text(bytes_subarray(this, max(0, start), min(end, this.length)), encoding);
    }
    toJSON() { return { type: 'Buffer', data: [...this] }; }
    equals(other) { return Buffer.compare(this, other) === 0; }
    compare(other) { return Buffer.compare(this, other); }
    subarray(start, end) {
        const part = bytes_subarray(this, start, end);
        return new Buffer(part.buffer, part.byteOffset, part.byteLength);
    }
    slice(start, end) { return this.subarray(start, end); }
    copy(target, target_start = 0, start = 0, end = this.length) {
        const part = bytes_subarray(this, start, min(end, start + max(0, target.length - target_start)));
        bytes_set(target, part, target_start);
        return part.length;
    }
    write(text, offset = 0, length, encoding) {
        if (typeof offset === 'string') {
            return this.write(text, 0, this.length, offset);
        }
        if (typeof length === 'string') {
            return this.write(text, offset, this.length - offset, length);
        }
        const bytes = text_to_bytes(`${text}`, encoding);
        const room = min(bytes.length, length === undefined ? this.length - offset : length, this.length - offset);
        bytes_set(this, bytes_subarray(bytes, 0, max(0, room)), offset);
        return max(0, room);
    }
    fill(value, start, end, encoding) {
        if (typeof start === 'string') {
            return this.fill(value, 0, this.length, start);
        }
        const pattern = typeof value === 'number' ? [value & 0xff]
            : typeof value === 'string' ? text_to_bytes(value, encoding) : value;
        const to = end === undefined ? this.length : min(end, this.length);
        if (pattern.length === 1) {
            return super.fill(pattern[0], start || 0, to);
        }
        for (let i = start || 0, k = 0; i < to && pattern.length > 0; i++, k++) {
            this[i] = pattern[k % pattern.length];
        }
        return this;
    }
    indexOf(value, from = 0, encoding) {
        if (typeof value === 'number') {
            return super.indexOf(value & 0xff, from);
        }
        const wanted = typeof value === 'string' ? text_to_bytes(value, encoding) : value;
        let at = from < 0 ? max(0, this.length + from) : from;
        if (wanted.length === 0) {
            return min(at, this.length);
        }
        for (;;) {
            at = super.indexOf(wanted[0], at);
            if (at < 0 || at + wanted.length > this.length) {
                return -1;
            }
            let k = 1;
            while (k < wanted.length && this[at + k] === wanted[k]) {
                k += 1;
            }
            if (k === wanted.length) {
                return at;
            }
            at += 1;
        }
    }
    includes(value, from, encoding) { return this.indexOf(value, from, encoding) >= 0; }
    swap16() { return this.#swap(2); }
    swap32() { return this.#swap(4); }
    #swap(width) {
        for (let i = 0; i + width <= this.length; i += width) {
            bytes_subarray(this, i, i + width).reverse();
        }
        return this;
    }
    readUIntBE(offset, width) {
        let value = 0;
        for (let i = 0; i < width; i++) {
            value = value * 256 + this.#at(offset + i);
        }
        return value;
    }
    readUIntLE(offset, width) {
        let value = 0;
        for (let i = width - 1; i >= 0; i--) {
            value = value * 256 + this.#at(offset + i);
        }
        return value;
    }
    #at(offset) {
        if (!(offset >= 0 && offset < this.length)) {
            throw new RangeErrorOf(`offset ${offset} is outside the buffer`);
        }
        return this[offset];
    }
    writeUIntBE(value, offset, width) {
        for (let i = width - 1, rest = value; i >= 0; i--) {
            this.#at(offset + i);
            this[offset + i] = rest % 256;
            rest = floor(rest / 256);
        }
        return offset + width;
    }
    writeUIntLE(value, offset, width) {
        for (let i = 0, rest = value; i < width; i++) {
            this.#at(offset + i);
            this[offset + i] = rest % 256;
            rest = floor(rest / 256);
        }
        return offset + width;
    }
}
// readUInt16LE and so on, through DataView, which checks the bounds.
for (const [name, method, width] of [
    ['UInt8', 'Uint8', 1], ['UInt16', 'Uint16', 2], ['UInt32', 'Uint32', 4], ['BigUInt64', 'BigUint64', 8],
    ['Int8', 'Int8', 1], ['Int16', 'Int16', 2], ['Int32', 'Int32', 4], ['BigInt64', 'BigInt64', 8],
    ['Float', 'Float32', 4], ['Double', 'Float64', 8],
]) {
    for (const order of width === 1 ? [''] : ['LE', 'BE']) {
        const view = (buffer) => new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
        define_hidden(Buffer.prototype, `read${name}${order}`, function read(offset = 0) {
            return view(this)[`get${method}`](offset, order === 'LE');
        });
        define_hidden(Buffer.prototype, `write${name}${order}`, function write(value, offset = 0) {
            view(this)[`set${method}`](offset, value, order === 'LE');
            return offset + width;
        });
    }
}
define_global('Buffer', Buffer);
