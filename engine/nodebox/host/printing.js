// What a step prints is kept for its record: up to a bound, from whichever door of Node's it left by.
const { Console } = require('console');
const { Writable } = require('stream');

const printed = [];
let printed_bytes = 0;

function keep_printed(chunk) {
    if (printed_bytes < kConsoleBytesMax) {
        const bytes = buffer_from(chunk);
        printed.push(bytes.subarray(0, kConsoleBytesMax - printed_bytes));
        printed_bytes += bytes.length;
    }
}

function printed_text() {
    return buffer_concat(printed);
}

function redirect_printing() {
    const paper = new Writable({
        write(chunk, encoding, done) {
            keep_printed(chunk);
            done();
        },
    });
    globalThis.console = new Console({ stdout: paper, stderr: paper });
    for (const name of ['stdout', 'stderr']) {
        Object.defineProperty(process, name, { value: paper, configurable: true });
    }
}
