// The Intl that steps ask for most: numbers, dates (intl_dates.js), plurals, lists, relative times and sorting
// (intl_words.js) as English (United States) writes them, whatever locale is asked for; resolvedOptions() says so.
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
