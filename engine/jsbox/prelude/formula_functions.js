// The functions of formulas. Each takes values; a `t` in the first column says that an argument is a text,
// which may be written bare. Missing values are empty texts.
const formula_text = (value) => `${value ?? ''}`;
const formula_list = (value) => (Array.isArray(value) ? value : value == null ? [] : [value]);
const is_record = (value) => typeof value === 'object' && value !== null;
const member_of = (item, name) => (is_record(item) ? item[`${name}`] : undefined);
const is_blank = (value) => value === '' || value == null;

function formula_quotient(number, divisor) {
    if (Number(divisor) === 0) {
        throw new Error('Cannot divide by zero');
    }
    return Number(number) / Number(divisor);
}

function numbers_of(list, name) {
    return formula_list(list).map((item) => member_of(item, name)).filter((value) => value != null).map(Number)
        .filter(Number.isFinite);
}

function sum_of(list, name) {
    return formula_list(list).reduce((sum, item) => sum + (Number(is_record(item) ? item[`${name}`] : 0) || 0), 0);
}

// A date's property, or the empty text for what is no date.
const of_date = (take) => (value, ...rest) => {
    const date = formula_date(value);
    return date === null ? '' : take(date, ...rest);
};
const after_ms = (date, ms) => new Date(date.getTime() + ms).toISOString();

// name: [which arguments are texts ('t' text, '-' not; the last letter goes on), the function]
const kFormulaFunctions = {
    combine: ['t', (a, b, between = '') => formula_text(a) + between + formula_text(b)],
    uppercase: ['t', (text) => formula_text(text).toUpperCase()],
    lowercase: ['t', (text) => formula_text(text).toLowerCase()],
    titlecase: ['t', (text) => formula_text(text).replace(/\w\S*/g,
        (word) => word[0].toUpperCase() + word.slice(1).toLowerCase())],
    trim: ['t', (text) => formula_text(text).trim()],
    prefix: ['t', (text, before) => formula_text(before) + formula_text(text)],
    suffix: ['t', (text, after) => formula_text(text) + formula_text(after)],
    replace: ['t', (text, from, to) => formula_text(text).split(formula_text(from)).join(formula_text(to))],
    remove: ['t', (text, part) => formula_text(text).split(formula_text(part)).join('')],
    first_n: ['t-', (text, count) => formula_text(text).slice(0, Number(count))],
    last_n: ['t-', (text, count) => formula_text(text).slice(Math.max(0, formula_text(text).length - Number(count)))],
    truncate: ['t-', (text, count) => (formula_text(text).length > Number(count)
        ? `${formula_text(text).slice(0, Number(count))}...` : formula_text(text))],
    split: ['tt-', (text, by, index) => formula_text(text).split(formula_text(by))[Number(index)] ?? ''],
    extract_between: ['t', (text, start, end) => {
        const from = formula_text(text).indexOf(formula_text(start));
        const begin = from + formula_text(start).length;
        const to = from < 0 ? -1 : formula_text(text).indexOf(formula_text(end), begin);
        return to < 0 ? '' : formula_text(text).slice(begin, to);
    }],
    extract_email: ['t', (text) => formula_text(text).match(/[\w.%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}/)?.[0] ?? ''],
    extract_url: ['t', (text) => formula_text(text).match(/https?:\/\/\S+/)?.[0] ?? ''],
    length: ['t', (value) => (Array.isArray(value) ? value.length : String(value).length)],
    contains: ['t', (text, part) => formula_text(text).includes(formula_text(part))],
    starts_with: ['t', (text, part) => formula_text(text).startsWith(formula_text(part))],
    ends_with: ['t', (text, part) => formula_text(text).endsWith(formula_text(part))],
    remove_spaces: ['t', (text) => formula_text(text).replace(/\s+/g, ' ').trim()],
    word_count: ['t', (text) => formula_text(text).split(/\s+/).filter(Boolean).length],

    add: ['-', (a, b) => Number(a) + Number(b)],
    subtract: ['-', (a, b) => Number(a) - Number(b)],
    multiply: ['-', (a, b) => Number(a) * Number(b)],
    divide: ['-', formula_quotient],
    round: ['-', (number, decimals = 0) => Number(Number(number).toFixed(Number(decimals)))],
    round_up: ['-', (number) => Math.ceil(Number(number))],
    round_down: ['-', (number) => Math.floor(Number(number))],
    absolute: ['-', (number) => Math.abs(Number(number))],
    percentage: ['-', (number, total) => formula_quotient(number, total) * 100],
    format_number: ['-', (number, decimals = 0) => new NumberFormat(kLocale,
        { minimumFractionDigits: Number(decimals), maximumFractionDigits: Number(decimals) }).format(Number(number))],
    format_currency: ['-t', (number, symbol = '$') => `${symbol}${Number(number).toFixed(2)}`],
    cents_to_dollars: ['-', (cents) => `$${(Number(cents) / 100).toFixed(2)}`],
    min: ['-', (a, b) => Math.min(Number(a), Number(b))],
    max: ['-', (a, b) => Math.max(Number(a), Number(b))],
    to_number: ['t', (value) => Number(value)],

    format_date: ['-t', of_date((date, pattern = 'YYYY-MM-DD') => format_formula_date(date, `${pattern}`))],
    format_date_long: ['-', of_date((date) => format_formula_date(date, 'dddd, MMMM D, YYYY'))],
    format_time: ['-t', of_date((date, pattern = 'HH:mm') => format_formula_date(date, `${pattern}`))],
    relative_time: ['-', of_date((date) => relative_words(date, new Date()))],
    add_days: ['-', of_date((date, days) => after_ms(date, Math.round(Number(days)) * kDayMs))],
    subtract_days: ['-', of_date((date, days) => after_ms(date, Math.round(-Number(days)) * kDayMs))],
    add_hours: ['-', of_date((date, hours) => after_ms(date, Number(hours) * 3600000))],
    days_between: ['-', (a, b) => {
        const [from, to] = [formula_date(a), formula_date(b)];
        return from === null || to === null ? '' : Math.round(Math.abs(to - from) / kDayMs);
    }],
    get_day: ['-', of_date((date) => date.getUTCDate())],
    get_month: ['-', of_date((date) => kMonthNames[date.getUTCMonth()])],
    get_year: ['-', of_date((date) => date.getUTCFullYear())],
    get_day_of_week: ['-', of_date((date) => kDayNames[date.getUTCDay()])],
    start_of_month: ['-', of_date((date) =>
        new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1)).toISOString())],
    end_of_month: ['-', of_date((date) =>
        new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1) - 1).toISOString())],
    convert_timezone: ['-t', of_date((date, zone) => in_zone(date, find_zone(zone ?? 'UTC')))],
    now: ['-', () => new Date().toISOString()],
    today: ['-', () => format_formula_date(new Date(), 'YYYY-MM-DD')],
    to_date: ['t', of_date((date) => date.toISOString())],

    // Numbers come as text from text fields: compared as `==` does, here and below.
    filter_list: ['-tt', (list, name, value) =>
        formula_list(list).filter((item) => is_record(item) && item[`${name}`] == value)],
    sort_list: ['-t', (list, name, order = 'asc') => [...formula_list(list)].sort((a, b) => {
        const [left, right] = [member_of(a, name), member_of(b, name)];
        if (left == null || right == null) {
            return left == null && right == null ? 0 : left == null ? 1 : -1;
        }
        return (left < right ? -1 : left > right ? 1 : 0) * (`${order}` === 'desc' ? -1 : 1);
    })],
    pluck: ['-t', (list, name) => formula_list(list).map((item) => member_of(item, name))],
    join_list: ['-t', (list, by = ',') => formula_list(list).join(`${by}`)],
    first_item: ['-', (list) => formula_list(list)[0]],
    last_item: ['-', (list) => formula_list(list).at(-1)],
    item_at: ['-', (list, index) => formula_list(list)[Number(index)]],
    count: ['-', (list) => formula_list(list).length],
    sum: ['-t', sum_of],
    average: ['-t', (list, name) => sum_of(list, name) / (formula_list(list).length || 1)],
    max_in_list: ['-t', (list, name) => {
        const numbers = numbers_of(list, name);
        return numbers.length === 0 ? null : Math.max(...numbers);
    }],
    min_in_list: ['-t', (list, name) => {
        const numbers = numbers_of(list, name);
        return numbers.length === 0 ? null : Math.min(...numbers);
    }],
    deduplicate: ['-t', (list, name) => {
        const seen = new Set();
        return formula_list(list).filter((item) => {
            const key = is_record(item) ? item[`${name}`] : item;
            return !seen.has(key) && seen.add(key);
        });
    }],
    flatten: ['-', (list) => formula_list(list).flat()],
    split_text_to_list: ['t', (text, by = ',') => formula_text(text).split(`${by}`).map((part) => part.trim())],

    // `if` is not among them: it evaluates one of its branches alone (formula.js).
    if_empty: ['t', (value, otherwise) => (is_blank(value) || value === 'undefined' ? otherwise : value)],
    if_null: ['t', (value, otherwise) => (value == null || value === 'undefined' ? otherwise : value)],
    switch: ['t', (value, ...pairs) => {
        for (let i = 0; i + 1 < pairs.length; i += 2) {
            if (pairs[i] == value) {
                return pairs[i + 1];
            }
        }
        return pairs.length % 2 === 1 ? pairs.at(-1) : '';
    }],
    is_empty: ['t', is_blank],
    is_not_empty: ['t', (value) => !is_blank(value)],
    is_equal: ['t', (a, b) => a == b],
    and: ['-', (a, b) => Boolean(a) && Boolean(b)],
    or: ['-', (a, b) => Boolean(a) || Boolean(b)],
    not: ['-', (a) => !a],
    coalesce: ['t', (...values) => values.find((value) => !is_blank(value)) ?? ''],
};
