// A mail server of the published kind: prints each message as a line of JSON.
//   mail_server.mjs PACKAGES PORT CERTIFICATE KEY MODE
// MODE: starttls (offered), plain (no TLS at all), tls (from the first byte), slow (never answers DATA).
import { createRequire } from 'node:module';
import fs from 'node:fs';
import path from 'node:path';

const [packages, port, certificate, key, mode] = process.argv.slice(2);
const { SMTPServer } = createRequire(path.join(packages, 'package.json'))('smtp-server');

new SMTPServer({
    secure: mode === 'tls',
    hideSTARTTLS: mode === 'plain',
    disabledCommands: mode === 'plain' ? ['STARTTLS'] : [],
    cert: fs.readFileSync(certificate),
    key: fs.readFileSync(key),
    authOptional: true,
    allowInsecureAuth: true,
    onAuth: (auth, _, done) =>
        auth.username === 'u' && auth.password === 'p' ? done(null, { user: 'u' }) : done(new Error('no such user')),
    onRcptTo: (address, _, done) => (address.address.startsWith('nobody') ? done(new Error('unknown')) : done()),
    onData: (stream, session, done) => {
        let data = '';
        stream.on('data', (chunk) => (data += chunk.toString('latin1')));
        stream.on('end', () => {
            const { mailFrom, rcptTo } = session.envelope;
            process.stdout.write(
                JSON.stringify({
                    from: mailFrom.address,
                    to: rcptTo.map((r) => r.address),
                    secure: session.secure,
                    user: session.user ?? null,
                    data,
                }) + '\n'
            );
            if (mode !== 'slow') done(null, 'queued as 1');
        });
    },
}).listen(Number(port), '127.0.0.1');
