import { DataSource, type DataSourceOptions } from 'typeorm';
import { afterAll, afterEach, beforeAll, describe, it } from 'vitest';
import { lacksPostgres } from '../../../proof/src/engines/postgres-node.js';
import { startOwnPostgres, type OwnServer } from '../../../proof/src/own-servers.js';
import { selfTm } from '../../../lib/index.js';
import { startApplication, type StartedApplication } from '../../support/application.js';
import { waitFor } from '../../support/wait-for.js';

const PASSWORD = 'a-secret-of-the-test';

const lacks = lacksPostgres();
const why = lacks === undefined ? '' : ` (skipped: ${lacks})`;

describe.skipIf(lacks !== undefined)(`PostgreSQL that asks for a password${why}`, () => {
  let server: OwnServer;
  let admin: DataSource;
  let started: StartedApplication | undefined;

  beforeAll(async () => {
    server = (await startOwnPostgres())!;
    admin = await new DataSource({ type: 'postgres', url: server.url }).initialize();
    await admin.query(`CREATE ROLE app LOGIN SUPERUSER PASSWORD '${PASSWORD}'`);
    const [{ hba_file: file }] = (await admin.query('SHOW hba_file')) as [{ hba_file: string }];
    const rules = `SELECT 'host all app 127.0.0.1/32 scram-sha-256' UNION ALL SELECT 'host all postgres 127.0.0.1/32 trust'`;
    await admin.query(`COPY (${rules}) TO '${file}'`);
    await admin.query('SELECT pg_reload_conf()');
  });
  afterEach(async () => {
    await started?.context.close();
    started = undefined;
  });
  afterAll(async () => {
    await admin?.destroy();
    await server?.stop();
  });

  const account = () => {
    const { hostname: host, port, pathname } = new URL(server.url);
    return { host, port: Number(port), database: pathname.slice(1), username: 'app' };
  };
  const ways: Record<string, () => object> = {
    'in the URL': () => {
      const { host, port, database, username } = account();
      return { url: `postgres://${username}:${PASSWORD}@${host}:${port}/${database}` };
    },
    'as an option': () => ({ ...account(), password: PASSWORD }),
    'from a function': () => ({ ...account(), password: () => Promise.resolve(PASSWORD) }),
    'in the master of a replication': () => {
      const master = { ...account(), password: PASSWORD };
      return { replication: { master, slaves: [master] } };
    },
  };

  it.each(Object.keys(ways))('gets it on every connection of the library: %s', async (way) => {
    const dataSource = new DataSource({ type: 'postgres', ...ways[way]!() } as DataSourceOptions);
    started = await startApplication({
      dataSource: await dataSource.initialize(),
      module: { transactionManager: selfTm() },
      providers: [],
    });
    const listening = `SELECT FROM pg_stat_activity WHERE usename = 'app' AND query LIKE 'LISTEN%'`;
    await waitFor(async () => ((await admin.query(listening)) as unknown[]).length === 1, {
      message: 'a session that listens',
    });
  });
});
