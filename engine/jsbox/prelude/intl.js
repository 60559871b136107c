// The Intl that steps ask for most: numbers, dates, plurals, lists, relative times and sorting as English (United
// States) writes them, whatever locale is asked for; resolvedOptions() says so. Of time zones there are UTC
// and offsets such as +02:00; any other is a RangeError, because a wrong hour is worse than none.
const kLocale = 'en-US';
const kMonthNames = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October',
    'November', 'December'];
const kDayNames = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const kCurrencySigns = { __proto__: null, USD: '$', EUR: '€', GBP: '£', JPY: '¥', INR: '₹', CNY: 'CN¥', KRW: '₩', CAD: 'CA$',
    AUD: 'A$', NZD: 'NZ$', MXN: 'MX$', BRL: 'R$', HKD: 'HK$', TWD: 'NT$', ILS: '₪', VND: '₫', PHP: '₱', XAF: 'FCFA' };
const kWholeCurrencies = ['JPY', 'KRW', 'VND', 'CLP', 'ISK', 'XAF', 'PYG', 'UGX', 'RWF'];

function choice(options, name, allowed, otherwise) {
    const value = options[name];
    if (value === undefined) {
        return otherwise;
    }
    if (!allowed.includes(`${value}`)) {
        throw new RangeErrorOf(`Value ${value} out of range for Intl options property ${name}`);
    }
    return `${value}`;
}

function digits_option(options, name, least, otherwise) {
    const value = options[name];
    if (value === undefined) {
        return otherwise;
    }
    const number = floor(NumberOf(value));
    if (!(number >= least && number <= 100)) {
        throw new RangeErrorOf(`${name} value is out of range.`);
    }
    return number;
}

class IntlService {
    constructor(locales, options) {
        for (const locale of locales === undefined ? [] : is_array(locales) ? locales : [locales]) {
            if (typeof locale !== 'string' || !/^[A-Za-z]{2,8}(-[A-Za-z\d]{1,8})*$/.test(locale)) {
                throw new RangeErrorOf(`Incorrect locale information provided`);
            }
        }
        this.options = options === undefined ? {} : Object(options);
    }
    resolvedOptions() {
        return { locale: kLocale, ...this.resolved };
    }
    static supportedLocalesOf(locales) {
        return (is_array(locales) ? locales : [locales]).filter((locale) => /^en\b/.test(locale));
    }
}

// ---- numbers

class NumberFormat extends IntlService {
    constructor(locales, options) {
        super(locales, options);
        const given = this.options;
        const style = choice(given, 'style', ['decimal', 'percent', 'currency'], 'decimal');
        const currency = given.currency === undefined ? undefined : `${given.currency}`.toUpperCase();
        if (style === 'currency' && !/^[A-Z]{3}$/.test(currency ?? '')) {
            throw new TypeErrorOf('Currency code is required with currency style.');
        }
        const usual = style === 'currency' ? (kWholeCurrencies.includes(currency) ? 0 : 2) : 0;
        let least = digits_option(given, 'minimumFractionDigits', 0, undefined);
        let most = digits_option(given, 'maximumFractionDigits', 0, undefined);
        if (least !== undefined && most !== undefined && least > most) {
            throw new RangeErrorOf('maximumFractionDigits value is out of range.');
        }
        least ??= min(usual, most ?? usual);
        most ??= max(least, style === 'decimal' ? 3 : usual);
        this.resolved = {
            numberingSystem: 'latn', style, ...(style === 'currency' && { currency,
                currencyDisplay: choice(given, 'currencyDisplay', ['symbol', 'narrowSymbol', 'code', 'name'], 'symbol') }),
            minimumIntegerDigits: digits_option(given, 'minimumIntegerDigits', 1, 1),
            minimumFractionDigits: least, maximumFractionDigits: most,
            significant: digits_option(given, 'maximumSignificantDigits', 1, undefined),
            useGrouping: given.useGrouping !== false && given.useGrouping !== 'false',
            signDisplay: choice(given, 'signDisplay', ['auto', 'never', 'always', 'exceptZero', 'negative'], 'auto'),
        };
        this.format = (value) => this.write(value);
    }
    write(value) {
        const resolved = this.resolved;
        const number = NumberOf(value);
        const text = Number.isNaN(number) ? 'NaN' : Math.abs(number) === Infinity ? '∞' : this.decimals(Math.abs(number));
        const is_zero = !/[1-9∞N]/.test(text);
        const sign = {
            auto: number < 0 || Object.is(number, -0) ? '-' : '',
            never: '',
            always: number < 0 || Object.is(number, -0) ? '-' : '+',
            exceptZero: is_zero || text === 'NaN' ? '' : number < 0 ? '-' : '+',
            negative: number < 0 && !is_zero ? '-' : '',
        }[resolved.signDisplay];
        if (resolved.style === 'percent') {
            return `${sign}${text}%`;
        }
        if (resolved.style !== 'currency') {
            return `${sign}${text}`;
        }
        const known = kCurrencySigns[resolved.currency];
        const shown = resolved.currencyDisplay;
        if (shown === 'name') {
            return `${sign}${text} ${resolved.currency}`;
        }
        const symbol = shown === 'code' || known === undefined ? resolved.currency
            : shown === 'narrowSymbol' ? known.replace(/^[A-Z]+(?=\W)/, '') : known;
        return `${sign}${symbol}${/[A-Z]$/.test(symbol) && /^\d/.test(text) ? '\u00a0' : ''}${text}`;
    }
    decimals(number) {
        const { minimumFractionDigits: least, maximumFractionDigits: most, significant, minimumIntegerDigits } = this.resolved;
        const digits = this.resolved.style === 'percent' ? shifted(plain_text(number), 2) : plain_text(number);
        const text = significant === undefined ? round_half_up(digits, most) : round_to_significant(digits, significant);
        let [whole, fraction = ''] = text.split('.');
        const floor_of_digits = significant === undefined ? least : 0;
        while (fraction.length > floor_of_digits && fraction.endsWith('0')) {
            fraction = fraction.slice(0, -1);
        }
        whole = whole.padStart(minimumIntegerDigits, '0');
        if (this.resolved.useGrouping) {
            whole = whole.replace(/\B(?=(\d{3})+$)/g, ',');
        }
        return fraction === '' ? whole : `${whole}.${fraction}`;
    }
    formatToParts(value) {
        const types = { ',': 'group', '.': 'decimal', '-': 'minusSign', '+': 'plusSign', '%': 'percentSign', '∞': 'infinity',
            '\u00a0': 'literal', NaN: 'nan' };
        const parts = this.write(value).match(/\d+|NaN|[,.+%∞\u00a0-]|[^\d,.+%∞\u00a0-]+?(?=NaN)|[^\d,.+%∞\u00a0-]+/g);
        return parts.map((part, index) => ({
            type: types[part] ?? (/\d/.test(part) ? (parts[index - 1] === '.' ? 'fraction' : 'integer') : 'currency'),
            value: part,
        }));
    }
    resolvedOptions() {
        const { significant, ...shown } = super.resolvedOptions();
        return { ...shown, useGrouping: shown.useGrouping ? 'auto' : false,
            ...(significant !== undefined && { minimumSignificantDigits: 1, maximumSignificantDigits: significant }) };
    }
}

// A number's digits without an exponent.
function plain_text(number) {
    const [digits, exponent] = `${number}`.split('e');
    if (exponent === undefined) {
        return digits;
    }
    const [whole, fraction = ''] = digits.split('.');
    const power = NumberOf(exponent);
    return power > 0 ? whole + fraction.padEnd(power, '0') : `0.${'0'.repeat(-power - 1)}${whole}${fraction}`;
}

// The point moved to the right.
function shifted(text, places) {
    const [whole, fraction = ''] = text.split('.');
    const left = max(0, fraction.length - places);
    const digits = (whole + fraction.padEnd(places, '0')).replace(/^0+/, '').padStart(left + 1, '0');
    return left === 0 ? digits : `${digits.slice(0, -left)}.${digits.slice(-left)}`;
}

function round_to_significant(text, significant) {
    const [whole] = text.split('.');
    const places = significant - (whole === '0' ? -(/^0\.(0*)/.exec(text)?.[1].length ?? 0) : whole.length);
    return places >= 0 ? round_half_up(text, places)
        : `${round_half_up(`${whole.slice(0, places)}.${whole.slice(places)}`, 0).replace('.', '')}${'0'.repeat(-places)}`;
}

// Halves away from zero.
function round_half_up(text, places) {
    const [whole, fraction = ''] = text.split('.');
    if (fraction.length <= places) {
        return `${whole}.${fraction.padEnd(places, '0')}`;
    }
    let digits = `${whole}${fraction.slice(0, places)}`;
    if (fraction[places] >= '5') {
        digits = `${BigInt(digits) + 1n}`.padStart(digits.length, '0');
    }
    return places === 0 ? digits : `${digits.slice(0, -places)}.${digits.slice(-places)}`;
}

// ---- dates

const kDateStyles = {
    full: { weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' },
    long: { year: 'numeric', month: 'long', day: 'numeric' },
    medium: { year: 'numeric', month: 'short', day: 'numeric' },
    short: { year: '2-digit', month: 'numeric', day: 'numeric' },
};
const kTimeStyles = {
    full: { hour: 'numeric', minute: '2-digit', second: '2-digit', timeZoneName: 'long' },
    long: { hour: 'numeric', minute: '2-digit', second: '2-digit', timeZoneName: 'short' },
    medium: { hour: 'numeric', minute: '2-digit', second: '2-digit' },
    short: { hour: 'numeric', minute: '2-digit' },
};
const kDateFields = ['weekday', 'year', 'month', 'day'];
const kTimeFields = ['hour', 'minute', 'second', 'fractionalSecondDigits'];

// [its name, minutes east of UTC]
function zone_of(value) {
    const name = value === undefined ? 'UTC' : `${value}`;
    const offset = /^([+-])(\d\d):?(\d\d)?$/.exec(name);
    if (offset !== null && offset[2] < '24' && (offset[3] ?? '00') < '60') {
        const minutes = NumberOf(offset[2]) * 60 + NumberOf(offset[3] ?? 0);
        return [`${offset[1]}${offset[2]}:${offset[3] ?? '00'}`, offset[1] === '-' ? -minutes : minutes];
    }
    if (!/^(utc|gmt|etc\/(utc|gmt))$/i.test(name)) {
        throw new RangeErrorOf(`Invalid time zone specified: ${name} (tier js knows UTC and offsets such as +02:00)`);
    }
    return ['UTC', 0];
}

class DateTimeFormat extends IntlService {
    // `usual`: what is shown when nothing is asked for.
    constructor(locales, options, usual = 'date') {
        super(locales, options);
        const given = this.options;
        const styles = ['full', 'long', 'medium', 'short'];
        const date_style = choice(given, 'dateStyle', styles, undefined);
        const time_style = choice(given, 'timeStyle', styles, undefined);
        const fields = {};
        const take = (name, allowed) => {
            const value = choice(given, name, allowed, undefined);
            if (value !== undefined) {
                fields[name] = value;
            }
        };
        const number = ['numeric', '2-digit'];
        const text = ['long', 'short', 'narrow'];
        take('weekday', text);
        take('year', number);
        take('month', [...number, ...text]);
        take('day', number);
        take('hour', number);
        take('minute', number);
        take('second', number);
        take('fractionalSecondDigits', ['1', '2', '3']);
        if (date_style !== undefined || time_style !== undefined) {
            if ((usual === 'day' && time_style !== undefined) || (usual === 'time' && date_style !== undefined)) {
                throw new TypeErrorOf(`Invalid option : ${usual === 'day' ? 'timeStyle' : 'dateStyle'}`);
            }
            if (objectKeys(fields).length > 0) {
                throw new TypeErrorOf(`Can't set option ${objectKeys(fields)[0]} when dateStyle or timeStyle is used`);
            }
            Object.assign(fields, kDateStyles[date_style], kTimeStyles[time_style]);
        } else if (!objectKeys(fields).some((name) => usual === 'time' ? kTimeFields.includes(name)
            : usual === 'day' ? kDateFields.includes(name) : true)) {
            Object.assign(fields, usual === 'time' ? {} : { year: 'numeric', month: 'numeric', day: 'numeric' },
                usual === 'date' || usual === 'day' ? {} : { hour: 'numeric', minute: '2-digit', second: '2-digit' });
        }
        const zone_name = choice(given, 'timeZoneName', ['short', 'long'], undefined);
        if (zone_name !== undefined) {
            fields.timeZoneName = zone_name;
        }
        [this.zone, this.minutes] = zone_of(given.timeZone);
        const cycle = choice(given, 'hourCycle', ['h11', 'h12', 'h23', 'h24'], undefined);
        this.half_days = given.hour12 === undefined ? cycle === undefined || cycle === 'h12' || cycle === 'h11' : Boolean(given.hour12);
        this.midnight = given.hour12 === false ? '24' : cycle === 'h24' ? '24' : '00';
        this.joiner = date_style === undefined ? fields.month === 'long' : date_style === 'full' || date_style === 'long';
        this.fields = fields;
        this.resolved = { calendar: 'gregory', numberingSystem: 'latn', timeZone: this.zone, ...fields };
        this.format = (value) => this.write(value);
    }
    write(value) {
        const at = value === undefined ? now_ms() : NumberOf(value);
        if (!(Math.abs(at) <= 8.64e15)) {
            throw new RangeErrorOf('Invalid time value');
        }
        const date = new DateOf(at + this.minutes * 60000);
        const day = this.day_text(date);
        const time = this.time_text(date);
        const only_weekday = kDateFields.every((name) => (name === 'weekday') === (name in this.fields));
        return day === '' || time === '' ? day + time
            : `${day}${only_weekday ? ' ' : this.joiner ? ' at ' : ', '}${time}`;
    }
    day_text(date) {
        const { weekday, year, month, day } = this.fields;
        const sized = (names, at, size) => (size === 'long' ? names[at] : names[at].slice(0, size === 'short' ? 3 : 1));
        const digits = (number, size) => (size === '2-digit' ? `${number}`.slice(-2).padStart(2, '0') : `${number}`);
        const full_year = date.getUTCFullYear();
        const parts = {
            weekday: weekday && sized(kDayNames, date.getUTCDay(), weekday),
            year: year && digits(full_year, year),
            day: day && digits(date.getUTCDate(), day),
        };
        if (month === undefined || month === 'numeric' || month === '2-digit') {
            const dates = [month && digits(date.getUTCMonth() + 1, month), parts.day, parts.year]
                .filter((part) => part !== undefined);
            if (month === undefined && parts.day !== undefined && parts.weekday !== undefined && parts.year === undefined) {
                return `${parts.day} ${parts.weekday}`;
            }
            return [parts.weekday, dates.join('/')].filter((part) => part !== undefined && part !== '').join(', ');
        }
        const named = [sized(kMonthNames, date.getUTCMonth(), month), parts.day].filter((part) => part !== undefined).join(' ');
        const dated = parts.year === undefined ? named : named + (parts.day === undefined ? ' ' : ', ') + parts.year;
        return parts.weekday === undefined ? dated : `${parts.weekday}, ${dated}`;
    }
    time_text(date) {
        const { hour, minute, second, fractionalSecondDigits: fraction, timeZoneName } = this.fields;
        const parts = [];
        if (hour !== undefined) {
            const number = this.half_days ? date.getUTCHours() % 12 || 12 : date.getUTCHours();
            parts.push(number === 0 ? this.midnight
                : this.half_days && hour === 'numeric' ? `${number}` : `${number}`.padStart(2, '0'));
        }
        const with_others = (size, others) => size === '2-digit' && others > 0 || others > 1;
        if (minute !== undefined) {
            const number = `${date.getUTCMinutes()}`;
            parts.push(hour !== undefined || second !== undefined ? number.padStart(2, '0') : number);
        }
        if (second !== undefined) {
            const number = `${date.getUTCSeconds()}`;
            parts.push((minute !== undefined || with_others(second, parts.length) ? number.padStart(2, '0') : number) +
                (fraction === undefined ? '' : `.${`${date.getUTCMilliseconds()}`.padStart(3, '0').slice(0, fraction)}`));
        }
        if (parts.length === 0) {
            return '';
        }
        const half = hour !== undefined && this.half_days ? (date.getUTCHours() < 12 ? ' AM' : ' PM') : '';
        const zone = timeZoneName === undefined ? ''
            : this.zone !== 'UTC' ? ` GMT${this.zone.replace(/^([+-])0?(\d+):00$/, '$1$2')}`
                : timeZoneName === 'long' ? ' Coordinated Universal Time' : ' UTC';
        return parts.join(':') + half + zone;
    }
}

// ---- words

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

define_global('Intl', {
    DateTimeFormat: callable(DateTimeFormat), NumberFormat: callable(NumberFormat), Collator: callable(Collator),
    PluralRules, ListFormat, RelativeTimeFormat,
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
