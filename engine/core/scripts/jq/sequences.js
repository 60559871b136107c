// What the language knows by name, continued: lists, paths, streams, loops and regular expressions.
const keyed = (list, run, env) => list.map((x) => ({ x, key: list_of(run, x, env) }));
const by_key = (a, b) => compare(a.key, b.key);
const groups_of = (rows) => {
    const groups = [];
    for (const row of rows.toSorted(by_key)) {
        if (groups.length > 0 && equal(groups.at(-1)[0].key, row.key)) groups.at(-1).push(row);
        else groups.push([row]);
    }
    return groups;
};
const least = (rows) => rows.reduce((best, row) => best && by_key(row, best) >= 0 ? best : row, null)?.x ?? null;
const most = (rows) => rows.reduce((best, row) => best && by_key(row, best) < 0 ? best : row, null)?.x ?? null;
const by_x = (list) => list.map((x) => ({ x, key: x }));
const ordered = {
    sort: ['sorted', (rows) => rows.toSorted(by_key).map((row) => row.x)],
    group: ['grouped', (rows) => groups_of(rows).map((group) => group.map((row) => row.x))],
    unique: ['grouped', (rows) => groups_of(rows).map((group) => group[0].x)],
    min: ['iterated over', least],
    max: ['iterated over', most],
};
for (const [name, [what, f]] of Object.entries(ordered)) {
    if (name !== 'group') value(name, 0, (v) => f(by_x(need_list(v, what))));
    form(`${name}_by`, 1, (run) => (v, p, env, out) => {
        const made = f(keyed(need_list(v, what), run, env));
        out(made, kept(p, v, made));
    });
}
value('reverse', 0, (v) => typeof v === 'string' ? [...v].reverse().join('') : v === null ? []
    : [...need_list(v, 'reversed')].reverse());
const flat = (list, depth) => list.reduce((all, one) => {
    if (Array.isArray(one) && depth !== 0) all.push(...flat(one, depth - 1));
    else all.push(one);
    return all;
}, []);
value('flatten', 0, (v) => flat(each(v), -1));
value('flatten', 1, (v, depth) => depth < 0 ? fail('flatten depth must not be negative') : flat(each(v), depth));
value('bsearch', 1, (v, wanted) => {
    let from = 0, to = need_list(v, 'searched from').length;
    while (from < to) {
        const middle = (from + to) >> 1;
        if (compare(v[middle], wanted) < 0) from = middle + 1;
        else to = middle;
    }
    return from < v.length && equal(v[from], wanted) ? from : -1 - from;
});
value('transpose', 0, (v) => {
    const width = Math.max(0, ...each(v).map(length_of));
    return Array.from({ length: width }, (_, at) => each(v).map((row) => index(row, at)));
});
const combined = (lists, at, made, out) => at === lists.length ? out(made)
    : each(lists[at]).forEach((one) => combined(lists, at + 1, [...made, one], out));
stream('combinations', 0, (v, out) => combined(v, 0, [], out));
stream('combinations', 1, (v, out, n) => combined(Array.from({ length: n }, () => v), 0, [], out));

form('map', 1, (f) => (v, p, env, out) => {
    const made = [];
    for (const x of each(v)) f(x, null, env, (y) => { made.push(y); });
    out(made, kept(p, v, made));
});
const each_path = (v, p, env, out) => compilers.each({ of: { t: 'identity' } }, null)(v, p, env, out);
form('map_values', 1, (f) => (v, p, env, out) =>
    out(modified(each_path, v, env, (x, then) => f(x, null, env, then)), kept(p, v, {})));
const entries_of = (v) => keys_of(v, false).map((key) => object_of([['key', key], ['value', index(v, key)]]));
const entry_key = (entry) => {
    const key = ['key', 'k', 'name', 'Name', 'K', 'Key'].map((name) => index(entry, name)).find((x) => x !== null && x !== false) ??
        index(entry, 'key');
    return typeof key === 'string' ? key : key === null || typeof key !== 'object' ? dump(key)
        : fail(`Cannot use ${named(key)} as object key`);
};
const entry_value = (entry) => index(entry, ['value', 'v', 'Value', 'V'].find((name) => own(entry, name)) ?? 'value');
const from_entries = (list) => object_of(each(list).map((entry) => [entry_key(entry), entry_value(entry)]));
value('to_entries', 0, entries_of);
value('from_entries', 0, from_entries);
form('with_entries', 1, (f) => (v, p, env, out) =>
    out(from_entries(entries_of(v).flatMap((entry) => list_of(f, entry, env))), kept(p, v, {})));
form('select', 1, (f) => (v, p, env, out) => f(v, null, env, (x) => { if (truthy(x)) out(v, p); }));
const walked = (f, v, env, out) => {
    if (v === null || typeof v !== 'object') return f(v, null, env, out);
    if (Array.isArray(v)) {
        const made = [];
        for (const x of v) walked(f, x, env, (y) => { made.push(y); });
        return f(made, null, env, out);
    }
    return f(modified(each_path, v, env, (x, then) => walked(f, x, env, then)), null, env, out);
};
form('walk', 1, (f) => (v, p, env, out) => walked(f, v, env, (x) => out(x, kept(p, v, x))));

// Paths.
form('path', 1, (f) => (v, p, env, out) => f(v, [], env, (x, q) => {
    if (q === kNoPath) fail(`Invalid path expression with result ${shown(x)}`);
    out([...q], kept(p, v, {}));
}));
// A step says what comes out and what to go on with. It is a loop as long as that is one value, so that it may be as
// long as it likes; an error is thrown once what came before it has been gone on with.
const looped = (step) => {
    const loop = (v, p, env, out) => {
        let here = [v, p];
        while (here) {
            const ahead = [];
            let failed = null;
            try {
                step(...here, env, out, (y, r) => { ahead.push([y, r]); });
            } catch (error) {
                if (ahead.length === 0) throw error;
                failed = error;
            }
            here = ahead.length === 1 && !failed ? ahead[0] : null;
            if (!here) for (const [y, r] of ahead) loop(y, r, env, out);
            if (failed) throw failed;
        }
    };
    return loop;
};
const recurse = (f) => looped((v, p, env, out, on) => {
    out(v, p);
    f(v, p, env, on);
});
const children = (v, p, env, out) => { if (v !== null && typeof v === 'object') each_path(v, p, env, out); };
const visit_all = (v, p, env, out) => {
    out(v, p);
    children(v, p, env, (x, q) => visit_all(x, q, env, out));
};
form('recurse', 0, () => visit_all);
form('recurse', 1, recurse);
form('recurse', 2, (f, test) => recurse((v, p, env, out) => f(v, p, env,
    (x, q) => test(x, null, env, (y) => { if (truthy(y)) out(x, q); }))));
const all_paths = (test) => (v, p, env, out) => visit_all(v, [], env, (x, q) => {
    if (q.length > 0) test(x, env, () => out(q, kept(p, v, q)));
});
form('paths', 0, () => all_paths((x, env, then) => then()));
form('paths', 1, (f) => all_paths((x, env, then) => f(x, null, env, (y) => { if (truthy(y)) then(); })));
form('leaf_paths', 0, () => all_paths((x, env, then) => { if (x === null || typeof x !== 'object') then(); }));
const need_path = (path) => Array.isArray(path) ? path : fail('Path must be specified as an array');
form('getpath', 1, (of) => (v, p, env, out) => of(v, null, env, (path) => {
    need_path(path);
    if (p === kNoPath) follow(p, v, null);
    out(get_path(v, path), p === null ? null : [...p, ...path]);
}));
value('setpath', 2, (v, path, x) => set_path(v, need_path(path), x));
const need_paths = (paths) => Array.isArray(paths) ? paths.map(need_path) : fail('Paths must be specified as an array');
value('delpaths', 1, (v, paths) => delete_paths(v, need_paths(paths)));
form('del', 1, (f) => (v, p, env, out) => out(delete_paths(v, paths_of(f, v, env)), kept(p, v, {})));
form('pick', 1, (f) => (v, p, env, out) => out(
    paths_of(f, v, env).reduce((made, path) => set_path(made, path, get_path(v, path)), null), kept(p, v, {})));

// Streams of outputs.
form('first', 1, (f) => (v, p, env, out) => {
    let found = null;
    leaving((leave) => f(v, p, env, (x, q) => {
        found = [x, q];
        leave();
    }));
    if (found) out(...found);
});
form('last', 1, (f) => (v, p, env, out) => {
    let found = null;
    f(v, p, env, (x, q) => { found = [x, q]; });
    if (found) out(...found);
});
const by_key_of = (name, key) => form(name, 0, () => (v, p, env, out) => {
    const path = follow(p, v, key);
    out(index(v, key), path);
});
by_key_of('first', 0);
by_key_of('last', -1);
form('nth', 1, (n) => (v, p, env, out) => n(v, null, env, (key) => {
    const path = follow(p, v, key);
    out(index(v, key), path);
}));
const limited = (n, f) => (v, p, env, out) => n(v, null, env, (count) => {
    if (count <= 0) return count < 0 ? f(v, p, env, out) : undefined;
    let left = count;
    return leaving((leave) => f(v, p, env, (x, q) => {
        left--;
        out(x, q);
        if (left <= 0) leave();
    }));
});
const skipped = (n, f) => (v, p, env, out) => n(v, null, env, (count) => {
    let left = count;
    f(v, p, env, (x, q) => { if (left-- <= 0) out(x, q); });
});
form('limit', 2, limited);
form('skip', 2, skipped);
form('nth', 2, (n, f) => (v, p, env, out) => n(v, null, env, (at) => {
    if (at < 0) fail('Out of bounds negative array index');
    const constant = (x, q, e, then) => then(at);
    natives.get('first/1')(skipped(constant, f))(v, p, env, out);
}));
const found_any = (f, v, env, wanted) => {
    let found = false;
    leaving((leave) => f(v, null, env, (x) => {
        if (!wanted(x)) return;
        found = true;
        leave();
    }));
    return found;
};
form('isempty', 1, (f) => (v, p, env, out) => out(!found_any(f, v, env, () => true), kept(p, v, {})));
const quantified = (name, decides) => {
    const quantify = (f, test) => (v, p, env, out) => {
        const tested = (x, q, e, then) => f(x, null, e, (y) => test(y, null, e, then));
        out(found_any(tested, v, env, (y) => truthy(y) === decides) === decides, kept(p, v, {}));
    };
    const itself = (v, p, env, out) => out(v, null);
    form(name, 0, () => quantify(each_path, itself));
    form(name, 1, (test) => quantify(each_path, test));
    form(name, 2, quantify);
};
quantified('any', true);
quantified('all', false);
const counted = (from, to, by, out) => {
    for (const n of [from, to, by]) if (typeof n !== 'number') fail('Range bounds must be numeric');
    if (by > 0) for (let n = from; n < to; n += by) out(n);
    else if (by < 0) for (let n = from; n > to; n += by) out(n);
};
stream('range', 1, (v, out, to) => counted(0, to, 1, out));
stream('range', 2, (v, out, from, to) => counted(from, to, 1, out));
stream('range', 3, (v, out, from, to, by) => counted(from, to, by, out));
form('until', 2, (test, f) => looped((v, p, env, out, on) => test(v, null, env,
    (x) => truthy(x) ? out(v, p) : f(v, p, env, on))));
form('while', 2, (test, f) => looped((v, p, env, out, on) => test(v, null, env, (x) => {
    if (!truthy(x)) return;
    out(v, p);
    f(v, p, env, on);
})));
form('repeat', 1, recurse);
form('tostream', 0, () => (v, p, env, out) => {
    const emit = (x, path, top) => {
        const inner = x !== null && typeof x === 'object' ? keys_of(x, false) : [];
        if (inner.length === 0) return out([path, x]);
        for (const key of inner) emit(index(x, key), [...path, key], false);
        return out([[...path, inner.at(-1)]]);
    };
    emit(v, [], true);
});
form('fromstream', 1, (f) => (v, p, env, out) => {
    let made = null;
    f(v, null, env, (event) => {
        const path = index(event, 0);
        if (event.length === 2) made = set_path(made, path, event[1]);
        if (path.length === (event.length === 2 ? 0 : 1)) {
            out(made, kept(p, v, {}));
            made = null;
        }
    });
});
form('truncate_stream', 1, (f) => (v, p, env, out) => f(null, null, env, (event) => {
    if (event[0].length > v) out([event[0].slice(v), ...event.slice(1)], kept(p, v, {}));
}));

// In the manner of SQL.
const indexed = (rows, f) => (v, p, env, out) => {
    const made = Object.create(null);
    rows(v, null, env, (row) => f(row, null, env, (key) => { made[as_text(key)] = row; }));
    out(made, kept(p, v, made));
};
form('INDEX', 1, (f) => indexed(each_path, f));
form('INDEX', 2, indexed);
const among = (of, rows) => (v, p, env, out) => of(v, null, env, (wanted) =>
    out(found_any(rows, v, env, (x) => equal(x, wanted)), kept(p, v, {})));
form('IN', 1, (rows) => among((v, p, env, out) => out(v, null), rows));
form('IN', 2, (of, rows) => (v, p, env, out) =>
    out(found_any(of, v, env, (wanted) => found_any(rows, v, env, (x) => equal(x, wanted))), kept(p, v, {})));
const joined = (table, rows, f, then) => (v, p, env, out) => table(v, null, env, (found) =>
    rows(v, null, env, (row) => f(row, null, env, (key) => then([row, index(found, key)], env, out))));
form('JOIN', 2, (table, f) => (v, p, env, out) => out(list_of(joined(table, each_path, f, (pair, _, then) => then(pair)), v, env), kept(p, v, {})));
form('JOIN', 3, (table, rows, f) => joined(table, rows, f, (pair, _, out) => out(pair)));
form('JOIN', 4, (table, rows, f, then) => joined(table, rows, f, (pair, env, out) => then(pair, null, env, out)));

// Regular expressions: `f(EXPRESSION)`, `f([EXPRESSION, FLAGS])`, `f(EXPRESSION; FLAGS)`.
const matching = (name, f) => {
    stream(name, 1, (v, out, given) => {
        if (typeof given === 'string') return f(v, out, given, null);
        if (!Array.isArray(given) || given.length === 0) fail(`${kind(given)} not a string or array`);
        return f(v, out, given[0], given[1] ?? null);
    });
    stream(name, 2, f);
};
matching('test', (v, out, source, flags) => out(matches_of(v, source, flags).length > 0));
matching('match', (v, out, source, flags) => matches_of(v, source, flags).forEach((match) => out(match)));
matching('capture', (v, out, source, flags) => matches_of(v, source, flags).forEach((match) => out(captured(match))));
matching('scan', (v, out, source, flags) => matches_of(v, source, `g${flags ?? ''}`).forEach((match) => out(scanned(match))));
const need_split = (v) => need_text(v, `${named(v)} cannot be matched, as it is not a string`);
stream('splits', 1, (v, out, source) => split_by(need_split(v), source, null).forEach((part) => out(part)));
stream('splits', 2, (v, out, source, flags) => split_by(need_split(v), source, flags).forEach((part) => out(part)));
value('split', 2, (v, source, flags) => split_by(need_split(v), source, flags));
const replaced = (v, source, flags, text, env, out) => {
    const matches = matches_of(v, source, flags);
    if (matches.length === 0) return out(v);
    const letters = characters(v);
    const cut = (from, to) => [...letters.slice(from, to)].join('');
    const made = [];
    let from = 0;
    for (const match of matches) {
        const gap = cut(from, match.offset);
        list_of(text, captured(match), env).forEach((part, at) => {
            if (typeof part !== 'string') type_error(captured(match), part, 'added');
            made[at] = (made[at] ?? '') + gap + part;
        });
        from = match.offset + match.length;
    }
    if (made.length === 0) return out(v);
    return made.forEach((one) => out(one + cut(from)));
};
for (const [name, always] of [['sub', ''], ['gsub', 'g']]) {
    const none = (v, p, env, out) => out('');
    const make = (source, text, flags = none) => (v, p, env, out) => with_values([source, flags], 0, v, env, [],
        ([expression, given]) => replaced(v, expression, (given ?? '') + always, text, env, (x) => out(x, kept(p, v, x))));
    form(name, 2, make);
    form(name, 3, make);
}
