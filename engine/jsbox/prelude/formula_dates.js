// Dates of formulas: read as UTC unless the text names an offset, written by the usual letters
// (YYYY MMM D HH:mm A …).
const kDayMs = 86400000;
const kLooseDate =
    /^(\d{4})[-/]?(\d{1,2})?[-/]?(\d{0,2})[Tt\s]*(\d{1,2})?:?(\d{1,2})?:?(\d{1,2})?[.:]?(\d+)?$/;

// Null: no date.
function formula_date(value) {
    const text = `${value ?? ''}`;
    const parts = /Z$/i.test(text) ? null : kLooseDate.exec(text);
    const date = parts === null
        ? new Date(text)
        : new Date(Date.UTC(+parts[1], (parts[2] || 1) - 1, parts[3] || 1, parts[4] || 0, parts[5] || 0, parts[6] || 0,
            (parts[7] || '0').slice(0, 3)));
    return Number.isNaN(date.getTime()) ? null : date;
}

function padded(number, digits) {
    return `${number}`.padStart(digits, '0');
}

const kDateLetters = {
    YY: (date) => `${date.getUTCFullYear()}`.slice(-2),
    YYYY: (date) => padded(date.getUTCFullYear(), 4),
    M: (date) => `${date.getUTCMonth() + 1}`,
    MM: (date) => padded(date.getUTCMonth() + 1, 2),
    MMM: (date) => kMonthNames[date.getUTCMonth()].slice(0, 3),
    MMMM: (date) => kMonthNames[date.getUTCMonth()],
    D: (date) => `${date.getUTCDate()}`,
    DD: (date) => padded(date.getUTCDate(), 2),
    d: (date) => `${date.getUTCDay()}`,
    dd: (date) => kDayNames[date.getUTCDay()].slice(0, 2),
    ddd: (date) => kDayNames[date.getUTCDay()].slice(0, 3),
    dddd: (date) => kDayNames[date.getUTCDay()],
    H: (date) => `${date.getUTCHours()}`,
    HH: (date) => padded(date.getUTCHours(), 2),
    h: (date) => `${date.getUTCHours() % 12 || 12}`,
    hh: (date) => padded(date.getUTCHours() % 12 || 12, 2),
    a: (date) => (date.getUTCHours() < 12 ? 'am' : 'pm'),
    A: (date) => (date.getUTCHours() < 12 ? 'AM' : 'PM'),
    m: (date) => `${date.getUTCMinutes()}`,
    mm: (date) => padded(date.getUTCMinutes(), 2),
    s: (date) => `${date.getUTCSeconds()}`,
    ss: (date) => padded(date.getUTCSeconds(), 2),
    SSS: (date) => padded(date.getUTCMilliseconds(), 3),
    Z: () => '+00:00',
    ZZ: () => '+0000',
};

// What stands in brackets stands for itself.
function format_formula_date(date, pattern) {
    return pattern.replace(/\[([^\]]+)\]|Y{1,4}|M{1,4}|D{1,2}|d{1,4}|H{1,2}|h{1,2}|a|A|m{1,2}|s{1,2}|Z{1,2}|SSS/g,
        (letters, plain) => plain ?? kDateLetters[letters]?.(date) ?? letters);
}

// The same time by a zone's clocks, with how far they are ahead: 2025-01-15T09:30:00-05:00.
function in_zone(date, zone) {
    const seconds = seconds_ahead(zone, date.getTime());
    const minutes = -Math.round(-seconds / 60);
    const size = Math.abs(minutes);
    return format_formula_date(new Date(date.getTime() + seconds * 1000), 'YYYY-MM-DDTHH:mm:ss') + (size === 0 ? 'Z'
        : `${minutes < 0 ? '-' : '+'}${padded(floor(size / 60), 2)}:${padded(size % 60, 2)}`);
}

// The same day `months` later, or that month's last.
function add_months(date, months) {
    const first = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + months, 1));
    const days = new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 0)).getUTCDate();
    first.setUTCDate(Math.min(date.getUTCDate(), days));
    return first.getTime() + date.getTime() % kDayMs + (date.getTime() % kDayMs < 0 ? kDayMs : 0);
}

function months_between(from, to) {
    if (from.getUTCDate() < to.getUTCDate()) {
        return -months_between(to, from);
    }
    const whole = (to.getUTCFullYear() - from.getUTCFullYear()) * 12 + to.getUTCMonth() - from.getUTCMonth();
    const anchor = add_months(from, whole);
    const other = add_months(from, whole + (to < anchor ? -1 : 1));
    return whole + (to - anchor) / (to < anchor ? anchor - other : other - anchor);
}

// How long ago, or until then, in words.
function relative_words(date, now) {
    const ms = date - now;
    const months = months_between(now, date);
    // [the most of them, in words, of what]
    const steps = [
        [44, 'a few seconds', ms / 1000], [89, 'a minute', ms / 1000], [44, '# minutes', ms / 60000],
        [89, 'an hour', ms / 60000], [21, '# hours', ms / 3600000], [35, 'a day', ms / 3600000],
        [25, '# days', ms / kDayMs], [45, 'a month', ms / kDayMs], [10, '# months', months], [17, 'a year', months],
        [Infinity, '# years', months / 12],
    ];
    let at = steps.findIndex(([most, , amount]) => Math.round(Math.abs(amount)) <= most);
    const count = Math.round(Math.abs(steps[at][2]));
    if (count <= 1 && at > 0) {
        at -= 1; // one of many is one
    }
    const words = steps[at][1].replace('#', `${count}`);
    return ms > 0 ? `in ${words}` : `${words} ago`;
}
