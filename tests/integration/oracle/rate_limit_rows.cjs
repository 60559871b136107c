// Prints rows of random options and requests in bursts, and what the npm package `express-rate-limit` answered on
// Express. A burst is short and the next one begins after the window of the last request: there windows that begin with
// a key's first request and windows that slide say the same. The time is made up, so that a seed gives the same rows.
//
//   node rate_limit_rows.cjs FOLDER-OF-PACKAGES ROWS SEED
'use strict';

const { createRequire } = require('node:module');
const http = require('node:http');
const path = require('node:path');
const { Random } = require('./random.cjs');

const packages = createRequire(path.join(path.resolve(process.argv[2]), 'package.json'));
const { rateLimit } = packages('express-rate-limit');
const express = packages('express');
const random = new Random(Number(process.argv[4]));

const RealDate = Date;
const epoch_ms = 1800000000000;
let at_ms = epoch_ms;
globalThis.Date = class extends RealDate {
    constructor(...given) {
        super(...(given.length === 0 ? [at_ms] : given));
    }
    static now() {
        return at_ms;
    }
};

// `undefined` leaves the option out.
const options = {
    windowMs: [61500, 60000, 900000, 3600000, 86400000],
    standardHeaders: [undefined, undefined, false, true, 'draft-6', 'draft-7', 'draft-8', 'draft-8'],
    legacyHeaders: [undefined, undefined, true, false, false],
    skipFailedRequests: [undefined, undefined, undefined, true, false],
    skipSuccessfulRequests: [undefined, undefined, undefined, true, false],
    ipv6Subnet: [undefined, undefined, undefined, 64, 48, 32, 60],
    identifier: [undefined, undefined, 'api', 'two-words'],
};
const addresses = ['192.0.2.1', '192.0.2.1', '192.0.2.2', '::ffff:192.0.2.1', '2001:db8:0:100::1', '2001:db8:0:100:ff::2',
    '2001:db8:0:101::1', '2001:db8:0:109::1', '2001:db8:0:200::1', '2001:db8:1::1', '2001:db9::1'];
const statuses = [200, 200, 200, 201, 302, 304, 400, 401, 404, 500, 503];

const between_s = 5;

function random_options() {
    const given = {};
    for (const [name, values] of Object.entries(options)) {
        const value = random.of(values);
        if (value !== undefined) {
            given[name] = value;
        }
    }
    if (given.skipFailedRequests && given.skipSuccessfulRequests) {
        delete given.skipFailedRequests;
    }
    given[random.of(['limit', 'limit', 'max'])] = random.of([1, 2, 3, 3, 5, 9, 12]);
    if (random.number() < 0.2) {
        given.keyGenerator = 'x-client';
    }
    return given;
}

function random_requests(given) {
    const own = random.some(addresses, 3);
    const out = [];
    let start = 0;
    for (let burst = 0; burst < 3; ++burst) {
        const count = 2 + Math.floor(random.number() * 12);
        for (let i = 0; i < count; ++i) {
            out.push({
                at_s: start + (i < count / 2 ? 0 : 1),
                address: random.of(own),
                client: random.of(['a', 'a', 'b']),
                status: random.of(statuses),
            });
        }
        start += 1 + Math.ceil(given.windowMs / 1000) + between_s;
    }
    return out;
}

function application(given) {
    const app = express();
    app.set('trust proxy', 1);
    const own = { ...given, validate: false };
    if (own.keyGenerator !== undefined) {
        own.keyGenerator = (request) => request.get(given.keyGenerator);
    }
    app.use(rateLimit(own));
    app.use((request, response) => response.status(Number(request.get('x-status'))).end());
    return app;
}

function ask(port, { address, client, status }) {
    const headers = { 'X-Forwarded-For': address, 'X-Client': client, 'X-Status': status };
    return new Promise((resolve, reject) => {
        const request = http.request({ port, headers, agent: false }, (response) => {
            response.resume();
            response.on('end', () => resolve(response));
        });
        request.on('error', reject);
        request.end();
    });
}

async function row(number, given, requests) {
    const server = application(given).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.on('listening', resolve));
    for (const request of requests) {
        at_ms = epoch_ms + request.at_s * 1000;
        const response = await ask(server.address().port, request);
        request.expect = { status: response.statusCode, headers: {} };
        for (let i = 0; i < response.rawHeaders.length; i += 2) {
            const name = response.rawHeaders[i];
            if (/ratelimit|retry-after/i.test(name)) {
                // Unix times become what is left of them.
                request.expect.headers[name] = name === 'X-RateLimit-Reset'
                    ? String(Number(response.rawHeaders[i + 1]) - at_ms / 1000)
                    : response.rawHeaders[i + 1];
            }
        }
    }
    server.close();
    return { id: `row ${number}`, options: given, requests };
}

async function main() {
    const rows = [];
    for (let i = 0; i < Number(process.argv[3]); ++i) {
        const given = random_options();
        rows.push(await row(i, given, random_requests(given)));
    }
    console.log(`{"rows": [\n${rows.map((one) => JSON.stringify(one)).join(',\n')}\n]}`);
    process.exit(0);
}
main();
