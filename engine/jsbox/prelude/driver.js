// How a run starts and settles. Foreign code has overwritten whatever it likes by the time these
// functions run: they use captured intrinsics and syntax only, and hand the host nothing but numbers
// and strings.
const kKindExpression = 1;
const kOk = 0;
const kError = 1;
const kMemoryLimit = 3;
const kOutputLimit = 5;
// How a module comes: as a promise of it, as the member of another one.
const kPending = 1;
const kWrapped = 2;
const kErrorTextLength = 4000;

let output_max = 0;

function short_text(text) {
    return host_text(text.length > kErrorTextLength ? string_slice(text, 0, kErrorTextLength) + '…' : text);
}

// A thrown value as [text, stack]. Reading it may run foreign code: under the run's clock, and with its
// own failures caught.
function describe(thrown) {
    try {
        if (thrown !== null && (typeof thrown === 'object' || typeof thrown === 'function')) {
            const { name, message, stack } = thrown;
            if (typeof message === 'string' && thrown instanceof ErrorOf) {
                return [
                    short_text(typeof name === 'string' && name !== '' ? (message === '' ? name : `${name}: ${message}`) : message),
                    short_text(typeof stack === 'string' ? stack : ''),
                ];
            }
            const text = json_stringify(thrown);
            return [short_text(`thrown: ${typeof text === 'string' ? text : typeof thrown}`), ''];
        }
        return [short_text(`thrown: ${typeof thrown === 'string' ? thrown : StringOf(thrown)}`), ''];
    } catch {
        return ['thrown: a value that cannot be described', ''];
    }
}

function is_out_of_memory(thrown) {
    try {
        return thrown instanceof InternalError && thrown.message === 'out of memory';
    } catch {
        return false;
    }
}

function fail(thrown) {
    const refused = host.memory_grace();
    if (is_out_of_memory(thrown) || (thrown === null && refused !== undefined)) {
        host.settle(kMemoryLimit, '', 'the memory limit was reached', '');
        return;
    }
    const [text, stack] = describe(thrown);
    host.settle(kError, '', text, stack);
}

// JSON has no word for undefined, functions and symbols: they become null at the top, as they do in
// arrays.
function to_json(value) {
    const text = json_stringify(value);
    return typeof text === 'string' ? text : 'null';
}

function succeed(text) {
    if (text.length > output_max) {
        host.settle(kOutputLimit, '', `the result has ${text.length} characters; the limit is ${output_max}`, '');
    } else {
        host.settle(kOk, text, '', '');
    }
}

async function run_code(module, form, input) {
    try {
        const exported = (form & kPending) !== 0 ? await module : module;
        const code = (form & kWrapped) !== 0 ? exported.module.code : exported.code;
        if (typeof code !== 'function') {
            throw new TypeErrorOf('the code must export a function named code: export const code = async (inputs) => { … }');
        }
        succeed(to_json(await code(json_parse(input))));
    } catch (thrown) {
        fail(thrown);
    }
}

// Compiles one expression as the body of a `with` over the scope. Two different brackets refuse what
// would close one of them and go on with statements.
function compile_expression(text) {
    const compiled = FunctionOf('scope', `with (scope) { return (${text}\n); }`);
    if (string_index_of(text, ')') >= 0) {
        FunctionOf(`return [${text}\n];`);
    }
    return compiled;
}

// The one helper that template expressions have: the values under a path of keys, with arrays on the
// way opened. A run's own code may call it with anything; it then fails like code of its own.
function flattenNestedKeys(data, path) {
    const found = [];
    const visit = (value, at) => {
        if (is_array(value)) {
            for (let i = 0; i < value.length; i++) {
                visit(value[i], at);
            }
        } else if (typeof value === 'object' && value !== null) {
            if (at < path.length && has_own(value, path[at])) {
                visit(value[path[at]], at + 1);
            }
        } else if (at >= path.length) {
            found[found.length] = value;
        }
    };
    visit(data, 0);
    return found;
}

async function run_expressions(list, input) {
    try {
        const expressions = json_parse(list);
        let out = '';
        for (let i = 0; i < expressions.length; i++) {
            // Parsed anew for each: one expression's assignments are not the next one's scope.
            const scope = setPrototypeOf(json_parse(input), null);
            if (scope.flattenNestedKeys === undefined) {
                scope.flattenNestedKeys = flattenNestedKeys;
            }
            scope.$formula = evaluate_formula; // no step has such a name
            let part;
            try {
                const answer = await apply(compile_expression(expressions[i]), undefined, [scope]);
                // A template makes null and undefined the empty text, and keeps NaN, which is JSON's null as well.
                const value = answer === null ? undefined : json_stringify(answer);
                part = typeof value === 'string' ? `{"ok":true,"value":${value}}` : '{"ok":true}';
            } catch (thrown) {
                if (is_out_of_memory(thrown)) {
                    throw thrown;
                }
                part = `{"ok":false,"error":${json_stringify(describe(thrown)[0])}}`;
            }
            out = i === 0 ? part : `${out},${part}`;
            if (out.length > output_max) {
                break;
            }
        }
        succeed(`[${out}]`);
    } catch (thrown) {
        fail(thrown);
    }
}

// Before anything of the run's own is evaluated.
function begin(output_limit, allowed, s0, s1, s2, s3) {
    seed_random(s0, s1, s2, s3);
    output_max = output_limit;
    fetch_allowed = allowed === 1;
}

function start(kind, module, form, input) {
    if (kind === kKindExpression) {
        run_expressions(module, input);
    } else {
        run_code(module, form, input);
    }
}

return { begin, start, fail, tick, reply, module_source, finish };
})
