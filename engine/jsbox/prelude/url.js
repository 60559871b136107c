// URL and URLSearchParams after the WHATWG standard, for parsing and building addresses in scripts. What
// is really connected to is decided by the engine, which parses again.
const kDefaultPorts = { __proto__: null, 'http:': '80', 'https:': '443', 'ftp:': '21', 'ws:': '80', 'wss:': '443', 'file:': '' };
const is_special = (protocol) => protocol in kDefaultPorts;
const kFragmentSet = ' "<>`';
const kQuerySet = ' "#<>';
const kPathSet = ' "#<>?`{}^';
const kUserSet = ' "#<>?`{}/:;=@[\\]^|';

function invalid_url(text) {
    const error = new TypeErrorOf(`Invalid URL: ${text}`);
    error.code = 'ERR_INVALID_URL';
    return error;
}

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
            let scaled = handled === basic ? floor(delta / 700) : delta >> 1;
            scaled += floor(scaled / (handled + 1));
            let k = 0;
            for (; scaled > 455; k += 36) {
                scaled = floor(scaled / 35);
            }
            bias = k + floor((36 * scaled) / (scaled + 38));
            delta = 0;
            handled += 1;
        }
        delta += 1;
        current += 1;
    }
    return `xn--${out}`;
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
    const tail = /^(.*:)(\d{1,3}(?:\.\d{1,3}){3})$/.exec(source);
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

// The canonical form of a special scheme's host; undefined when there is none.
function parse_host(text) {
    if (text.startsWith('[')) {
        return text.endsWith(']') ? parse_ipv6(text.slice(1, -1)) : undefined;
    }
    let name = percent_decode(text).normalize('NFKC').toLowerCase().replace(/[\u3002\uff0e\uff61]/g, '.');
    if (/[^\x00-\x7f]/.test(name)) {
        name = name.split('.').map((label) => (/[^\x00-\x7f]/.test(label) ? punycode(label) : label)).join('.');
    }
    if (name === '' || /[\x00-\x20"#%/:<>?@[\\\]^`{|}\x7f]/.test(name)) {
        return undefined;
    }
    const address = parse_ipv4(name);
    return address === null ? name : address;
}

function normalize_path(path, special) {
    const out = [];
    const segments = (special ? path.replaceAll('\\', '/') : path).split('/');
    segments.forEach((segment, i) => {
        const plain = segment.replace(/%2e/gi, '.');
        const last = i === segments.length - 1;
        if (plain === '..') {
            if (out.length > 1) {
                out.pop();
            }
            if (last) {
                out.push('');
            }
        } else if (plain === '.') {
            if (last) {
                out.push('');
            }
        } else {
            out.push(percent_encode(segment, kPathSet));
        }
    });
    return out.join('/');
}

// Splits `text`, after `base` when it is relative, into the parts of a URL record.
function parse_url(text, base) {
    let rest = text.replace(/^[\x00-\x20]+|[\x00-\x20]+$/g, '').replace(/[\t\n\r]/g, '');
    const url = { protocol: '', username: '', password: '', hostname: '', port: '', pathname: '', search: '', hash: '', opaque: false };
    const cut = (mark) => {
        const at = rest.indexOf(mark);
        const tail = at < 0 ? null : rest.slice(at + 1);
        rest = at < 0 ? rest : rest.slice(0, at);
        return tail;
    };
    const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(rest);
    const same = scheme && base && is_special(base.protocol) && `${scheme[1].toLowerCase()}:` === base.protocol &&
        !/^[/\\]{2}/.test(rest.slice(scheme[0].length));
    const relative = !scheme || same;
    if (relative && !base) {
        return undefined;
    }
    if (scheme) {
        rest = rest.slice(scheme[0].length);
    }
    const fragment = cut('#');
    url.hash = fragment ? `#${percent_encode(fragment, kFragmentSet)}` : '';
    const query = cut('?');
    url.protocol = relative ? base.protocol : `${scheme[1].toLowerCase()}:`;
    const special = is_special(url.protocol);
    url.search = query ? `?${percent_encode(query, special ? `${kQuerySet}'` : kQuerySet)}` : '';
    const slashes = special ? /^[/\\]{2}/.test(rest) : rest.startsWith('//');
    if (relative && !slashes) {
        if (base.opaque && (rest !== '' || query !== null || fragment === null)) {
            return undefined;
        }
        Object.assign(url, { username: base.username, password: base.password, hostname: base.hostname, port: base.port, opaque: base.opaque });
        if (rest === '') {
            url.pathname = base.pathname;
            url.search = query === null ? base.search : url.search;
        } else if (rest[0] === '/' || (special && rest[0] === '\\')) {
            url.pathname = normalize_path(rest, special);
        } else {
            url.pathname = normalize_path(base.pathname.replace(/[^/]*$/, '') + rest, special);
        }
        return url;
    }
    if (!special && !slashes) {
        url.opaque = rest[0] !== '/';
        url.pathname = url.opaque ? percent_encode(rest, '') : normalize_path(rest, false);
        return url;
    }
    rest = special && url.protocol !== 'file:' ? rest.replace(/^[/\\]*/, '') : rest.slice(slashes ? 2 : 0);
    const end = rest.search(special ? /[/\\]/ : /\//);
    let authority = end < 0 ? rest : rest.slice(0, end);
    const path = end < 0 ? '' : rest.slice(end);
    const at = authority.lastIndexOf('@');
    if (at >= 0) {
        const user = authority.slice(0, at);
        const colon = user.indexOf(':');
        url.username = percent_encode(colon < 0 ? user : user.slice(0, colon), kUserSet);
        url.password = colon < 0 ? '' : percent_encode(user.slice(colon + 1), kUserSet);
        authority = authority.slice(at + 1);
    }
    const port = /:([0-9]*)$/.exec(authority);
    if (port && !(authority.startsWith('[') && !authority.includes(']'))) {
        authority = authority.slice(0, port.index);
        if (NumberOf(port[1]) > 65535) {
            return undefined;
        }
        url.port = port[1] === '' || StringOf(NumberOf(port[1])) === kDefaultPorts[url.protocol] ? '' : StringOf(NumberOf(port[1]));
    }
    if (url.protocol === 'file:' && authority === '') {
        url.hostname = '';
    } else if (special) {
        const host_name = parse_host(authority);
        if (host_name === undefined) {
            return undefined;
        }
        url.hostname = url.protocol === 'file:' && host_name === 'localhost' ? '' : host_name;
    } else {
        if (/[\x00-\x20#/<>?@[\\\]^|]/.test(authority) && !authority.startsWith('[')) {
            return undefined;
        }
        url.hostname = percent_encode(authority, '');
    }
    url.pathname = path === '' ? (special ? '/' : '') : normalize_path(path, special);
    return url;
}

const form_encode = (text) => {
    let out = '';
    for (const byte of utf8_encode(text)) {
        const keep = (byte >= 48 && byte <= 57) || (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122) ||
            byte === 42 || byte === 45 || byte === 46 || byte === 95;
        out += keep ? from_char_code(byte) : byte === 32 ? '+' : `%${byte < 16 ? '0' : ''}${byte.toString(16).toUpperCase()}`;
    }
    return out;
};
const form_decode = (text) => percent_decode(text.replaceAll('+', ' '));
const as_text = (value) => apply(StringOf.prototype.toWellFormed, `${value}`, []);

class URLSearchParams {
    #pairs = [];
    #changed = null;
    constructor(source = '', changed = null) {
        this.#changed = typeof changed === 'function' ? changed : null;
        if (source !== null && typeof source === 'object') {
            const entries = typeof source[Symbol.iterator] === 'function' ? source : Object.entries(source);
            for (const entry of entries) {
                const pair = [...entry];
                if (pair.length !== 2) {
                    throw new TypeErrorOf('each entry of URLSearchParams must be a [name, value] pair');
                }
                this.#pairs.push([as_text(pair[0]), as_text(pair[1])]);
            }
        } else {
            this.#parse(as_text(source));
        }
    }
    #parse(text) {
        this.#pairs = (text.startsWith('?') ? text.slice(1) : text).split('&').filter((part) => part !== '').map((part) => {
            const at = part.indexOf('=');
            return at < 0 ? [form_decode(part), ''] : [form_decode(part.slice(0, at)), form_decode(part.slice(at + 1))];
        });
    }
    #update() {
        if (this.#changed) {
            this.#changed(this.toString());
        }
    }
    get size() { return this.#pairs.length; }
    append(name, value) { this.#pairs.push([as_text(name), as_text(value)]); this.#update(); }
    delete(name, value) {
        this.#pairs = this.#pairs.filter((pair) => pair[0] !== `${name}` || (value !== undefined && pair[1] !== `${value}`));
        this.#update();
    }
    get(name) { return this.#pairs.find((pair) => pair[0] === `${name}`)?.[1] ?? null; }
    getAll(name) { return this.#pairs.filter((pair) => pair[0] === `${name}`).map((pair) => pair[1]); }
    has(name, value) { return this.#pairs.some((pair) => pair[0] === `${name}` && (value === undefined || pair[1] === `${value}`)); }
    set(name, value) {
        const first = this.#pairs.findIndex((pair) => pair[0] === `${name}`);
        if (first < 0) {
            this.#pairs.push([as_text(name), as_text(value)]);
        } else {
            this.#pairs[first][1] = as_text(value);
            this.#pairs = this.#pairs.filter((pair, i) => i <= first || pair[0] !== `${name}`);
        }
        this.#update();
    }
    sort() { this.#pairs.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0)); this.#update(); }
    forEach(callback, self) { this.#pairs.forEach(([name, value]) => apply(callback, self, [value, name, this])); }
    *entries() { for (const [name, value] of this.#pairs) { yield [name, value]; } }
    *keys() { for (const [name] of this.#pairs) { yield name; } }
    *values() { for (const [, value] of this.#pairs) { yield value; } }
    [Symbol.iterator]() { return this.entries(); }
    toString() { return this.#pairs.map(([name, value]) => `${form_encode(name)}=${form_encode(value)}`).join('&'); }
    toJSON() { return this.toString(); }
}

class URL {
    #url;
    #params = null;
    constructor(text, base) {
        let parsed_base;
        if (base !== undefined) {
            parsed_base = parse_url(as_text(base));
            if (!parsed_base) {
                throw invalid_url(base);
            }
        }
        this.#url = parse_url(as_text(text), parsed_base);
        if (!this.#url) {
            throw invalid_url(text);
        }
    }
    static canParse(text, base) {
        try {
            return Boolean(new URL(text, base));
        } catch {
            return false;
        }
    }
    static parse(text, base) { return URL.canParse(text, base) ? new URL(text, base) : null; }
    get protocol() { return this.#url.protocol; }
    get username() { return this.#url.username; }
    get password() { return this.#url.password; }
    get hostname() { return this.#url.hostname; }
    get port() { return this.#url.port; }
    get host() { return this.#url.hostname + (this.#url.port ? `:${this.#url.port}` : ''); }
    get pathname() { return this.#url.pathname; }
    get search() { return this.#url.search; }
    get hash() { return this.#url.hash; }
    get origin() { return is_special(this.#url.protocol) && this.#url.protocol !== 'file:' ? `${this.#url.protocol}//${this.host}` : 'null'; }
    get href() {
        const { protocol, username, password, pathname, search, hash } = this.#url;
        const user = username || password ? `${username}${password ? `:${password}` : ''}@` : '';
        const authority = this.#url.opaque || (!is_special(protocol) && !this.#url.hostname) ? '' : `//${user}${this.host}`;
        return `${protocol}${authority}${pathname}${search}${hash}`;
    }
    // Every setter goes through the parser: what it would not accept changes nothing.
    #replace(change) {
        const parsed = parse_url(change);
        if (parsed) {
            this.#url = parsed;
            this.#params = null;
        }
    }
    #with(part, value) {
        const before = this.#url[part];
        this.#url[part] = value;
        const text = this.href;
        this.#url[part] = before;
        this.#replace(text);
    }
    set href(value) {
        const parsed = parse_url(as_text(value));
        if (!parsed) {
            throw invalid_url(value);
        }
        this.#url = parsed;
        this.#params = null;
    }
    set protocol(value) {
        const scheme = /^([A-Za-z][A-Za-z0-9+.-]*)/.exec(`${value}`);
        if (scheme && is_special(`${scheme[1].toLowerCase()}:`) === is_special(this.#url.protocol)) {
            this.#with('protocol', `${scheme[1].toLowerCase()}:`);
        }
    }
    set username(value) { this.#with('username', percent_encode(as_text(value), kUserSet)); }
    set password(value) { this.#with('password', percent_encode(as_text(value), kUserSet)); }
    set hostname(value) { this.#with('hostname', as_text(value).replace(/[/?#\\@:].*$/, '')); }
    set host(value) {
        const [name, port] = as_text(value).split(':');
        this.hostname = name;
        if (port !== undefined) {
            this.port = port;
        }
    }
    set port(value) { this.#with('port', /^[0-9]*/.exec(`${value}`)[0]); }
    set pathname(value) {
        if (!this.#url.opaque) {
            const path = as_text(value).replaceAll('?', '%3F').replaceAll('#', '%23');
            this.#with('pathname', path.startsWith('/') ? path : `/${path}`);
        }
    }
    set search(value) {
        const query = as_text(value).replace(/^\?/, '').replaceAll('#', '%23');
        this.#with('search', query ? `?${query}` : '');
    }
    set hash(value) {
        const fragment = as_text(value).replace(/^#/, '');
        this.#with('hash', fragment ? `#${fragment}` : '');
    }
    get searchParams() {
        if (!this.#params) {
            this.#params = new URLSearchParams(this.#url.search, (text) => {
                this.#url.search = text ? `?${text}` : '';
            });
        }
        return this.#params;
    }
    toString() { return this.href; }
    toJSON() { return this.href; }
}
define_global('URL', URL);
define_global('URLSearchParams', URLSearchParams);
