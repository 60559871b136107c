// Values of jq: how they are named, ordered, written and reached. They are JSON values; what the program
// makes has no prototype, so that no name (`__proto__`) means anything but itself.

// An error a program can catch; its message is any value.
class JqError {
    constructor(value) { this.value = value; }
}
const fail = (text) => { throw new JqError(text); };
// Leaves the label, limit or first that made the token.
class Leave {
    constructor(token, last) { this.token = token; this.last = last; }
}

const own = Object.hasOwn;
const kind = (v) => v === null ? 'null' : Array.isArray(v) ? 'array' : typeof v;
const truthy = (v) => v !== null && v !== false;
const object_of = (pairs) => {
    const made = Object.create(null);
    for (const [key, value] of pairs) made[key] = value;
    return made;
};
const copy_of = (object) => Object.assign(Object.create(null), object);

const number_text = (n) => Number.isNaN(n) ? 'null' : n === Infinity ? '1.7976931348623157e+308'
    : n === -Infinity ? '-1.7976931348623157e+308' : Object.is(n, -0) ? '-0' : String(n);
const string_text = (s) => JSON.stringify(s).replaceAll('\x7f', '\\u007f');
const dump = (v) => {
    if (typeof v === 'number') return number_text(v);
    if (typeof v === 'string') return string_text(v);
    if (Array.isArray(v)) return `[${v.map(dump).join(',')}]`;
    if (v === null || typeof v !== 'object') return String(v);
    return `{${Object.keys(v).map((key) => `${string_text(key)}:${dump(v[key])}`).join(',')}}`;
};
const pretty = (v, indent = '') => {
    const list = Array.isArray(v);
    if (v === null || typeof v !== 'object') return dump(v);
    const deeper = indent + '  ';
    const parts = list ? v.map((one) => pretty(one, deeper))
        : Object.keys(v).map((key) => `${string_text(key)}: ${pretty(v[key], deeper)}`);
    const [open, close] = list ? '[]' : '{}';
    return parts.length === 0 ? open + close
        : `${open}\n${deeper}${parts.join(`,\n${deeper}`)}\n${indent}${close}`;
};
// As jq shortens values in its messages.
const shown = (v) => {
    const text = dump(v);
    return text.length > 14 ? text.slice(0, 11) + '...' : text;
};
const named = (v) => `${kind(v)} (${shown(v)})`;

// By characters, not by JavaScript's halves of them.
const has_pairs = (s) => /[\ud800-\udfff]/.test(s);
const characters = (s) => has_pairs(s) ? [...s] : s;
const compare_texts = (a, b) => {
    if (a === b) return 0;
    if (!has_pairs(a) && !has_pairs(b)) return a < b ? -1 : 1;
    const left = [...a], right = [...b];
    for (let at = 0; at < left.length && at < right.length; at++) {
        if (left[at] !== right[at]) return left[at].codePointAt(0) - right[at].codePointAt(0);
    }
    return left.length - right.length;
};
const ranks = { null: 0, boolean: 1, number: 3, string: 4, array: 5, object: 6 };
const rank = (v) => v === true ? 2 : ranks[kind(v)];
const compare_lists = (a, b) => {
    for (let at = 0; at < a.length && at < b.length; at++) {
        const order = compare(a[at], b[at]);
        if (order !== 0) return order;
    }
    return a.length - b.length;
};
const compare = (a, b) => {
    const order = rank(a) - rank(b);
    if (order !== 0) return order;
    switch (typeof a) {
        case 'number': return a < b ? -1 : a === b ? 0 : Number.isNaN(a) ? -1 : 1;
        case 'string': return compare_texts(a, b);
        case 'object': break;
        default: return 0;
    }
    if (a === null) return 0;
    if (Array.isArray(a)) return compare_lists(a, b);
    const left = sorted_keys(a), right = sorted_keys(b);
    return compare_lists(left, right) || compare_lists(left.map((k) => a[k]), right.map((k) => b[k]));
};
const sorted_keys = (object) => Object.keys(object).sort(compare_texts);
const equal = (a, b) => compare(a, b) === 0;

// Indexes and slices.
const bound = (given, length, fallback, rounded) => {
    if (given === null || Number.isNaN(given)) return fallback;
    if (typeof given !== 'number') fail('Start and end indices of an array slice must be numbers');
    const at = rounded(given);
    return Math.min(Math.max(at < 0 ? at + length : at, 0), length);
};
const slice_bounds = (length, key) => {
    const from = bound(own(key, 'start') ? key.start : null, length, 0, Math.floor);
    const to = bound(own(key, 'end') ? key.end : null, length, length, Math.ceil);
    return [from, Math.max(from, to)];
};
const slice = (v, key) => {
    if (v === null) return null;
    if (typeof v !== 'string' && !Array.isArray(v)) fail(`Cannot index ${kind(v)} with object`);
    const whole = typeof v === 'string' ? characters(v) : v;
    const part = whole.slice(...slice_bounds(whole.length, key));
    return typeof v === 'string' && typeof part !== 'string' ? part.join('') : part;
};
const indexes_of_list = (list, part) => {
    const found = [];
    for (let at = 0; part.length > 0 && at + part.length <= list.length; at++) {
        if (part.every((one, n) => equal(list[at + n], one))) found.push(at);
    }
    return found;
};
const is_slice = (key) => kind(key) === 'object';
const cannot_index = (v, key) =>
    fail(`Cannot index ${kind(v)} with ${typeof key === 'string' ? `"${key}"` : kind(key)}`);
const index = (v, key) => {
    const of = kind(v);
    if (of === 'object' && typeof key === 'string') return own(v, key) ? v[key] : null;
    if (of === 'array' && typeof key === 'number') {
        const at = Math.floor(key);
        return v[at < 0 ? at + v.length : at] ?? null;
    }
    if (is_slice(key) && of !== 'object') return slice(v, key);
    if (of === 'array' && Array.isArray(key)) return indexes_of_list(v, key);
    if (of === 'null' && (typeof key !== 'object' || key === null) && typeof key !== 'boolean') return null;
    return cannot_index(v, key);
};
const each = (v) => {
    if (Array.isArray(v)) return v;
    if (v === null || typeof v !== 'object') fail(`Cannot iterate over ${v === null ? 'null' : named(v)}`);
    return Object.values(v);
};

// Paths: lists of keys.
const kIndexMax = 536870911;  // jq's own
const set_in_list = (given, key, value) => {
    const list = [...given];
    if (is_slice(key)) {
        if (!Array.isArray(value)) fail('A slice of an array can only be assigned another array');
        const [from, to] = slice_bounds(list.length, key);
        return [...list.slice(0, from), ...value, ...list.slice(to)];
    }
    let at = Math.floor(key);
    if (at < 0) at += list.length;
    if (at < 0) fail('Out of bounds negative array index');
    if (at > kIndexMax) fail('Array index too large');
    while (list.length < at) list.push(null);
    list[at] = value;
    return list;
};
const set = (v, key, value) => {
    const of = kind(v);
    if (typeof key === 'string' && (of === 'object' || of === 'null')) {
        const made = copy_of(v);
        made[key] = value;
        return made;
    }
    if ((typeof key === 'number' || is_slice(key)) && (of === 'array' || of === 'null')) {
        return set_in_list(v ?? [], Number.isNaN(key) ? fail('Cannot set array element at NaN index') : key, value);
    }
    if (of === 'array' && Array.isArray(key)) fail('Cannot update field at array index of array');
    return cannot_index(v, key);
};
const get_path = (v, path) => {
    let at = v;
    for (const key of path) {
        if (at === null) return null;
        at = index(at, key);
    }
    return at;
};
const set_path = (v, path, value, from = 0) => from === path.length ? value
    : set(v, path[from], set_path(index(v, path[from]), path, value, from + 1));
const without = (v, keys) => {
    if (v === null) return null;
    if (Array.isArray(v)) {
        const gone = new Set();
        for (const key of keys) {
            if (typeof key === 'number') gone.add(Math.floor(key) + (key < 0 ? v.length : 0));
            else if (is_slice(key)) {
                const [from, to] = slice_bounds(v.length, key);
                for (let at = from; at < to; at++) gone.add(at);
            } else fail(`Cannot delete field at ${kind(key) === 'string' ? 'object' : kind(key)} index of array`);
        }
        return v.filter((_, at) => !gone.has(at));
    }
    if (typeof v !== 'object') fail(`Cannot delete field at ${typeof keys[0] === 'string' ? 'object' : 'array'} index of ${kind(v)}`);
    const made = copy_of(v);
    for (const key of keys) {
        if (typeof key !== 'string') fail(`Cannot delete field at array index of ${kind(v)}`);
        delete made[key];
    }
    return made;
};
// Those of one list or object at once, the deeper ones first: indexes stay what they were.
const delete_paths = (v, paths, depth = 0) => {
    if (paths.some((path) => path.length === depth)) return null;
    if (v === null) return null;
    let made = v;
    const groups = new Map();
    for (const path of paths) {
        const name = dump(path[depth]);
        if (!groups.has(name)) groups.set(name, []);
        groups.get(name).push(path);
    }
    const whole = [];
    for (const group of groups.values()) {
        const key = group[0][depth];
        if (group.some((path) => path.length === depth + 1)) whole.push(key);
        else {
            const inner = index(made, key);
            if (inner !== null) made = set(made, key, delete_paths(inner, group, depth + 1));
        }
    }
    return whole.length > 0 ? without(made, whole) : made;
};
