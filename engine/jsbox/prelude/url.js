// URL and URLSearchParams after the WHATWG standard, for parsing and building addresses in scripts. What
// is really connected to is decided by the engine, which parses again.
const kDefaultPorts = { __proto__: null, 'http:': '80', 'https:': '443', 'ftp:': '21', 'ws:': '80', 'wss:': '443', 'file:': '' };
const is_special = (protocol) => protocol in kDefaultPorts;
const kFragmentSet = ' "<>`';
const kQuerySet = ' "#<>';
const kPathSet = ' "#<>?`{}^';
const kUserSet = ' "#<>?`{}/:;=@[\\]^|';

function invalid_url(text) {
    const error = new TypeErrorOf('Invalid URL');
    error.code = 'ERR_INVALID_URL';
    error.input = `${text}`;
    return error;
}

const is_drive = (segment) => /^[A-Za-z][:|]$/.test(segment);
const begins_with_drive = (path) => /^[A-Za-z][:|]([/\\]|$)/.test(path);

// The segments of `path` after those of `before`, dots resolved. A drive's letter is never left.
function path_segments(path, protocol, before) {
    const out = [...before];
    const segments = (is_special(protocol) ? path.replaceAll('\\', '/') : path).split('/');
    segments.forEach((segment, i) => {
        const plain = segment.replace(/%2e/gi, '.');
        if (plain === '..' && !(protocol === 'file:' && out.length === 1 && /^[A-Za-z]:$/.test(out[0]))) {
            out.pop();
        }
        if (plain !== '..' && plain !== '.') {
            const drive = protocol === 'file:' && out.length === 0 && is_drive(segment);
            out.push(drive ? `${segment[0]}:` : percent_encode(segment, kPathSet));
        } else if (i === segments.length - 1) {
            out.push('');
        }
    });
    return out;
}
// `path` begins with a slash, or is empty.
function normalize_path(path, protocol, before = []) {
    if (path === '' && before.length === 0) {
        return is_special(protocol) ? '/' : '';
    }
    return `/${path_segments(path.slice(1), protocol, before).join('/')}`;
}

// user:password@host:port, into `url`. False when it is none.
function parse_authority(authority, url) {
    const special = is_special(url.protocol);
    const at = authority.lastIndexOf('@');
    if (at >= 0) {
        const user = authority.slice(0, at);
        const colon = user.indexOf(':');
        url.username = percent_encode(colon < 0 ? user : user.slice(0, colon), kUserSet);
        url.password = colon < 0 ? '' : percent_encode(user.slice(colon + 1), kUserSet);
    }
    const place = authority.slice(at + 1);
    const port = /:([^\]]*)$/.exec(place.replace(/\[[^\]]*\]?/, (address) => '[' + '.'.repeat(address.length - 2) + ']'));
    const colon = port ? place.indexOf(':', place.lastIndexOf(']') + 1) : -1;
    const name = colon < 0 ? place : place.slice(0, colon);
    const digits = colon < 0 ? '' : place.slice(colon + 1);
    if (!/^[0-9]*$/.test(digits) || NumberOf(digits) > 65535 || (name === '' && (special || at >= 0 || colon >= 0))) {
        return false;
    }
    url.port = digits === '' || StringOf(NumberOf(digits)) === kDefaultPorts[url.protocol] ? '' : StringOf(NumberOf(digits));
    url.hostname = special ? parse_host(name) : parse_opaque_host(name);
    return url.hostname !== undefined;
}

// What follows `file:`, in a file's own rules: drives, and hosts without ports.
function parse_file(rest, url, base, query) {
    const slashes = /^[/\\]{0,2}/.exec(rest)[0].length;
    url.authority = true;
    if (slashes === 2) {
        const end = `${rest}/`.slice(2).search(/[/\\]/) + 2;
        const name = rest.slice(2, end);
        if (is_drive(name)) {
            url.pathname = normalize_path(rest.slice(1), url.protocol);
            return url;
        }
        url.hostname = name === '' ? '' : parse_host(name);
        if (url.hostname === 'localhost') {
            url.hostname = '';
        }
        url.pathname = normalize_path(rest.slice(end), url.protocol);
        return url.hostname === undefined ? undefined : url;
    }
    const before = base && base.protocol === 'file:' ? base.pathname.split('/').slice(1) : [];
    url.hostname = base && base.protocol === 'file:' ? base.hostname : '';
    if (slashes === 1) {
        const drive = !begins_with_drive(rest.slice(1)) && before.length > 0 && /^[A-Za-z]:$/.test(before[0]);
        url.pathname = normalize_path(rest, url.protocol, drive ? [before[0]] : []);
    } else if (rest === '' && before.length > 0) {
        url.pathname = base.pathname;
        url.search = query === null ? base.search : url.search;
    } else {
        const keep = begins_with_drive(rest) ? [] : path_segments('..', url.protocol, before).slice(0, -1);
        url.pathname = normalize_path(`/${rest}`, url.protocol, keep);
    }
    return url;
}

// `rest` without scheme, query and fragment, after `base`.
function parse_relative(rest, url, base, query, fragment) {
    if (base.opaque && (rest !== '' || query !== null || fragment === null)) {
        return undefined;
    }
    const { username, password, hostname, port, opaque, authority } = base;
    Object.assign(url, { username, password, hostname, port, opaque, authority });
    if (rest === '') {
        url.pathname = base.pathname;
        url.search = query === null ? base.search : url.search;
    } else if (rest[0] === '/' || (is_special(url.protocol) && rest[0] === '\\')) {
        url.pathname = normalize_path(rest, url.protocol);
    } else {
        url.pathname = normalize_path(`/${rest}`, url.protocol, base.pathname.split('/').slice(1, -1));
    }
    return url;
}

// Splits `text`, after `base` when it is relative, into the parts of a URL record.
function parse_url(text, base) {
    let rest = text.replace(/^[\x00-\x20]+|[\x00-\x20]+$/g, '').replace(/[\t\n\r]/g, '');
    const url = { protocol: '', username: '', password: '', hostname: '', port: '', pathname: '', search: '', hash: '',
        opaque: false, authority: false };
    const cut = (mark) => {
        const at = rest.indexOf(mark);
        const tail = at < 0 ? null : rest.slice(at + 1);
        rest = at < 0 ? rest : rest.slice(0, at);
        return tail;
    };
    const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(rest);
    url.protocol = scheme ? scheme[0].toLowerCase() : base ? base.protocol : '';
    const special = is_special(url.protocol);
    if (scheme) {
        rest = rest.slice(scheme[0].length);
    }
    const relative = base && (!scheme || (special && url.protocol === base.protocol && !rest.startsWith('//')));
    if (!scheme && !base) {
        return undefined;
    }
    const fragment = cut('#');
    url.hash = fragment === null ? '' : `#${percent_encode(fragment, kFragmentSet)}`;
    const query = cut('?');
    url.search = query === null ? '' : `?${percent_encode(query, special ? `${kQuerySet}'` : kQuerySet)}`;
    if (url.protocol === 'file:') {
        return parse_file(rest, url, base, query);
    }
    const slashes = special ? /^[/\\]{2}/.test(rest) : rest.startsWith('//');
    if (relative && !(slashes && !base.opaque)) {
        return parse_relative(rest, url, base, query, fragment);
    }
    if (!special && !slashes) {
        url.opaque = rest[0] !== '/';
        url.pathname = url.opaque ? percent_encode(rest, '') : normalize_path(rest, url.protocol);
        return url;
    }
    rest = special ? rest.replace(/^[/\\]*/, '') : rest.slice(2);
    const end = rest.search(special ? /[/\\]/ : /\//);
    url.authority = true;
    url.pathname = normalize_path(end < 0 ? '' : rest.slice(end), url.protocol);
    return parse_authority(end < 0 ? rest : rest.slice(0, end), url) ? url : undefined;
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
    // A mark with nothing behind it is in the address and no part of it.
    get search() { return this.#url.search === '?' ? '' : this.#url.search; }
    get hash() { return this.#url.hash === '#' ? '' : this.#url.hash; }
    get origin() { return is_special(this.#url.protocol) && this.#url.protocol !== 'file:' ? `${this.#url.protocol}//${this.host}` : 'null'; }
    get href() {
        const { protocol, username, password, pathname, search, hash } = this.#url;
        const user = username || password ? `${username}${password ? `:${password}` : ''}@` : '';
        // A path of two slashes without a host would be read as one.
        const authority = this.#url.authority ? `//${user}${this.host}` : !this.#url.opaque && pathname.startsWith('//') ? '/.' : '';
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
        this.#with('search', value === '' ? '' : `?${query}`);
    }
    set hash(value) {
        const fragment = as_text(value).replace(/^#/, '');
        this.#with('hash', value === '' ? '' : `#${fragment}`);
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
