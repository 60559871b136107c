// Prints rows in the form of tests/vectors/helmet.json: random options and the headers that the npm package
// `helmet` sets for them. Policies that our directives refuse at start are not among them.
//
//   node helmet_rows.cjs FOLDER-OF-PACKAGES ROWS SEED
'use strict';

const { createRequire } = require('node:module');
const path = require('node:path');
const { Random } = require('./random.cjs');

const helmet = createRequire(path.join(path.resolve(process.argv[2]), 'package.json'))('helmet');
const random = new Random(Number(process.argv[4]));

const sources = ["'self'", 'data:', 'https:', "'unsafe-inline'", "'unsafe-eval'", 'https://cdn.example.com', '*.example.com',
    'blob:', 'wss://live.example.com:8443', "'nonce-abc123=='", "'sha256-AbCd+/=='", 'https://a.example/path/'];
const directives = ['defaultSrc', 'baseUri', 'fontSrc', 'formAction', 'frameAncestors', 'imgSrc', 'objectSrc', 'scriptSrc',
    'scriptSrcAttr', 'scriptSrcElem', 'styleSrc', 'styleSrcAttr', 'connectSrc', 'mediaSrc', 'workerSrc', 'frameSrc',
    'childSrc', 'manifestSrc', 'reportTo', 'sandbox', 'script-src', 'img-src', 'upgradeInsecureRequests'];

const dashed = (name) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

function value_of(directive) {
    switch (directive) {
        case 'upgradeInsecureRequests': return random.of([null, []]);
        case 'reportTo': return ['csp'];
        case 'sandbox': return random.of([[], ['allow-forms', 'allow-scripts']]);
    }
    const kind = random.number();
    if (kind < 0.08 && directive !== 'defaultSrc') {
        return null;
    }
    return kind < 0.2 ? "'none'" : random.some(sources, 4);
}

function policy() {
    if (random.number() < 0.2) {
        return random.of([true, false]);
    }
    const out = { directives: {} };
    if (random.number() < 0.3) {
        out.useDefaults = random.of([true, false]);
    }
    if (random.number() < 0.3) {
        out.reportOnly = random.of([true, false]);
    }
    if (out.useDefaults === false) {
        out.directives.defaultSrc = value_of('defaultSrc');
    }
    for (const name of random.some(directives, 5)) {
        if (!Object.keys(out.directives).some((there) => dashed(there) === dashed(name))) {
            out.directives[name] = value_of(name);
        }
    }
    return out;
}

const policies = (member, values) => [true, false, ...values.map((value) => ({ [member]: value }))];
// Each row takes one of the names, and one of the values or none.
const options = [
    [['crossOriginEmbedderPolicy'], policies('policy', ['require-corp', 'credentialless', 'unsafe-none'])],
    [['crossOriginOpenerPolicy'], policies('policy', ['same-origin', 'same-origin-allow-popups', 'unsafe-none'])],
    [['crossOriginResourcePolicy'], policies('policy', ['same-origin', 'same-site', 'cross-origin'])],
    [['originAgentCluster'], [true, false]],
    [['xContentTypeOptions', 'noSniff'], [true, false]],
    [['xDownloadOptions', 'ieNoOpen'], [true, false]],
    [['xFrameOptions', 'frameguard'], policies('action', ['deny', 'sameorigin', 'DENY'])],
    [['xPermittedCrossDomainPolicies', 'permittedCrossDomainPolicies'],
        policies('permittedPolicies', ['none', 'master-only', 'by-content-type', 'all'])],
    [['xXssProtection', 'xssFilter'], [true, false]],
    [['strictTransportSecurity', 'hsts'], [true, false, { maxAge: 0 }, { maxAge: 600 }, { includeSubDomains: false },
        { maxAge: 63072000, preload: true }, { maxAge: 31536000, includeSubDomains: true, preload: true }]],
    [['xDnsPrefetchControl', 'dnsPrefetchControl'], policies('allow', [true, false])],
    [['referrerPolicy'], [true, { policy: 'origin' }, { policy: 'unsafe-url' }, { policy: ['same-origin'] },
        { policy: ['no-referrer', 'strict-origin-when-cross-origin'] }]],
];

function row(number) {
    const given = {};
    if (random.number() < 0.6) {
        given.contentSecurityPolicy = policy();
    }
    for (const [names, values] of options) {
        if (random.number() < 0.4) {
            given[random.of(names)] = random.of(values);
        }
    }
    const headers = {};
    const response = { setHeader: (name, value) => { headers[name] = value; }, removeHeader() {} };
    try {
        helmet(given)({}, response, (error) => {
            if (error) {
                throw error;
            }
        });
    } catch (error) {
        return { case: `row ${number}`, options: given, throws: error.message };
    }
    return { case: `row ${number}`, options: given, headers };
}

console.log(JSON.stringify({ cases: Array.from({ length: Number(process.argv[3]) }, (_, number) => row(number)) }));
