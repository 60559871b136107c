// Preloaded into the scanner: its two connections, to ports 80 and 443 of gateway.test, go to the
// server under test; every other one is an error. Nothing leaves the machine.
'use strict';
const net = require('net');

const ports = {
    80: Number(process.env.SALLYPORT_HTTP_PORT),
    443: Number(process.env.SALLYPORT_HTTPS_PORT),
};
const connect = net.Socket.prototype.connect;

net.Socket.prototype.connect = function (...args) {
    // Node's own callers hand over [options, callback] as one array.
    const list = Array.isArray(args[0]) ? args[0] : args;
    const options = list[0];
    const name = options.hostname || options.host;
    if (name !== 'gateway.test' || !(options.port in ports)) {
        throw new Error(`the scanner must not connect to ${name}:${options.port}`);
    }
    Object.assign(options, {host: '127.0.0.1', hostname: undefined, port: ports[options.port]});
    return connect.apply(this, args);
};
