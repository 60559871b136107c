// The prelude is these files, joined in the order of CMakeLists.txt into one function. It runs once,
// before the snapshot: everything it captures here is what the language came with. Foreign code runs
// later and may overwrite every global and prototype; what must stay true in spite of it (how a run
// starts, settles and is described: driver.js) uses these captures alone.
(function (host) {
'use strict';

const { apply, ownKeys, getPrototypeOf, construct } = Reflect;
const { defineProperty, freeze, create, keys: objectKeys, setPrototypeOf } = Object;
const json_parse = JSON.parse;
const json_stringify = JSON.stringify;
const StringOf = String;
const NumberOf = Number;
const FunctionOf = Function;
const DateOf = Date;
const ErrorOf = Error;
const TypeErrorOf = TypeError;
const RangeErrorOf = RangeError;
const MapOf = Map;
const SetOf = Set;
const PromiseOf = Promise;
const ArrayBufferOf = ArrayBuffer;
const Bytes = Uint8Array;
const is_array = Array.isArray;
const is_view = ArrayBuffer.isView;
const now_ms = Date.now;
const { floor, min, max, pow } = Math;

const uncurry = (method) => (self, ...rest) => apply(method, self, rest);
const string_slice = uncurry(StringOf.prototype.slice);
const string_index_of = uncurry(StringOf.prototype.indexOf);
const string_replace_all = uncurry(StringOf.prototype.replaceAll);
const string_is_well_formed = uncurry(StringOf.prototype.isWellFormed);
const char_code_at = uncurry(StringOf.prototype.charCodeAt);
const from_char_code = StringOf.fromCharCode;
const map_get = uncurry(MapOf.prototype.get);
const map_set = uncurry(MapOf.prototype.set);
const map_has = uncurry(MapOf.prototype.has);
const map_delete = uncurry(MapOf.prototype.delete);
const bytes_set = uncurry(Bytes.prototype.set);
const bytes_subarray = uncurry(Bytes.prototype.subarray);
const buffer_slice = uncurry(ArrayBufferOf.prototype.slice);
const has_own = Object.hasOwn;

// A global as a standard library defines them: writable, configurable, not enumerable.
function define_global(name, value) {
    defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
}
// Likewise for a property of an object or prototype.
function define_hidden(target, name, value) {
    defineProperty(target, name, { value, writable: true, configurable: true, enumerable: false });
}

// The exact bytes of a view or buffer, as a buffer of its own.
function own_buffer(source) {
    if (is_view(source)) {
        return buffer_slice(source.buffer, source.byteOffset, source.byteOffset + source.byteLength);
    }
    return source;
}

// Call sites would hand out the functions of this file.
defineProperty(ErrorOf, 'prepareStackTrace', {
    value: undefined, writable: false, configurable: false, enumerable: false,
});

// Math.random: xoshiro128** over a seed that the host gives to each run. Not for secrets.
const random_state = new Uint32Array(4);
function seed_random(a, b, c, d) {
    random_state[0] = a;
    random_state[1] = b;
    random_state[2] = c;
    random_state[3] = d | 1;  // never all zero
}
function random_u32() {
    const s = random_state;
    const x = (s[1] * 5) | 0;
    const result = (((x << 7) | (x >>> 25)) * 9) >>> 0;
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 11) | (s[3] >>> 21);
    return result;
}
define_hidden(Math, 'random', { random() {
    return (random_u32() * 2097152 + (random_u32() >>> 11)) / 9007199254740992;
} }.random);
