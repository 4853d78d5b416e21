import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TestApplication } from '../../support/application.js';
import { describeBackends, type Backend } from '../../support/database.js';
import { expectRanOnce, startPing } from '../../support/fates.js';
import { Databases } from '../../support/placements.js';
import { TcpProxy, type ProxiedConnection } from '../../support/tcp-proxy.js';

/** What passes is replaced by a text of the same length. */
function replaced(data: Buffer, from: string, to: string): Buffer {
  if (from.length !== to.length) throw new Error(`'${to}' is not as long as '${from}'`);
  const at = data.indexOf(from);
  if (at === -1) return data;
  const changed = Buffer.from(data);
  changed.write(to, at);
  return replaced(changed, from, to);
}

const IDLE_LOCK = 'FOR UPDATE SKIP LOCKED';

describeBackends(
  'a server that only passes for the database',
  (backend: Backend) => {
    let databases: Databases;
    let proxy: TcpProxy;
    beforeAll(async () => void (databases = await Databases.create(backend, 'one')));
    beforeEach(async () => void (proxy = await TcpProxy.start(databases.business.url)));
    afterEach(() => proxy.down());
    afterAll(() => databases?.drop());

    /** The message of the error that stops the start. */
    async function refusal(pass: (connection: ProxiedConnection) => void): Promise<string> {
      proxy.onConnection = pass;
      const dataSource = { url: proxy.through(databases.business.url) };
      const started = await TestApplication.start(databases, { dataSource }).catch((error: unknown) => error);
      if (started instanceof TestApplication) {
        await started.close();
        throw new Error('it was accepted');
      }
      expect(started).toMatchObject({ code: 'STEPPING_UNSUPPORTED_DATABASE' });
      return (started as Error).message;
    }

    /** The server says of itself what another one says. */
    const saying = (pattern: RegExp, text: string) => (connection: ProxiedConnection) => {
      const { toClient } = connection;
      connection.toClient = (data) => {
        const [found] = pattern.exec(data.toString('latin1')) ?? [];
        toClient(
          found === undefined
            ? data
            : replaced(data, found, text.padEnd(found.length).slice(0, found.length)),
        );
      };
    };

    const [own, foreign] =
      backend === 'postgres'
        ? [
            /PostgreSQL \d[^\0]{40}/,
            {
              CockroachDB: 'CockroachDB CCL v24.3.1',
              YugabyteDB: 'PostgreSQL 15.2-YB-2.25.0.0-b0 on x86_64',
              Greenplum: 'PostgreSQL 12.12 (Greenplum Database 7.1.0)',
              PGlite: 'PostgreSQL 17.4 on wasm32, compiled by emcc',
              'This server': 'Stepwise 1.0',
            },
          ]
        : [
            /\d+\.\d+\.\d+-MariaDB[^\0\n]{1,8}/,
            {
              'TiDB 8.0.11-TiDB-v7.5': '8.0.11-TiDB-v7.5',
              Vitess: '8.0.30-Vitess',
              OceanBase: '8.4.0-OceanBase',
            },
          ];

    it.each(Object.entries(foreign))('is refused by its name: %s', async (name, text) => {
      expect(await refusal(saying(own, text))).toMatch(new RegExp(`^${name}.* is not supported\\.`));
    });

    it('is refused whatever it says of itself, when it locks no rows', async () => {
      const message = await refusal((connection) => {
        const { toServer } = connection;
        connection.toServer = (data) => toServer(replaced(data, IDLE_LOCK, ' '.repeat(IDLE_LOCK.length)));
      });
      expect(message).toContain('SKIP LOCKED locks nothing');
    });

    it('is no worry where the pool has one connection', async () => {
      const one = backend === 'postgres' ? { extra: { max: 1 } } : { extra: { connectionLimit: 1 } };
      const app = await TestApplication.start(databases, { dataSource: one });
      await expectRanOnce(app, await startPing(app));
      await app.close();
    });
  },
  ['postgres', 'mariadb'],
);

describe('tables of another kind', () => {
  /** Makes the tables, changes them, and starts again. */
  function startsOn(backend: Backend, change: (databases: Databases) => Promise<unknown>): Promise<unknown> {
    return (async () => {
      const databases = await Databases.create(backend, 'one');
      try {
        await (await TestApplication.start(databases)).close();
        await change(databases);
        const app = await TestApplication.start(databases);
        await app.close();
        return 'accepted';
      } catch (error) {
        return error;
      } finally {
        await databases.drop();
      }
    })();
  }

  const unsupported = (message: string) => ({
    code: 'STEPPING_UNSUPPORTED_DATABASE',
    message: expect.stringContaining(message) as string,
  });

  describeBackends(
    'are refused',
    (backend) => {
      const cases: Readonly<Record<string, readonly [message: string, ...sql: string[]]>> = {
        'jobs that are partitioned by their age': [
          'table stepping_jobs, which is partitioned, but not by gid,',
          'ALTER TABLE stepping_jobs RENAME TO old_jobs',
          `CREATE TABLE stepping_jobs (LIKE old_jobs INCLUDING DEFAULTS, PRIMARY KEY (gid, created_at))
             PARTITION BY RANGE (created_at)`,
          `CREATE TABLE stepping_jobs_now PARTITION OF stepping_jobs FOR VALUES FROM ('2020-01-01') TO ('2100-01-01')`,
        ],
        'jobs with an unlogged part': [
          'unlogged table stepping_jobs',
          'ALTER TABLE stepping_jobs RENAME TO old_jobs',
          'CREATE TABLE stepping_jobs (LIKE old_jobs INCLUDING DEFAULTS, PRIMARY KEY (gid)) PARTITION BY HASH (gid)',
          `CREATE UNLOGGED TABLE stepping_jobs_0 PARTITION OF stepping_jobs
             FOR VALUES WITH (MODULUS 1, REMAINDER 0)`,
        ],
        'a view of jobs': [
          'table stepping_jobs, which is a view or foreign,',
          'ALTER TABLE stepping_jobs RENAME TO old_jobs',
          'CREATE VIEW stepping_jobs AS SELECT * FROM old_jobs',
        ],
        'jobs with a child': [
          'table stepping_jobs, which is inherited,',
          'CREATE TABLE older_jobs () INHERITS (stepping_jobs)',
        ],
        'unlogged jobs': ['unlogged table stepping_jobs', 'ALTER TABLE stepping_jobs SET UNLOGGED'],
        'an unlogged barrier': [
          'unlogged table stepping_barrier',
          'ALTER TABLE stepping_barrier SET UNLOGGED',
        ],
      };
      it.each(Object.entries(cases))('%s', async (_, [message, ...sql]) => {
        const outcome = await startsOn(backend, async ({ business }) => {
          for (const statement of sql) await business.query(statement);
        });
        expect(outcome).toMatchObject(unsupported(message));
      });
    },
    ['postgres'],
  );

  describeBackends(
    'are refused',
    (backend) => {
      it.each(['stepping_jobs', 'stepping_barrier'])('%s that no transaction rolls back', async (table) => {
        const outcome = await startsOn(backend, ({ business }) =>
          business.query(`ALTER TABLE ${table} ENGINE=MyISAM`),
        );
        expect(outcome).toMatchObject(unsupported(`${table} with ENGINE=MyISAM`));
      });

      it('but not partitioned ones, where a claim reads rows by their gid', async () => {
        const outcome = await startsOn(backend, ({ business }) =>
          business.query('ALTER TABLE stepping_jobs PARTITION BY KEY (gid) PARTITIONS 4'),
        );
        expect(outcome).toBe('accepted');
      });
    },
    ['mariadb'],
  );

  describeBackends(
    'are refused',
    (backend) => {
      it('in a file without a journal', async () => {
        const databases = await Databases.create(backend, 'one');
        const prepareDatabase = (database: { unsafeMode(): void; pragma(text: string): unknown }) => {
          // The driver does not allow it otherwise.
          database.unsafeMode();
          database.pragma('journal_mode = OFF');
        };
        const started = TestApplication.start(databases, {
          dataSource: { prepareDatabase, enableWAL: false },
        });
        await expect(started).rejects.toMatchObject(unsupported('journal_mode = OFF'));
        await databases.drop();
      });
    },
    ['sqlite'],
  );
});
