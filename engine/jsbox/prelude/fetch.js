// fetch: a request leaves as a frame to the engine, whose egress policy decides about it.
const kHeaderName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

class Headers {
    #fields = new MapOf();
    constructor(source) {
        if (source instanceof Headers) {
            for (const [name, value] of source) {
                this.append(name, value);
            }
        } else if (source && typeof source === 'object') {
            const entries = typeof source[Symbol.iterator] === 'function' ? source : Object.entries(source);
            for (const [name, value] of entries) {
                this.append(name, value);
            }
        }
    }
    static #name(name) {
        if (!kHeaderName.test(`${name}`)) {
            throw new TypeErrorOf(`'${name}' is not a header name`);
        }
        return `${name}`.toLowerCase();
    }
    static #value(value) {
        const text = `${value}`.replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '');
        if (/[\0\r\n]/.test(text)) {
            throw new TypeErrorOf('a header value must be one line');
        }
        return text;
    }
    append(name, value) {
        const key = Headers.#name(name);
        const text = Headers.#value(value);
        this.#fields.set(key, this.#fields.has(key) ? `${this.#fields.get(key)}, ${text}` : text);
    }
    set(name, value) { this.#fields.set(Headers.#name(name), Headers.#value(value)); }
    get(name) { return this.#fields.get(Headers.#name(name)) ?? null; }
    has(name) { return this.#fields.has(Headers.#name(name)); }
    delete(name) { this.#fields.delete(Headers.#name(name)); }
    forEach(callback, self) { for (const [name, value] of this) { apply(callback, self, [value, name, this]); } }
    *entries() { for (const name of [...this.#fields.keys()].sort()) { yield [name, this.#fields.get(name)]; } }
    *keys() { for (const [name] of this.entries()) { yield name; } }
    *values() { for (const [, value] of this.entries()) { yield value; } }
    [Symbol.iterator]() { return this.entries(); }
    getSetCookie() { return this.has('set-cookie') ? [this.get('set-cookie')] : []; }
}

class AbortSignal {
    #aborted = false;
    #reason = undefined;
    #listeners = [];
    onabort = null;
    get aborted() { return this.#aborted; }
    get reason() { return this.#reason; }
    throwIfAborted() {
        if (this.#aborted) {
            throw this.#reason;
        }
    }
    addEventListener(type, listener) {
        if (type === 'abort' && typeof listener === 'function') {
            this.#listeners.push(listener);
        }
    }
    removeEventListener(type, listener) { this.#listeners = this.#listeners.filter((item) => item !== listener); }
    static #abort(signal, reason) {
        if (signal.#aborted) {
            return;
        }
        signal.#aborted = true;
        signal.#reason = reason ?? named_error('AbortError', 'This operation was aborted');
        const event = { type: 'abort', target: signal };
        for (const listener of [signal.onabort, ...signal.#listeners]) {
            if (typeof listener === 'function') {
                apply(listener, signal, [event]);
            }
        }
    }
    static abort(reason) {
        const signal = new AbortSignal();
        AbortSignal.#abort(signal, reason);
        return signal;
    }
    static timeout(delay) {
        const signal = new AbortSignal();
        add_timer(() => AbortSignal.#abort(signal, named_error('TimeoutError', 'The operation was aborted due to timeout')), delay, [], false);
        return signal;
    }
    static controller_of(signal) { return (reason) => AbortSignal.#abort(signal, reason); }
}
const abort_signal = AbortSignal.controller_of;
delete AbortSignal.controller_of;
class AbortController {
    #signal = new AbortSignal();
    get signal() { return this.#signal; }
    abort(reason) { abort_signal(this.#signal)(reason); }
}

function named_error(name, message) {
    const error = new ErrorOf(message);
    define_hidden(error, 'name', name);
    return error;
}

// The bytes of a body and the media type it implies.
function body_bytes(body) {
    if (body === undefined || body === null) {
        return [null, null];
    }
    if (typeof body === 'string') {
        return [utf8_encode(body), 'text/plain;charset=UTF-8'];
    }
    if (body instanceof URLSearchParams) {
        return [utf8_encode(body.toString()), 'application/x-www-form-urlencoded;charset=UTF-8'];
    }
    if (is_view(body) || body instanceof ArrayBufferOf) {
        return [as_bytes(body), null];
    }
    return [utf8_encode(`${body}`), 'text/plain;charset=UTF-8'];
}

class Body {
    #bytes;
    #used = false;
    constructor(bytes) { this.#bytes = bytes ?? new Bytes(0); }
    get bodyUsed() { return this.#used; }
    async #take() {
        if (this.#used) {
            throw new TypeErrorOf('Body is unusable: Body has already been read');
        }
        this.#used = true;
        return this.#bytes;
    }
    async arrayBuffer() { return own_buffer(await this.#take()); }
    async bytes() { return new Bytes(own_buffer(await this.#take())); }
    async text() {
        const text = utf8_decode(await this.#take(), false);
        return text.startsWith('\ufeff') ? text.slice(1) : text;
    }
    async json() { return json_parse(await this.text()); }
    static bytes_of(body) { return body.#bytes; }
}
const bytes_of_body = Body.bytes_of;
delete Body.bytes_of;

class Request extends Body {
    constructor(input, init = {}) {
        const from = input instanceof Request ? input : null;
        const [bytes, type] = init.body === undefined && from ? [bytes_of_body(from), null] : body_bytes(init.body);
        super(bytes);
        this.url = from ? from.url : new URL(`${input}`).href;
        this.method = `${init.method ?? from?.method ?? 'GET'}`;
        if (/^(get|head|post|put|patch|delete|options)$/i.test(this.method)) {
            this.method = this.method.toUpperCase();
        }
        if (!kHeaderName.test(this.method)) {
            throw new TypeErrorOf(`'${this.method}' is not a valid HTTP method`);
        }
        if (bytes !== null && bytes.length > 0 && (this.method === 'GET' || this.method === 'HEAD')) {
            throw new TypeErrorOf('Request with GET/HEAD method cannot have body');
        }
        this.headers = new Headers(init.headers ?? from?.headers);
        if (type && !this.headers.has('content-type')) {
            this.headers.set('content-type', type);
        }
        this.redirect = init.redirect ?? from?.redirect ?? 'follow';
        this.signal = init.signal ?? from?.signal ?? null;
    }
}

class Response extends Body {
    constructor(body, init = {}) {
        const [bytes, type] = body_bytes(body);
        super(bytes);
        this.status = init.status ?? 200;
        this.statusText = init.statusText ?? '';
        this.headers = new Headers(init.headers);
        this.url = init.url ?? '';
        this.redirected = Boolean(init.redirected);
        this.type = 'default';
        if (type && !this.headers.has('content-type')) {
            this.headers.set('content-type', type);
        }
    }
    get ok() { return this.status >= 200 && this.status <= 299; }
    clone() { return new Response(new Bytes(bytes_of_body(this)), this); }
    static json(value, init = {}) {
        const headers = new Headers(init.headers);
        headers.set('content-type', 'application/json');
        return new Response(json_stringify(value), { ...init, headers });
    }
    static error() { return new Response(null, { status: 0 }); }
}

let fetch_allowed = false;
const fetch_calls = new MapOf();

function fetch_failed(why) {
    const error = new TypeErrorOf(`fetch failed: ${why}`);
    define_hidden(error, 'cause', new ErrorOf(why));
    return error;
}

function send_request(request, resolve, reject) {
    if (!fetch_allowed) {
        reject(fetch_failed('outgoing requests are switched off here'));
        return;
    }
    const head = json_stringify({
        url: request.url, method: request.method, headers: [...request.headers], redirect: request.redirect,
    });
    const id = host.fetch(host_text(head), own_buffer(bytes_of_body(request)));
    if (id === undefined) {
        reject(fetch_failed('too many requests at once, or a request that is too large'));
        return;
    }
    map_set(fetch_calls, id, { resolve, reject });
    if (request.signal) {
        request.signal.addEventListener('abort', () => reject(request.signal.reason));
    }
}

// From the host: the answer to one request.
function reply(id, ok, head, body) {
    const call = map_get(fetch_calls, id);
    if (call === undefined) {
        return;
    }
    map_delete(fetch_calls, id);
    if (!ok) {
        call.reject(fetch_failed(head));
        return;
    }
    try {
        const { status, statusText, url, headers, redirected } = json_parse(head);
        call.resolve(new Response(new Bytes(body), { status, statusText, url, headers, redirected }));
    } catch (thrown) {
        call.reject(thrown);
    }
}

define_global('fetch', function fetch(input, init) {
    return new PromiseOf((resolve, reject) => {
        const request = new Request(input, init ?? {});
        if (request.signal) {
            request.signal.throwIfAborted();
        }
        send_request(request, resolve, reject);
    });
});
define_global('Headers', Headers);
define_global('Request', Request);
define_global('Response', Response);
define_global('AbortController', AbortController);
define_global('AbortSignal', AbortSignal);
