import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { accountOf, ownedFolder } from './accounts.js';
import { freePort } from './ports.js';
import { ServerProcess } from './server-process.js';
import { until } from './wait.js';
import { removeFolder } from './temporary-folder.js';

/** A database server of one run, which may be restarted. */
export interface OwnServer {
  readonly url: string;
  /** Crashes the server and starts it again. It recovers committed data from its log. */
  crash(): Promise<void>;
  stop(): Promise<void>;
}

/** Undefined if its programs are not installed. */
export async function startOwnPostgres(): Promise<OwnServer | undefined> {
  const base = '/usr/lib/postgresql';
  const version = existsSync(base) ? readdirSync(base).sort((a, b) => Number(b) - Number(a))[0] : undefined;
  const account = accountOf('postgres');
  if (version === undefined || !account) return undefined;
  const bin = join(base, version, 'bin');
  const folder = ownedFolder('postgres', account);
  const data = join(folder, 'data');
  execFileSync(
    join(bin, 'initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C'],
    {
      stdio: 'ignore',
      ...account,
    },
  );
  const port = await freePort();
  const settings = [
    'listen_addresses=127.0.0.1',
    'max_connections=300',
    'max_wal_size=4GB',
    'shared_buffers=256MB',
  ];
  const server = new ServerProcess({
    program: join(bin, 'postgres'),
    args: ['-D', data, '-p', String(port), '-k', folder, ...settings.flatMap((setting) => ['-c', setting])],
    ...account,
    port,
  });
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const ready = async (): Promise<void> => {
    const { default: pg } = await import('pg');
    await until(async () => {
      const client = new pg.Client({ connectionString: url });
      client.on('error', () => undefined);
      return client.connect().then(
        () => client.end().then(() => true),
        () => false,
      );
    }, 60_000);
  };
  await server.start();
  await ready();
  return {
    url,
    crash: async () => {
      // Immediate shutdown: nothing is flushed, so the server has to recover.
      await server.end('SIGQUIT');
      await server.start();
      await ready();
    },
    stop: async () => {
      await server.end('SIGQUIT');
      removeFolder(folder);
    },
  };
}

/** Whether the programs of MariaDB are installed. */
export function hasMariaDb(): boolean {
  return existsSync('/usr/sbin/mariadbd') && existsSync('/usr/bin/mariadb-install-db');
}

/** Undefined if its programs are not installed. */
export async function startOwnMariaDb(): Promise<OwnServer | undefined> {
  const account = accountOf('mysql');
  if (!account || !hasMariaDb()) return undefined;
  const folder = ownedFolder('mariadb', account);
  const data = join(folder, 'data');
  execFileSync(
    '/usr/bin/mariadb-install-db',
    ['--no-defaults', `--datadir=${data}`, '--auth-root-authentication-method=normal', '--skip-test-db'],
    { stdio: 'ignore', ...account },
  );
  const port = await freePort();
  const server = new ServerProcess({
    program: '/usr/sbin/mariadbd',
    args: [
      '--no-defaults',
      `--datadir=${data}`,
      `--port=${port}`,
      '--bind-address=127.0.0.1',
      `--socket=${join(folder, 'socket')}`,
      `--pid-file=${join(folder, 'pid')}`,
      '--skip-name-resolve',
      '--max-connections=300',
      '--innodb-buffer-pool-size=256M',
    ],
    ...account,
    port,
  });
  const url = `mysql://root@127.0.0.1:${port}/mysql`;
  await server.start();
  // Without name resolution, the server recognizes the account of localhost only through its socket.
  const { createConnection } = await import('mysql2/promise');
  const local = await createConnection({ socketPath: join(folder, 'socket'), user: 'root' });
  await local.query(`CREATE USER IF NOT EXISTS root@'127.0.0.1'`);
  await local.query(`GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION`);
  await local.end();
  return {
    url,
    crash: async () => {
      await server.end('SIGKILL');
      await server.start();
    },
    stop: async () => {
      await server.end('SIGKILL');
      removeFolder(folder);
    },
  };
}
