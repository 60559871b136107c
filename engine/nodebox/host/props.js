// What a piece gets as its properties: resolved input brought into each property's type, or the errors that
// a person who filled the form in can use (engine contract 2.2).
const kDataUrl = /^data:([^;,]+)?((?:;[^;,]+)*?)(;base64)?,(.*)$/s;
const kExtensions = {
    'image/png': 'png', 'image/jpeg': 'jpeg', 'image/gif': 'gif', 'image/webp': 'webp', 'image/svg+xml': 'svg',
    'application/pdf': 'pdf', 'application/json': 'json', 'application/zip': 'zip', 'text/plain': 'txt',
    'text/csv': 'csv', 'text/html': 'html', 'application/xml': 'xml',
};
const kMissing = Symbol('missing');

class ApFile {
    constructor(filename, data, extension) {
        this.filename = filename;
        this.data = data;
        this.extension = extension;
    }
    get base64() {
        return this.data.toString('base64');
    }
}

function extension_of(type, fallback) {
    const media = String(type || '').split(';')[0].trim().toLowerCase();
    return kExtensions[media] || fallback;
}

async function file_from(value) {
    if (value !== null && typeof value === 'object' && typeof value.base64 === 'string') {
        const name = typeof value.filename === 'string' ? value.filename : 'unknown';
        return new ApFile(name, buffer_from(value.base64, 'base64'), value.extension || path.extname(name).slice(1));
    }
    if (typeof value !== 'string') {
        return null;
    }
    const inline = kDataUrl.exec(value);
    if (inline !== null) {
        const extension = extension_of(inline[1], 'bin');
        const named = /;name=([^;]+)/.exec(inline[2] || '');
        const data = inline[3] ? buffer_from(inline[4], 'base64') : buffer_from(decodeURIComponent(inline[4]));
        return new ApFile(named ? decodeURIComponent(named[1]) : `unknown.${extension}`, data, extension);
    }
    if (!/^https?:\/\//i.test(value)) {
        return null;
    }
    const answer = await fetch(value);
    if (!answer.ok) {
        throw new Error(`the address answered ${answer.status}`);
    }
    const from_path = path.posix.basename(new URL(value).pathname);
    const from_field = /filename="?([^";]+)"?/i.exec(answer.headers.get('content-disposition') || '');
    const extension = extension_of(answer.headers.get('content-type'), path.extname(from_path).slice(1) || 'bin');
    const given = from_field ? from_field[1] : from_path;
    const name = given === '' ? `unknown.${extension}` : given.includes('.') ? given : `${given}.${extension}`;
    return new ApFile(name, buffer_from(await answer.arrayBuffer()), path.extname(name).slice(1));
}

function is_absent(value) {
    return value === undefined || value === null || value === '';
}

function date_from(value) {
    const read = new Date(value);
    return Number.isNaN(read.getTime()) ? null : read.toISOString();
}

// {id:[1,2],name:['a','b']} means two rows; what is no list stands in each of them.
function rows_from(value, props) {
    if (Array.isArray(value) || value === null || typeof value !== 'object') {
        return value;
    }
    const lengths = Object.values(value).filter(Array.isArray).map((one) => one.length);
    const rows = [];
    for (let i = 0; i < Math.max(1, ...lengths); i++) {
        const row = {};
        for (const name of Object.keys(props)) {
            row[name] = Array.isArray(value[name]) ? value[name][i] : value[name];
        }
        rows.push(row);
    }
    return rows;
}

function list_from(value) {
    if (typeof value === 'string') {
        try {
            const read = json_parse(value);
            return Array.isArray(read) ? read : [value];
        } catch {
            return [value];
        }
    }
    return value;
}

function object_from(value) {
    if (typeof value === 'string') {
        try {
            return json_parse(value);
        } catch {
            return value;
        }
    }
    return value;
}

const kConversions = {
    NUMBER: (value) => {
        const read = typeof value === 'string' ? Number(value.trim()) : value;
        return typeof read === 'number' && !Number.isNaN(read) ? read : { problem: `Expected number, received: ${value}` };
    },
    SHORT_TEXT: (value) => (typeof value === 'object' ? json_stringify(value) : String(value)),
    CHECKBOX: (value) => {
        const read = value === 'true' ? true : value === 'false' ? false : value;
        return typeof read === 'boolean' ? read : { problem: `Expected boolean, received: ${value}` };
    },
    DATE_TIME: (value) => date_from(value) || {
        problem: `Invalid datetime format. Expected ISO format (e.g. 2024-03-14T12:00:00.000Z), received: ${value}`,
    },
    OBJECT: (value) => {
        const read = object_from(value);
        return typeof read === 'object' ? read : { problem: `Expected object, received: ${value}` };
    },
    JSON: (value) => object_from(value),
    MULTI_SELECT_DROPDOWN: (value) => {
        const read = list_from(value);
        return Array.isArray(read) ? read : { problem: `Expected array, received: ${value}` };
    },
    FILE: async (value) => {
        const problem = `Expected file url or base64 with mimeType, received: ${value}`;
        try {
            return (await file_from(value)) || { problem };
        } catch (thrown) {
            // What fetch has to say is in its cause: refused, too large, nobody there.
            return { problem: `${problem} (${(thrown.cause || thrown).message})` };
        }
    },
};
kConversions.LONG_TEXT = kConversions.SHORT_TEXT;
kConversions.STATIC_MULTI_SELECT_DROPDOWN = kConversions.MULTI_SELECT_DROPDOWN;

async function convert(property, value, schema) {
    if (is_absent(value)) {
        const wanted = property.required && property.type !== 'MARKDOWN' && property.type !== 'DYNAMIC';
        return wanted ? { problem: `Expected value, received: ${value}` } : { value: value === null ? undefined : value };
    }
    if (property.type === 'ARRAY') {
        return convert_rows(property, value);
    }
    if (property.type === 'DYNAMIC') {
        const inner = schema || {};
        return Object.keys(inner).length === 0 ? { value } : convert_all(inner, value, {});
    }
    const conversion = kConversions[property.type];
    const result = conversion === undefined ? value : await conversion(value);
    return result !== null && typeof result === 'object' && typeof result.problem === 'string' && !(result instanceof ApFile)
        ? result
        : { value: result };
}

async function convert_rows(property, value) {
    const read = list_from(property.properties ? rows_from(value, property.properties) : value);
    if (!Array.isArray(read)) {
        return { problem: `Expected array, received: ${value}` };
    }
    if (!property.properties) {
        return { value: read };
    }
    const rows = [];
    const problems = [];
    for (const row of read) {
        const done = await convert_all(property.properties, row, {});
        rows.push(done.value);
        if (done.problem !== undefined) {
            problems.push(done.problem);
        }
    }
    return problems.length > 0 ? { problem: { properties: problems } } : { value: rows };
}

// {value}, or {problem: {property: [what is wrong]}}.
async function convert_all(props, input, settings) {
    const given = input !== null && typeof input === 'object' ? input : {};
    const value = { ...given };
    const problems = {};
    for (const [name, property] of Object.entries(props || {})) {
        const schema = settings && settings[name] && settings[name].schema;
        const done = await convert(property, given[name], schema);
        if (done.problem !== undefined) {
            problems[name] = typeof done.problem === 'string' ? [done.problem] : done.problem;
        } else if (done.value !== undefined || name in value) {
            value[name] = done.value;
        }
    }
    return Object.keys(problems).length > 0 ? { problem: problems } : { value };
}

async function properties_for(step, input, settings) {
    const { auth, ...rest } = input !== null && typeof input === 'object' ? input : {};
    const done = await convert_all(step.props, rest, settings);
    if (done.problem !== undefined) {
        throw new Error(json_stringify(done.problem, null, 2));
    }
    return done.value;
}
