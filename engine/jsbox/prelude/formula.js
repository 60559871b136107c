// Formulas: what fields marked ap-formula-v1 hold. Functions with arguments between semicolons, operators,
// numbers, texts in quotes; text that stands bare where a function takes text is that text. Values of steps
// stand for themselves as __ap_v0__, __ap_v1__, …
//
// Plain code: a formula runs in an instance of its own, before any other code of the run.
const kOperators = ['<=', '>=', '==', '!=', '||', '+', '-', '*', '/', '%', '^', '!', '?', ':', '<', '>', '(', ')', '[', ']',
    ',', ';', '.'];
const kPlaceholder = /__ap_v(\d+)__/g;
const kFormulaDepthMax = 64;
const kSyntax = 'Invalid formula — check for empty values or mismatched parentheses';
// Functions of one number, besides those of kFormulaFunctions.
const kMathFunctions = ['sin', 'cos', 'tan', 'asin', 'acos', 'atan', 'sqrt', 'cbrt', 'log', 'log2', 'log10', 'exp', 'abs',
    'ceil', 'floor', 'trunc', 'sign'];

class FormulaSyntaxError extends Error {}

// The places from `from` on that stand in no quotes, which themselves count as quoted.
function* plain_places(text, from) {
    let quote = '';
    for (let i = from; i < text.length; i++) {
        const c = text[i];
        if (quote !== '') {
            quote = c === quote && text[i - 1] !== '\\' ? '' : quote;
        } else if (c === '"' || c === "'") {
            quote = c;
        } else {
            yield i;
        }
    }
}

const bracket_step = (c) => (c === '(' || c === '[' ? 1 : c === ')' || c === ']' ? -1 : 0);

// Where the bracket at `open` is closed; -1: nowhere.
function end_of_brackets(text, open) {
    let depth = 0;
    for (const i of plain_places(text, open)) {
        const step = bracket_step(text[i]);
        depth += step;
        if (step < 0 && depth === 0) {
            return i;
        }
    }
    return -1;
}

// Parts between semicolons. REQUIRES: what stood between brackets that end_of_brackets() found.
function split_arguments(text) {
    const parts = [];
    let from = 0;
    let depth = 0;
    for (const i of plain_places(text, 0)) {
        depth += bracket_step(text[i]);
        if (text[i] === ';' && depth === 0) {
            parts.push(text.slice(from, i));
            from = i + 1;
        }
    }
    parts.push(text.slice(from));
    return parts;
}

// Reads one expression; every method answers with a function that evaluates what it has read.
class FormulaReader {
    constructor(text, values, depth) {
        if (depth > kFormulaDepthMax) {
            throw new FormulaSyntaxError('the formula is nested too deeply');
        }
        this.text = text;
        this.values = values;
        this.depth = depth;
        this.at = 0;
    }

    // ---- signs

    blank() {
        while (this.at < this.text.length && /\s/.test(this.text[this.at])) {
            this.at += 1;
        }
    }
    // The operator or name that comes next, which stays.
    peek() {
        this.blank();
        const rest = this.text.slice(this.at);
        return /^[A-Za-z_$][\w$]*/.exec(rest)?.[0] ?? kOperators.find((sign) => rest.startsWith(sign)) ?? '';
    }
    accept(...signs) {
        const next = this.peek();
        if (!signs.includes(next)) {
            return '';
        }
        this.at += next.length;
        return next;
    }
    expect(sign) {
        if (this.accept(sign) === '') {
            throw new FormulaSyntaxError(kSyntax);
        }
    }

    // ---- from the loosest operator to the tightest

    whole() {
        const value = this.conditional();
        this.blank();
        if (this.at < this.text.length) {
            throw new FormulaSyntaxError(kSyntax);
        }
        return value;
    }
    conditional() {
        let value = this.either();
        while (this.accept('?')) {
            const [asked, yes] = [value, this.conditional()];
            this.expect(':');
            const no = this.conditional();
            value = () => (asked() ? yes() : no());
        }
        return value;
    }
    either() {
        let value = this.both();
        while (this.accept('or')) {
            const [left, right] = [value, this.both()];
            value = () => Boolean(left() || right());
        }
        return value;
    }
    both() {
        let value = this.comparison();
        while (this.accept('and')) {
            const [left, right] = [value, this.comparison()];
            value = () => Boolean(left() && right());
        }
        return value;
    }
    chain(operand, operators) {
        let value = operand();
        for (let sign = this.accept(...Object.keys(operators)); sign !== ''; sign = this.accept(...Object.keys(operators))) {
            const [left, right, apply_to] = [value, operand(), operators[sign]];
            value = () => apply_to(left(), right());
        }
        return value;
    }
    comparison() {
        return this.chain(() => this.sum(), {
            '==': (a, b) => a === b, '!=': (a, b) => a !== b, '<': (a, b) => a < b, '<=': (a, b) => a <= b,
            '>=': (a, b) => a >= b, '>': (a, b) => a > b, in: (a, b) => formula_list(b).includes(a),
        });
    }
    sum() {
        return this.chain(() => this.product(), {
            '+': (a, b) => Number(a) + Number(b), '-': (a, b) => a - b,
            '||': (a, b) => (Array.isArray(a) && Array.isArray(b) ? a.concat(b) : `${a}${b}`),
        });
    }
    product() {
        return this.chain(() => this.factor(), { '*': (a, b) => a * b, '/': (a, b) => a / b, '%': (a, b) => a % b });
    }
    factor() {
        const sign = this.accept('-', '+');
        if (sign !== '') {
            const value = this.factor();
            return sign === '-' ? () => -value() : () => Number(value());
        }
        if (this.peek() === 'not' && !/^\s*not\s*\(/.test(this.text.slice(this.at))) {
            this.accept('not');
            const value = this.factor();
            return () => !value();
        }
        const base = this.member();
        if (this.accept('^')) {
            const power = this.factor();
            return () => Math.pow(base(), power());
        }
        return base;
    }
    member() {
        let value = this.atom();
        for (let sign = this.accept('.', '['); sign !== ''; sign = this.accept('.', '[')) {
            const of = value;
            if (sign === '.') {
                const name = this.name();
                value = () => member_of(of(), name);
            } else {
                const index = this.conditional();
                this.expect(']');
                value = () => of()?.[index() | 0];
            }
        }
        return value;
    }
    name() {
        const name = this.peek();
        if (!/^\w/.test(name)) {
            throw new FormulaSyntaxError(kSyntax);
        }
        this.at += name.length;
        return name;
    }

    // ---- what is not made of operators

    atom() {
        this.blank();
        const rest = this.text.slice(this.at);
        const number = /^(0x[\da-f]+|0b[01]+|(\d+\.?\d*|\.\d+)(e[+-]?\d+)?)/i.exec(rest);
        if (number !== null) {
            this.at += number[0].length;
            return () => Number(number[0]);
        }
        if (rest[0] === '"' || rest[0] === "'") {
            return this.quoted(rest[0]);
        }
        if (this.accept('(')) {
            const value = this.conditional();
            this.expect(')');
            return value;
        }
        if (rest[0] === '[') {
            return this.list();
        }
        const name = this.name();
        this.blank();
        return this.text[this.at] === '(' ? this.call(name) : this.variable(name);
    }
    quoted(quote) {
        let end = this.at + 1;
        while (end < this.text.length && (this.text[end] !== quote || this.text[end - 1] === '\\')) {
            end += 1;
        }
        if (end >= this.text.length) {
            throw new FormulaSyntaxError(kSyntax);
        }
        const inside = this.text.slice(this.at + 1, end);
        this.at = end + 1;
        const letters = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };
        const plain = inside.replace(/\\(u([\da-f]{4})|.)/gi, (all, escaped, hex) =>
            (hex ? String.fromCharCode(parseInt(hex, 16)) : letters[escaped] ?? escaped));
        return () => this.with_values(plain);
    }
    with_values(text) {
        return text.replace(kPlaceholder, (all, index) => formula_result_text(this.values[index]));
    }
    // JSON, or expressions between commas or semicolons; words in it are texts.
    list() {
        const end = end_of_brackets(this.text, this.at);
        if (end < 0) {
            throw new FormulaSyntaxError(kSyntax);
        }
        const whole = this.text.slice(this.at, end + 1);
        this.at = end + 1;
        if (/^\[\s*\{/.test(whole)) {
            try {
                const parsed = JSON.parse(whole);
                return () => parsed;
            } catch {
                throw new FormulaSyntaxError(kSyntax);
            }
        }
        const inside = whole.slice(1, -1);
        if (inside.trim() === '') {
            return () => [];
        }
        const parts = split_arguments(inside).flatMap((part) => this.inner(part).several((one) => one.element()));
        return () => parts.map((part) => part());
    }
    element() {
        this.blank();
        const word = /^[A-Za-z][\w-]*(?=\s*(,|$))/.exec(this.text.slice(this.at));
        if (word === null || ['true', 'false', 'PI', 'E'].includes(word[0])) {
            return this.conditional();
        }
        this.at += word[0].length;
        return () => word[0];
    }
    variable(name) {
        const constants = { true: true, false: false, PI: Math.PI, E: Math.E };
        const place = /^__ap_v(\d+)__$/.exec(name);
        if (place !== null) {
            return () => this.values[place[1]] ?? null;
        }
        if (!Object.hasOwn(constants, name)) {
            throw new FormulaSyntaxError(`"${name}" is not a known function or variable — check for typos`);
        }
        return () => constants[name];
    }

    inner(text) {
        return new FormulaReader(text, this.values, this.depth + 1);
    }
    // One expression, and those after commas.
    several(read) {
        const out = [read(this)];
        while (this.accept(',')) {
            out.push(read(this));
        }
        this.blank();
        if (this.at < this.text.length) {
            throw new FormulaSyntaxError(kSyntax);
        }
        return out;
    }
    call(name) {
        const end = end_of_brackets(this.text, this.at);
        if (end < 0) {
            throw new FormulaSyntaxError(kSyntax);
        }
        const parts = split_arguments(this.text.slice(this.at + 1, end));
        this.at = end + 1;
        const empty = parts.findIndex((part) => part.trim() === '');
        if (parts.length > 1 && empty >= 0) {
            throw new Error(`${name}() is missing value ${empty + 1} — fill in all values`);
        }
        const is_if = name === 'if';
        const known = Object.hasOwn(kFormulaFunctions, name) ? kFormulaFunctions[name] : undefined;
        if (!is_if && known === undefined && !kMathFunctions.includes(name)) {
            throw new Error(`"${name}" is not a known function or variable — check for typos`);
        }
        const kinds = is_if ? '-t' : known?.[0] ?? '-';
        const given = empty >= 0 ? [] : parts.flatMap((part, i) =>
            this.argument(part, kinds[Math.min(i, kinds.length - 1)] === 't'));
        if (is_if) {
            if (given.length !== 3) {
                throw new Error('if() needs 3 values: a condition, and one for each outcome');
            }
            return () => (given[0]() ? given[1]() : given[2]());
        }
        const run = known?.[1] ?? ((value) => Math[name](value));
        return () => run(...given.map((value) => value()));
    }
    argument(part, is_text) {
        const trimmed = part.trim();
        const is_expression = !is_text || /^(".*"|'.*')$/s.test(trimmed) ||
            (/^([A-Za-z_]\w*)\s*\(/.test(trimmed) &&
                (Object.hasOwn(kFormulaFunctions, /^\w+/.exec(trimmed)[0]) || /^if\b/.test(trimmed)));
        if (is_expression) {
            return this.inner(part).several((one) => one.conditional());
        }
        if (trimmed.startsWith('__ap_')) {
            try {
                return this.inner(part).several((one) => one.conditional());
            } catch (thrown) {
                if (!(thrown instanceof FormulaSyntaxError)) {
                    throw thrown;
                }
            }
        }
        return [() => this.with_values(part)];
    }
}

function formula_result_text(value) {
    return value == null ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value);
}

// `{value}`, or `{error}` with words for who wrote the formula. `values` are functions: what throws is nothing.
function evaluate_formula(text, values) {
    const given = values.map((value) => {
        try {
            return value();
        } catch (thrown) {
            if (is_out_of_memory(thrown)) {
                throw thrown;
            }
            return null;
        }
    });
    try {
        const trimmed = text.trim();
        return { value: trimmed === '' ? '' : new FormulaReader(trimmed, given, 0).whole()() };
    } catch (thrown) {
        if (is_out_of_memory(thrown)) {
            throw thrown;
        }
        return { error: `${thrown.message}` };
    }
}
