// Plurals, lists, relative times and sorting in English, and what of Intl a step sees.
class PluralRules extends IntlService {
    constructor(locales, options) {
        super(locales, options);
        this.resolved = { type: choice(this.options, 'type', ['cardinal', 'ordinal'], 'cardinal'),
            pluralCategories: this.options.type === 'ordinal' ? ['few', 'one', 'two', 'other'] : ['one', 'other'] };
    }
    select(value) {
        const number = NumberOf(value);
        if (this.resolved.type === 'cardinal') {
            return Math.abs(number) === 1 ? 'one' : 'other';
        }
        const teen = floor(number % 100 / 10) === 1;
        return teen ? 'other' : { 1: 'one', 2: 'two', 3: 'few' }[number % 10] ?? 'other';
    }
}

class ListFormat extends IntlService {
    constructor(locales, options) {
        super(locales, options);
        this.resolved = { type: choice(this.options, 'type', ['conjunction', 'disjunction', 'unit'], 'conjunction'), style: 'long' };
    }
    format(list) {
        const items = [...list];
        const word = { conjunction: 'and', disjunction: 'or', unit: '' }[this.resolved.type];
        if (items.length < 2) {
            return items.join('');
        }
        const last = items.pop();
        return word === '' ? `${items.join(', ')}, ${last}`
            : `${items.join(', ')}${items.length > 1 ? ',' : ''} ${word} ${last}`;
    }
}

class RelativeTimeFormat extends IntlService {
    constructor(locales, options) {
        super(locales, options);
        this.resolved = { style: 'long', numeric: choice(this.options, 'numeric', ['always', 'auto'], 'always') };
        this.numbers = new NumberFormat();
    }
    format(value, unit) {
        const number = NumberOf(value);
        const one = /^(second|minute|hour|day|week|month|quarter|year)s?$/.exec(`${unit}`)?.[1];
        if (one === undefined || !Number.isFinite(number)) {
            throw new RangeErrorOf(`Invalid unit argument for format() '${unit}'`);
        }
        const words = one === 'day' ? { '-1': 'yesterday', 0: 'today', 1: 'tomorrow' }
            : one === 'second' ? { 0: 'now' } : one === 'minute' || one === 'hour' ? { 0: `this ${one}` }
                : { '-1': `last ${one}`, 0: `this ${one}`, 1: `next ${one}` };
        if (this.resolved.numeric === 'auto' && words[number] !== undefined) {
            return words[number];
        }
        const amount = `${this.numbers.format(Math.abs(number))} ${one}${Math.abs(number) === 1 ? '' : 's'}`;
        return number < 0 || Object.is(number, -0) ? `${amount} ago` : `in ${amount}`;
    }
}

class Collator extends IntlService {
    constructor(locales, options) {
        super(locales, options);
        this.resolved = { usage: 'sort', sensitivity: choice(this.options, 'sensitivity', ['base', 'accent', 'case', 'variant'], 'variant'),
            numeric: Boolean(this.options.numeric) };
        this.compare = (a, b) => this.order(`${a}`, `${b}`);
    }
    // Letters first, then accents, then small before capital.
    order(a, b) {
        const { sensitivity, numeric } = this.resolved;
        const [left, right] = [sort_key(a), sort_key(b)];
        const letters = left.is_simple && right.is_simple && !numeric ? compare_units(left.letters, right.letters)
            : compare_letters(left.letters, right.letters, numeric);
        if (letters !== 0 || sensitivity === 'base') {
            return letters;
        }
        const accents = sensitivity === 'case' ? 0 : compare_units(left.accented, right.accented);
        return accents !== 0 || sensitivity === 'accent' ? accents : compare_units(swapped_case(left.plain), swapped_case(right.plain));
    }
}

// Of the texts that were compared last: a sort asks for each of them many times.
const kSortKeysMax = 4096;
let sort_keys = new MapOf();
function sort_key(text) {
    let key = sort_keys.get(text);
    if (key === undefined) {
        const apart = text.normalize('NFD');
        const plain = apart.replace(/\p{M}/gu, '');
        const letters = plain.toLowerCase();
        key = { plain, letters, accented: apart.toLowerCase(), is_simple: /^[a-z\d]*$/.test(letters) };
        if (sort_keys.size >= kSortKeysMax) {
            sort_keys = new MapOf();
        }
        sort_keys.set(text, key);
    }
    return key;
}

const compare_units = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
const swapped_case = (text) => text.replace(/\p{L}/gu,
    (letter) => (letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase()));
// Blanks, then signs, then digits, then letters.
const rank_of = (letter) => (letter === undefined ? -1 : /\s/.test(letter) ? 0 : /\d/.test(letter) ? 2 : /\p{L}/u.test(letter) ? 3 : 1);

function compare_letters(a, b, numeric) {
    const pattern = numeric ? /\d+|./gsu : /./gsu;
    const [left, right] = [a.match(pattern) ?? [], b.match(pattern) ?? []];
    for (let i = 0; i < max(left.length, right.length); i++) {
        const ranks = rank_of(left[i]) - rank_of(right[i]);
        const numbers = ranks === 0 && rank_of(left[i]) === 2 ? NumberOf(left[i]) - NumberOf(right[i]) : 0;
        const order = ranks || numbers || compare_units(left[i], right[i]);
        if (order !== 0) {
            return order < 0 ? -1 : 1;
        }
    }
    return 0;
}

// Services are made with and without `new`, as the standard's older ones are.
function callable(service) {
    const made = function (locales, options) {
        return new service(locales, options);
    };
    made.supportedLocalesOf = service.supportedLocalesOf;
    made.prototype = service.prototype;
    return made;
}

// What is supported here, not all there is.
function supportedValuesOf(key) {
    const values = {
        calendar: () => ['gregory'], collation: () => ['default'], currency: () => objectKeys(kCurrencySigns).sort(),
        numberingSystem: () => ['latn'], timeZone: () => host.zone_names().trimEnd().split('\n').map((name) => name || 'UTC'),
        unit: () => [],
    };
    if (!has_own(values, `${key}`)) {
        throw new RangeErrorOf(`Invalid key : ${key}`);
    }
    return values[`${key}`]();
}

define_global('Intl', {
    DateTimeFormat: callable(DateTimeFormat), NumberFormat: callable(NumberFormat), Collator: callable(Collator),
    PluralRules, ListFormat, RelativeTimeFormat,
    supportedValuesOf,
    getCanonicalLocales: (locales) => (locales === undefined ? [] : is_array(locales) ? [...locales] : [`${locales}`]),
});

function define_method(of, name, method) {
    defineProperty(of.prototype, name, { value: method, writable: true, configurable: true, enumerable: false });
}
define_method(Number, 'toLocaleString', function toLocaleString(locales, options) {
    return new NumberFormat(locales, options).format(this);
});
for (const [name, usual] of [['toLocaleString', 'all'], ['toLocaleDateString', 'day'], ['toLocaleTimeString', 'time']]) {
    define_method(Date, name, function (locales, options) {
        return Number.isNaN(this.getTime()) ? 'Invalid Date' : new DateTimeFormat(locales, options, usual).format(this);
    });
}
const usual_collator = new Collator();
define_method(String, 'localeCompare', function localeCompare(other, locales, options) {
    return (locales === undefined && options === undefined ? usual_collator : new Collator(locales, options)).compare(this, other);
});
// The time zone by its name as well, as other engines write it; the workers' own zone is UTC.
for (const name of ['toString', 'toTimeString']) {
    const bare = uncurry(DateOf.prototype[name]);
    define_method(Date, name, { [name]() {
        const text = bare(this);
        return text === 'Invalid Date' ? text : `${text} (Coordinated Universal Time)`;
    } }[name]);
}
