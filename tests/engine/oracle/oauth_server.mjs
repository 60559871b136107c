// An OAuth 2.0 authorization server (oidc-provider) on the loopback for the tests, with a user who consents to all.
//   node oauth_server.mjs FOLDER PORT
// Besides the server's own addresses (/auth, /token):
//   GET /test/browse?url=A      plays the browser: follows A until it is sent back to the client, and answers where to
//   GET /test/lifetime?s=N      access tokens that are issued from now on live N seconds
//   GET /test/forget            refresh tokens are good no more
//   GET /test/stop?on=1|0       the token endpoint answers 503; with &hang=1 it never answers
//   GET /test/slow?ms=N         the token endpoint answers N milliseconds later
//   GET /test/count             {"refreshes": how often a token was asked for with a refresh token, "hung": …,
//                             "asked": how often it has been asked for one at all, answered or not,
//                             "cloud": what was not as it must be in requests to the service below}
// And the service that has the clients' secrets (CLOUD_OAUTH2), which answers as Activepieces' own does:
//   POST /cloud/claim           {pieceName, clientId, edition, tokenUrl, code, codeVerifier?, authorizationMethod?}
//   POST /cloud/refresh         {pieceName, clientId, edition, tokenUrl, refreshToken, authorizationMethod?}
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import path from 'node:path';

const [folder, port] = process.argv.slice(2);
const load = createRequire(path.join(folder, 'package.json'));
const { default: Provider } = await import(pathToFileURL(load.resolve('oidc-provider')));

const base = `http://127.0.0.1:${port}`;
const kBack = 'http://127.0.0.1:9/redirect';
const client = (id, method) => ({
    client_id: id,
    client_secret: `hush-${id}-secret`,
    redirect_uris: [kBack],
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
    response_types: ['code'],
    token_endpoint_auth_method: method,
});

let lifetime = 3600;
let refreshes = 0;
let asked = 0;
let stopped = false;
let hangs = false;
let hung = 0;
let slow = 0;
const problems = [];
const issued = new Set();

const provider = new Provider(base, {
    clients: [client('body', 'client_secret_post'), client('header', 'client_secret_basic')],
    cookies: { keys: ['test'] },
    features: { devInteractions: { enabled: false }, clientCredentials: { enabled: true } },
    scopes: ['openid', 'offline_access', 'api'],
    ttl: {
        AccessToken: () => lifetime,
        ClientCredentials: () => lifetime,
        RefreshToken: 3600,
        Grant: 3600,
        Session: 3600,
        Interaction: 600,
    },
    issueRefreshToken: async () => true,
    rotateRefreshToken: true,
    pkce: { required: (_, c) => c.clientId === 'body', methods: ['S256', 'plain'] },
    interactions: { url: (_, interaction) => `/test/consent/${interaction.uid}` },
});
provider.on('refresh_token.saved', (token) => issued.add(token));

async function consent(request, response) {
    const { params } = await provider.interactionDetails(request, response);
    const grant = new provider.Grant({ accountId: 'ann', clientId: params.client_id });
    grant.addOIDCScope('openid offline_access api');
    const grantId = await grant.save();
    await provider.interactionFinished(request, response, { login: { accountId: 'ann' }, consent: { grantId } });
}

async function browse(url) {
    const cookies = new Map();
    for (let i = 0; i < 20 && url.startsWith(base); ++i) {
        const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
        const answer = await fetch(url, { redirect: 'manual', headers: { cookie } });
        for (const line of answer.headers.getSetCookie()) {
            const [pair] = line.split(';');
            cookies.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1));
        }
        const next = answer.headers.get('location');
        if (!next) {
            return `${answer.status} ${await answer.text()}`;
        }
        url = new URL(next, url).href;
    }
    return url;
}

async function test(url, response) {
    const query = url.searchParams;
    let answer = {};
    switch (url.pathname) {
        case '/test/browse':
            answer = { url: await browse(query.get('url')) };
            break;
        case '/test/lifetime':
            lifetime = Number(query.get('s'));
            break;
        case '/test/forget':
            await Promise.all([...issued].map((token) => token.destroy()));
            issued.clear();
            break;
        case '/test/stop':
            stopped = query.get('on') === '1';
            hangs = query.get('hang') === '1';
            break;
        case '/test/slow':
            slow = Number(query.get('ms'));
            break;
        case '/test/count':
            answer = { refreshes, hung, asked, cloud: problems };
            break;
    }
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(answer));
}

provider.use(async (context, next) => {
    if (context.path === '/token' && stopped) {
        if (hangs) {
            ++hung;
            await new Promise(() => {});
        }
        context.status = 503;
        context.body = 'away';
        return;
    }
    asked += context.path === '/token';
    if (context.path === '/token' && slow > 0) {
        await new Promise((resolve) => setTimeout(resolve, slow));
    }
    await next();
    if (context.oidc?.params?.grant_type === 'refresh_token') {
        ++refreshes;
    }
});

const kCloud = {
    '/cloud/claim': { needs: 'clientId code edition pieceName tokenUrl', may: 'authorizationMethod codeVerifier' },
    '/cloud/refresh': { needs: 'clientId edition pieceName refreshToken tokenUrl', may: 'authorizationMethod' },
};

// What is wrong with a request to the service; empty: nothing.
function wrong_in(request, path, asked) {
    const { needs, may } = kCloud[path];
    const known = `${needs} ${may}`.split(' ');
    return [
        request.method !== 'POST' && `method ${request.method}`,
        request.headers['content-type'] !== 'application/json' && `type ${request.headers['content-type']}`,
        request.headers.authorization && 'credentials',
        ...needs.split(' ').map((name) => typeof asked[name] !== 'string' && `no ${name}`),
        ...Object.keys(asked).map((name) => !known.includes(name) && `unknown ${name}`),
        asked.edition !== 'ce' && `edition ${asked.edition}`,
        asked.tokenUrl !== `${base}/token` && `tokenUrl ${asked.tokenUrl}`,
        asked.pieceName !== '@activepieces/piece-x' && `pieceName ${asked.pieceName}`,
    ].filter(Boolean);
}

async function cloud(request, path, response) {
    let text = '';
    for await (const chunk of request) {
        text += chunk;
    }
    const asked = JSON.parse(text);
    const wrong = wrong_in(request, path, asked);
    problems.push(...wrong.map((what) => `${path}: ${what}`));
    const form = path === '/cloud/claim'
        ? { grant_type: 'authorization_code', code: asked.code, redirect_uri: kBack, code_verifier: asked.codeVerifier ?? '' }
        : { grant_type: 'refresh_token', refresh_token: asked.refreshToken };
    const answer = await fetch(asked.tokenUrl, {
        method: 'POST',
        body: new URLSearchParams({ ...form, client_id: asked.clientId, client_secret: `hush-${asked.clientId}-secret` }),
    });
    const { access_token, refresh_token, token_type, expires_in, scope, ...data } =
        answer.ok ? await answer.json() : {};
    response.statusCode = wrong.length > 0 ? 422 : answer.status;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(answer.ok
        ? { access_token, refresh_token, token_type, expires_in, scope, data, type: 'CLOUD_OAUTH2',
            claimed_at: 1, token_url: 'http://elsewhere.example/token', client_id: 'another', props: { x: 1 } }
        : { error: 'refused' }));
}

const serve = provider.callback();
createServer(async (request, response) => {
    const url = new URL(request.url, base);
    try {
        if (url.pathname.startsWith('/test/consent/')) {
            await consent(request, response);
        } else if (url.pathname in kCloud) {
            await cloud(request, url.pathname, response);
        } else if (url.pathname.startsWith('/test/')) {
            await test(url, response);
        } else {
            serve(request, response);
        }
    } catch (error) {
        response.statusCode = 500;
        response.end(String(error));
    }
}).listen(Number(port), '127.0.0.1');
