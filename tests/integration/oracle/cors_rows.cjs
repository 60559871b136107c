// Prints rows in the form of tests/vectors/cors.json: random options and requests, and what the npm package
// `cors` answers on Express. Options that our directive refuses at start are not among them.
//
//   node cors_rows.cjs FOLDER-OF-PACKAGES ROWS SEED
'use strict';

const { createRequire } = require('node:module');
const http = require('node:http');
const path = require('node:path');
const { Random } = require('./random.cjs');

const packages = createRequire(path.join(path.resolve(process.argv[2]), 'package.json'));
const cors = packages('cors');
const express = packages('express');
const random = new Random(Number(process.argv[4]));

const app1 = 'https://app1.example.com';
const app2 = 'https://app2.example.com';
const local = 'http://localhost:3000';
// `undefined` leaves the option out.
const options = {
    origin: [undefined, '*', app1, [app1], [app1, app2], [app1, local], local, true, false, '',
        'regex:/^https:\\/\\/[a-z0-9-]+\\.example\\.com$/'],
    methods: [undefined, undefined, 'GET,POST', ['GET', 'PUT', 'DELETE'], 'GET', ['PATCH']],
    allowedHeaders: [undefined, undefined, ['X-A', 'X-B'], 'Content-Type,Authorization', 'x-one', []],
    exposedHeaders: [undefined, undefined, 'X-Request-Id', ['X-One', 'X-Two']],
    maxAge: [undefined, undefined, null, 600, 0, 86400],
    credentials: [undefined, undefined, true, false],
    preflightContinue: [undefined, undefined, undefined, true],
    optionsSuccessStatus: [undefined, undefined, 200, 204],
};
const origins = [undefined, app1, app2, local, 'http://localhost:3001', 'null', '*', 'https://evil.example',
    'https://x.example.com', 'https://x.example.com.evil.test', 'https://APP1.example.com', `${app1}:8443`, `${app1}/`,
    'http://app1.example.com', `${app1}evil`];

function random_request() {
    const method = random.of(['GET', 'POST', 'HEAD', 'DELETE', 'OPTIONS', 'OPTIONS', 'OPTIONS']);
    const headers = {};
    const set = (name, values) => {
        const value = random.of(values);
        if (value !== undefined) {
            headers[name] = value;
        }
    };
    set('Origin', origins);
    if (method === 'OPTIONS') {
        set('Access-Control-Request-Method', [undefined, 'PUT', 'GET', 'put', 'PATCH', 'WEIRD']);
        set('Access-Control-Request-Headers', [undefined, '', 'x-a', 'X-A, X-B', 'content-type,authorization', 'x-evil']);
    }
    if (method === 'POST') {
        headers['Content-Type'] = 'text/plain';
    }
    // The gateway answers preflights itself: what the application varies by is not on them.
    return { method, path: method === 'OPTIONS' ? '/d' : random.of(['/d', '/d', '/d', '/vary', '/nope']), headers };
}

function application(given, seen) {
    const app = express();
    app.use('/vary', (request, response, next) => {
        response.set('Vary', 'Accept-Encoding');
        next();
    });
    const own = { ...given };
    if (typeof own.origin === 'string' && own.origin.startsWith('regex:')) {
        own.origin = new RegExp(own.origin.slice('regex:/'.length, -1));
    }
    app.use(cors(Object.keys(own).length === 0 ? undefined : own));
    app.use((request, response) => {
        seen.ran = true;
        response.status(request.path === '/nope' ? 404 : 200).send('data');
    });
    return app;
}

function ask(port, { method, path: target, headers }) {
    return new Promise((resolve, reject) => {
        const request = http.request({ port, method, path: target, headers, agent: false }, (response) => {
            response.resume();
            response.on('end', () => resolve(response));
        });
        request.on('error', reject);
        request.end(method === 'POST' ? 'x' : undefined);
    });
}

async function row(number) {
    const given = {};
    for (const [name, values] of Object.entries(options)) {
        const value = random.of(values);
        if (value !== undefined) {
            given[name] = value;
        }
    }
    const request = random_request();
    const seen = { ran: false };
    const server = application(given, seen).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.on('listening', resolve));
    const response = await ask(server.address().port, request);
    server.close();
    const headers = {};
    for (let i = 0; i < response.rawHeaders.length; i += 2) {
        if (/^(access-control-|vary$)/i.test(response.rawHeaders[i])) {
            headers[response.rawHeaders[i]] = response.rawHeaders[i + 1];
        }
    }
    return {
        id: `row ${number}`,
        options: Object.keys(given).length === 0 ? '(none)' : given,
        request,
        expect: { status: response.statusCode, headers, handler_ran: seen.ran },
    };
}

async function main() {
    const vectors = [];
    for (let i = 0; i < Number(process.argv[3]); ++i) {
        vectors.push(await row(i));
    }
    console.log(JSON.stringify({ vectors }));
}
main();
