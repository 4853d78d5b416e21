import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CallbackApplication } from '../support/dtm/callback-application.js';
import { SECRET } from '../support/dtm/dtm-place.js';
import { root } from './entry-points.js';

/** The recipe of docs/dtm.md, which is run by a shell and OpenSSL. */
const recipe = /## Clients in other languages\n.*?^```sh\n(.*?)^```$/ms
  .exec(readFileSync(join(root, 'docs/dtm.md'), 'utf8'))![1]!
  .replace('"reserve-stock"', '"pay"');

function body(gid: string, args: unknown): string {
  const env = { ...process.env, GID: gid, STEPPING_SECRET: SECRET, ARGS: JSON.stringify(args) };
  return execFileSync('bash', ['-euo', 'pipefail', '-c', recipe], { env, encoding: 'utf8' });
}

const protocols = ['http', 'grpc'] as const;
const applications = new Map<string, CallbackApplication>();
beforeAll(async () => {
  for (const protocol of protocols) applications.set(protocol, await CallbackApplication.start(protocol));
});
afterAll(async () => {
  for (const application of applications.values()) await application.close();
});

it.for(protocols)('a call that the shell has signed runs its step over %s', async (protocol) => {
  const application = applications.get(protocol)!;
  // What JSON encoders of other languages write in their own ways.
  const args = { html: '<b>&</b>', text: 'Zoë 日本 \u2028', price: 1e21, protocol };
  const made = body('from-a-shell', args);
  expect(JSON.parse(made)).toMatchObject({ step: 'pay', args });
  expect(await application.step('from-a-shell', '01', made)).toBe(protocol === 'http' ? 200 : 0);
  expect(application.executed.at(-1)).toEqual({ step: 'pay', args });
  expect(await application.step('another-job', '01', made)).toBe(protocol === 'http' ? 401 : 16);
});
