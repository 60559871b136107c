// The way out. This process can open no socket: whoever connects gets one end of a pair of streams, and at
// the other end an HTTP server of Node's own reads the request and has the engine make it. Clients of every
// kind (http, https, fetch, and what is built on them) work unchanged; TLS is the engine's, and so is the
// say which addresses may be reached. Protocols other than HTTP/1 have no way out.
const http = require('http');
const https = require('https');
const tls = require('tls');
const { createHash } = require('crypto');
const { Duplex } = require('stream');

// Between one client and one server, not for the next hop; and what the engine sees to itself.
const kNotForwarded = new Set([
    'host', 'connection', 'keep-alive', 'proxy-connection', 'proxy-authorization', 'te', 'trailer',
    'transfer-encoding', 'upgrade', 'expect', 'content-length', 'accept-encoding',
]);
const kNotReturned = new Set([
    'connection', 'keep-alive', 'transfer-encoding', 'content-length', 'content-encoding', 'upgrade', 'trailer',
]);
const kRequestBytesMax = 8 << 20;

// What repeated attempts of one step have in common, set when the step begins; empty: nothing is marked.
let step_key = '';
let own_origin = '';
const marked = new Map();

function mark_requests(task) {
    step_key = typeof task.idempotencyKey === 'string' ? task.idempotencyKey : '';
    own_origin = task.server ? new URL(task.server.apiUrl).origin : '';
}

// A service that knows `Idempotency-Key` does a request once whose answer was lost with the engine. The
// request's own words are in the key, so that a piece which asks in another order, or for something else,
// is never taken to repeat itself; the same request for the second time has another key.
function with_key(method, url, fields, body) {
    const given = fields.some(([name]) => name.toLowerCase() === 'idempotency-key');
    if (step_key === '' || given || !['POST', 'PATCH'].includes(method) || new URL(url).origin === own_origin) {
        return fields;
    }
    const words = createHash('sha256').update(`${method} ${url}\n`).update(body).digest('hex').slice(0, 32);
    const times = (marked.get(words) || 0) + 1;
    marked.set(words, times);
    return [...fields, ['Idempotency-Key', `${step_key}:${words}:${times}`]];
}

class WireEnd extends Duplex {
    constructor(target) {
        super({ allowHalfOpen: true });
        this.target = target;
        this.connecting = false;
        this.encrypted = target.secure;
        this.authorized = target.secure;
        this.alpnProtocol = target.secure ? 'http/1.1' : undefined;
        this.remoteAddress = target.host;
        this.remotePort = target.port;
        this.waiting = null;
    }
    _read() {
        const go_on = this.waiting;
        this.waiting = null;
        if (go_on !== null) {
            go_on();
        }
    }
    _write(chunk, encoding, done) {
        if (this.other.destroyed || this.other.push(chunk)) {
            done();
        } else {
            this.other.waiting = done;
        }
    }
    _final(done) {
        if (!this.other.destroyed) {
            this.other.push(null);
        }
        done();
    }
    _destroy(error, done) {
        if (!this.other.destroyed) {
            this.other.destroy();
        }
        done(error);
    }
    setTimeout() { return this; }
    setNoDelay() { return this; }
    setKeepAlive() { return this; }
    ref() { return this; }
    unref() { return this; }
    address() { return {}; }
    getPeerCertificate() { return {}; }
    getSession() {}
    isSessionReused() { return false; }
}

function refusal(message) {
    return Object.assign(new Error(message), { code: 'EGRESS_REFUSED' });
}

function read_all(stream) {
    return new Promise((resolve, reject) => {
        const chunks = [];
        let size = 0;
        stream.on('data', (chunk) => {
            size += chunk.length;
            if (size > kRequestBytesMax) {
                reject(refusal('the request is larger than 8 MB'));
            } else {
                chunks.push(chunk);
            }
        });
        stream.on('end', () => resolve(buffer_concat(chunks)));
        stream.on('error', reject);
    });
}

function forwarded(raw) {
    const fields = [];
    for (let i = 0; i + 1 < raw.length; i += 2) {
        if (!kNotForwarded.has(raw[i].toLowerCase())) {
            fields.push([raw[i], raw[i + 1]]);
        }
    }
    return fields;
}

function url_of(target, path) {
    const host = net.isIPv6(target.host) ? `[${target.host}]` : target.host;
    const usual = target.port === (target.secure ? 443 : 80);
    return `${target.secure ? 'https' : 'http'}://${host}${usual ? '' : `:${target.port}`}${path}`;
}

async function carry(request, response) {
    const wire = request.socket;
    try {
        const body = await read_all(request);
        const head = { method: request.method, url: url_of(wire.target, request.url) };
        head.headers = with_key(head.method, head.url, forwarded(request.rawHeaders), body);
        head.redirect = 'manual'; // a client follows redirects itself, and each is checked
        const answer = await ask_engine(head, body);
        for (const [name, value] of answer.headers) {
            if (!kNotReturned.has(name.toLowerCase())) {
                response.appendHeader(name, value);
            }
        }
        response.sendDate = false;
        response.statusCode = answer.status;
        response.end(answer.body);
    } catch (problem) {
        wire.other.destroy(refusal(problem.message));
    }
}

function open_egress() {
    const far_side = http.createServer({ requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 0 }, carry);
    far_side.on('clientError', (problem, wire) => {
        wire.other.destroy(refusal('only HTTP leaves the sandbox'));
    });

    const connect = (host, port, secure, on_connect) => {
        const target = { host: host || 'localhost', port: Number(port) || (secure ? 443 : 80), secure };
        const near = new WireEnd(target);
        const far = new WireEnd(target);
        near.other = far;
        far.other = near;
        if (typeof on_connect === 'function') {
            near.once(secure ? 'secureConnect' : 'connect', on_connect);
        }
        process.nextTick(() => {
            if (!near.destroyed) {
                far_side.emit('connection', far);
                near.emit('connect');
                if (secure) {
                    near.emit('secureConnect');
                }
                near.emit('ready');
            }
        });
        return near;
    };
    // (options[, done]), (port[, host][, done]), (path[, done]); tls also (port, host, options, done).
    const from_arguments = (given, secure) => {
        const done = given.find((one) => typeof one === 'function');
        const options = given.find((one) => typeof one === 'object' && one !== null) || {};
        const numbered = /^\d+$/.test(String(given[0]));
        const host = numbered && typeof given[1] === 'string' ? given[1] : options.host || options.servername;
        const is_path = options.path && !options.host && !options.port && !secure;
        if (is_path || (typeof given[0] === 'string' && !numbered) || options.socket) {
            throw refusal('only hosts and ports can be connected to');
        }
        return connect(host, numbered ? given[0] : options.port, secure, done);
    };
    const plain = (...given) => from_arguments(given, false);
    const secured = (...given) => from_arguments(given, true);
    net.connect = net.createConnection = plain;
    tls.connect = secured;
    // Agents have kept what was there before.
    http.Agent.prototype.createConnection = (options) => connect(options.host, options.port, false);
    https.Agent.prototype.createConnection = (options) => connect(options.host, options.port, true);
}
