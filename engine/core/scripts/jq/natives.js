// What the language knows by name. `natives` maps "name/arity" to a function of the compiled arguments that gives
// what runs.
const natives = new Map();
// A function of the input and the values of its arguments; the last argument turns slowest, as in jq.
const value = (name, arity, f) => natives.set(`${name}/${arity}`, (...args) => {
    const reversed = args.toReversed();
    return (v, p, env, out) => with_values(reversed, 0, v, env, [], (values) => {
        const made = f(v, ...values.toReversed());
        out(made, kept(p, v, made));
    });
});
// As `value`, with any number of outputs, and the first argument slowest.
const stream = (name, arity, f) => natives.set(`${name}/${arity}`, (...args) => (v, p, env, out) =>
    with_values(args, 0, v, env, [], (values) => f(v, (x) => out(x, kept(p, v, x)), ...values)));
// Lets through what `test` says.
const filter = (name, test) => natives.set(`${name}/0`, () => (v, p, env, out) => { if (test(v)) out(v, p); });
const form = (name, arity, make) => natives.set(`${name}/${arity}`, make);

const need_list = (v, what) => Array.isArray(v) ? v : fail(`${named(v)} cannot be ${what}, as it is not an array`);
const need_text = (v, message) => typeof v === 'string' ? v : fail(message);
const list_of = (run, v, env) => {
    const list = [];
    run(v, null, env, (x) => { list.push(x); });
    return list;
};
// Runs `body` with a function that leaves it.
const leaving = (body) => {
    const token = {};
    try {
        body(() => { throw new Leave(token); });
    } catch (error) {
        if (!(error instanceof Leave) || error.token !== token) throw error;
    }
};

for (const [name, test] of Object.entries({
    arrays: (v) => kind(v) === 'array', objects: (v) => kind(v) === 'object', booleans: (v) => kind(v) === 'boolean',
    numbers: (v) => kind(v) === 'number', strings: (v) => kind(v) === 'string', nulls: (v) => v === null,
    values: (v) => v !== null, iterables: (v) => v !== null && typeof v === 'object',
    scalars: (v) => v === null || typeof v !== 'object', finites: (v) => Number.isFinite(v), normals: (v) => normal(v),
    debug: () => true, stderr: () => true, empty: () => false,
})) filter(name, test);
form('debug', 1, (message) => (v, p, env, out) => {
    list_of(message, v, env);
    out(v, p);
});

// Numbers.
const need_number = (v, name) => typeof v === 'number' ? v : fail(`${named(v)} number required`);
const normal = (v) => typeof v === 'number' && Number.isFinite(v) && Math.abs(v) >= 2.2250738585072014e-308;
const exponent = (n) => {
    if (n === 0 || !Number.isFinite(n)) return 0;
    let e = Math.floor(Math.log2(Math.abs(n))) + 1;
    while (Math.abs(n) >= 2 ** e) e++;
    while (Math.abs(n) < 2 ** (e - 1)) e--;
    return e;
};
const half_even = (n) => Math.abs(n % 1) === 0.5 ? 2 * Math.round(n / 2) : Math.round(n);
const away = (n) => n < 0 ? -Math.round(-n) : Math.round(n);
const kGamma = [676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905,
    -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7];
const lgamma = (x) => {  // Lanczos
    if (x <= 0 && Number.isInteger(x)) return Infinity;
    if (x < 0.5) return Math.log(Math.abs(Math.PI / Math.sin(Math.PI * x))) - lgamma(1 - x);
    const t = x + 6.5;
    const sum = kGamma.reduce((all, c, at) => all + c / (x + at), 0.99999999999980993);
    return Math.log(Math.sqrt(2 * Math.PI)) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
};
const tgamma = (x) => {
    const size = Math.exp(lgamma(x));
    const made = x < 0 && Math.floor(x) % 2 !== 0 ? -size : size;
    return Number.isInteger(x) && x > 0 && x < 23 ? Math.round(made) : made;
};
const one_number = { fabs: Math.abs, round: away, rint: half_even, nearbyint: half_even, exp2: (n) => 2 ** n,
    exp10: (n) => 10 ** n, pow10: (n) => 10 ** n, gamma: lgamma, lgamma, lgamma_r: lgamma, tgamma,
    significand: (n) => n === 0 || !Number.isFinite(n) ? n : n / 2 ** (exponent(n) - 1),
    logb: (n) => n === 0 ? -Infinity : Number.isFinite(n) ? exponent(n) - 1 : Math.abs(n) };
for (const name of ['floor', 'ceil', 'trunc', 'sqrt', 'log', 'log2', 'log10', 'log1p', 'exp', 'expm1', 'cbrt', 'sin', 'cos',
    'tan', 'asin', 'acos', 'atan', 'sinh', 'cosh', 'tanh', 'asinh', 'acosh', 'atanh']) one_number[name] = Math[name];
for (const [name, f] of Object.entries(one_number)) value(name, 0, (v) => f(need_number(v)));
const remainder = (a, b) => a - b * half_even(a / b);
for (const [name, f] of Object.entries({
    pow: Math.pow, atan2: Math.atan2, fmin: Math.min, fmax: Math.max, fmod: (a, b) => a % b, hypot: Math.hypot,
    ldexp: (a, b) => a * 2 ** b, scalb: (a, b) => a * 2 ** b, scalbln: (a, b) => a * 2 ** b, drem: remainder,
    copysign: (a, b) => (b < 0 || Object.is(b, -0)) === (a < 0 || Object.is(a, -0)) ? a : -a,
    fdim: (a, b) => a > b ? a - b : 0,
})) value(name, 2, (v, a, b) => f(need_number(a), need_number(b)));
value('fma', 3, (v, a, b, c) => need_number(a) * need_number(b) + need_number(c));
value('frexp', 0, (v) => {
    const e = exponent(need_number(v));
    return [v === 0 || !Number.isFinite(v) ? v : v / 2 ** e, e];
});
value('modf', 0, (v) => [Number.isFinite(need_number(v)) ? v % 1 : 0, Math.trunc(v)]);
value('abs', 0, (v) => typeof v === 'number' ? (v < 0 ? -v : v) : fail(`${named(v)} has no absolute value`));
value('infinite', 0, () => Infinity);
value('nan', 0, () => NaN);
value('isinfinite', 0, (v) => Math.abs(need_number(v)) === Infinity);
value('isnan', 0, (v) => Number.isNaN(need_number(v)));
value('isnormal', 0, (v) => normal(need_number(v)));
value('isfinite', 0, (v) => typeof v === 'number' && Math.abs(v) !== Infinity);
value('have_literal_numbers', 0, () => false);
value('have_decnum', 0, () => false);

// Any value.
value('not', 0, (v) => !truthy(v));
value('type', 0, kind);
value('tojson', 0, dump);
value('tostring', 0, as_text);
value('toarray', 0, (v) => Array.isArray(v) ? v : [v]);
const kNumber = /^\s*[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan)\s*$/;
value('tonumber', 0, (v) => {
    if (typeof v === 'number') return v;
    return typeof v === 'string' && kNumber.test(v) ? Number(v.trim()) : fail(`${named(v)} cannot be parsed as a number`);
});
value('toboolean', 0, (v) => v === true || v === 'true' ? true : v === false || v === 'false' ? false
    : fail(`${named(v)} cannot be parsed as a boolean`));
const plain_objects = (key, v) => kind(v) === 'object' ? copy_of(v) : v;
value('fromjson', 0, (v) => {
    need_text(v, `${named(v)} only strings can be parsed`);
    if (v.trim() === 'nan') return NaN;
    try {
        return JSON.parse(v, plain_objects);
    } catch {
        return fail(`${v} (while parsing '${v}')`);
    }
});
const length_of = (v) => {
    switch (kind(v)) {
        case 'null': return 0;
        case 'boolean': return fail(`${named(v)} has no length`);
        case 'number': return Math.abs(v);
        case 'string': return characters(v).length;
        case 'array': return v.length;
        default: return Object.keys(v).length;
    }
};
value('length', 0, length_of);
value('utf8bytelength', 0, (v) => utf8.encode(need_text(v, `${named(v)} only strings have UTF-8 byte length`)).length);
const keys_of = (v, sorted) => Array.isArray(v) ? v.map((_, at) => at)
    : kind(v) !== 'object' ? fail(`${named(v)} has no keys`) : sorted ? sorted_keys(v) : Object.keys(v);
value('keys', 0, (v) => keys_of(v, true));
value('keys_unsorted', 0, (v) => keys_of(v, false));
const has = (v, key) => {
    if (kind(v) === 'object' && typeof key === 'string') return own(v, key);
    if (Array.isArray(v) && typeof key === 'number') return key >= 0 && Math.floor(key) < v.length;
    return fail(`Cannot check whether ${kind(v)} has a ${kind(key)} key`);
};
value('has', 1, has);
form('in', 1, (of) => (v, p, env, out) => of(v, null, env, (x) => out(has(x, v), kept(p, v, {}))));
const contains = (a, b) => {
    if (kind(a) !== kind(b)) return fail(`${named(a)} and ${named(b)} cannot have their containment checked`);
    switch (kind(a)) {
        case 'object': return Object.keys(b).every((key) => own(a, key) && (kind(a[key]) === kind(b[key])
            ? contains(a[key], b[key]) : equal(a[key], b[key])));
        case 'array': return b.every((one) => a.some((other) => kind(other) === kind(one) && contains(other, one)));
        case 'string': return a.includes(b);
        default: return equal(a, b);
    }
};
value('contains', 1, contains);
form('inside', 1, (of) => (v, p, env, out) => of(v, null, env, (x) => out(contains(x, v), kept(p, v, {}))));
value('add', 0, (v) => each(v).reduce((sum, one) => operations['+'](sum, one), null));
form('add', 1, (of) => (v, p, env, out) => {
    const sum = list_of(of, v, env).reduce((all, one) => operations['+'](all, one), null);
    out(sum, kept(p, v, sum));
});
form('error', 0, () => (v) => { throw new JqError(v); });
form('error', 1, (message) => (v, p, env) => message(v, null, env, (x) => { throw new JqError(x); }));
class Halt {
    constructor(message) { this.message = message; }
}
form('halt', 0, () => () => { throw new Halt(null); });
form('halt_error', 0, () => (v) => { throw new Halt(as_text(v)); });
form('halt_error', 1, () => (v) => { throw new Halt(as_text(v)); });
for (const name of ['input', 'inputs']) {
    form(name, 0, () => () => name === 'input' ? fail('No more inputs') : undefined);
}
value('input_line_number', 0, () => 0);
value('input_filename', 0, () => null);
value('env', 0, () => Object.create(null));
value('now', 0, () => Date.now() / 1000);
value('get_search_list', 0, () => []);
value('builtins', 0, () => [...natives.keys()]);

// Texts.
const both_texts = (name, f) => value(name, 1, (v, by) => typeof v === 'string' && typeof by === 'string' ? f(v, by)
    : fail(`${name}() requires string inputs`));
both_texts('startswith', (v, by) => v.startsWith(by));
both_texts('endswith', (v, by) => v.endsWith(by));
const starts = (v, by) => typeof v === 'string' && typeof by === 'string' && v.startsWith(by);
const ends = (v, by) => typeof v === 'string' && typeof by === 'string' && v.endsWith(by);
const cut_left = (v, by) => starts(v, by) ? v.slice(by.length) : v;
const cut_right = (v, by) => ends(v, by) ? v.slice(0, v.length - by.length) : v;
value('ltrimstr', 1, cut_left);
value('rtrimstr', 1, cut_right);
value('trimstr', 1, (v, by) => cut_right(cut_left(v, by), by));
const kBlank = '[\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+';
for (const [name, ends_at] of [['trim', `^${kBlank}|${kBlank}$`], ['ltrim', `^${kBlank}`], ['rtrim', `${kBlank}$`]]) {
    const blank = new RegExp(ends_at, 'g');
    value(name, 0, (v) => need_text(v, `${named(v)} cannot be trimmed`).replace(blank, ''));
}
value('ascii_downcase', 0, (v) => need_text(v, 'ascii_downcase input must be a string').replace(/[A-Z]+/g, (s) => s.toLowerCase()));
value('ascii_upcase', 0, (v) => need_text(v, 'ascii_upcase input must be a string').replace(/[a-z]+/g, (s) => s.toUpperCase()));
value('ascii', 0, (v) => String.fromCharCode(v));
value('explode', 0, (v) => [...need_text(v, `${named(v)} cannot be exploded`)].map((c) => c.codePointAt(0)));
value('implode', 0, (v) => {
    if (!Array.isArray(v)) fail('implode input must be an array');
    return v.map((n) => {
        if (typeof n !== 'number') fail('Unicode codepoint must be numeric');
        return n >= 0 && n <= 0x10ffff && !(n >= 0xd800 && n < 0xe000) ? String.fromCodePoint(Math.floor(n)) : '\ufffd';
    }).join('');
});
value('split', 1, (v, by) => typeof v === 'string' && typeof by === 'string' ? split_text(v, by)
    : fail('split input and separator must be strings'));
value('join', 1, (v, by) => {
    const cell = (x) => x === null ? '' : typeof x === 'boolean' || typeof x === 'number' ? dump(x) : x;
    const list = each(v);
    return list.length === 0 ? '' : list.slice(1).reduce(
        (text, x) => operations['+'](operations['+'](text, by), cell(x)), operations['+']('', cell(list[0])));
});
value('format', 1, (v, name) => typeof name === 'string' ? formatted(`@${name}`, v) : fail(`${named(name)} is not a valid format`));
const text_indexes = (text, part) => {
    const found = [];
    const paired = has_pairs(text);
    for (let at = text.indexOf(part); part !== '' && at >= 0; at = text.indexOf(part, at + 1)) {
        found.push(paired ? [...text.slice(0, at)].length : at);
    }
    return found;
};
const indices = (v, part) => typeof v === 'string' && typeof part === 'string' ? text_indexes(v, part)
    : Array.isArray(v) ? indexes_of_list(v, Array.isArray(part) ? part : [part]) : index(v, part);
value('indices', 1, indices);
value('index', 1, (v, part) => indices(v, part)?.[0] ?? null);
value('rindex', 1, (v, part) => indices(v, part)?.at(-1) ?? null);

// Times.
value('gmtime', 0, gmtime('gmtime'));
value('localtime', 0, gmtime('localtime'));
value('mktime', 0, mktime);
value('strftime', 1, strftime('strftime'));
value('strflocaltime', 1, strftime('strflocaltime'));
value('strptime', 1, strptime);
const kIso = '%Y-%m-%dT%H:%M:%SZ';
for (const name of ['todate', 'todateiso8601', 'date']) value(name, 0, (v) => strftime('strftime')(v, kIso));
for (const name of ['fromdate', 'fromdateiso8601']) value(name, 0, (v) => mktime(strptime(v, kIso)));
value('dateadd', 2, (v, unit, n) => operations['+'](v, n));
value('datesub', 2, (v, unit, n) => operations['-'](v, n));
