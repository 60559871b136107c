// console and util.inspect: values as text, bounded in depth, width and length.
const kInspectDepth = 4;
const kInspectEntries = 100;
const kInspectTextLength = 10000;
const kIdentifier = /^[A-Za-z_$][\w$]*$/;

function inspect_key(key) {
    if (typeof key === 'symbol') {
        return `[${StringOf(key)}]`;
    }
    return kIdentifier.test(key) ? key : json_stringify(key);
}

function quoted(text) {
    return text.includes("'") ? json_stringify(text) : `'${json_stringify(text).slice(1, -1).replaceAll('\\"', '"')}'`;
}

function inspect_list(open, parts, close, more) {
    if (more > 0) {
        parts.push(`... ${more} more item${more === 1 ? '' : 's'}`);
    }
    if (parts.length === 0) {
        return open + close;
    }
    const line = `${open} ${parts.join(', ')} ${close}`;
    if (line.length <= 76 && !line.includes('\n')) {
        return line;
    }
    return `${open}\n${parts.map((part) => '  ' + part.replaceAll('\n', '\n  ')).join(',\n')}\n${close}`;
}

function inspect_object(value, depth, seen) {
    if (value instanceof ErrorOf) {
        const head = `${value.name}: ${value.message}`;
        return value.stack ? `${head}\n${StringOf(value.stack).trimEnd()}` : `[${head}]`;
    }
    if (value instanceof DateOf) {
        return NumberOf.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
    }
    if (value instanceof RegExp) {
        return StringOf(value);
    }
    if (value instanceof PromiseOf) {
        return 'Promise { <state> }';
    }
    const name = value.constructor?.name;
    if (depth < 0) {
        return is_array(value) ? '[Array]' : `[${name || 'Object'}]`;
    }
    if (seen.includes(value)) {
        return '[Circular]';
    }
    seen.push(value);
    const show = (item) => inspect_value(item, depth - 1, seen);
    let text;
    if (is_array(value) || (is_view(value) && !(value instanceof DataView))) {
        const count = min(value.length, kInspectEntries);
        const parts = [];
        for (let i = 0; i < count; i++) {
            parts.push(i in value ? show(value[i]) : '<empty item>');
        }
        const prefix = is_array(value) ? '' : `${name}(${value.length}) `;
        text = prefix + inspect_list('[', parts, ']', value.length - count);
    } else if (value instanceof MapOf) {
        const parts = [...value].slice(0, kInspectEntries).map(([k, v]) => `${show(k)} => ${show(v)}`);
        text = inspect_list(`Map(${value.size}) {`, parts, '}', value.size - parts.length);
    } else if (value instanceof SetOf) {
        const parts = [...value].slice(0, kInspectEntries).map(show);
        text = inspect_list(`Set(${value.size}) {`, parts, '}', value.size - parts.length);
    } else {
        const keys = objectKeys(value);
        const parts = keys.slice(0, kInspectEntries).map((key) => {
            const property = Object.getOwnPropertyDescriptor(value, key);
            const shown = property && property.get ? '[Getter]' : show(value[key]);
            return `${inspect_key(key)}: ${shown}`;
        });
        const tag = typeof value === 'function' ? `[Function: ${value.name || '(anonymous)'}]`
            : getPrototypeOf(value) === null ? '[Object: null prototype]'
                : name && name !== 'Object' ? name : '';
        if (typeof value === 'function' && parts.length === 0) {
            text = tag;
        } else {
            text = inspect_list(tag ? `${tag} {` : '{', parts, '}', keys.length - parts.length);
        }
    }
    seen.pop();
    return text;
}

function inspect_value(value, depth, seen) {
    switch (typeof value) {
        case 'string': return quoted(value.length > kInspectTextLength
            ? `${value.slice(0, kInspectTextLength)}...` : value);
        case 'bigint': return `${value}n`;
        case 'object': return value === null ? 'null' : inspect_object(value, depth, seen);
        case 'function': return inspect_object(value, depth, seen);
        case 'number': return Object.is(value, -0) ? '-0' : `${value}`;
        default: return StringOf(value);
    }
}

function inspect(value, options) {
    const depth = options && options.depth !== undefined
        ? (options.depth === null ? kInspectDepth * 4 : NumberOf(options.depth)) : 2;
    return inspect_value(value, depth, []);
}

function format(...values) {
    const parts = [];
    let first = 0;
    if (typeof values[0] === 'string' && values.length > 1) {
        let used = 1;
        parts.push(values[0].replace(/%[sdifjoOc%]/g, (mark) => {
            if (mark === '%%') {
                return '%';
            }
            if (used >= values.length) {
                return mark;
            }
            const value = values[used++];
            switch (mark) {
                case '%s': return typeof value === 'string' ? value : inspect(value, { depth: 0 });
                case '%d': return StringOf(typeof value === 'bigint' ? value : NumberOf(value));
                case '%i': return StringOf(parseInt(value, 10));
                case '%f': return StringOf(parseFloat(value));
                case '%j': return json_stringify(value);
                case '%c': return '';
                default: return inspect(value, { depth: kInspectDepth });
            }
        }));
        first = used;
    }
    for (let i = first; i < values.length; i++) {
        parts.push(typeof values[i] === 'string' ? values[i] : inspect(values[i]));
    }
    return parts.join(' ');
}

// A line for the host: no NUL, which would end it, and nothing that is not UTF-8.
function host_text(text) {
    const clean = string_is_well_formed(text) ? text : apply(StringOf.prototype.toWellFormed, text, []);
    return string_index_of(clean, '\0') < 0 ? clean : string_replace_all(clean, '\0', '\ufffd');
}

const console_timers = new MapOf();
const console_counts = new MapOf();
let console_indent = '';
function print(values) {
    const text = format(...values);
    host.log(host_text(console_indent + (console_indent ? text.replaceAll('\n', '\n' + console_indent) : text)));
}
define_global('console', {
    log(...values) { print(values); },
    info(...values) { print(values); },
    debug(...values) { print(values); },
    warn(...values) { print(values); },
    error(...values) { print(values); },
    trace(...values) { print(['Trace:', ...values]); },
    dir(value, options) { print([inspect(value, options)]); },
    table(value) { print([value]); },
    assert(condition, ...values) {
        if (!condition) {
            print(['Assertion failed', ...values]);
        }
    },
    count(label = 'default') {
        const count = (console_counts.get(`${label}`) || 0) + 1;
        console_counts.set(`${label}`, count);
        print([`${label}: ${count}`]);
    },
    countReset(label = 'default') { console_counts.delete(`${label}`); },
    group(...values) {
        if (values.length > 0) {
            print(values);
        }
        console_indent += '  ';
    },
    groupEnd() { console_indent = console_indent.slice(2); },
    time(label = 'default') { console_timers.set(`${label}`, now_ms()); },
    timeLog(label = 'default') { print([`${label}: ${now_ms() - console_timers.get(`${label}`)}ms`]); },
    timeEnd(label = 'default') {
        print([`${label}: ${now_ms() - console_timers.get(`${label}`)}ms`]);
        console_timers.delete(`${label}`);
    },
});
