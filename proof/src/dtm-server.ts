import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ProofDatabase } from './database.js';
import { freePort } from './ports.js';
import { ServerProcess } from './server-process.js';
import { removeFolder, temporaryFolder } from './temporary-folder.js';

/** A DTM server that stores its jobs in a PostgreSQL database of the run. */
export interface DtmServer {
  readonly url: string;
  /** Kills the server with SIGKILL and starts it again. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** The DTM program and its tables; undefined if they have not been built. */
function dtmFiles(repository: string): { program: string; tables: string } | undefined {
  const cache = join(repository, '.cache/dtm/v1.19.0');
  const program = process.env.DTM_BIN ?? join(cache, 'dtm');
  const name = 'dtmsvr.storage.postgres.sql';
  const tables = [join(dirname(program), name), join(cache, name)].find((file) => existsSync(file));
  return existsSync(program) && tables !== undefined ? { program, tables } : undefined;
}

export function hasDtm(repository: string): boolean {
  return dtmFiles(repository) !== undefined;
}

export async function startDtm(repository: string, store: ProofDatabase): Promise<DtmServer> {
  const files = dtmFiles(repository);
  if (!files) throw new Error('There is no DTM server: run "node scripts/build-dtm.mjs"');
  await store.query(readFileSync(files.tables, 'utf8'));
  const folder = temporaryFolder('dtm');
  const port = await freePort();
  const { hostname, port: databasePort, username, password, pathname } = new URL(store.url);
  const server = new ServerProcess({
    program: files.program,
    args: [],
    cwd: folder,
    port,
    env: {
      HTTP_PORT: String(port),
      GRPC_PORT: String(await freePort()),
      TRANS_CRON_INTERVAL: '1',
      LOG_LEVEL: 'warn',
      // Otherwise it stores a step's success up to 200 ms later, and a crash in between repeats steps out of order.
      UPDATE_BRANCH_SYNC: '1',
      STORE_DRIVER: 'postgres',
      STORE_HOST: hostname,
      STORE_PORT: databasePort || '5432',
      // An empty value would break the connection string, which is built without quotes.
      STORE_USER: quoted(username || 'postgres'),
      STORE_PASSWORD: quoted(password),
      STORE_DB: pathname.slice(1),
      STORE_SCHEMA: 'public',
    },
  });
  await server.start();
  return {
    url: `http://127.0.0.1:${port}`,
    restart: async () => {
      await server.end('SIGKILL');
      await server.start();
    },
    stop: async () => {
      await server.end('SIGKILL');
      removeFolder(folder);
    },
  };
}

function quoted(part: string): string {
  return `'${decodeURIComponent(part).replace(/[\\']/g, '\\$&')}'`;
}
