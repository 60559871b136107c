// Posts to one address by many connections at once until all is answered, and tells what came back.
//   shoot.mjs PACKAGES OPTIONS   with autocannon's options as JSON; `expected` is every answer's body
import { createRequire } from 'node:module';
import path from 'node:path';

const [packages, text] = process.argv.slice(2);
const autocannon = createRequire(path.join(packages, 'package.json'))('autocannon');
const { expected, ...options } = JSON.parse(text);
const told = await autocannon({ ...options, method: 'POST', verifyBody: (body) => String(body) === expected });
const { errors, timeouts, mismatches, non2xx, statusCodeStats } = told;
process.stdout.write(JSON.stringify({ good: told['2xx'], errors, timeouts, mismatches, non2xx, statusCodeStats }));
