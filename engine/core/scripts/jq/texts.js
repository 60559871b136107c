// Formats (@csv, …) and regular expressions. The latter are JavaScript's; what jq's have beyond them and programs
// use (\A, \z, \h, [[:alpha:]], (?i) in front, free spacing) is rewritten.
const utf8 = new TextEncoder();
const from_utf8 = (bytes) => new TextDecoder().decode(Uint8Array.from(bytes));
const as_text = (v) => typeof v === 'string' ? v : dump(v);

const kHtml = { '<': '&lt;', '>': '&gt;', '&': '&amp;', "'": '&#39;', '"': '&quot;' };
const kTab = { '\t': '\\t', '\n': '\\n', '\r': '\\r', '\\': '\\\\' };
const row_of = (v, name, quoted, separator) => {
    if (!Array.isArray(v)) fail(`${named(v)} cannot be ${name}-formatted, only an array can be`);
    return v.map((cell) => {
        if (typeof cell === 'string') return quoted(cell);
        if (cell !== null && typeof cell === 'object') fail(`${named(cell)} is not valid in a ${name} row`);
        return cell === null || Number.isNaN(cell) ? '' : dump(cell);
    }).join(separator);
};
const shell_word = (v) => {
    if (v !== null && typeof v === 'object') fail(`${named(v)} can not be escaped for shell`);
    return typeof v === 'string' ? `'${v.replaceAll("'", "'\\''")}'` : dump(v);
};
const unescaped = (text) => {
    const bytes = [...utf8.encode(text)];
    for (let at = 0; at < bytes.length; at++) {
        const digits = String.fromCharCode(...bytes.slice(at + 1, at + 3));
        if (bytes[at] === 0x25 && /^[0-9a-fA-F]{2}$/.test(digits)) bytes.splice(at, 3, parseInt(digits, 16));
    }
    return from_utf8(bytes);
};

// Base 64 and base 32: groups of bits by an alphabet.
const kBase64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const kBase32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const encode_bits = (bytes, alphabet, bits, group) => {
    let out = '', held = 0, count = 0;
    for (const byte of bytes) {
        held = (held << 8 | byte) & 0xffff;
        for (count += 8; count >= bits; count -= bits) {
            out += alphabet[held >> (count - bits) & ((1 << bits) - 1)];
        }
    }
    if (count > 0) out += alphabet[held << (bits - count) & ((1 << bits) - 1)];
    return out.padEnd(Math.ceil(out.length / group) * group, '=');
};
const decode_bits = (text, alphabet, bits) => {
    const bytes = [];
    let held = 0, count = 0;
    for (const letter of text.replace(/=+$/, '')) {
        const value = alphabet.indexOf(letter);
        if (value < 0) return null;
        held = (held << bits | value) & 0xffff;
        count += bits;
        if (count >= 8) bytes.push(held >> (count -= 8) & 0xff);
    }
    return bytes;
};
const decoded = (text, alphabet, bits, name) => {
    const bytes = decode_bits(text, alphabet, bits);
    if (bytes === null || (bytes.length === 0 && /[^=]/.test(text))) fail(`${named(text)} is not valid ${name} data`);
    return from_utf8(bytes);
};

const formats = {
    '@text': as_text,
    '@json': dump,
    '@html': (v) => as_text(v).replace(/[<>&'"]/g, (c) => kHtml[c]),
    '@uri': (v) => [...utf8.encode(as_text(v))].map((byte) => /[A-Za-z0-9\-_.~]/.test(String.fromCharCode(byte))
        ? String.fromCharCode(byte) : '%' + byte.toString(16).toUpperCase().padStart(2, '0')).join(''),
    '@urid': (v) => unescaped(as_text(v)),
    '@csv': (v) => row_of(v, 'csv', (cell) => `"${cell.replaceAll('"', '""')}"`, ','),
    '@tsv': (v) => row_of(v, 'tsv', (cell) => cell.replace(/[\t\n\r\\]/g, (c) => kTab[c]), '\t'),
    '@sh': (v) => (Array.isArray(v) ? v : [v]).map(shell_word).join(' '),
    '@base64': (v) => encode_bits(utf8.encode(as_text(v)), kBase64, 6, 4),
    '@base64d': (v) => decoded(as_text(v), kBase64, 6, 'base64'),
    '@base32': (v) => encode_bits(utf8.encode(as_text(v)), kBase32, 5, 8),
    '@base32d': (v) => decoded(as_text(v), kBase32, 5, 'base32'),
};
const formatted = (name, v) => own(formats, name) ? formats[name](v) : fail(`${name.slice(1)} is not a valid format`);

const kClasses = {
    alpha: '\\p{L}', digit: '0-9', alnum: '\\p{L}\\p{N}', upper: '\\p{Lu}', lower: '\\p{Ll}', space: '\\s',
    blank: ' \\t', punct: '\\p{P}\\p{S}', xdigit: '0-9A-Fa-f', word: '\\w', cntrl: '\\p{Cc}', print: '\\P{C}', graph: '\\P{Z}',
};
// As Oniguruma reads them in UTF-8; JavaScript's \w, \d and \b know ASCII alone.
const kLetter = '\\p{L}\\p{M}\\p{N}\\p{Pc}';
const kEscaped = { '\\A': '^', '\\z': '$', '\\Z': '(?=\\n?$)', '\\h': '[0-9a-fA-F]', '\\H': '[^0-9a-fA-F]',
    '\\w': `[${kLetter}]`, '\\W': `[^${kLetter}]`, '\\d': '\\p{Nd}', '\\D': '\\P{Nd}',
    '\\b': `(?:(?<=[${kLetter}])(?![${kLetter}])|(?<![${kLetter}])(?=[${kLetter}]))`,
    '\\B': `(?:(?<=[${kLetter}])(?=[${kLetter}])|(?<![${kLetter}])(?![${kLetter}]))` };
const kEscapedInClass = { '\\w': kLetter, '\\d': '\\p{Nd}', '\\D': '\\P{Nd}', '\\h': '0-9a-fA-F' };
// Character by character, because a class (`[…]`) and an escape mean other things than what stands around them.
const rewritten = (source, spaced) => {
    let out = '', in_class = false;
    for (let at = 0; at < source.length; at++) {
        const c = source[at];
        if (c === '\\') {
            const two = source.slice(at, at + 2);
            out += (in_class ? kEscapedInClass : kEscaped)[two] ?? two;
            at++;
        } else if (in_class) {
            const named_class = /^\[:(\w+):\]/.exec(source.slice(at));
            if (named_class && own(kClasses, named_class[1])) {
                out += kClasses[named_class[1]];
                at += named_class[0].length - 1;
            } else {
                in_class = c !== ']';
                out += c === '[' ? '\\[' : c;
            }
        } else if (spaced && /\s/.test(c)) continue;
        else if (spaced && c === '#') while (at + 1 < source.length && source[at + 1] !== '\n') at++;
        else {
            in_class = c === '[';
            out += c;
        }
    }
    return out;
};
const kExpressions = new Map();
const expression_of = (source, flags) => {
    const name = `${flags}/${source}`;
    if (kExpressions.has(name)) return kExpressions.get(name);
    const inline = /^\(\?([imsx]+)\)/.exec(source);
    const all = flags + (inline ? inline[1].replace('s', 'p') : '');
    const bare = inline ? source.slice(inline[0].length) : source;
    const modes = 'dg' + (all.includes('i') ? 'i' : '') + (all.includes('p') ? 's' : '') + (inline?.[1].includes('m') ? 'm' : '');
    let made = null;
    try {
        made = new RegExp(rewritten(bare, all.includes('x')), modes + 'u');
    } catch {  // `\_` and `\-` are errors with u
        try {
            made = new RegExp(bare, modes);
        } catch (error) {
            fail(`${source} (at offset 0) is not a valid regex: ${error.message}`);
        }
    }
    kExpressions.set(name, made);
    return made;
};
const checked_flags = (flags) => {
    if (flags === null) return '';
    if (typeof flags !== 'string') fail(`${named(flags)} is not a string`);
    return /[^gimnpslx]/.test(flags) ? fail(`${flags} is not a valid modifier string`) : flags;
};
const capture_of = (found, at, offset) => {
    const none = found[at] === undefined;
    return object_of([
        ['offset', none ? -1 : offset(found.indices[at][0])],
        ['length', none ? 0 : offset(found.indices[at][1]) - offset(found.indices[at][0])],
        ['string', none ? null : found[at]],
        ['name', null],
    ]);
};
// Names stand in the order of their groups; JavaScript tells which group is whose by where it was found.
const group_names = (source) => {
    const names = [];
    for (const [, name, plain] of source.matchAll(/\\.|\[(?:\\.|[^\]\\])*\]|\(\?<([A-Za-z_]\w*)>|(\((?!\?))/gs)) {
        if (name !== undefined) names.push(name);
        else if (plain) names.push(null);
    }
    return names;
};
const matches_of = (text, source, given_flags) => {
    const flags = checked_flags(given_flags);
    if (typeof text !== 'string') fail(`${named(text)} cannot be matched, as it is not a string`);
    if (typeof source !== 'string') fail(`${named(source)} cannot be matched, as it is not a string`);
    const expression = expression_of(source, [...flags].filter((c) => c !== 'g').sort().join(''));
    const paired = has_pairs(text);
    const offset = (at) => paired ? [...text.slice(0, at)].length : at;
    const names = group_names(expression.source);
    const matches = [];
    for (const found of text.matchAll(expression)) {
        if (flags.includes('n') && found[0] === '') continue;
        const captures = [];
        for (let at = 1; at < found.length; at++) {
            const capture = capture_of(found, at, offset);
            capture.name = names[at - 1] ?? null;
            captures.push(capture);
        }
        matches.push(object_of([['offset', offset(found.index)], ['length', offset(found.index + found[0].length) - offset(found.index)],
            ['string', found[0]], ['captures', captures]]));
        if (!flags.includes('g')) break;
    }
    return matches;
};
const captured = (match) => object_of(match.captures.filter((one) => one.name !== null).map((one) => [one.name, one.string]));
const scanned = (match) => match.captures.length > 0 ? match.captures.map((one) => one.string) : match.string;
const split_by = (text, source, flags) => {
    const whole_text = characters(text);
    const cut = (from, to) => [...whole_text.slice(from, to)].join('');
    const parts = [];
    let from = 0;
    for (const match of matches_of(text, source, `g${flags ?? ''}`)) {
        parts.push(cut(from, match.offset));
        from = match.offset + match.length;
    }
    return [...parts, cut(from)];
};
