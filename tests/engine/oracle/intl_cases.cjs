// What Node.js's own Intl says of a few thousand expressions: [{expression, answer}], an answer being JSON or the name of
// what was thrown. English (United States).
'use strict';

const dates = ['2025-01-05T14:03:09.042Z', '2024-12-31T00:00:00Z', '1999-11-30T12:59:59Z'];
const styles = ['full', 'long', 'medium', 'short'];
const date_options = [
    {}, ...styles.flatMap((date) => [{ dateStyle: date }, { timeStyle: date },
        ...styles.map((time) => ({ dateStyle: date, timeStyle: time }))]),
    { month: 'long', day: 'numeric', hour: 'numeric' }, { month: 'short', day: 'numeric', hour: 'numeric', minute: '2-digit' },
    { weekday: 'short', month: 'short', day: 'numeric', year: 'numeric', hour: '2-digit', minute: '2-digit', hour12: false },
    { weekday: 'long', day: 'numeric' }, { year: '2-digit', month: '2-digit', day: '2-digit' },
    { year: 'numeric', month: 'long' }, { month: 'long' }, { month: 'narrow' }, { month: '2-digit' }, { hour: 'numeric' },
    { hour: '2-digit' }, { hour: '2-digit', hour12: false }, { minute: '2-digit', second: '2-digit' },
    { hour: 'numeric', minute: 'numeric', timeZoneName: 'short' }, { second: 'numeric', fractionalSecondDigits: 3 },
    { weekday: 'long', month: 'long', day: 'numeric', hour: 'numeric' },
    { weekday: 'short', year: 'numeric', month: 'numeric', day: 'numeric' },
    { hour: 'numeric', hourCycle: 'h23', minute: '2-digit' }, { minute: 'numeric' }, { second: 'numeric' },
    { year: 'numeric' }, { day: 'numeric' }, { day: '2-digit' }, { weekday: 'short' }, { weekday: 'narrow' },
    { year: 'numeric', month: '2-digit' }, { month: 'short', day: '2-digit' }, { month: 'numeric', day: 'numeric' },
    { weekday: 'long', month: 'short', day: 'numeric' }, { weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' },
    { hour: '2-digit', minute: '2-digit', second: '2-digit' },
    { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: true },
    { hour: 'numeric', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 2 },
    { year: 'numeric', month: 'short', day: 'numeric', hour: 'numeric', minute: '2-digit', second: '2-digit',
        timeZoneName: 'short' }, { dateStyle: 'short', hour12: false, timeStyle: 'short' },
];
const numbers = ['0', '-0', '1', '-1', '12', '1234.5', '-1234567.891', '0.005', '0.045', '1.005', '2.5', '1e21', '1.23e-7',
    '999999.995', 'NaN', 'Infinity', '100', '0.1', '0.256', '99.95', '0.0549'];
const number_options = [
    {}, { minimumFractionDigits: 2 }, { maximumFractionDigits: 0 }, { maximumFractionDigits: 1 },
    { minimumFractionDigits: 2, maximumFractionDigits: 5 }, { style: 'percent' },
    { style: 'percent', maximumFractionDigits: 1 }, { style: 'percent', maximumFractionDigits: 3 },
    { style: 'currency', currency: 'USD' }, { style: 'currency', currency: 'EUR' }, { style: 'currency', currency: 'JPY' },
    { style: 'currency', currency: 'CHF' }, { style: 'currency', currency: 'usd', maximumFractionDigits: 0 },
    { style: 'currency', currency: 'USD', currencyDisplay: 'code' },
    { style: 'currency', currency: 'CAD', currencyDisplay: 'narrowSymbol' }, { useGrouping: false },
    { minimumIntegerDigits: 3 }, { maximumSignificantDigits: 1 }, { maximumSignificantDigits: 3 },
    { signDisplay: 'always' }, { signDisplay: 'exceptZero' }, { signDisplay: 'never' },
];
const words = ['a', 'A', 'b', 'B', 'ä', 'Ä', 'z', 'Z', 'ab', 'AB', 'a b', 'a-b', '1', '2', '10', 'a1', 'a10', 'a2', '', 'é',
    'e', 'résumé', 'resume', 'Resume', '_', 'ñ', 'n', 'o'];
const others = [
    "new Intl.NumberFormat('en', {style: 'currency'})", "new Intl.DateTimeFormat('en', {month: 'x'})",
    "new Intl.DateTimeFormat('en', {timeZone: 'Mars/X'})", 'new Date(NaN).toLocaleString()',
    'new Intl.DateTimeFormat().format(NaN)', "Intl.DateTimeFormat('en').format(new Date(0))",
    'new Intl.DateTimeFormat().resolvedOptions().timeZone', "new Intl.DateTimeFormat('x y')",
    "new Intl.NumberFormat('en', {maximumFractionDigits: 101})", "['b', 'a', 'C'].sort(new Intl.Collator().compare)",
    "['b', 'a', 'C'].sort((x, y) => x.localeCompare(y))", "[1, 2].map(new Intl.NumberFormat('en', {style: 'percent'}).format)",
];

// What times were called before a zone moved is not known here: the names are today's.
const every_zone_at = ['2025-01-15T12:34:56Z', '2025-07-15T12:34:56Z'];
const changing_zones = ['America/New_York', 'america/los_angeles', 'Europe/Berlin', 'Europe/London', 'Europe/Dublin', 'Asia/Kolkata',
    'Asia/Kathmandu', 'Australia/Lord_Howe', 'Pacific/Chatham', 'America/St_Johns', 'America/Sao_Paulo', 'Africa/Cairo', 'US/Pacific',
    'EST', 'EST5EDT', 'Etc/GMT+5', 'Europe/Moscow', 'Antarctica/Troll'];
// On both sides of clocks put forward and back, and long after the tables end.
const changing_at = ['2024-03-10T06:59:59Z', '2024-03-10T07:00:00Z', '2024-03-31T00:59:59.999Z', '2024-03-31T01:00:00Z', '2024-11-03T05:59:59Z',
    '2024-11-03T06:00:00Z', '2024-10-27T01:00:00Z', '1987-04-05T10:00:00Z', '2099-07-04T16:00:00Z', '2099-01-04T16:00:00Z'];
const zone_options = [{}, { timeZoneName: 'short' }, { timeZoneName: 'long' }, { timeZoneName: 'shortOffset' }, { timeZoneName: 'longOffset' },
    { dateStyle: 'full', timeStyle: 'full' }, { dateStyle: 'short', timeStyle: 'long' }];
const zone_names = ['utc', 'GMT', 'Etc/UTC', 'Z', '', 'Europe/Kyiv', 'Asia/Calcutta', 'US/Eastern', 'europe/BERLIN', 'Europe/Berlin ', 'CET', 'MST7MDT',
    'Etc/GMT-14', 'Etc/GMT', '../etc/passwd', 'Europe', 'Europe/', 'posix/Europe/Berlin', '+24:00', 'Antarctica/South_Pole',
    'America/Argentina/Buenos_Aires', 'Asia/Ho_Chi_Minh', 'A'.repeat(100), null, 5];

function zone_expressions() {
    const text = JSON.stringify;
    const shown = (at, options) => `new Date('${at}').toLocaleString('en-US', ${text(options)})`;
    const out = zone_names.map((name) => `new Intl.DateTimeFormat('en', {timeZone: ${text(name)}}).resolvedOptions().timeZone`);
    // Coyhaique is new: ICU still calls its times as before.
    for (const timeZone of Intl.supportedValuesOf('timeZone').filter((name) => name !== 'America/Coyhaique')) {
        for (const at of every_zone_at) {
            out.push(shown(at, { timeZone, timeZoneName: 'short' }), shown(at, { timeZone, timeZoneName: 'long' }));
        }
    }
    for (const timeZone of changing_zones) {
        for (const at of changing_at) {
            out.push(...zone_options.map((options) => shown(at, { ...options, timeZone })));
        }
    }
    // Between the time and AM or PM Node.js has another blank in parts than in the text.
    out.push(`new Intl.DateTimeFormat('en-US', {timeZone: 'America/New_York', dateStyle: 'full', timeStyle: 'full'})
        .formatToParts(1e12).filter((part) => part.type !== 'literal')`);
    return out;
}

function expressions() {
    const out = [...others, ...zone_expressions()];
    const text = JSON.stringify;
    for (const date of dates) {
        for (const options of date_options) {
            for (const method of ['toLocaleString', 'toLocaleDateString', 'toLocaleTimeString']) {
                out.push(`new Date('${date}').${method}('en-US', ${text({ ...options, timeZone: 'UTC' })})`);
            }
        }
    }
    for (const number of numbers) {
        out.push(`new Intl.NumberFormat().format(${number})`);
        for (const options of number_options) {
            out.push(`(${number}).toLocaleString('en-US', ${text(options)})`);
        }
    }
    for (const number of ['1234.5', '-1234.5', '0.5', 'NaN', '-Infinity']) {
        for (const options of number_options) {
            out.push(`new Intl.NumberFormat('en-US', ${text(options)}).formatToParts(${number})`);
        }
    }
    for (const number of [0, 1, 2, 3, 4, 11, 12, 13, 21, 22, 23, 101, 111, 1.5]) {
        out.push(`new Intl.PluralRules('en').select(${number})`, `new Intl.PluralRules('en', {type: 'ordinal'}).select(${number})`);
    }
    for (const list of [[], ['a'], ['a', 'b'], ['a', 'b', 'c']]) {
        for (const type of ['conjunction', 'disjunction', 'unit']) {
            out.push(`new Intl.ListFormat('en', {type: '${type}'}).format(${text(list)})`);
        }
    }
    for (const unit of ['second', 'minutes', 'hour', 'day', 'week', 'month', 'quarter', 'years']) {
        for (const number of [-2, -1, 0, 1, 5, 1234.5]) {
            for (const numeric of ['auto', 'always']) {
                out.push(`new Intl.RelativeTimeFormat('en', {numeric: '${numeric}'}).format(${number}, '${unit}')`);
            }
        }
    }
    for (const a of words) {
        for (const b of words) {
            for (const more of ['', ', undefined, {numeric: true}', ", 'en', {sensitivity: 'base'}", ", 'en', {sensitivity: 'accent'}"]) {
                out.push(`${text(a)}.localeCompare(${text(b)}${more})`);
            }
        }
    }
    return out;
}

function answer_of(expression) {
    try {
        return JSON.stringify((0, eval)(expression));
    } catch (thrown) {
        return thrown.name;
    }
}

// The data of this ICU is what is compared with; that of another one writes some dates and odd currencies otherwise.
const same_data = process.versions.icu.split('.')[0] === '78';

module.exports = () => ({
    same_data,
    cases: expressions()
        .filter((one) => same_data || !/Date|NaN|Infinity/.test(one))
        .map((expression) => ({ expression, answer: answer_of(expression) })),
});
