// Follows the README in a new application, on SQLite and on PostgreSQL: types what it says into a shell, so that an order is placed, the service
// killed in the middle of a step and started again; and passes the test of the README. `npm run matrix:readme [-- another-readme.md]`.
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import pg from 'pg';
import { killAll } from './command.js';
import { pack, repository } from './installation.js';
import { NewApplication } from './new-application.js';
import { ReadmeBlocks } from './readme-blocks.js';

const root = await mkdtemp(join(tmpdir(), 'stepping-readme-'));
process.once('exit', () => rmSync(root, { recursive: true, force: true }));
// What runs fails by that, and the database of this run is dropped.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, killAll);

function report(text: string): void {
  console.log(`[${Math.round(performance.now() / 1000)} s] ${text}`);
}

async function follow(application: NewApplication, database: string): Promise<void> {
  report(`${database}: the application of the README is built`);
  await application.surviveKill();
  report(`${database}: a job was killed in the middle of its step, and finished after the next start`);
  report(`${database}: ${await application.test()}`);
}

async function followOnPostgres(application: NewApplication, server: string): Promise<void> {
  const name = `readme_${randomBytes(6).toString('hex')}`;
  const own = new URL(server);
  own.pathname = `/${name}`;
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${name}`);
    await application.buildForPostgres(own.href);
    await follow(application, 'PostgreSQL');
  } finally {
    await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await client.end();
  }
}

try {
  const server = process.env.DATABASE_URL;
  if (!server) throw new Error('DATABASE_URL must name a PostgreSQL server');
  const readme = new ReadmeBlocks(
    await readFile(resolve(repository, process.argv[2] ?? 'README.md'), 'utf8'),
  );
  // Asked first, so that a README that lacks something is known in a second.
  for (const command of readme.commands(12)) report(`README: ${command}`);
  for (const command of readme.trials.flat()) report(`README: ${command}`);
  report(`README: ${[...readme.application.keys()].join(', ')}`);
  report(`README: ${readme.callInMain} ${readme.postgres.command}, ${readme.postgres.options}`);
  report(`README: a test of ${readme.spec.trim().split('\n').length} lines`);

  const application = await NewApplication.make(root, readme, await pack(root));
  report('a new application is made and installed');
  await application.build();
  await follow(application, 'SQLite');
  await followOnPostgres(application, server);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
process.exit(0);
