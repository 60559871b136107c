// Hosts of URLs after the WHATWG standard and UTS 46: names in ASCII, IPv4 and IPv6 in their shortest form.
// Names that only bidirectional or joining rules forbid are let through.
function percent_encode(text, set) {
    let out = '';
    for (const character of text) {
        const code = char_code_at(character, 0);
        if (code > 0x1f && code < 0x7f && !set.includes(character)) {
            out += character;
        } else {
            for (const byte of utf8_encode_slow(character)) {
                out += '%' + (byte < 16 ? '0' : '') + byte.toString(16).toUpperCase();
            }
        }
    }
    return out;
}
function percent_decode(text) {
    if (!text.includes('%')) {
        return text;
    }
    const bytes = utf8_encode(text);
    const out = [];
    for (let i = 0; i < bytes.length; i++) {
        const hex = bytes[i] === 37 ? latin1_decode(bytes_subarray(bytes, i + 1, i + 3)) : '';
        if (/^[0-9a-fA-F]{2}$/.test(hex)) {
            out.push(parseInt(hex, 16));
            i += 2;
        } else {
            out.push(bytes[i]);
        }
    }
    return utf8_decode(new Bytes(out), false);
}

// RFC 3492, 6.1, of what has been damped.
function punycode_bias(damped, size) {
    let scaled = damped + floor(damped / size);
    let k = 0;
    for (; scaled > 455; k += 36) {
        scaled = floor(scaled / 35);
    }
    return k + floor((36 * scaled) / (scaled + 38));
}
// RFC 3492, encoding of one label.
function punycode(label) {
    const points = [...label].map((character) => character.codePointAt(0));
    let out = points.filter((point) => point < 128).map((point) => from_char_code(point)).join('');
    const basic = out.length;
    let handled = basic;
    let delta = 0;
    let current = 128;
    let bias = 72;
    if (basic > 0) {
        out += '-';
    }
    const digit = (value) => from_char_code(value < 26 ? 97 + value : 22 + value);
    while (handled < points.length) {
        const next = min(...points.filter((point) => point >= current));
        delta += (next - current) * (handled + 1);
        current = next;
        for (const point of points) {
            if (point < current) {
                delta += 1;
            }
            if (point !== current) {
                continue;
            }
            let rest = delta;
            for (let k = 36; ; k += 36) {
                const threshold = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;
                if (rest < threshold) {
                    break;
                }
                out += digit(threshold + ((rest - threshold) % (36 - threshold)));
                rest = floor((rest - threshold) / (36 - threshold));
            }
            out += digit(rest);
            bias = punycode_bias(handled === basic ? floor(delta / 700) : delta >> 1, handled + 1);
            delta = 0;
            handled += 1;
        }
        delta += 1;
        current += 1;
    }
    return `xn--${out}`;
}

// The way back, of what follows `xn--`; undefined when it is none.
function punycode_decoded(text) {
    const cut = text.lastIndexOf('-');
    const points = [...(cut > 0 ? text.slice(0, cut) : '')].map((character) => character.codePointAt(0));
    let at = 0;
    let current = 128;
    let bias = 72;
    for (let next = cut > 0 ? cut + 1 : 0; next < text.length;) {
        const before = at;
        for (let k = 36, weight = 1; ; k += 36) {
            const code = next < text.length ? char_code_at(text, next++) : 0;
            const value = code >= 97 && code <= 122 ? code - 97 : code >= 48 && code <= 57 ? code - 22 : -1;
            at += value * weight;
            if (value < 0 || at > 0x7fffffff) {
                return undefined;
            }
            const threshold = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;
            if (value < threshold) {
                break;
            }
            weight *= 36 - threshold;
        }
        const size = points.length + 1;
        bias = punycode_bias(before === 0 ? floor((at - before) / 700) : floor((at - before) / 2), size);
        current += floor(at / size);
        at %= size;
        if (current > 0x10ffff) {
            return undefined;
        }
        points.splice(at, 0, current);
        at += 1;
    }
    return points.map((point) => StringOf.fromCodePoint(point)).join('');
}

function parse_ipv4(host_name) {
    const parts = host_name.split('.');
    if (parts.length > 1 && parts[parts.length - 1] === '') {
        parts.pop();
    }
    const last = parts[parts.length - 1];
    if (!/^(0[xX][0-9a-fA-F]*|[0-9]+)$/.test(last)) {
        return null;  // not a number at the end: a name
    }
    if (parts.length > 4) {
        return undefined;
    }
    const numbers = parts.map((part) => /^0[xX][0-9a-fA-F]*$/.test(part) ? parseInt(part.slice(2) || '0', 16)
        : /^0[0-7]+$/.test(part) ? parseInt(part, 8) : /^(0|[1-9][0-9]*)$/.test(part) ? NumberOf(part) : NaN);
    const final = numbers.pop();
    if (numbers.some((number) => !(number <= 255)) || !(final < pow(256, 4 - numbers.length))) {
        return undefined;
    }
    let address = final;
    numbers.forEach((number, i) => { address += number * pow(256, 3 - i); });
    return [24, 16, 8, 0].map((shift) => floor(address / pow(2, shift)) % 256).join('.');
}

function parse_ipv6(text) {
    let source = text;
    const tail = /^(.*:)((?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){3})$/.exec(source);
    if (tail) {
        const bytes = tail[2].split('.').map(NumberOf);
        if (bytes.some((byte) => byte > 255)) {
            return undefined;
        }
        source = tail[1] + (bytes[0] * 256 + bytes[1]).toString(16) + ':' + (bytes[2] * 256 + bytes[3]).toString(16);
    }
    const halves = source.split('::');
    if (halves.length > 2) {
        return undefined;
    }
    const pieces = (half) => (half === '' ? [] : half.split(':'));
    const left = pieces(halves[0]);
    const right = halves.length === 2 ? pieces(halves[1]) : [];
    const missing = 8 - left.length - right.length;
    if ([...left, ...right].some((piece) => !/^[0-9a-fA-F]{1,4}$/.test(piece)) ||
        (halves.length === 2 ? missing < 1 : missing !== 0)) {
        return undefined;
    }
    const words = [...left, ...new Array(halves.length === 2 ? missing : 0).fill('0'), ...right]
        .map((piece) => parseInt(piece, 16).toString(16));
    let best = { at: -1, size: 1 };
    for (let i = 0; i < 8; i++) {
        let size = 0;
        while (i + size < 8 && words[i + size] === '0') {
            size += 1;
        }
        if (size > best.size) {
            best = { at: i, size };
        }
    }
    if (best.at < 0) {
        return `[${words.join(':')}]`;
    }
    return `[${words.slice(0, best.at).join(':')}::${words.slice(best.at + best.size).join(':')}]`;
}

// What UTS 46 takes out of a name, and what it does not allow in one.
const kIgnored = /[\u00ad\u034f\u180b-\u180f\u200b\u2060\u2064\ufe00-\ufe0f\ufeff]/g;
const kDisallowed = /[\p{Cc}\p{Cn}\p{Co}\p{Cs}\p{Z}\u2061-\u206f\u200e\u200f\u202a-\u202e\ufff0-\uffff]|(^|\.)\p{M}/u;
const lower_name = (text) => text.replace(kIgnored, '').normalize('NFKC').toLowerCase().normalize('NFC');

// A label in ASCII; undefined for one that says it is encoded and is not.
function ascii_label(label) {
    if (label.startsWith('xn--')) {
        const plain = punycode_decoded(label.slice(4));
        const good = plain && /[^\x00-\x7f]/.test(plain) && lower_name(plain) === plain && !kDisallowed.test(plain);
        return good && punycode(plain) === label ? label : undefined;
    }
    return /[^\x00-\x7f]/.test(label) ? punycode(label) : label;
}

// The canonical form of a special scheme's host; undefined when there is none.
function parse_host(text) {
    if (text.startsWith('[')) {
        return text.endsWith(']') ? parse_ipv6(text.slice(1, -1)) : undefined;
    }
    let name = percent_decode(text);
    const plain = !/[^\x00-\x7f]/.test(name);
    name = plain ? name.toLowerCase() : lower_name(name.replace(/[\u3002\uff0e\uff61]/g, '.'));
    if (!plain && kDisallowed.test(name)) {
        return undefined;
    }
    const labels = name.split('.').map(ascii_label);
    name = labels.join('.');
    if (labels.includes(undefined) || name === '' || /[\x00-\x20#%/:<>?@[\\\]^|\x7f]/.test(name)) {
        return undefined;
    }
    const address = parse_ipv4(name);
    return address === null ? name : address;
}
// That of any other scheme.
function parse_opaque_host(text) {
    if (text.startsWith('[')) {
        return text.endsWith(']') ? parse_ipv6(text.slice(1, -1)) : undefined;
    }
    return /[\x00\t\n\r #/:<>?@[\\\]^|]/.test(text) ? undefined : percent_encode(text, '');
}
