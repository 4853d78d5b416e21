import { fileURLToPath } from 'node:url';
import { serverVersion } from '../server-versions.js';
import { startTidb, tidbLacks } from '../tidb-server.js';
import type { Engine } from './engine.js';

const repository = fileURLToPath(new URL('../../../', import.meta.url));

/** All that runs on MariaDB runs on it, but for what is about MariaDB itself or another server than the database. */
const SUITES = [
  'test/contract',
  ...['arguments', 'crashes', 'events/inbox', 'leases', 'module', 'operating', 'payloads'].map(guarantees),
  ...['shutdown', 'steps', 'transactions'].map(guarantees),
  ...['character-sets', 'driver-settings', 'foreign-barrier-table', 'vanished-tables'].map((suite) =>
    guarantees(`databases/${suite}`),
  ),
];

/** TiDB with its embedded store, one process. */
export const tidb: Engine = {
  name: 'tidb',
  placements: ['one', 'two'],
  lacks: () => tidbLacks(repository),
  async start(context) {
    const { url, stop } = await startTidb(context.repository);
    try {
      return {
        version: await serverVersion('mariadb', url),
        backend: 'mariadb',
        url,
        triggers: false,
        environment: { MYSQL_URL: url, DATABASE_URL: 'off', STEPPING_TEST_ENGINE: 'tidb' },
        suites: SUITES,
        stop,
      };
    } catch (error) {
      await stop();
      throw error;
    }
  },
};

function guarantees(suite: string): string {
  return `test/guarantees/${suite}`;
}
