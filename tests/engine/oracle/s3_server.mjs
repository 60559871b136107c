// A server that is compatible with S3 (s3rver) on the loopback for the tests, with one bucket. Objects are files below
// DATA. Its key is S3RVER with the secret S3RVER; signatures of Version 4 it does not verify.
//   node s3_server.mjs FOLDER PORT DATA BUCKET
import { createRequire } from 'node:module';
import path from 'node:path';

const [folder, port, data, bucket] = process.argv.slice(2);
const S3rver = createRequire(path.join(folder, 'package.json'))('s3rver');
await new S3rver({
    port: Number(port),
    address: '127.0.0.1',
    silent: true,
    directory: data,
    configureBuckets: [{ name: bucket, configs: [] }],
}).run();
