// A piece: finds it in its package, describes it, and calls one function of it.
function find_piece(name) {
    const exported = require_package(name);
    const candidates = [exported, ...Object.values(exported)];
    const piece = candidates.find((one) => one && one.constructor && one.constructor.name === 'Piece');
    if (piece === undefined) {
        throw new Error(`${name} exports no piece`);
    }
    return piece;
}

function package_file(name, file) {
    return path.join(packages_folder, 'node_modules', name, file);
}

function translations_of(name) {
    const found = {};
    const folder = package_file(name, 'src/i18n');
    for (const file of fs.existsSync(folder) ? fs.readdirSync(folder) : []) {
        if (file.endsWith('.json')) {
            found[file.slice(0, -5)] = json_parse(fs.readFileSync(path.join(folder, file), 'utf8'));
        }
    }
    return found;
}

// Everything an editor needs; functions are left out by the JSON.
function describe_piece(task) {
    const piece = find_piece(task.piece);
    const { version } = json_parse(fs.readFileSync(package_file(task.piece, 'package.json'), 'utf8'));
    const metadata = { ...piece.metadata(), name: task.piece, version };
    const translations = translations_of(task.piece);
    if (Object.keys(translations).length > 0) {
        metadata.i18n = translations;
    }
    return metadata;
}

function context_version(piece) {
    const info = typeof piece.getContextInfo === 'function' ? piece.getContextInfo() : undefined;
    return info && info.version;
}

function step_of(piece, task) {
    const is_action = task.action !== undefined;
    const name = task.action ?? task.trigger ?? task.form;
    const step = is_action ? piece.getAction(name) : (task.trigger === undefined && piece.getAction(name)) || piece.getTrigger(name);
    if (step === undefined) {
        throw new Error(`${task.piece} has no ${is_action ? 'action' : 'trigger'} '${name}'`);
    }
    return step;
}

function new_hooks() {
    return { kind: 'none', tags: [], listeners: [] };
}

async function run_action(piece, task, input) {
    const action = step_of(piece, task);
    const hooks = new_hooks();
    const props = await properties_for(action, input, task.propertySettings);
    const context = action_context(task, context_version(piece), props, hooks);
    const call = task.test && typeof action.test === 'function' ? action.test : action.run;
    const output = await call.call(action, context);
    return { output: output === undefined ? null : output, hooks };
}

// A service that is to deliver may ask first whether anybody is there (engine contract 1.7).
function is_handshake(trigger, payload) {
    const asked = trigger.handshakeConfiguration;
    if (!asked || !payload || typeof trigger.onHandshake !== 'function') {
        return false;
    }
    const has = (where, name) => where !== null && typeof where === 'object' && Object.hasOwn(where, name);
    switch (asked.strategy) {
        case 'HEADER_PRESENT':
            return has(payload.headers, String(asked.paramName).toLowerCase());
        case 'QUERY_PRESENT':
            return has(payload.queryParams, asked.paramName);
        case 'BODY_PARAM_PRESENT':
            return has(payload.body, asked.paramName);
        default:
            return false;
    }
}

// The clock calls: a trigger that polls is asked for items, one that subscribes renews.
function hook_name(trigger, name) {
    return name !== 'time' ? name : trigger.type === 'POLLING' ? 'run' : 'onRenew';
}

function renewal_of(trigger) {
    const wanted = trigger.renewConfiguration;
    return wanted && wanted.strategy === 'CRON' ? wanted.cronExpression : undefined;
}

async function run_hook(piece, task, input) {
    const trigger = step_of(piece, task);
    const name = hook_name(trigger, task.hook);
    const hooks = new_hooks();
    const props = await properties_for(trigger, input, task.propertySettings);
    const context = trigger_context(task, context_version(piece), props, hooks);
    if (name === 'run' && is_handshake(trigger, task.payload)) {
        const { status = 200, headers = {}, body = null } = (await trigger.onHandshake(context)) || {};
        return { output: [], hooks, polls: false, handshake: { status, headers, body } };
    }
    const hook = trigger[name];
    const fallback = name === 'test' ? trigger.run : undefined;
    const call = typeof hook === 'function' ? hook : fallback;
    const output = call === undefined ? null : await call.call(trigger, context);
    if (name === 'onRenew') {
        return { output: [], hooks };
    }
    if ((name === 'run' || name === 'test') && !Array.isArray(output)) {
        throw new Error(`the trigger '${task.trigger}' must give a list`);
    }
    const polls = trigger.type === 'POLLING';
    const listens = trigger.type === 'APP_WEBHOOK';
    return { output: output === undefined ? null : output, hooks, polls, listens, renews: renewal_of(trigger) };
}

// Apps that send an event wait three seconds and no longer for an answer.
const kUnawaitedMsMax = 2000;

// What came to the address that all accounts of an app share: what it says, of which account, and
// whether the app has sent it.
async function read_event(piece, task) {
    const { events } = piece;
    if (!events || typeof events.parseAndReply !== 'function') {
        throw new Error(`${task.piece} takes no events`);
    }
    const given = { payload: task.payload, server: task.server };
    const { reply, event, identifierValue } = (await events.parseAndReply(given)) || {};
    if (reply) {
        await requests_over(kUnawaitedMsMax);
        return { reply: { status: 200, headers: reply.headers || {}, body: reply.body === undefined ? {} : reply.body } };
    }
    if (!event || !identifierValue || typeof events.verify !== 'function') {
        return {};
    }
    const { payload, webhookSecret, appWebhookUrl } = task;
    const verified = Boolean(await events.verify({ payload, webhookSecret, appWebhookUrl }));
    return { event: String(event), identifierValue: String(identifierValue), verified };
}

// The choices of a dropdown, or the properties that a dynamic property stands for.
async function property_options(piece, task, input) {
    const property = (step_of(piece, task).props || {})[task.property];
    if (property === undefined) {
        throw new Error(`there is no property '${task.property}'`);
    }
    const version = context_version(piece);
    const context = { ...base_context(task, version), searchValue: task.searchValue, input };
    const { auth, ...values } = input;
    const given = { ...values, auth: context.auth };
    if (property.type === 'DYNAMIC') {
        return { type: property.type, options: await property.props(given, context) };
    }
    if (typeof property.options !== 'function') {
        throw new Error(`the property '${task.property}' has no choices of its own`);
    }
    return { type: property.type, options: await property.options(given, context) };
}

async function validate_auth(piece, task) {
    const found = [piece.auth].flat().find((one) => one && one.type === task.auth.type) || piece.auth;
    if (!found || typeof found.validate !== 'function') {
        return { valid: true };
    }
    const value = task.auth.type === 'SECRET_TEXT' ? task.auth.secret_text : task.auth.type === 'CUSTOM_AUTH' ? task.auth.props : task.auth;
    return found.validate({ auth: value, server: task.server });
}

async function run_piece(run) {
    const task = json_parse(run.code);
    if (task.do === 'describe') {
        return describe_piece(task);
    }
    const input = json_parse(run.input);
    mark_requests(task);
    const piece = find_piece(task.piece);
    switch (task.do) {
        case 'action':
            return run_action(piece, task, input);
        case 'trigger':
            return run_hook(piece, task, input);
        case 'options':
            return property_options(piece, task, input);
        case 'event':
            return read_event(piece, task);
        case 'validate':
            return validate_auth(piece, task);
        default:
            throw new Error(`a piece cannot ${task.do}`);
    }
}
