// The frames between this process and the engine, over descriptor 3: a 4-byte little-endian length, one
// type byte, the payload (engine/jsbox/protocol.hpp). What runs here may write to the descriptor too; the
// engine takes every byte for hostile, and the channel is this run's alone.
const fs = require('fs');
const net = require('net');

const kChannel = 3;
const kHeaderBytes = 5;
const kHello = 1;
const kRun = 2;
const kFetch = 3;
const kFetchReply = 4;
const kResult = 5;
const kProtocolVersion = 2;
// The engine's own bounds; more would end this process.
const kErrorBytesMax = 8 << 10;
const kConsoleBytesMax = 64 << 10;
const kFetchesAtOnceMax = 32;

// Taken before foreign code runs: a step may overwrite what it likes and still be understood.
const json_stringify = JSON.stringify;
const json_parse = JSON.parse;
const buffer_concat = Buffer.concat;
const buffer_from = Buffer.from;
const buffer_alloc = Buffer.alloc;

const line = new net.Socket({ fd: kChannel, readable: true, writable: true });
const write_to_line = line.write.bind(line);
const hold_line = line.ref.bind(line);
const let_line_go = line.unref.bind(line);

const calls = new Map();
const waiting_calls = [];
let next_call = 1;
let run_id = 0n;

function u32(value) {
    const bytes = buffer_alloc(4);
    bytes.writeUInt32LE(value);
    return bytes;
}

function u64(value) {
    const bytes = buffer_alloc(8);
    bytes.writeBigUInt64LE(value);
    return bytes;
}

function text_part(value) {
    const bytes = typeof value === 'string' ? buffer_from(value, 'utf8') : value;
    return buffer_concat([u32(bytes.length), bytes]);
}

function send_frame(type, parts, done) {
    const payload = buffer_concat(parts);
    write_to_line(buffer_concat([u32(payload.length), buffer_from([type]), payload]), done);
}

class PayloadReader {
    constructor(bytes) {
        this.bytes = bytes;
        this.at = 0;
    }
    u8() {
        return this.bytes.readUInt8(this.at++);
    }
    u32() {
        this.at += 4;
        return this.bytes.readUInt32LE(this.at - 4);
    }
    u64() {
        this.at += 8;
        return this.bytes.readBigUInt64LE(this.at - 8);
    }
    part() {
        const size = this.u32();
        this.at += size;
        return this.bytes.subarray(this.at - size, this.at);
    }
    text() {
        return this.part().toString('utf8');
    }
}

function send_call(call) {
    const id = next_call++;
    calls.set(id, call);
    hold_line();
    send_frame(kFetch, [u64(run_id), u32(id), text_part(json_stringify(call.head)), text_part(call.body)]);
}

// One HTTP request that the engine makes for this run: {status, headers, body}, or an Error that says why
// it was not made.
function ask_engine(head, body) {
    return new Promise((resolve, reject) => {
        const call = { head, body, resolve, reject };
        if (run_id !== 0n && calls.size < kFetchesAtOnceMax) {
            send_call(call);
        } else {
            waiting_calls.push(call);
        }
    });
}

// Resolves when no request has been under way for a moment, or after the time: what a piece began and
// did not wait for is not cut off by the end of this process.
async function requests_over(ms_max) {
    const end = Date.now() + ms_max;
    for (let quiet = 0; quiet < 3 && Date.now() < end; ) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        quiet = calls.size === 0 ? quiet + 1 : 0;
    }
}

function on_reply(reader) {
    reader.u64();
    const id = reader.u32();
    const ok = reader.u8() === 1;
    const head = reader.text();
    const body = reader.part();
    const call = calls.get(id);
    if (call === undefined) {
        return;
    }
    calls.delete(id);
    const next = waiting_calls.shift();
    if (next !== undefined) {
        send_call(next);
    } else if (calls.size === 0) {
        let_line_go();
    }
    if (ok) {
        const answer = json_parse(head);
        call.resolve({ status: answer.status, headers: answer.headers, body: buffer_from(body) });
    } else {
        call.reject(new Error(head));
    }
}

function read_run(reader) {
    const run = { id: reader.u64(), kind: reader.u8(), time_ms: reader.u32(), memory: reader.u32() };
    run.output_max = reader.u32();
    reader.at += 16; // the seed: this process has randomness of its own
    run.fetch_allowed = reader.u8() === 1;
    reader.part(); // the tenant: of no interest to a process of one run
    run.code = reader.text();
    run.input = reader.text();
    return run;
}

function cut(text, bytes_max) {
    const bytes = buffer_from(String(text), 'utf8');
    return bytes.length <= bytes_max ? bytes : buffer_concat([bytes.subarray(0, bytes_max - 3), buffer_from('…')]);
}

let told = false;
// The one result of the run; nothing after it counts.
function send_result(status, value, error, stack) {
    if (told) {
        return;
    }
    told = true;
    send_frame(
        kResult,
        [
            u64(run_id),
            buffer_from([status, 1]),
            text_part(value),
            text_part(cut(error, kErrorBytesMax)),
            text_part(cut(stack, kErrorBytesMax)),
            text_part(printed_text()),
        ],
        () => process.reallyExit(0),
    );
}

function listen_to_engine(on_run) {
    let pending = buffer_alloc(0);
    line.on('data', (chunk) => {
        pending = pending.length === 0 ? chunk : buffer_concat([pending, chunk]);
        while (pending.length >= kHeaderBytes) {
            const end = kHeaderBytes + pending.readUInt32LE(0);
            if (pending.length < end) {
                return;
            }
            const type = pending[4];
            const reader = new PayloadReader(pending.subarray(kHeaderBytes, end));
            pending = pending.subarray(end);
            if (type === kRun) {
                const run = read_run(reader);
                run_id = run.id;
                waiting_calls.splice(0, kFetchesAtOnceMax).forEach(send_call);
                on_run(run);
            } else if (type === kFetchReply) {
                on_reply(reader);
            }
        }
    });
    line.on('end', () => process.reallyExit(0));
    line.on('error', () => process.reallyExit(0));
    send_frame(kHello, [u32(kProtocolVersion), u32(0)]);
}
