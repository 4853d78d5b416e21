import { serverCpu } from '../measure/server-cpu.ts';
import { OwnMariadb } from '../server/own-mariadb.ts';
import { OwnPostgres } from '../server/own-postgres.ts';

const CONNECTIONS = { max_connections: '500' };

/** A server of the benchmark's own, and what it counts. */
export interface MeasuredServer {
  readonly title: string;
  readonly kind: 'postgres' | 'mysql';
  create(database: string): Promise<string>;
  drop(database: string): Promise<void>;
  /** Seconds of CPU so far. */
  cpu(): number;
  /** Rows read so far, by table, of tables of the library. */
  rowsRead(database: string): Promise<ReadonlyMap<string, number>>;
  stop(): Promise<void>;
}

export const SERVERS: Readonly<Record<string, () => Promise<MeasuredServer>>> = { postgres, mariadb };

async function postgres(): Promise<MeasuredServer> {
  const server = await OwnPostgres.start(CONNECTIONS);
  const admin = (sql: string) => server.withClient((client) => client.query(sql));
  return {
    title: 'PostgreSQL',
    kind: 'postgres',
    create: async (database) => {
      await admin(`CREATE DATABASE "${database}"`);
      return server.url(database);
    },
    drop: async (database) => {
      await admin(`DROP DATABASE IF EXISTS "${database}" WITH (FORCE)`);
    },
    cpu: () => serverCpu(server.pid),
    rowsRead: (database) =>
      server.withClient(async (client) => {
        const { rows } = await client.query<{ name: string; read: string }>(
          `SELECT relname AS name, seq_tup_read + COALESCE(idx_tup_fetch, 0) AS read
             FROM pg_stat_user_tables WHERE relname LIKE 'stepping\\_%'`,
        );
        return new Map(rows.map(({ name, read }) => [name, Number(read)]));
      }, database),
    stop: () => server.stop(),
  };
}

async function mariadb(): Promise<MeasuredServer> {
  const server = await OwnMariadb.start({ ...CONNECTIONS, 'innodb-buffer-pool-size': '512M' });
  return {
    title: 'MariaDB',
    kind: 'mysql',
    create: async (database) => {
      await server.query(`CREATE DATABASE \`${database}\``);
      return server.url(database);
    },
    drop: async (database) => {
      await server.query(`DROP DATABASE IF EXISTS \`${database}\``);
    },
    cpu: () => serverCpu(server.pid),
    rowsRead: async (database) => {
      const rows = await server.query(
        `SELECT TABLE_NAME AS name, ROWS_READ AS rows_read FROM information_schema.TABLE_STATISTICS
          WHERE TABLE_SCHEMA = '${database}' AND TABLE_NAME LIKE 'stepping\\_%'`,
      );
      return new Map(rows.map((row) => [row.name as string, Number(row.rows_read)]));
    },
    stop: () => server.stop(),
  };
}
