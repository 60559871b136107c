// UTF-8, base64 and hex. The host converts whole texts where it can do so exactly; the rest is here.
const kBase64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

function utf8_encode_slow(text) {
    const out = new Bytes(text.length * 3);
    let size = 0;
    for (let i = 0; i < text.length; i++) {
        let code = char_code_at(text, i);
        if (code >= 0xd800 && code <= 0xdfff) {
            const next = code < 0xdc00 && i + 1 < text.length ? char_code_at(text, i + 1) : 0;
            if (next >= 0xdc00 && next <= 0xdfff) {
                code = 0x10000 + ((code - 0xd800) << 10) + (next - 0xdc00);
                i += 1;
            } else {
                code = 0xfffd;
            }
        }
        if (code < 0x80) {
            out[size++] = code;
        } else if (code < 0x800) {
            out[size++] = 0xc0 | (code >> 6);
            out[size++] = 0x80 | (code & 0x3f);
        } else if (code < 0x10000) {
            out[size++] = 0xe0 | (code >> 12);
            out[size++] = 0x80 | ((code >> 6) & 0x3f);
            out[size++] = 0x80 | (code & 0x3f);
        } else {
            out[size++] = 0xf0 | (code >> 18);
            out[size++] = 0x80 | ((code >> 12) & 0x3f);
            out[size++] = 0x80 | ((code >> 6) & 0x3f);
            out[size++] = 0x80 | (code & 0x3f);
        }
    }
    return new Bytes(buffer_slice(out.buffer, 0, size));
}

function utf8_encode(text) {
    if (text.length > 16 && string_index_of(text, '\0') < 0 && string_is_well_formed(text)) {
        const buffer = host.to_bytes(text);
        if (buffer !== undefined) {
            return new Bytes(buffer);
        }
    }
    return utf8_encode_slow(text);
}

// The WHATWG decoder: each maximal part of a broken sequence becomes one U+FFFD.
function utf8_decode_slow(bytes, fatal) {
    let text = '';
    let needed = 0;
    let code = 0;
    let lower = 0x80;
    let upper = 0xbf;
    const broken = () => {
        if (fatal) {
            throw new TypeErrorOf('the data is not valid UTF-8');
        }
        text += '\ufffd';
    };
    for (let i = 0; i < bytes.length; i++) {
        const byte = bytes[i];
        if (needed === 0) {
            if (byte < 0x80) {
                text += from_char_code(byte);
            } else if (byte >= 0xc2 && byte <= 0xdf) {
                needed = 1;
                code = byte & 0x1f;
            } else if (byte >= 0xe0 && byte <= 0xef) {
                lower = byte === 0xe0 ? 0xa0 : 0x80;
                upper = byte === 0xed ? 0x9f : 0xbf;
                needed = 2;
                code = byte & 0xf;
            } else if (byte >= 0xf0 && byte <= 0xf4) {
                lower = byte === 0xf0 ? 0x90 : 0x80;
                upper = byte === 0xf4 ? 0x8f : 0xbf;
                needed = 3;
                code = byte & 0x7;
            } else {
                broken();
            }
            continue;
        }
        if (byte < lower || byte > upper) {
            needed = 0;
            lower = 0x80;
            upper = 0xbf;
            broken();
            i -= 1;
            continue;
        }
        lower = 0x80;
        upper = 0xbf;
        code = (code << 6) | (byte & 0x3f);
        needed -= 1;
        if (needed === 0) {
            text += code < 0x10000 ? from_char_code(code)
                : from_char_code(0xd800 + ((code - 0x10000) >> 10), 0xdc00 + ((code - 0x10000) & 0x3ff));
        }
    }
    if (needed > 0) {
        broken();
    }
    return text;
}

function utf8_decode(bytes, fatal) {
    if (bytes.length > 16) {
        const text = host.to_text(0, own_buffer(bytes));
        if (text !== undefined) {
            return text;
        }
    }
    return utf8_decode_slow(bytes, fatal);
}

function latin1_decode(bytes) {
    let text = '';
    for (let i = 0; i < bytes.length; i += 4096) {
        text += apply(from_char_code, undefined, bytes_subarray(bytes, i, min(i + 4096, bytes.length)));
    }
    return text;
}
function latin1_encode(text) {
    const out = new Bytes(text.length);
    for (let i = 0; i < text.length; i++) {
        out[i] = char_code_at(text, i);
    }
    return out;
}

const base64_values = new Int8Array(128).fill(-1);
for (let i = 0; i < 64; i++) {
    base64_values[kBase64.charCodeAt(i)] = i;
}
base64_values[45] = 62;  // -
base64_values[95] = 63;  // _

// Lenient, as Buffer is: skips what is not base64, ends at '='. Both alphabets.
function base64_decode(text) {
    const out = new Bytes(floor((text.length * 3) / 4) + 3);
    let size = 0;
    let bits = 0;
    let count = 0;
    for (let i = 0; i < text.length; i++) {
        const code = char_code_at(text, i);
        if (code === 61) {
            break;
        }
        const value = code < 128 ? base64_values[code] : -1;
        if (value < 0) {
            continue;
        }
        bits = ((bits << 6) | value) & 0xffffff;
        count += 6;
        if (count >= 8) {
            count -= 8;
            out[size++] = (bits >> count) & 0xff;
        }
    }
    return new Bytes(buffer_slice(out.buffer, 0, size));
}
const base64_encode = (bytes) => host.to_text(1, own_buffer(bytes));
const hex_encode = (bytes) => host.to_text(2, own_buffer(bytes));
function hex_decode(text) {
    const out = new Bytes(text.length >> 1);
    for (let i = 0; i < out.length; i++) {
        const value = parseInt(string_slice(text, 2 * i, 2 * i + 2), 16);
        if (!/^[0-9a-fA-F]{2}$/.test(string_slice(text, 2 * i, 2 * i + 2))) {
            return new Bytes(buffer_slice(out.buffer, 0, i));
        }
        out[i] = value;
    }
    return out;
}

class TextEncoder {
    get encoding() { return 'utf-8'; }
    encode(text = '') { return utf8_encode(`${text}`); }
    encodeInto(text, target) {
        let read = 0;
        let written = 0;
        for (const character of `${text}`) {
            const bytes = utf8_encode_slow(character);
            if (written + bytes.length > target.length) {
                break;
            }
            bytes_set(target, bytes, written);
            written += bytes.length;
            read += character.length;
        }
        return { read, written };
    }
}

class TextDecoder {
    #encoding;
    #fatal;
    #keep_mark;
    constructor(label = 'utf-8', options = {}) {
        const name = `${label}`.trim().toLowerCase();
        if (['utf-8', 'utf8', 'unicode-1-1-utf-8'].includes(name)) {
            this.#encoding = 'utf-8';
        } else if (['utf-16le', 'utf-16', 'ucs-2'].includes(name)) {
            this.#encoding = 'utf-16le';
        } else if (['latin1', 'iso-8859-1', 'ascii', 'us-ascii', 'windows-1252'].includes(name)) {
            this.#encoding = 'windows-1252';
        } else {
            throw new RangeErrorOf(`the encoding '${label}' is not supported`);
        }
        this.#fatal = Boolean(options.fatal);
        this.#keep_mark = Boolean(options.ignoreBOM);
    }
    get encoding() { return this.#encoding; }
    get fatal() { return this.#fatal; }
    get ignoreBOM() { return this.#keep_mark; }
    decode(source) {
        const bytes = source === undefined ? new Bytes(0) : is_view(source)
            ? new Bytes(source.buffer, source.byteOffset, source.byteLength) : new Bytes(source);
        let text;
        if (this.#encoding === 'utf-8') {
            text = utf8_decode(bytes, this.#fatal);
        } else if (this.#encoding === 'utf-16le') {
            text = utf16le_decode(bytes);
        } else {
            return latin1_decode(bytes);
        }
        return !this.#keep_mark && text.startsWith('\ufeff') ? text.slice(1) : text;
    }
}
function utf16le_decode(bytes) {
    let text = '';
    for (let i = 0; i + 1 < bytes.length; i += 2) {
        text += from_char_code(bytes[i] | (bytes[i + 1] << 8));
    }
    return text;
}
define_global('TextEncoder', TextEncoder);
define_global('TextDecoder', TextDecoder);

function invalid_character(what) {
    const error = new ErrorOf(what);
    define_hidden(error, 'name', 'InvalidCharacterError');
    return error;
}
define_global('btoa', function btoa(value) {
    const text = `${value}`;
    for (let i = 0; i < text.length; i++) {
        if (char_code_at(text, i) > 255) {
            throw invalid_character('btoa: the text holds characters outside Latin-1');
        }
    }
    return base64_encode(latin1_encode(text));
});
define_global('atob', function atob(value) {
    let text = `${value}`.replace(/[\t\n\f\r ]/g, '');
    if (text.length % 4 === 0) {
        text = text.replace(/={1,2}$/, '');
    }
    if (text.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(text)) {
        throw invalid_character('atob: the text is not base64');
    }
    return latin1_decode(base64_decode(text));
});
