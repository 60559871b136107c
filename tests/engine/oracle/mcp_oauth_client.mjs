// An assistant that is let in by OAuth: the published client discovers the server, registers, asks for
// consent, and lists the tools with the tokens it gets. Instead of a browser: the given commands.
//   mcp_oauth_client.mjs PACKAGES URL EMAIL PASSWORD PROJECT allow|deny
// Prints one JSON object: {tools, client, tokens, renewed, revoked, location} or {failure}.
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [packages, url, email, password, project, decision] = process.argv.slice(2);
const load = createRequire(path.join(packages, 'package.json'));
const of = async (name) => import(pathToFileURL(load.resolve(`@modelcontextprotocol/sdk/${name}`)));
const { Client } = await of('client/index.js');
const { StreamableHTTPClientTransport } = await of('client/streamableHttp.js');
const { UnauthorizedError } = await of('client/auth.js');

class Provider {
    redirectUrl = 'http://localhost:33418/callback';
    clientMetadata = {
        client_name: 'A "test" <client>', redirect_uris: [this.redirectUrl],
        grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
        token_endpoint_auth_method: 'client_secret_post',
    };
    state() { return 'state & more'; }
    clientInformation() { return this.client; }
    saveClientInformation(client) { this.client = client; }
    tokens() { return this.given; }
    saveTokens(tokens) { this.given = tokens; }
    redirectToAuthorization(where) { this.where = where; }
    saveCodeVerifier(verifier) { this.verifier = verifier; }
    codeVerifier() { return this.verifier; }
}

const hidden = (html) => /name="request" value="([^"]*)"/.exec(html)?.[1];
const post = (at, cookie, fields) => fetch(new URL(at, url), {
    method: 'POST', redirect: 'manual', headers: { cookie }, body: new URLSearchParams(fields),
});

// What a person does in a browser; the address that it is sent to in the end.
async function consent(where) {
    const page = await fetch(where, { redirect: 'manual' });
    const cookie = page.headers.get('set-cookie').split(';')[0];
    const signed = await post('/authorize/sign-in', cookie, { request: hidden(await page.text()), email, password });
    const choice = { request: hidden(await signed.text()), projectId: project, decision };
    const done = await post('/authorize/consent', cookie, choice);
    return new URL(done.headers.get('location'));
}

try {
    const provider = new Provider();
    const connect = async () => {
        const client = new Client({ name: 'test', version: '1.0.0' });
        const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: provider });
        try {
            await client.connect(transport);
            return client;
        } catch (error) {
            if (!(error instanceof UnauthorizedError)) throw error;
            return transport;
        }
    };
    const transport = await connect();
    const location = await consent(provider.where);
    const out = { location: location.href };
    if (decision === 'allow') {
        await transport.finishAuth(location.searchParams.get('code'));
        out.tokens = { ...provider.given };
        out.client = provider.client;
        out.verifier = provider.verifier;
        const client = await connect();
        out.tools = (await client.listTools()).tools.length;
        const made = { flowName: 'By a model', ...(url.endsWith('/platform') && { projectId: project }) };
        out.made = await client.callTool({ name: 'ap_create_flow', arguments: made });
        await client.close();
        // An access token that is not good (any more) is renewed by the other one.
        provider.given = { ...provider.given, access_token: 'smat_' + 'a'.repeat(63) };
        const again = await connect();
        out.again = (await again.listTools()).tools.length;
        await again.close();
        out.renewed = { ...provider.given };
    }
    process.stdout.write(JSON.stringify(out));
} catch (error) {
    process.stdout.write(JSON.stringify({ failure: String(error.stack) }));
}
