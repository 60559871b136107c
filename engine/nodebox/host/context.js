// What a piece is given to work with (engine contract 3.4). What it asks of the engine goes over HTTP to an
// address that only the engine answers, with a token for one project.
async function ask_api(task, method, path_and_query, body) {
    const head = { method, url: `${task.server.apiUrl}v1/${path_and_query}`, redirect: 'manual' };
    head.headers = [['Authorization', `Bearer ${task.server.token}`]];
    if (body !== undefined) {
        head.headers.push(['Content-Type', 'application/json']);
    }
    const answer = await ask_engine(head, buffer_from(body === undefined ? '' : json_stringify(body)));
    const text = answer.body.toString('utf8');
    if (answer.status === 404) {
        return null;
    }
    if (answer.status >= 400) {
        throw new Error(`the engine answered ${answer.status} to ${method} ${path_and_query.split('?')[0]}: ${text.slice(0, 300)}`);
    }
    return text === '' ? undefined : json_parse(text);
}

function store_for(task) {
    const place = (key, scope) => (scope === 'COLLECTION' ? key : `flow_${task.flow.id}/${key}`);
    const query = (key, scope) => `store-entries?key=${encodeURIComponent(place(key, scope))}`;
    return {
        async put(key, value, scope) {
            await ask_api(task, 'POST', 'store-entries', { key: place(key, scope), value });
            return value;
        },
        async get(key, scope) {
            const entry = await ask_api(task, 'GET', query(key, scope));
            return entry === null || entry === undefined ? null : entry.value;
        },
        async delete(key, scope) {
            await ask_api(task, 'DELETE', query(key, scope));
        },
    };
}

// Old pieces know texts for secret texts, and properties for what they defined themselves.
function auth_for(version, value) {
    if (version !== undefined || value === null || typeof value !== 'object') {
        return value;
    }
    return value.type === 'SECRET_TEXT' ? value.secret_text : value.type === 'CUSTOM_AUTH' ? value.props : value;
}

function media_of(name) {
    const extension = path.extname(name).slice(1).toLowerCase();
    const found = Object.entries(kExtensions).find(([, known]) => known === extension || (extension === 'jpg' && known === 'jpeg'));
    return found === undefined ? 'application/octet-stream' : found[0];
}

function base_context(task, version) {
    const base = {
        auth: auth_for(version, task.auth === null ? undefined : task.auth),
        store: store_for(task),
        connections: {
            async get(name) {
                const found = await ask_api(task, 'GET', `worker/app-connections/${encodeURIComponent(name)}?projectId=${task.project.id}`);
                return found === null ? null : auth_for(version, found.value);
            },
        },
        server: task.server,
        project: {
            id: task.project.id,
            async externalId() {
                const project = await ask_api(task, 'GET', 'worker/project');
                return (project && project.externalId) || undefined;
            },
        },
        flows: {
            async list(wanted) {
                const names = (wanted && wanted.externalIds) || [];
                const query = names.map((name) => `externalIds=${encodeURIComponent(name)}`).join('&');
                return ask_api(task, 'GET', `engine/populated-flows${query === '' ? '' : `?${query}`}`);
            },
            current: { id: task.flow.id, version: { id: task.flow.versionId } },
        },
        files: {
            async write({ fileName, data }) {
                const bytes = buffer_from(data);
                return `data:${media_of(fileName)};name=${encodeURIComponent(fileName)};base64,${bytes.toString('base64')}`;
            },
        },
        step: { name: task.step },
        serverUrl: task.server.publicUrl,
    };
    return base;
}

function with_query(address, query) {
    const url = new URL(address);
    for (const [name, value] of Object.entries(query || {})) {
        url.searchParams.append(name, value);
    }
    return url.toString();
}

// What an action says about its run is kept in `hooks` for the engine.
function run_controls(task, hooks) {
    const resume_url = ({ queryParams, sync } = {}) =>
        with_query(`${task.waitpoint.url}${sync ? '/sync' : ''}`, queryParams);
    const pause = (waitpoint) => {
        hooks.kind = 'paused';
        hooks.waitpoint = waitpoint;
        hooks.response = waitpoint.response;
    };
    return {
        generateResumeUrl: resume_url,
        run: {
            id: task.run.id,
            isTest: task.test === true,
            stop(given) {
                hooks.kind = 'stopped';
                hooks.response = (given && given.response) || {};
            },
            respond(given) {
                hooks.kind = 'respond';
                hooks.response = (given && given.response) || {};
            },
            async createWaitpoint(wanted) {
                const made = await ask_api(task, 'POST', 'waitpoints', {
                    flowRunId: task.run.id,
                    projectId: task.project.id,
                    stepName: task.step,
                    type: wanted.type,
                    version: 'V1',
                    resumeDateTime: wanted.resumeDateTime,
                    responseToSend: wanted.responseToSend,
                });
                if (made === null) {
                    throw new Error('the run is not under way here any more');
                }
                return {
                    id: made.id,
                    resumeUrl: made.resumeUrl,
                    buildResumeUrl: ({ queryParams, sync } = {}) =>
                        with_query(`${made.resumeUrl}${sync ? '/sync' : ''}`, queryParams),
                };
            },
            waitForWaitpoint(id) {
                if (id !== task.waitpoint.id) {
                    throw new Error(`there is no waitpoint ${id} of this step`);
                }
                pause({ id });
            },
            pause({ pauseMetadata }) {
                pause({ type: pauseMetadata.type, resumeDateTime: pauseMetadata.resumeDateTime, response: pauseMetadata.response });
            },
        },
    };
}

function action_context(task, version, props, hooks) {
    return {
        ...base_context(task, version),
        ...run_controls(task, hooks),
        executionType: task.execution,
        resumePayload: task.resumePayload === null ? undefined : task.resumePayload,
        propsValue: props,
        tags: {
            async add({ name }) {
                hooks.tags.push(name);
            },
        },
        output: {
            async update({ data }) {
                hooks.partial = data;
            },
        },
        agent: {
            async tools() {
                return {};
            },
        },
    };
}

function trigger_context(task, version, props, hooks) {
    return {
        ...base_context(task, version),
        propsValue: props,
        payload: task.payload === null ? {} : task.payload,
        webhookUrl: task.webhookUrl,
        isRepublish: false,
        run: { id: task.run.id },
        setSchedule(schedule) {
            hooks.schedule = { ...schedule, timezone: schedule.timezone || 'UTC' };
        },
        app: {
            createListeners({ events, identifierValue, identifierKey }) {
                hooks.listeners.push({ events, identifierValue, identifierKey });
            },
        },
    };
}
