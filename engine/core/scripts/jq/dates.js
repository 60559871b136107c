// Times: seconds since 1970, and jq's "broken down" form [year, month, day, hours, minutes, seconds, day of the
// week, day of the year], months and days of the year from 0. The local zone is UTC.
const kDays = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const kMonths = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October',
    'November', 'December'];

const utc = (year, month, day, h = 0, m = 0, s = 0) => {
    const date = new Date(Date.UTC(2000, month, day, h, m, s));
    date.setUTCFullYear(year + date.getUTCFullYear() - 2000);  // Date.UTC takes years below 100 for 19xx
    if (date.getUTCMonth() === 2 || month !== 1 || day !== 29) return date;
    return new Date(Date.UTC(year, month, day, h, m, s));
};
const day_of_year = (date) =>
    Math.floor((Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()) - Date.UTC(date.getUTCFullYear(), 0, 1)) / 86400000);
const broken_down = (seconds) => {
    const date = new Date(Math.floor(seconds) * 1000);
    if (Number.isNaN(date.getTime())) fail('error converting number of seconds since epoch to datetime');
    return [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate(), date.getUTCHours(), date.getUTCMinutes(),
        date.getUTCSeconds() + (seconds - Math.floor(seconds)), date.getUTCDay(), day_of_year(date)];
};
const gmtime = (name) => (v) => typeof v === 'number' ? broken_down(v) : fail(`${name} requires a number`);
const checked_time = (v, name) => {
    if (!Array.isArray(v)) fail(`${name} requires array of 6 numbers`);
    if (v.length < 6 || !v.every((one) => typeof one === 'number')) fail(`${name} requires parsed datetime inputs`);
    return v;
};
const mktime = (v) => {
    const [year, month, day, h, m, s] = checked_time(v, 'mktime').map(Math.trunc);
    return Math.floor(utc(year, month, day, h, m, s).getTime() / 1000);
};

const padded = (n, width, by = '0') => String(n).padStart(width, by);
// The ISO week: the one of its Thursday.
const iso_week = (date) => {
    const thursday = new Date(date.getTime() + (3 - (date.getUTCDay() + 6) % 7) * 86400000);
    return [thursday.getUTCFullYear(), Math.floor(day_of_year(thursday) / 7) + 1];
};
const writers = {
    Y: (t) => String(t[0]), C: (t) => padded(Math.floor(t[0] / 100), 2), y: (t) => padded(((t[0] % 100) + 100) % 100, 2),
    m: (t) => padded(t[1] + 1, 2), d: (t) => padded(t[2], 2), e: (t) => padded(t[2], 2, ' '),
    H: (t) => padded(t[3], 2), k: (t) => padded(t[3], 2, ' '), I: (t) => padded((t[3] + 11) % 12 + 1, 2),
    l: (t) => padded((t[3] + 11) % 12 + 1, 2, ' '), M: (t) => padded(t[4], 2), S: (t) => padded(Math.floor(t[5]), 2),
    p: (t) => t[3] < 12 ? 'AM' : 'PM', P: (t) => t[3] < 12 ? 'am' : 'pm', Z: () => 'UTC', z: () => '+0000',
    a: (t) => kDays[t[6]].slice(0, 3), A: (t) => kDays[t[6]], b: (t) => kMonths[t[1]].slice(0, 3),
    h: (t) => kMonths[t[1]].slice(0, 3), B: (t) => kMonths[t[1]], j: (t) => padded(t[7] + 1, 3), u: (t) => String(t[6] || 7),
    w: (t) => String(t[6]), U: (t) => padded(Math.floor((t[7] + 7 - t[6]) / 7), 2),
    W: (t) => padded(Math.floor((t[7] + 7 - (t[6] + 6) % 7) / 7), 2), s: (t) => String(mktime(t)),
    G: (t) => String(iso_week(utc(t[0], t[1], t[2]))[0]), V: (t) => padded(iso_week(utc(t[0], t[1], t[2]))[1], 2),
    n: () => '\n', t: () => '\t', '%': () => '%',
};
const kWhole = { T: '%H:%M:%S', D: '%m/%d/%y', F: '%Y-%m-%d', R: '%H:%M', r: '%I:%M:%S %p', c: '%a %b %e %H:%M:%S %Y', x: '%m/%d/%y', X: '%H:%M:%S' };
const expanded = (format) => format.replace(/%([TDFRrcxX])/g, (_, name) => kWhole[name]);
const strftime = (name) => (v, format) => {
    const time = typeof v === 'number' ? broken_down(v) : v;
    if (!Array.isArray(time)) fail(`${name}/1 requires parsed datetime inputs`);
    if (typeof format !== 'string') fail(`${name}/1 requires a string format`);
    checked_time(time, `${name}/1`);
    const date = utc(time[0], time[1], time[2]);
    const full = [...time.slice(0, 6).map((n, at) => at < 5 ? Math.trunc(n) : n), date.getUTCDay(), day_of_year(date)];
    return expanded(format).replace(/%[EO]?(.)/gs, (all, c) => own(writers, c) ? writers[c](full) : all);
};

const name_of = (list) => `(${list.flatMap((one) => [one, one.slice(0, 3)]).join('|')})`;
const number_at = (list, word) => list.findIndex((one) => one.slice(0, 3).toLowerCase() === word.slice(0, 3).toLowerCase());
const number = (width) => ` *([+-]?\\d{1,${width}})`;
const readers = {
    Y: [number(4), (t, n) => { t.year = +n; }], m: [number(2), (t, n) => { t.month = n - 1; }], d: [number(2), (t, n) => { t.day = +n; }],
    e: [number(2), (t, n) => { t.day = +n; }], H: [number(2), (t, n) => { t.h = +n; }], k: [number(2), (t, n) => { t.h = +n; }],
    I: [number(2), (t, n) => { t.h12 = n % 12; }], M: [number(2), (t, n) => { t.m = +n; }], S: [number(2), (t, n) => { t.s = +n; }],
    y: [number(2), (t, n) => { t.year = +n + (n < 69 ? 2000 : 1900); }], j: [number(3), (t, n) => { t.yday = n - 1; }],
    p: ['(AM|PM)', (t, word) => { t.pm = word.toUpperCase() === 'PM'; }], Z: ['([A-Za-z]+)', () => {}],
    z: ['(Z|[+-]\\d{2}:?\\d{2})', () => {}], a: [name_of(kDays), () => {}], A: [name_of(kDays), () => {}],
    b: [name_of(kMonths), (t, word) => { t.month = number_at(kMonths, word); }],
    B: [name_of(kMonths), (t, word) => { t.month = number_at(kMonths, word); }],
    h: [name_of(kMonths), (t, word) => { t.month = number_at(kMonths, word); }],
    u: ['([1-7])', () => {}], w: ['([0-6])', () => {}],
    s: ['(-?\\d+)', (t, n) => { t.since = +n; }], n: ['\\s*()', () => {}], t: ['\\s*()', () => {}], '%': ['%()', () => {}],
};
const strptime = (v, format) => {
    if (typeof v !== 'string') fail(`strptime/1 requires string inputs and arguments`);
    if (typeof format !== 'string') fail(`strptime/1 requires string inputs and arguments`);
    const takes = [];
    const source = expanded(format).replace(/%[EO]?(.)|\s+|[.*+?^${}()|[\]\\]/gs, (all, c) => {
        if (c === undefined) return /\s/.test(all) ? '\\s*' : `\\${all}`;
        if (!own(readers, c)) fail(`date "${v}" does not match format "${format}"`);
        takes.push(readers[c][1]);
        return readers[c][0];
    });
    const found = new RegExp(`^${source}$`, 'i').exec(v);
    if (!found) fail(`date "${v}" does not match format "${format}"`);
    const t = { year: 1900, month: 0, day: 0, h: 0, m: 0, s: 0 };
    takes.forEach((take, at) => take(t, found[at + 1]));
    if (t.since !== undefined) return broken_down(t.since);
    if (t.h12 !== undefined) t.h = t.h12 + (t.pm ? 12 : 0);
    const date = t.yday !== undefined && t.day === 0 ? utc(t.year, 0, t.yday + 1) : utc(t.year, t.month, t.day);
    if (t.yday !== undefined && t.day === 0) [t.month, t.day] = [date.getUTCMonth(), date.getUTCDate()];
    return [t.year, t.month, t.day, t.h, t.m, t.s, date.getUTCDay(), day_of_year(date)];
};
