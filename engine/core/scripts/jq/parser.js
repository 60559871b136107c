// Reads a jq program (the grammar of jq 1.7) and makes a tree of it: nodes are {t: what, …}.
const kWords = new Set(['def', 'if', 'then', 'elif', 'else', 'end', 'as', 'reduce', 'foreach', 'try', 'catch',
    'label', 'import', 'include', 'and', 'or', '__loc__']);
const kOperators = ['?//', '//=', '|=', '+=', '-=', '*=', '/=', '%=', '==', '!=', '<=', '>=', '//', '..',
    ...'|,=<>+-*/%()[]{}.:;?'];
const kEscapes = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };
const kConstants = { null: null, true: true, false: false };
const kUpdates = new Set(['=', '|=', '+=', '-=', '*=', '/=', '%=', '//=']);
const kComparisons = new Set(['==', '!=', '<', '<=', '>', '>=']);

class Parser {
    constructor(text, at = 0) {
        this.text = text;
        this.at = at;
        this.read_ahead = null;
    }
    wrong(what) {
        const rest = this.text.slice(this.start, this.start + 20);
        throw new SyntaxError(`${what} at character ${this.start + 1}${rest ? `, before '${rest}'` : ''}`);
    }
    // A regular expression where the reader stands; null, or what it found.
    take(expression) {
        expression.lastIndex = this.at;
        const found = expression.exec(this.text);
        if (found) this.at += found[0].length;
        return found;
    }
    lex() {
        this.take(/(?:\s|#[^\n]*)*/y);
        this.start = this.at;
        if (this.at >= this.text.length) return { k: 'end' };
        if (this.text[this.at] === '"') return { k: 'string', parts: this.lex_string() };
        let found = this.take(/(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y);
        if (found) return { k: 'number', v: Number(found[0]) };
        found = this.take(/\.([A-Za-z_]\w*)/y);
        if (found) return { k: 'field', v: found[1] };
        found = this.take(/\$\s*((?:[A-Za-z_]\w*::)*[A-Za-z_]\w*)/y);
        if (found) return { k: 'variable', v: found[1] };
        found = this.take(/@[A-Za-z0-9_]+/y);
        if (found) return { k: 'format', v: found[0] };
        found = this.take(/(?:[A-Za-z_]\w*::)*[A-Za-z_]\w*/y);
        if (found) return { k: kWords.has(found[0]) ? 'word' : 'name', v: found[0] };
        const operator = kOperators.find((one) => this.text.startsWith(one, this.at));
        if (!operator) this.wrong('Unexpected character');
        this.at += operator.length;
        return { k: 'operator', v: operator };
    }
    // The parts of a string: texts, and trees of what is interpolated.
    lex_string() {
        const parts = [''];
        const add = (text) => { parts[parts.length - 1] += text; };
        for (this.at++; this.text[this.at] !== '"';) {
            if (this.at >= this.text.length) this.wrong('A string that does not end');
            const plain = this.take(/[^"\\]+/y);
            if (plain) { add(plain[0]); continue; }
            const escaped = this.text[this.at + 1];
            const unit = this.take(/\\u([0-9a-fA-F]{4})/y);
            if (unit) add(String.fromCharCode(parseInt(unit[1], 16)));
            else if (own(kEscapes, escaped ?? '')) { add(kEscapes[escaped]); this.at += 2; }
            else if (escaped === '(') {
                const inner = new Parser(this.text, this.at + 2);
                parts.push(inner.pipe(), '');
                inner.expect(')');
                this.at = inner.at;
            } else this.wrong('An unknown escape in a string');
        }
        this.at++;
        return parts.map((part) => typeof part === 'string' ? part.toWellFormed() : part);
    }
    peek() { return this.read_ahead ??= this.lex(); }
    next() {
        const token = this.peek();
        this.read_ahead = null;
        return token;
    }
    is(v) {
        const token = this.peek();
        return (token.k === 'operator' || token.k === 'word') && token.v === v;
    }
    accept(v) { return this.is(v) ? this.next() : null; }
    expect(v) { return this.accept(v) ?? this.wrong(`Expected '${v}'`); }
    variable() { return this.peek().k === 'variable' ? this.next().v : this.wrong('Expected a variable'); }

    program() {
        if (this.is('import') || this.is('include') || (this.peek().k === 'name' && this.peek().v === 'module')) {
            this.wrong('There are no modules here');
        }
        if (this.peek().k === 'end') return { t: 'identity' };
        const tree = this.pipe(true);
        return this.peek().k === 'end' ? tree : this.wrong('Unexpected text');
    }
    pipe(top = false) {
        if (this.is('def')) {
            const made = this.definition();
            const ended = top && this.peek().k === 'end';  // a program may be definitions alone
            return { ...made, body: ended ? { t: 'identity' } : this.pipe(top) };
        }
        const left = this.comma();
        return this.accept('|') ? { t: 'pipe', a: left, b: this.pipe() } : left;
    }
    definition() {
        this.expect('def');
        const token = this.next();
        if (token.k !== 'name' && token.k !== 'word') this.wrong('Expected a name');
        const params = [];
        if (this.accept('(')) {
            do {
                const param = this.next();
                if (!['name', 'variable', 'word'].includes(param.k)) this.wrong('Expected a parameter');
                params.push({ name: param.v, is_value: param.k === 'variable' });
            } while (this.accept(';'));
            this.expect(')');
        }
        this.expect(':');
        const code = this.pipe();
        this.expect(';');
        return { t: 'def', name: token.v, params, code };
    }
    comma() {
        let left = this.alternative();
        while (this.accept(',')) left = { t: 'comma', a: left, b: this.alternative() };
        return left;
    }
    // `//` binds to the right, and looser than assignments.
    alternative() {
        const left = this.assignment();
        if (this.accept('//')) return { t: 'alternative', a: left, b: this.alternative() };
        if (this.accept('?//')) return { t: 'alternative', a: { t: 'try', body: left }, b: this.alternative() };
        return left;
    }
    assignment() {
        const left = this.or();
        const token = this.peek();
        if (token.k !== 'operator' || !kUpdates.has(token.v)) return left;
        this.next();
        return { t: 'update', op: token.v, a: left, b: this.alternative() };
    }
    or() {
        let left = this.and();
        while (this.accept('or')) left = { t: 'or', a: left, b: this.and() };
        return left;
    }
    and() {
        let left = this.comparison();
        while (this.accept('and')) left = { t: 'and', a: left, b: this.comparison() };
        return left;
    }
    comparison() {
        const left = this.sum();
        const token = this.peek();
        if (token.k !== 'operator' || !kComparisons.has(token.v)) return left;
        this.next();
        return { t: 'binary', op: token.v, a: left, b: this.sum() };
    }
    sum() {
        let left = this.product();
        for (let op; (op = this.accept('+') ?? this.accept('-'));) {
            left = { t: 'binary', op: op.v, a: left, b: this.product() };
        }
        return left;
    }
    product() {
        let left = this.signed();
        for (let op; (op = this.accept('*') ?? this.accept('/') ?? this.accept('%'));) {
            left = { t: 'binary', op: op.v, a: left, b: this.signed() };
        }
        return left;
    }
    signed() { return this.accept('-') ? { t: 'negate', a: this.signed() } : this.term(true); }

    // With `binds`, `TERM as PATTERN | …` too.
    term(binds = false) {
        let node = this.primary();
        for (;;) {
            if (this.peek().k === 'field') node = { t: 'index', of: node, key: { t: 'literal', v: this.next().v } };
            else if (this.accept('?')) node = { t: 'try', body: node };
            else if (this.is('[')) node = this.bracket(node);
            else if (this.is('.')) {
                this.next();
                if (this.peek().k === 'string') node = { t: 'index', of: node, key: this.string(null) };
                else if (this.is('[')) node = this.bracket(node);
                else this.wrong('Expected a name');
            } else if (binds && this.accept('as')) {
                const patterns = this.patterns();
                this.expect('|');
                return { t: 'as', source: node, patterns, body: this.pipe() };
            } else return node;
        }
    }
    bracket(of) {
        this.expect('[');
        if (this.accept(']')) return { t: 'each', of };
        const from = this.is(':') ? null : this.pipe();
        if (this.accept(']')) return { t: 'index', of, key: from };
        this.expect(':');
        const to = this.is(']') ? null : this.pipe();
        this.expect(']');
        return { t: 'slice', of, from, to };
    }
    string(format) {
        const parts = this.next().parts;
        return parts.length === 1 ? { t: 'literal', v: parts[0] } : { t: 'text', format: format ?? '@text', parts };
    }
    primary() {
        const token = this.peek();
        switch (token.k) {
            case 'number': this.next(); return { t: 'literal', v: token.v };
            case 'string': return this.string(null);
            case 'field': this.next(); return { t: 'index', of: { t: 'identity' }, key: { t: 'literal', v: token.v } };
            case 'variable': this.next(); return this.reference(token);
            case 'format':
                this.next();
                return this.peek().k === 'string' ? this.string(token.v) : { t: 'format', name: token.v };
            case 'name': this.next(); return this.call(token.v);
            case 'word': return this.statement(token);
            case 'operator': return this.bracketed(token);
            default: return this.wrong('Unexpected end');
        }
    }
    line() { return this.text.slice(0, this.start).split('\n').length; }
    reference(token) {
        return token.v === '__loc__'
            ? { t: 'literal', v: object_of([['file', '<top-level>'], ['line', this.line()]]) }
            : { t: 'variable', name: token.v };
    }
    call(name) {
        if (own(kConstants, name) && !this.is('(')) return { t: 'literal', v: kConstants[name] };
        if (name === 'break') return { t: 'break', label: this.variable() };
        const args = [];
        if (this.accept('(')) {
            do args.push(this.pipe()); while (this.accept(';'));
            this.expect(')');
        }
        return { t: 'call', name, args };
    }
    bracketed(token) {
        if (this.accept('..')) return { t: 'call', name: 'recurse', args: [] };
        if (this.accept('(')) {
            const inner = this.pipe();
            this.expect(')');
            return inner;
        }
        if (this.accept('[')) {
            if (this.accept(']')) return { t: 'literal', v: [] };
            const items = this.pipe();
            this.expect(']');
            return { t: 'list', items };
        }
        if (this.is('{')) return this.object();
        if (token.v === '.') {
            this.next();
            if (this.peek().k === 'string') return { t: 'index', of: { t: 'identity' }, key: this.string(null) };
            return { t: 'identity' };
        }
        if (token.v === '-') return this.signed();
        return this.wrong('Unexpected text');
    }
    statement(token) {
        switch (token.v) {
            case 'if': this.next(); return this.condition();
            case 'def': return { ...this.definition(), body: this.pipe() };
            case 'try': {
                this.next();
                const body = this.tried();
                return { t: 'try', body, handler: this.accept('catch') ? this.tried() : null };
            }
            case 'reduce': case 'foreach': {
                this.next();
                const source = this.tried();
                this.expect('as');
                const patterns = this.patterns();
                this.expect('(');
                const parts = [this.pipe()];
                while (this.accept(';')) parts.push(this.pipe());
                this.expect(')');
                if (parts.length !== 2 && !(token.v === 'foreach' && parts.length === 3)) this.wrong('Expected two parts');
                return { t: token.v, source, patterns, parts };
            }
            case 'label': {
                this.next();
                const name = this.variable();
                this.expect('|');
                return { t: 'label', name, body: this.pipe() };
            }
            default: return this.wrong(`Unexpected '${token.v}'`);
        }
    }
    tried() { return this.accept('-') ? { t: 'negate', a: this.term() } : this.term(); }
    condition() {
        const test = this.pipe();
        this.expect('then');
        const then = this.pipe();
        if (this.accept('elif')) return { t: 'if', test, then, otherwise: this.condition() };
        const otherwise = this.accept('else') ? this.pipe() : { t: 'identity' };
        this.expect('end');
        return { t: 'if', test, then, otherwise };
    }
    patterns() {
        const all = [this.pattern()];
        while (this.accept('?//')) all.push(this.pattern());
        return all;
    }
    pattern() {
        if (this.peek().k === 'variable') return { t: 'variable', name: this.next().v };
        if (this.accept('[')) {
            const items = [];
            do items.push(this.pattern()); while (this.accept(','));
            this.expect(']');
            return { t: 'list', items };
        }
        this.expect('{');
        const entries = [];
        do {
            if (this.peek().k === 'variable') {
                const name = this.next().v;
                entries.push({ key: { t: 'literal', v: name }, name, pattern: this.accept(':') ? this.pattern() : null });
                continue;
            }
            const key = this.key();
            this.expect(':');
            entries.push({ key, name: null, pattern: this.pattern() });
        } while (this.accept(','));
        this.expect('}');
        return { t: 'object', entries };
    }
    key() {
        const token = this.peek();
        if (token.k === 'string') return this.string(null);
        if (token.k === 'format') { this.next(); return this.string(token.v); }
        if (token.k === 'name' || token.k === 'word') return { t: 'literal', v: this.next().v };
        if (token.k === 'number') return { t: 'literal', v: dump(this.next().v) };
        this.expect('(');
        const key = this.pipe();
        this.expect(')');
        return key;
    }
    object() {
        this.expect('{');
        const entries = [];
        while (!this.is('}')) {
            if (entries.length > 0) this.expect(',');
            entries.push(this.entry());
        }
        this.expect('}');
        return { t: 'object', entries };
    }
    entry() {
        if (this.peek().k === 'variable') {
            const token = this.next();
            const given = this.reference(token);
            if (!this.is(':')) return { key: { t: 'literal', v: token.v }, value: given };
            this.expect(':');
            return { key: given, value: this.entry_value() };
        }
        const must_have = this.is('(');
        if (this.is('__loc__')) this.wrong('Unexpected name');
        const key = this.key();
        if (!must_have && !this.is(':')) return { key, value: { t: 'index', of: { t: 'identity' }, key } };
        this.expect(':');
        return { key, value: this.entry_value() };
    }
    entry_value() {
        const value = this.alternative();
        return this.accept('|') ? { t: 'pipe', a: value, b: this.entry_value() } : value;
    }
}
