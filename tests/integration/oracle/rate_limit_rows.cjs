// Prints rows of random options and requests in bursts, and what the npm package `express-rate-limit` answered on
// Express. A burst is short and the next one begins a good while after the window of the last request: there windows
// that begin with a key's first request and windows that slide say the same.
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

// `undefined` leaves the option out.
const options = {
    windowMs: [1500, 2000, 2500, 900000, 60000, 3600000],
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

const burst_ms = 400;
const between_ms = 700;

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
    const bursts = given.windowMs > 5000 ? 1 : 3;
    for (let burst = 0; burst < bursts; ++burst) {
        const start = burst * (burst_ms + given.windowMs + between_ms);
        const count = 2 + Math.floor(random.number() * 12);
        for (let i = 0; i < count; ++i) {
            out.push({
                at_ms: Math.floor(start + (i * burst_ms) / count),
                address: random.of(own),
                client: random.of(['a', 'a', 'b']),
                status: random.of(statuses),
            });
        }
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

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function row(number, given, requests) {
    const server = application(given).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.on('listening', resolve));
    const begin = Date.now();
    for (const request of requests) {
        await sleep(Math.max(0, begin + request.at_ms - Date.now()));
        const asked_s = Date.now() / 1000;
        const response = await ask(server.address().port, request);
        request.expect = { status: response.statusCode, headers: {} };
        for (let i = 0; i < response.rawHeaders.length; i += 2) {
            const name = response.rawHeaders[i];
            if (/ratelimit|retry-after/i.test(name)) {
                // Unix times become what is left of them.
                request.expect.headers[name] = name === 'X-RateLimit-Reset'
                    ? String(Math.floor(Number(response.rawHeaders[i + 1]) - asked_s))
                    : response.rawHeaders[i + 1];
            }
        }
    }
    server.close();
    return { id: `row ${number}`, options: given, requests };
}

async function main() {
    const drawn = Array.from({ length: Number(process.argv[3]) }, () => {
        const given = random_options();
        return [given, random_requests(given)];
    });
    const rows = [];
    // So many at once that the machine keeps time.
    const at_once = 50;
    for (let i = 0; i < drawn.length; i += at_once) {
        rows.push(...await Promise.all(drawn.slice(i, i + at_once).map((one, j) => row(i + j, ...one))));
    }
    console.log(`{"rows": [\n${rows.map((one) => JSON.stringify(one)).join(',\n')}\n]}`);
    process.exit(0);
}
main();
