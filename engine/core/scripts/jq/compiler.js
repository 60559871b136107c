// Makes of a tree a function (value, path, bindings, emit) that calls `emit(value, path)` for each output: jq's
// backtracking is the return from it. The path leads from where `path(…)` began to the value; null where nobody
// asks for paths, kNoPath where the value is a new one.
//
// Bindings are a list of {id, val, up}. Ids are given at compile time, where names are resolved.
const kNoPath = Object.freeze(['no path']);

const follow = (path, value, key) => {
    if (path === null) return null;
    if (path === kNoPath) fail(`Invalid path expression with result ${shown(value)}`);
    return [...path, key];
};
// A new value that cannot be told from the one before keeps its path, as in jq.
const kept = (path, before, after) => path === null ? null
    : before === after && (after === null || typeof after !== 'object') ? path : kNoPath;
const binding = (bindings, id) => {
    let at = bindings;
    while (at.id !== id) at = at.up;
    return at;
};

// Runs `run`; an error of its own goes to `caught`, one of what `emit` leads to does not.
const guarded_run = (run, v, p, env, emit, caught) => {
    let passing = null;
    try {
        run(v, p, env, (x, q) => {
            try {
                emit(x, q);
            } catch (error) {
                passing = error;
                throw error;
            }
        });
    } catch (error) {
        if (error === passing || !(error instanceof JqError)) throw error;
        caught(error);
    }
};

const type_error = (a, b, what) => fail(`${named(a)} and ${named(b)} cannot be ${what}`);
const merged = (a, b) => {
    const made = copy_of(a);
    for (const key of Object.keys(b)) {
        const both = kind(b[key]) === 'object' && own(made, key) && kind(made[key]) === 'object';
        made[key] = both ? merged(made[key], b[key]) : b[key];
    }
    return made;
};
const kTextMax = 1 << 28;
const repeated = (text, times) => {
    if (!(times > 0)) return null;
    const count = Math.trunc(times - 1) + 1;
    if (text.length * count > kTextMax) fail('Repeat string result too long');
    return text.repeat(count);
};
const split_text = (text, by) => text === '' ? [] : by === '' ? [...text] : text.split(by);
const whole = (n) => Math.max(-9223372036854775808, Math.min(9223372036854775807, Math.trunc(n)));
const operations = {
    '+': (a, b) => {
        if (a === null) return b;
        if (b === null) return a;
        const of = kind(a);
        if (of !== kind(b) || of === 'boolean') return type_error(a, b, 'added');
        return of === 'array' ? [...a, ...b] : of === 'object' ? Object.assign(copy_of(a), b) : a + b;
    },
    '-': (a, b) => {
        if (typeof a === 'number' && typeof b === 'number') return a - b;
        if (!Array.isArray(a) || !Array.isArray(b)) return type_error(a, b, 'subtracted');
        return a.filter((one) => !b.some((other) => equal(one, other)));
    },
    '*': (a, b) => {
        if (typeof a === 'number' && typeof b === 'number') return a * b;
        if (typeof a === 'string' && typeof b === 'number') return repeated(a, b);
        if (typeof a === 'number' && typeof b === 'string') return repeated(b, a);
        return kind(a) === 'object' && kind(b) === 'object' ? merged(a, b) : type_error(a, b, 'multiplied');
    },
    '/': (a, b) => {
        if (typeof a === 'string' && typeof b === 'string') return split_text(a, b);
        if (typeof a !== 'number' || typeof b !== 'number') return type_error(a, b, 'divided');
        return b === 0 ? type_error(a, b, 'divided because the divisor is zero') : a / b;
    },
    '%': (a, b) => {
        if (typeof a !== 'number' || typeof b !== 'number') return type_error(a, b, 'divided');
        if (Number.isNaN(a) || Number.isNaN(b)) return NaN;
        const by = whole(b);
        return by === 0 ? type_error(a, b, 'divided because the divisor is zero') : whole(a) % by + 0;
    },
    '==': (a, b) => equal(a, b),
    '!=': (a, b) => !equal(a, b),
    '<': (a, b) => compare(a, b) < 0,
    '<=': (a, b) => compare(a, b) <= 0,
    '>': (a, b) => compare(a, b) > 0,
    '>=': (a, b) => compare(a, b) >= 0,
};

let ids = 0;
const declared = (scope, kind_of, name, arity, id = ++ids) => ({ kind: kind_of, name, arity, id, up: scope });
const resolve = (scope, kind_of, name, arity) => {
    let at = scope;
    while (at && !(at.kind === kind_of && at.name === name && at.arity === arity)) at = at.up;
    return at;
};
const bound_to = (scope, id, val, up) => ({ id, val, up });

// Every path that `lhs` names, in its order.
const paths_of = (lhs, v, env) => {
    const paths = [];
    lhs(v, [], env, (x, q) => paths.push(q === kNoPath ? fail(`Invalid path expression with result ${shown(x)}`) : q));
    return paths;
};
// `lhs |= change`: the first output of `change` at each path; where it has none, the path goes.
const modified = (lhs, v, env, change) => {
    let made = v;
    const gone = [];
    for (const path of paths_of(lhs, v, env)) {
        const token = {};
        let given = false;
        try {
            change(get_path(made, path), (x) => {
                given = true;
                made = set_path(made, path, x);
                throw new Leave(token);
            });
        } catch (error) {
            if (!(error instanceof Leave) || error.token !== token) throw error;
        }
        if (!given) gone.push(path);
    }
    return gone.length > 0 ? delete_paths(made, gone) : made;
};

const names_in = (pattern, into) => {
    if (pattern.t === 'variable') into.add(pattern.name);
    for (const item of pattern.items ?? []) names_in(item, into);
    for (const entry of pattern.entries ?? []) {
        if (entry.name) into.add(entry.name);
        if (entry.pattern) names_in(entry.pattern, into);
    }
    return into;
};
// A function (value, bindings, then) that binds what the pattern names, once for each way to take it apart.
const compile_pattern = (pattern, scope) => {
    const set_variable = (name) => {
        const { id } = resolve(scope, 'variable', name, 0);
        return (v, env, then) => then({ id, val: v, up: env });
    };
    if (pattern.t === 'variable') return set_variable(pattern.name);
    const steps = pattern.t === 'list'
        ? pattern.items.map((item, at) => ({ key: (v, p, env, out) => out(at), take: [compile_pattern(item, scope)] }))
        : pattern.entries.map((entry) => ({
            key: compile(entry.key, scope),
            take: [...entry.name ? [set_variable(entry.name)] : [],
                ...entry.pattern ? [compile_pattern(entry.pattern, scope)] : []],
        }));
    const take_all = (takes, at, v, env, then) => at === takes.length ? then(env)
        : takes[at](v, env, (next) => take_all(takes, at + 1, v, next, then));
    const step = (at, v, env, then) => {
        if (at === steps.length) return then(env);
        return steps[at].key(v, null, env, (key) => {
            if (pattern.t === 'object' && typeof key !== 'string') fail(`Cannot index ${kind(v)} with ${kind(key)}`);
            take_all(steps[at].take, 0, index(v, key), env, (next) => step(at + 1, v, next, then));
        });
    };
    return (v, env, then) => {
        if (pattern.t === 'list' && v !== null && !Array.isArray(v)) fail(`Cannot index ${kind(v)} with number`);
        step(0, v, env, then);
    };
};
// The scope in which all that the patterns name is there, and a function (value, bindings, then) that tries them
// in turn: an error sends on to the next one, the last one's stands.
const compile_patterns = (patterns, scope) => {
    const names = new Set();
    for (const pattern of patterns) names_in(pattern, names);
    let inner = scope;
    for (const name of names) inner = declared(inner, 'variable', name, 0);
    const ids_of = [...names].map((name) => resolve(inner, 'variable', name, 0).id);
    const takes = patterns.map((pattern) => compile_pattern(pattern, inner));
    const all_null = (env) => ids_of.reduce((up, id) => ({ id, val: null, up }), env);
    const attempt = (at, v, env, then) => {
        if (at === takes.length - 1) return takes[at](v, all_null(env), then);
        try {
            takes[at](v, all_null(env), then);
        } catch (error) {
            if (!(error instanceof JqError)) throw error;
            attempt(at + 1, v, env, then);
        }
    };
    return { inner, bind: (v, env, then) => attempt(0, v, env, then) };
};

const compile = (node, scope) => compilers[node.t](node, scope);
const first_of = (run, v, env, none = null) => {
    let last = none;
    run(v, null, env, (x) => { last = x; });
    return last;
};

const compile_update = (node, scope) => {
    const lhs = compile(node.a, scope);
    const rhs = compile(node.b, scope);
    if (node.op === '|=') {
        return (v, p, env, out) => out(modified(lhs, v, env, (x, then) => rhs(x, null, env, then)), kept(p, v, {}));
    }
    if (node.op === '=') {
        return (v, p, env, out) => rhs(v, null, env, (x) => out(
            paths_of(lhs, v, env).reduce((made, path) => set_path(made, path, x), v), kept(p, v, {})));
    }
    const op = node.op.slice(0, -1);
    const change = op === '//' ? (x, y) => truthy(x) ? x : y : operations[op];
    return (v, p, env, out) => rhs(v, null, env, (y) => out(
        modified(lhs, v, env, (x, then) => then(change(x, y))), kept(p, v, {})));
};

// Calls `body` with the values of all arguments, each with each; the first argument turns slowest.
const with_values = (args, at, v, env, values, body) => at === args.length ? body(values)
    : args[at](v, null, env, (x) => with_values(args, at + 1, v, env, [...values, x], body));

const compile_definition = (node, scope) => {
    const self = declared(scope, 'function', node.name, node.params.length);
    let inner = self;
    const ids_of = node.params.map((param) => {
        inner = declared(inner, 'function', param.name, 0);
        const closure = inner.id;
        if (param.is_value) inner = declared(inner, 'variable', param.name, 0);
        return { closure, value: param.is_value ? inner.id : 0 };
    });
    self.ids_of = ids_of;
    const made = { code: null };
    self.made = made;
    made.code = compile(node.code, inner);
    const body = compile(node.body, self);
    return (v, p, env, out) => body(v, p, { id: self.id, val: null, up: env }, out);
};
const compile_call = (node, scope) => {
    const found = resolve(scope, 'function', node.name, node.args.length);
    const args = node.args.map((arg) => compile(arg, scope));
    if (!found) {
        const made = natives.get(`${node.name}/${args.length}`);
        if (!made) throw new SyntaxError(`${node.name}/${args.length} is not defined`);
        return made(...args);
    }
    const { id, made, ids_of } = found;
    if (!made) {  // a parameter: what was given runs where it was given
        return (v, p, env, out) => {
            const given = binding(env, id).val;
            given.run(v, p, given.env, out);
        };
    }
    const by_value = ids_of.map((_, at) => at).filter((at) => ids_of[at].value !== 0);
    const call = (v, p, env, out, values) => {
        let inner = binding(env, id);
        for (let at = 0; at < args.length; at++) {
            const which = by_value.indexOf(at);
            const value = values[which];
            const run = which < 0 ? args[at] : (x, q, _, then) => then(value, kept(q, x, value));
            inner = { id: ids_of[at].closure, val: { run, env }, up: inner };
            if (which >= 0) inner = { id: ids_of[at].value, val: value, up: inner };
        }
        made.code(v, p, inner, out);
    };
    const value_args = by_value.map((at) => args[at]);
    if (value_args.length === 0) return (v, p, env, out) => call(v, p, env, out, []);
    return (v, p, env, out) => with_values(value_args, 0, v, env, [], (values) => call(v, p, env, out, values));
};

const compile_fold = (node, scope) => {
    const source = compile(node.source, scope);
    const { inner, bind } = compile_patterns(node.patterns, scope);
    const start = compile(node.parts[0], scope);
    const update = compile(node.parts[1], inner);
    const extract = node.parts[2] ? compile(node.parts[2], inner) : null;
    const each_time = node.t === 'foreach';
    return (v, p, env, out) => start(v, p, env, (begin, from) => {
        let state = begin, at = from;
        source(v, null, env, (item) => bind(item, env, (bound) => {
            let last = null, path = p === null ? null : kNoPath;
            update(state, at, bound, (x, q) => {
                last = x;
                path = q;
                if (!each_time) return;
                state = x;
                at = q;
                if (extract) extract(x, q, bound, out);
                else out(x, q);
            });
            if (!each_time) [state, at] = [last, path];
        }));
        if (!each_time) out(state, at);
    });
};

const compile_object = (node, scope) => {
    const entries = node.entries.map(({ key, value }) => ({ key: compile(key, scope), value: compile(value, scope) }));
    const build = (at, v, env, made, out) => {
        if (at === entries.length) return out(made);
        return entries[at].key(v, null, env, (key) => {
            if (typeof key !== 'string') fail(`Object keys must be strings`);
            entries[at].value(v, null, env, (value) => {
                const next = copy_of(made);
                next[key] = value;
                build(at + 1, v, env, next, out);
            });
        });
    };
    return (v, p, env, out) => build(0, v, env, Object.create(null), (made) => out(made, kept(p, v, made)));
};

const compile_binary = (node, scope) => {
    const [left, right, op] = [compile(node.a, scope), compile(node.b, scope), operations[node.op]];
    return (v, p, env, out) => right(v, null, env, (b) => left(v, null, env, (a) => {
        const made = op(a, b);
        out(made, kept(p, v, made));
    }));
};
const compile_logic = (node, scope) => {
    const [left, right] = [compile(node.a, scope), compile(node.b, scope)];
    const decides = node.t === 'or';
    return (v, p, env, out) => left(v, null, env, (a) => truthy(a) === decides ? out(decides, kept(p, v, decides))
        : right(v, null, env, (b) => out(truthy(b), kept(p, v, truthy(b)))));
};

const compilers = {
    identity: () => (v, p, env, out) => out(v, p),
    literal: ({ v: value }) => (v, p, env, out) => out(value, kept(p, v, value)),
    pipe: (node, scope) => {
        const [a, b] = [compile(node.a, scope), compile(node.b, scope)];
        return (v, p, env, out) => a(v, p, env, (x, q) => b(x, q, env, out));
    },
    comma: (node, scope) => {
        const [a, b] = [compile(node.a, scope), compile(node.b, scope)];
        return (v, p, env, out) => {
            a(v, p, env, out);
            b(v, p, env, out);
        };
    },
    index: (node, scope) => {
        const [of, key] = [compile(node.of, scope), compile(node.key, scope)];
        return (v, p, env, out) => key(v, null, env, (k) => of(v, p, env, (x, q) => {
            const path = follow(q, x, k);
            out(index(x, k), path);
        }));
    },
    slice: (node, scope) => {
        const end = (part) => part ? compile(part, scope) : (v, p, env, out) => out(null);
        const [of, from, to] = [compile(node.of, scope), end(node.from), end(node.to)];
        return (v, p, env, out) => to(v, null, env, (last) => from(v, null, env, (start) => of(v, p, env, (x, q) => {
            const key = object_of([['start', start], ['end', last]]);
            const path = follow(q, x, key);
            out(slice(x, key), path);
        })));
    },
    each: (node, scope) => {
        const of = compile(node.of, scope);
        return (v, p, env, out) => of(v, p, env, (x, q) => {
            if (q === kNoPath) follow(q, x, null);
            if (q === null || x === null || typeof x !== 'object') {
                for (const one of each(x)) out(one, null);
            } else if (Array.isArray(x)) x.forEach((one, at) => out(one, [...q, at]));
            else for (const name of Object.keys(x)) out(x[name], [...q, name]);
        });
    },
    list: (node, scope) => {
        const items = compile(node.items, scope);
        return (v, p, env, out) => {
            const list = [];
            items(v, null, env, (x) => { list.push(x); });
            out(list, kept(p, v, list));
        };
    },
    object: compile_object,
    negate: (node, scope) => {
        const of = compile(node.a, scope);
        return (v, p, env, out) => of(v, null, env, (x) => {
            if (typeof x !== 'number') fail(`${named(x)} cannot be negated`);
            out(-x, kept(p, v, -x));
        });
    },
    binary: compile_binary,
    and: compile_logic,
    or: compile_logic,
    alternative: (node, scope) => {
        const [a, b] = [compile(node.a, scope), compile(node.b, scope)];
        return (v, p, env, out) => {
            let any = false;
            guarded_run(a, v, p, env, (x, q) => {
                if (!truthy(x)) return;
                any = true;
                out(x, q);
            }, () => {});
            if (!any) b(v, p, env, out);
        };
    },
    update: compile_update,
    if: (node, scope) => {
        const [test, then, otherwise] = [node.test, node.then, node.otherwise].map((one) => compile(one, scope));
        return (v, p, env, out) => test(v, null, env, (x) => (truthy(x) ? then : otherwise)(v, p, env, out));
    },
    try: (node, scope) => {
        const body = compile(node.body, scope);
        const handler = node.handler ? compile(node.handler, scope) : null;
        return (v, p, env, out) => guarded_run(body, v, p, env, out, (error) => {
            if (error.is_break) throw error;
            if (handler) handler(error.value, p === null ? null : kNoPath, env, out);
        });
    },
    reduce: compile_fold,
    foreach: compile_fold,
    as: (node, scope) => {
        const source = compile(node.source, scope);
        const { inner, bind } = compile_patterns(node.patterns, scope);
        const body = compile(node.body, inner);
        return (v, p, env, out) => source(v, null, env, (x) => bind(x, env, (bound) => body(v, p, bound, out)));
    },
    label: (node, scope) => {
        const inner = declared(scope, 'label', node.name, 0);
        const body = compile(node.body, inner);
        return (v, p, env, out) => {
            const token = {};
            try {
                body(v, p, { id: inner.id, val: token, up: env }, out);
            } catch (error) {
                if (!(error instanceof Leave) || error.token !== token) throw error;
            }
        };
    },
    break: (node, scope) => {
        const found = resolve(scope, 'label', node.label, 0);
        if (!found) throw new SyntaxError(`$*label-${node.label} is not defined`);
        return (v, p, env) => { throw new Leave(binding(env, found.id).val); };
    },
    variable: (node, scope) => {
        const found = resolve(scope, 'variable', node.name, 0);
        if (!found) {
            if (node.name === 'ENV') return (v, p, env, out) => out(Object.create(null), kept(p, v, {}));
            throw new SyntaxError(`$${node.name} is not defined`);
        }
        return (v, p, env, out) => {
            const value = binding(env, found.id).val;
            out(value, kept(p, v, value));
        };
    },
    format: (node) => (v, p, env, out) => {
        const made = formatted(node.name, v);
        out(made, kept(p, v, made));
    },
    text: (node, scope) => {
        const parts = node.parts.map((part) => typeof part === 'string' ? part : compile(part, scope));
        const join = (at, v, env, tail, out) => {
            if (at < 0) return out(tail);
            if (typeof parts[at] === 'string') return join(at - 1, v, env, parts[at] + tail, out);
            return parts[at](v, null, env, (x) => join(at - 1, v, env, formatted(node.format, x) + tail, out));
        };
        return (v, p, env, out) => join(parts.length - 1, v, env, '', (made) => out(made, kept(p, v, made)));
    },
    call: compile_call,
    def: compile_definition,
};
