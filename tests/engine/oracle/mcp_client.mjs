// An assistant: connects to an MCP server by the published client, lists its tools and calls some.
//   mcp_client.mjs PACKAGES URL TOKEN '[{"name":…,"arguments":…},…]' [sse]
// `sse`: by the transport of protocol 2024-11-05.
// Prints one JSON object: {server, tools, results} or {failure}.
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [packages, url, token, calls, kind] = process.argv.slice(2);
const load = createRequire(path.join(packages, 'package.json'));
const of = async (name) => import(pathToFileURL(load.resolve(`@modelcontextprotocol/sdk/${name}`)));
const { Client } = await of('client/index.js');
const { StreamableHTTPClientTransport } = await of('client/streamableHttp.js');
const { SSEClientTransport } = await of('client/sse.js');

try {
    const client = new Client({ name: 'test', version: '1.0.0' });
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    const Transport = kind === 'sse' ? SSEClientTransport : StreamableHTTPClientTransport;
    await client.connect(new Transport(new URL(url), { requestInit: { headers } }));
    const { tools } = await client.listTools();
    const results = [];
    for (const call of JSON.parse(calls)) {
        try {
            results.push(await client.callTool(call));
        } catch (error) {
            results.push({ code: error.code, message: error.message });
        }
    }
    await client.ping();
    const server = client.getServerVersion();
    await client.close();
    process.stdout.write(JSON.stringify({ server, tools, results }));
} catch (error) {
    process.stdout.write(JSON.stringify({ failure: String(error.message) }));
}
