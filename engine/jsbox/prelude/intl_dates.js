// Dates and times in English, in any time zone that the host's tzdata knows.
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

// ---- time zones

const kZoneName = /^[A-Za-z][\w+/-]{0,63}$/;

// {its canonical name, how many seconds its clocks are ahead of UTC: undefined where that changes}
function find_zone(value) {
    const name = value === undefined ? 'UTC' : `${value}`;
    const offset = /^([+-])(\d\d):?(\d\d)?$/.exec(name);
    if (offset !== null && offset[2] < '24' && (offset[3] ?? '00') < '60') {
        const seconds = NumberOf(offset[2]) * 3600 + NumberOf(offset[3] ?? 0) * 60;
        return { name: `${offset[1]}${offset[2]}:${offset[3] ?? '00'}`, seconds: offset[1] === '-' ? -seconds : seconds };
    }
    if (/^(utc|gmt|etc\/(utc|gmt))$/i.test(name)) {
        return { name: 'UTC', seconds: 0 };
    }
    const canonical = kZoneName.test(name) ? host.zone(name) : undefined;
    if (canonical === undefined) {
        throw new RangeErrorOf(`Invalid time zone specified: ${string_slice(name, 0, 64)}${host.zone('Etc/UTC') === undefined
            ? ' (this machine has no tzdata: there are UTC and offsets such as +02:00 alone)' : ''}`);
    }
    return { name: canonical, seconds: canonical === 'UTC' ? 0 : undefined };
}

// At a time in milliseconds.
const seconds_ahead = (zone, at) => zone.seconds ?? host.zone_offset(zone.name, floor(at / 1000));

// GMT+0, GMT+5:30; with `is_long` GMT+05:30.
function offset_text(seconds, is_long) {
    const size = Math.abs(seconds);
    const two = (number) => `${floor(number)}`.padStart(2, '0');
    const hours = is_long ? two(size / 3600) : floor(size / 3600);
    const minutes = is_long || size % 3600 > 0 ? `:${two(size / 60 % 60)}` : '';
    return `GMT${seconds < 0 ? '-' : '+'}${hours}${minutes}${size % 60 > 0 ? `:${two(size % 60)}` : ''}`;
}

function zone_text(zone, at, form) {
    const is_long = form === 'long' || form === 'longOffset';
    if (form === 'long' || form === 'short') {
        if (zone.name === 'UTC') {
            return is_long ? 'Coordinated Universal Time' : 'UTC';
        }
        const name = zone.seconds === undefined ? host.zone_name(zone.name, floor(at / 1000), is_long ? 1 : 0) : '';
        if (name !== '') {
            return name;
        }
    }
    return offset_text(seconds_ahead(zone, at), is_long);
}

// ---- what is shown

const part_of = (type, value) => (value === undefined ? [] : [{ type, value }]);
// Lists of parts with a text between them; empty ones drop out.
const joined = (lists, between) => lists.filter((list) => list.length > 0)
    .flatMap((list, index) => (index === 0 ? list : [{ type: 'literal', value: between }, ...list]));

class DateTimeFormat extends IntlService {
    // `usual`: what is shown when nothing is asked for.
    constructor(locales, options, usual = 'date') {
        super(locales, options);
        const given = this.options;
        const styles = ['full', 'long', 'medium', 'short'];
        const date_style = choice(given, 'dateStyle', styles, undefined);
        const time_style = choice(given, 'timeStyle', styles, undefined);
        const fields = this.fields_of(given);
        const zone_name = choice(given, 'timeZoneName', ['short', 'long', 'shortOffset', 'longOffset'], undefined);
        if (date_style !== undefined || time_style !== undefined) {
            if ((usual === 'day' && time_style !== undefined) || (usual === 'time' && date_style !== undefined)) {
                throw new TypeErrorOf(`Invalid option : ${usual === 'day' ? 'timeStyle' : 'dateStyle'}`);
            }
            if (objectKeys(fields).length > 0 || zone_name !== undefined) {
                throw new TypeErrorOf(`Can't set option ${objectKeys(fields)[0] ?? 'timeZoneName'} when ${
                    date_style !== undefined ? 'dateStyle' : 'timeStyle'} is used`);
            }
            Object.assign(fields, kDateStyles[date_style], kTimeStyles[time_style]);
        } else if (!objectKeys(fields).some((name) => usual === 'time' ? kTimeFields.includes(name)
            : usual === 'day' ? kDateFields.includes(name) : true)) {
            Object.assign(fields, usual === 'time' ? {} : { year: 'numeric', month: 'numeric', day: 'numeric' },
                usual === 'date' || usual === 'day' ? {} : { hour: 'numeric', minute: '2-digit', second: '2-digit' });
        }
        if (zone_name !== undefined) {
            fields.timeZoneName = zone_name;
        }
        this.zone = find_zone(given.timeZone);
        const cycle = choice(given, 'hourCycle', ['h11', 'h12', 'h23', 'h24'], undefined);
        this.half_days = given.hour12 === undefined ? cycle === undefined || cycle === 'h12' || cycle === 'h11' : Boolean(given.hour12);
        this.midnight = given.hour12 === false ? '24' : cycle === 'h24' ? '24' : '00';
        this.joiner = date_style === undefined ? fields.month === 'long' : date_style === 'full' || date_style === 'long';
        this.fields = fields;
        this.resolved = { calendar: 'gregory', numberingSystem: 'latn', timeZone: this.zone.name, ...fields };
        this.format = (value) => this.parts(value).map((part) => part.value).join('');
    }
    fields_of(given) {
        const number = ['numeric', '2-digit'];
        const text = ['long', 'short', 'narrow'];
        const fields = {};
        for (const [name, allowed] of [['weekday', text], ['year', number], ['month', [...number, ...text]], ['day', number],
            ['hour', number], ['minute', number], ['second', number], ['fractionalSecondDigits', ['1', '2', '3']]]) {
            const value = choice(given, name, allowed, undefined);
            if (value !== undefined) {
                fields[name] = value;
            }
        }
        return fields;
    }
    formatToParts(value) {
        return this.parts(value);
    }
    parts(value) {
        const at = value === undefined ? now_ms() : NumberOf(value);
        if (!(Math.abs(at) <= 8.64e15)) {
            throw new RangeErrorOf('Invalid time value');
        }
        // Its UTC fields are what the zone's clocks and calendars show.
        const date = new DateOf(at + seconds_ahead(this.zone, at) * 1000);
        const only_weekday = kDateFields.every((name) => (name === 'weekday') === (name in this.fields));
        return joined([this.day_parts(date), this.time_parts(date, at)], only_weekday ? ' ' : this.joiner ? ' at ' : ', ');
    }
    day_parts(date) {
        const { weekday, year, month, day } = this.fields;
        const sized = (names, at, size) => (size === 'long' ? names[at] : names[at].slice(0, size === 'short' ? 3 : 1));
        const digits = (number, size) => (size === '2-digit' ? `${number}`.slice(-2).padStart(2, '0') : `${number}`);
        const is_named = month !== undefined && month !== 'numeric' && month !== '2-digit';
        const weekdays = part_of('weekday', weekday && sized(kDayNames, date.getUTCDay(), weekday));
        const months = part_of('month', month && (is_named ? sized(kMonthNames, date.getUTCMonth(), month)
            : digits(date.getUTCMonth() + 1, month)));
        const days = part_of('day', day && digits(date.getUTCDate(), day));
        const years = part_of('year', year && digits(date.getUTCFullYear(), year));
        if (is_named) {
            return joined([weekdays, joined([joined([months, days], ' '), years], day === undefined ? ' ' : ', ')], ', ');
        }
        return month === undefined && year === undefined && day !== undefined ? joined([days, weekdays], ' ')
            : joined([weekdays, joined([months, days, years], '/')], ', ');
    }
    time_parts(date, at) {
        const { hour, minute, second, fractionalSecondDigits: fraction, timeZoneName } = this.fields;
        const times = [];
        if (hour !== undefined) {
            const number = this.half_days ? date.getUTCHours() % 12 || 12 : date.getUTCHours();
            times.push(part_of('hour', number === 0 ? this.midnight
                : this.half_days && hour === 'numeric' ? `${number}` : `${number}`.padStart(2, '0')));
        }
        if (minute !== undefined) {
            const number = `${date.getUTCMinutes()}`;
            times.push(part_of('minute', hour !== undefined || second !== undefined ? number.padStart(2, '0') : number));
        }
        if (second !== undefined) {
            const number = `${date.getUTCSeconds()}`;
            const is_padded = minute !== undefined || (second === '2-digit' ? times.length > 0 : times.length > 1);
            times.push(joined([part_of('second', is_padded ? number.padStart(2, '0') : number),
                part_of('fractionalSecond', fraction && `${date.getUTCMilliseconds()}`.padStart(3, '0').slice(0, fraction))], '.'));
        }
        const half = hour !== undefined && this.half_days ? (date.getUTCHours() < 12 ? 'AM' : 'PM') : undefined;
        return joined([joined(times, ':'), part_of('dayPeriod', half),
            part_of('timeZoneName', timeZoneName && zone_text(this.zone, at, timeZoneName))], ' ');
    }
}
