import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { accountOf, ownedFolder } from '../accounts.js';
import { startOwnPostgres } from '../own-servers.js';
import { freePort } from '../ports.js';
import { ServerProcess } from '../server-process.js';
import { removeFolder } from '../temporary-folder.js';
import type { Engine, RunningEngine } from './engine.js';
import { lacksPostgres } from './postgres-node.js';
import { pgbouncerSuites } from './pgbouncer-suites.js';

const PGBOUNCER = '/usr/sbin/pgbouncer';

/**
 * PostgreSQL behind PgBouncer in transaction mode: each transaction may reach another session of the server. The application, the
 * checker and the suites all go through it.
 */
export const pgbouncer: Engine = {
  name: 'pgbouncer',
  lacks() {
    return existsSync(PGBOUNCER)
      ? lacksPostgres()
      : `there is no ${PGBOUNCER}; on Debian: apt-get install pgbouncer`;
  },
  start,
};

async function start(): Promise<RunningEngine> {
  const server = (await startOwnPostgres())!;
  // It refuses to run as root.
  const account = accountOf('postgres')!;
  const folder = ownedFolder('pgbouncer', account);
  const stop = async (): Promise<void> => {
    await pooler?.end('SIGTERM');
    await server.stop();
    removeFolder(folder);
  };
  let pooler: ServerProcess | undefined;
  try {
    const port = await freePort();
    const config = join(folder, 'pgbouncer.ini');
    const users = join(folder, 'users.txt');
    writeFileSync(users, '"postgres" ""\n');
    writeFileSync(config, configOf(new URL(server.url).port, port, users));
    pooler = new ServerProcess({ program: PGBOUNCER, args: [config], ...account, port });
    await pooler.start();
    const url = new URL(server.url);
    url.port = String(port);
    return {
      version: execFileSync(PGBOUNCER, ['--version'], { encoding: 'utf8' }).split('\n')[0]!,
      backend: 'postgres',
      url: url.href,
      // A search path given at the start of a session is refused.
      environment: { DATABASE_URL: url.href, STEPPING_TEST_ISOLATION: 'database' },
      suites: pgbouncerSuites,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function configOf(server: string, port: number, users: string): string {
  return `[databases]
* = host=127.0.0.1 port=${server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${users}
pool_mode = transaction
default_pool_size = 40
max_client_conn = 500
`;
}
