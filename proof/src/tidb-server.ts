import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { freePort } from './ports.js';
import { ServerProcess } from './server-process.js';
import { removeFolder, temporaryFolder } from './temporary-folder.js';

/** A TiDB server with its embedded store: one process, which keeps nothing. */
export interface TidbServer {
  readonly url: string;
  stop(): Promise<void>;
}

/** `TIDB_BIN`, or what `npm run build:tidb` has built. */
export function tidbProgram(repository: string): string {
  const { TIDB_BIN } = process.env;
  return TIDB_BIN ? resolve(TIDB_BIN) : join(repository, '.cache/tidb/v8.5.4/tidb-server');
}

/** Why there is no TiDB server to start. */
export function tidbLacks(repository: string): string | undefined {
  const program = tidbProgram(repository);
  return existsSync(program) ? undefined : `no TiDB server at ${program}: npm run build:tidb, or TIDB_BIN`;
}

export async function startTidb(repository: string): Promise<TidbServer> {
  const folder = temporaryFolder('tidb');
  const [port, status] = [await freePort(), await freePort()];
  const server = new ServerProcess({
    program: tidbProgram(repository),
    args: [
      ...[
        '-P',
        String(port),
        '-host',
        '127.0.0.1',
        '-status',
        String(status),
        '-socket',
        join(folder, 'socket'),
      ],
      // The schema is looked at each second instead of each 45: DDL waits for it.
      ...[
        '-store',
        'unistore',
        '-path',
        '',
        '-lease',
        '1s',
        '-L',
        'error',
        '-temp-dir',
        join(folder, 'temp'),
      ],
    ],
    cwd: folder,
    port,
  });
  await server.start();
  return {
    url: `mysql://root@127.0.0.1:${port}/test`,
    stop: async () => {
      await server.end('SIGKILL');
      removeFolder(folder);
    },
  };
}
