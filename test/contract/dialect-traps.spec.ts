import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dialectFor } from '../../lib/store/databases.js';
import { resolveTableNames } from '../../lib/store/table-names.js';
import { InvalidOptionError, UnsupportedDatabaseError } from '../../lib/errors/index.js';
import type { DataSourceLike } from '../../lib/core/transactions/typeorm.types.js';
import {
  type TestDatabase,
  createDatabase,
  describeBackends,
  exceptOnTidb,
  itOn,
} from '../support/database.js';
import { lockWaits } from '../support/lock-waits.js';
import type { LeaseKey, PreparedChange } from '../../lib/store/job-store.js';
import { waitFor } from '../support/wait-for.js';
import { claimAll, end, newJob, onRunner, openDataSource, openStore, progress, success } from './support.js';

describe('table names', () => {
  it('are refused when they are no identifiers', () => {
    for (const prefix of ['a-b', '1a', 'a b', 'a"b', 'é', 'x'.repeat(41), 1 as unknown as string]) {
      expect(() => resolveTableNames({ prefix })).toThrow(InvalidOptionError);
    }
    for (const schema of ['', 'a.b', 'a`b', 'x'.repeat(64)]) {
      expect(() => resolveTableNames({ schema })).toThrow(InvalidOptionError);
    }
    expect(
      resolveTableNames({ schema: 'x'.repeat(63), prefix: 'x'.repeat(40) }).migrations.length,
    ).toBeLessThan(52);
  });
});

describe('without a prefix', () => {
  it('the barrier table is the one of DTM’s other clients, down to the name of its key', () => {
    const names = resolveTableNames({ schema: 'dtm_barrier', prefix: '' });
    expect(names).toMatchObject({ schema: 'dtm_barrier', barrier: 'barrier', barrierKey: 'uniq_barrier' });
  });
});

describe('dialectFor', () => {
  it('refuses a database that is not supported, and says which ones are', () => {
    const oracle = { options: { type: 'oracle' } } as unknown as DataSourceLike;
    expect(() => dialectFor(oracle)).toThrow(UnsupportedDatabaseError);
    expect(() => dialectFor(oracle)).toThrow(/'oracle'.*PostgreSQL 13\+.*MariaDB 10\.6\+/);
    expect(() => dialectFor({ options: { type: 'constructor' } } as unknown as DataSourceLike)).toThrow(
      UnsupportedDatabaseError,
    );
  });
});

describeBackends('dialect', (backend) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createDatabase(backend);
  });
  afterAll(() => database?.drop());

  it('refuses a server that is too old', async () => {
    const versions = {
      postgres: { description: 'PostgreSQL 12.18 on x86_64-pc-linux-gnu' },
      mariadb: { version: '5.5.5-10.5.29-MariaDB-log' },
      sqlite: { version: '3.34.1' },
    } as const;
    const open = await openDataSource(database);
    try {
      const query = async () => ({ rows: [versions[backend]], affected: 0 });
      const refused = open.dialect.initialize({ query } as never);
      await expect(refused).rejects.toBeInstanceOf(UnsupportedDatabaseError);
      await expect(refused).rejects.toThrow(/^(PostgreSQL 12|MariaDB 5\.5\.5-10\.5|SQLite 3\.34)/);
      await open.dialect.initialize(open.connection);
    } finally {
      await open.close();
    }
  });

  itOn(backend, 'mariadb')('tells the versions of MySQL from those of MariaDB', async () => {
    const open = await openDataSource(database);
    try {
      const accepts = async (version: string): Promise<boolean> => {
        const rows = [{ version, name: 'x' }];
        const dialect = dialectFor(open.dataSource as unknown as DataSourceLike);
        return dialect.initialize({ query: async () => ({ rows, affected: 0 }) } as never).then(
          () => true,
          () => false,
        );
      };
      expect(await accepts('8.0.11')).toBe(true);
      expect(await accepts('8.4.0-log')).toBe(true);
      expect(await accepts('5.7.44')).toBe(false);
      expect(await accepts('10.6.1-MariaDB')).toBe(true);
      expect(await accepts('11.4.2-MariaDB')).toBe(true);
    } finally {
      await open.close();
    }
  });

  it('keeps apart what a prefix keeps apart', async () => {
    const [one, two] = [
      await openStore(database),
      await openStore(database, { tables: { prefix: 'Other_' } }),
    ];
    try {
      const job = newJob();
      await one.store.insert([job]);
      expect(await two.store.find(job.gid)).toBeNull();
      expect((await two.store.insert([job])).size).toBe(1);
    } finally {
      await Promise.all([one.close(), two.close()]);
    }
  });

  itOn(
    backend,
    'postgres',
    'mariadb',
  )('waits for a row that is locked whenever it looks, and leaves its session as it was', async () => {
    // One connection, so that it is the same session before and after.
    const open = await openStore(database, { extra: { poolSize: 1 } });
    const other = await openStore(database);
    const setting =
      backend === 'postgres' ? 'SHOW lock_timeout' : 'SELECT @@SESSION.innodb_lock_wait_timeout AS seconds';
    try {
      const before = await open.dataSource.query(setting);
      const job = newJob({ owner: 'me' });
      await open.store.insert([job]);
      const changed = await onRunner(other.dataSource, async (runner) => {
        await runner.query(`SELECT gid FROM stepping_jobs WHERE gid = '${job.gid}' FOR UPDATE`);
        const change = open.store.change([success(job.gid, 'me')]);
        // MariaDB shows what it showed before to whoever looks again within a tenth of a second.
        await waitFor(async () => (await database.query(lockWaits(database))).length > 0, {
          interval: 150,
          message: 'a wait for the lock',
        });
        await runner.rollbackTransaction();
        return change;
      });
      expect(changed).toEqual(new Set([job.gid]));
      expect(await open.dataSource.query(setting)).toEqual(before);
    } finally {
      await Promise.all([open.close(), other.close()]);
    }
  });

  itOn(
    backend,
    'postgres',
    'mariadb',
  )('does not follow the time zone of a session', async () => {
    const there = await openStore(database);
    const zone =
      backend === 'postgres'
        ? { extra: { options: `-c TimeZone=Asia/Tokyo -c search_path=${database.schema}` } }
        : { timezone: '+09:00', poolSize: 1 };
    const here = await openDataSource(database, { extra: zone });
    try {
      if (backend === 'mariadb') await here.dataSource.query(`SET time_zone = '+09:00'`);
      const [zoned] = await here.dataSource.query(
        backend === 'postgres' ? 'SHOW TimeZone' : 'SELECT @@time_zone AS zone',
      );
      expect(Object.values(zoned)).toEqual([backend === 'postgres' ? 'Asia/Tokyo' : '+09:00']);
      await here.store.initialize(false);

      const [later, due] = [
        newJob({ stepName: 'zoned', dueIn: 60_000 }),
        newJob({ stepName: 'zoned', dueIn: -60_000 }),
      ];
      await onRunner(here.dataSource, async (runner) => {
        await here.store.insertIn(runner, later);
        await runner.commitTransaction();
      });
      await there.store.insert([due]);
      const found = (await there.store.find(later.gid))!;
      expect(Math.abs(found.createdAt.getTime() - Date.now())).toBeLessThan(10_000);
      expect(found).toEqual(await here.store.find(later.gid));
      expect((await claimAll(here.store, 'here', ['zoned'])).map((job) => job.gid)).toEqual([due.gid]);
      const since = new Date(Date.now() - 10_000);
      const young = await here.store.list({ createdAfter: since, limit: 10 });
      expect(young.jobs.map((job) => job.gid)).toContain(later.gid);
      expect(await here.store.list({ step: 'zoned', createdBefore: since, limit: 10 })).toEqual({
        jobs: [],
        more: false,
      });
    } finally {
      await Promise.all([here.close(), there.close()]);
    }
  });

  itOn(backend, 'postgres')('does not follow the search path of a transaction', async () => {
    const open = await openStore(database);
    const trap = `${database.schema}_trap`;
    try {
      await open.dataSource.query(`CREATE SCHEMA ${trap}`);
      await open.dataSource.query(
        `CREATE TABLE ${trap}.stepping_jobs (LIKE ${open.dialect.tables.jobs} INCLUDING ALL)`,
      );
      const job = newJob();
      await onRunner(open.dataSource, async (runner) => {
        await runner.query(`SET LOCAL search_path TO ${trap}`);
        expect(await open.store.insertIn(runner, job)).toBe(true);
        await runner.commitTransaction();
      });
      expect(await open.store.find(job.gid)).not.toBeNull();
      expect(await database.query(`SELECT * FROM ${trap}.stepping_jobs`)).toEqual([]);
    } finally {
      await open.dataSource.query(`DROP SCHEMA ${trap} CASCADE`);
      await open.close();
    }
  });

  itOn(backend, 'postgres')('finds the schema by the search path when nobody names one', async () => {
    const open = await openStore(database, { extra: { schema: undefined }, tables: { prefix: 'path_' } });
    try {
      expect(open.dialect.schema).toBe(database.schema);
      expect(open.dialect.tables.jobs).toBe(`"${database.schema}"."path_jobs"`);
    } finally {
      await open.close();
    }
  });

  itOn(backend, 'postgres')(
    'runs READ COMMITTED on a serializable database, and says so to nobody',
    async () => {
      const options = `-c default_transaction_isolation=serializable -c search_path=${database.schema}`;
      const open = await openStore(database, { extra: { poolSize: 1, extra: { options, max: 1 } } });
      try {
        const { rows } = await open.connection.query('SHOW transaction_isolation');
        expect(rows).toEqual([{ transaction_isolation: 'read committed' }]);
        expect(await open.dataSource.query('SHOW transaction_isolation')).toEqual([
          { transaction_isolation: 'serializable' },
        ]);
        expect(await open.dataSource.query('SHOW lock_timeout')).toEqual([{ lock_timeout: '0' }]);
      } finally {
        await open.close();
      }
    },
  );

  itOn(backend, 'mariadb')('leaves the isolation level of a session alone', async () => {
    const open = await openStore(database, { extra: { poolSize: 1 } });
    try {
      await open.store.insert([newJob()]);
      await claimAll(open.store, 'me');
      const [row] = await open.dataSource.query('SELECT @@tx_isolation AS level, @@autocommit AS autocommit');
      expect({ ...row, autocommit: Number(row.autocommit) }).toEqual({
        level: 'REPEATABLE-READ',
        autocommit: 1,
      });
    } finally {
      await open.close();
    }
  });

  itOn(
    backend,
    'postgres',
    'mariadb',
  )('splits a batch, so that one bad row does not hold up the rest', async () => {
    const open = await openStore(database);
    try {
      const jobs = Array.from({ length: 9 }, () => newJob({ owner: 'me', dueIn: 60_000 }));
      const bad = newJob({ name: 'x'.repeat(300) });
      expect(await open.store.insert([...jobs.slice(0, 4), bad, ...jobs.slice(4)])).toEqual(
        new Set(jobs.map((job) => job.gid)),
      );
      await expect(open.store.insert([bad])).rejects.toMatchObject({
        name: 'TransactionManagerUnavailableError',
      });

      const changes = jobs.map((job, index) =>
        success(job.gid, 'me', index === 3 ? { stepName: 'x'.repeat(300) } : {}),
      );
      const expected = new Set(jobs.filter((_, index) => index !== 3).map((job) => job.gid));
      expect(await open.store.change(changes)).toEqual(expected);
      expect(await open.store.find(jobs[3]!.gid)).toMatchObject({ status: 'submitted', stepIndex: 0 });
    } finally {
      await open.close();
    }
  });

  itOn(
    backend,
    'postgres',
    'mariadb',
  )('closes a connection whose transaction cannot be ended', async () => {
    const open = await openStore(database, { extra: { poolSize: 1, extra: { max: 1, connectionLimit: 1 } } });
    try {
      const job = newJob();
      const insert = open.store.statements.insert(job);
      await expect(
        open.connection.transaction(async (run) => {
          await run(insert.sql, insert.params);
          throw Object.assign(new Error('no ROLLBACK gets through'), { block: true });
        }),
      ).rejects.toThrow('no ROLLBACK');
      expect(await open.store.find(job.gid)).toBeNull();

      const original = open.dataSource.createQueryRunner.bind(open.dataSource);
      open.dataSource.createQueryRunner = ((mode: 'master') => {
        const runner = original(mode);
        const query = runner.query.bind(runner);
        runner.query = ((sql: string, ...rest: []) =>
          sql === 'ROLLBACK' ? Promise.reject(new Error('timed out')) : query(sql, ...rest)) as typeof query;
        return runner;
      }) as typeof original;
      await expect(
        open.connection.transaction(async (run) => {
          await run(insert.sql, insert.params);
          throw new Error('failed');
        }),
      ).rejects.toThrow('failed');
      open.dataSource.createQueryRunner = original;
      // On the old connection the row would still be there.
      expect(await open.store.find(job.gid)).toBeNull();
      expect((await open.store.insert([job])).size).toBe(1);
    } finally {
      await open.close();
    }
  });

  itOn(backend, 'postgres')('finds its rows by an index in a table without statistics', async () => {
    const open = await openStore(database, { tables: { prefix: 'new_' } });
    try {
      await database.query(`ALTER TABLE ${open.dialect.tables.jobs} SET (autovacuum_enabled = false)`);
      const jobs = Array.from({ length: 12_000 }, () => newJob());
      await open.store.insert(jobs);
      const plans: string[] = [];
      const original = open.connection.query.bind(open.connection);
      open.connection.query = async (sql, params) => {
        const { rows } = await original(`EXPLAIN ${sql}`, params);
        plans.push(rows.map((row: Record<string, string>) => row['QUERY PLAN']).join('\n'));
        return original(sql, params);
      };
      const claim = (limit: number) =>
        open.store.claim({ owner: 'me', limit, leaseDuration: 30_000, steps: ['first'] });
      for (const count of [1, 32, 500]) {
        const claimed = await claim(count);
        expect(claimed).toHaveLength(count);
        expect((await open.store.renew(claimed as LeaseKey[], 30_000)).size).toBe(count);
        expect((await open.store.change(claimed.map(({ gid }) => progress(gid, 'me')))).size).toBe(count);
        const logged = { atStep: 1, stepIndex: 2, attemptLog: '0:2' };
        expect((await open.store.change(claimed.map(({ gid }) => progress(gid, 'me', logged)))).size).toBe(
          count,
        );
        const ends = claimed.map(({ gid }) => end(gid, 'me', { atStep: 2, stepIndex: 2 }));
        expect((await open.store.change(ends)).size).toBe(count);
      }
      const prepared = jobs
        .slice(-500)
        .map(({ gid }) => ({ gid, owner: 'me', status: 'submitted', due: 0, release: true }));
      await open.store.changePrepared(prepared as PreparedChange[]);
      expect(plans).toHaveLength(16);
      for (const plan of plans) expect(plan).not.toContain('Seq Scan');
      // A claim takes its rows in the order of the index: sorting what is due would read all of it.
      const claims = plans.filter((plan) => plan.includes('due_at'));
      expect(claims).toHaveLength(3);
      for (const plan of claims) expect(plan).not.toContain('Sort');
    } finally {
      await open.close();
    }
  });

  itOn(backend, 'postgres')('looks for overdue steps in the front of a backlog only', async () => {
    const open = await openStore(database, { tables: { prefix: 'late_' } });
    try {
      await open.store.insert([newJob({ dueIn: -120_000, stepName: 'gone' })]);
      await open.store.insert(Array.from({ length: 12_000 }, () => newJob({ dueIn: -60_000 })));
      await database.query(`ANALYZE ${open.dialect.tables.jobs}`);
      let plan = '';
      const original = open.connection.query.bind(open.connection);
      open.connection.query = async (sql, params) => {
        const { rows } = await original(`EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) ${sql}`, params);
        plan = rows.map((row: Record<string, string>) => row['QUERY PLAN']).join('\n');
        return original(sql, params);
      };
      expect(await open.store.unknownSteps(['first'], 30_000)).toEqual(['gone']);
      expect(plan).not.toContain('Seq Scan');
      const read = [...plan.matchAll(/actual rows=(\d+)/g)].map(([, rows]) => Number(rows));
      expect(Math.max(...read)).toBe(10_000);
    } finally {
      await open.close();
    }
  });

  it('finds failed jobs by an index of their own, whatever else is asked', async () => {
    const open = await openStore(database, { tables: { prefix: 'failed_' } });
    try {
      const jobs = Array.from({ length: 1_000 }, () => newJob({ owner: 'me' }));
      await open.store.insert(jobs);
      await open.store.change(
        jobs.map(({ gid }, index) => ({
          ...end(gid, 'me'),
          ...(index === 0 && { status: 'failed' as const }),
        })),
      );
      const how = backend === 'sqlite' ? 'EXPLAIN QUERY PLAN' : 'EXPLAIN';
      for (const query of [{}, { name: 'a' }, { step: 'first', before: 'x', createdAfter: new Date(0) }]) {
        const { sql, params } = open.store.statements.list({ status: ['failed'], limit: 10, ...query });
        const { rows } = await open.connection.query(`${how} ${sql}`, params);
        expect(JSON.stringify(rows)).toContain('failed_jobs_failed');
      }
      const { jobs: failed } = await open.store.list({ status: ['failed'], limit: 10 });
      expect(failed.map(({ gid }) => gid)).toEqual([jobs[0]!.gid]);
    } finally {
      await open.close();
    }
  });

  itOn(backend, 'mariadb')('looks at few more large jobs than fit, since it has to read them', async () => {
    const open = await openStore(database, { tables: { prefix: 'large_' }, extra: { poolSize: 1 } });
    try {
      const steps = JSON.stringify([{ step: 'first', args: 'x'.repeat(100_000) }]);
      for (let part = 0; part < 10; part += 1)
        await open.store.insert(Array.from({ length: 30 }, () => newJob({ steps })));
      const rowsReadBy = async (work: () => Promise<number>): Promise<{ got: number; read: number }> => {
        await open.connection.query('FLUSH LOCAL STATUS');
        const got = await work();
        const { rows } = await open.connection.query(
          `SHOW SESSION STATUS WHERE Variable_name IN ('Handler_read_next', 'Handler_read_prev')`,
        );
        return { got, read: rows.reduce((sum, { Value }) => sum + Number(Value), 0) };
      };
      const maxBytes = 1_050_000;
      for (let turn = 0; turn < 2; turn += 1) {
        const listed = await rowsReadBy(
          async () => (await open.store.list({ limit: 300, maxBytes })).jobs.length,
        );
        expect(listed.got).toBe(10);
        expect(listed.read).toBeLessThan(40);
        const claim = { owner: 'me', limit: 300, leaseDuration: 30_000, steps: ['first'], maxBytes };
        const claimed = await rowsReadBy(async () => (await open.store.claim(claim)).length);
        expect(claimed.got).toBe(10);
        expect(claimed.read).toBeLessThan(40);
      }
    } finally {
      await open.close();
    }
  });

  itOn(backend, 'postgres')(
    'claims without walking over what an open transaction keeps, if told to',
    async () => {
      const open = await openStore(database, { tables: { prefix: 'kept_' } });
      try {
        const jobs = Array.from({ length: 5_000 }, () => newJob({ dueIn: -60_000, owner: 'me' }));
        await open.store.insert(jobs);
        const original = open.connection.query.bind(open.connection);
        const blocksOfClaim = async (dueWithin?: number): Promise<number> => {
          let blocks = NaN;
          open.connection.query = async (sql, params) => {
            const { rows } = await original(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${sql}`, params);
            const [{ 'QUERY PLAN': text }] = rows as [{ 'QUERY PLAN': string }];
            const [{ Plan: plan }] = JSON.parse(text) as [{ Plan: { 'Shared Hit Blocks': number } }];
            blocks = plan['Shared Hit Blocks'];
            return { rows: [], affected: 0 };
          };
          await open.store.claim({
            owner: 'you',
            limit: 100,
            leaseDuration: 30_000,
            steps: ['first'],
            dueWithin,
          });
          open.connection.query = original;
          return blocks;
        };
        await onRunner(
          open.dataSource,
          async (runner) => {
            await runner.query('SELECT 1');
            await open.store.change(jobs.map(({ gid }) => end(gid, 'me')));
            // All the pages of the table, or hardly any.
            expect(await blocksOfClaim()).toBeGreaterThan(60);
            expect(await blocksOfClaim(1000)).toBeLessThan(20);
          },
          'REPEATABLE READ',
        );
      } finally {
        await open.close();
      }
    },
  );

  itOn(backend, 'postgres')(
    'prepares what it sends often, and does without where that gets lost',
    async () => {
      const open = await openStore(database, { tables: { prefix: 'often_' } });
      try {
        const parsed = async (): Promise<number> => {
          const { rows } = await open.connection.query(
            `SELECT 1 FROM pg_prepared_statements WHERE statement LIKE '%often_jobs%'`,
          );
          return rows.length;
        };
        const run = async (): Promise<void> => {
          const job = newJob();
          await open.store.insert([job]);
          expect(
            await open.store.claim({ owner: 'me', limit: 1, leaseDuration: 30_000, steps: ['first'] }),
          ).toHaveLength(1);
          expect((await open.store.change([success(job.gid, 'me')])).size).toBe(1);
        };
        await run();
        expect(await parsed()).toBe(3);
        await open.connection.query('DEALLOCATE ALL');
        await run();
        expect(await parsed()).toBe(0);
      } finally {
        await open.close();
      }
    },
  );

  exceptOnTidb('it does not count what it locks', itOn(backend, 'mariadb'))(
    'locks what it claims and nothing else',
    async () => {
      const open = await openStore(database, { tables: { prefix: 'many_' } });
      const { jobs } = open.dialect.tables;
      try {
        const digits = `(SELECT 0 d ${Array.from({ length: 9 }, (_, n) => `UNION SELECT ${n + 1}`).join(' ')})`;
        await database.query(`
        INSERT INTO ${jobs} (gid, status, steps, step_index, step_name, attempts, created_at, due_at)
        SELECT CONCAT('job-', a.d, b.d, c.d, e.d), 'submitted', '[]', 0, 'first', 0, UTC_TIMESTAMP(6),
               UTC_TIMESTAMP(6) - INTERVAL (a.d * 1000 + b.d * 100 + c.d * 10 + e.d) SECOND
          FROM ${digits} a, ${digits} b, ${digits} c, ${digits} e`);
        let locked: number | undefined;
        let inserted: boolean | undefined;
        const original = open.connection.transaction.bind(open.connection);
        open.connection.transaction = ((work: (run: unknown) => Promise<unknown>) =>
          original(async (run) => {
            const result = await work(run);
            // Still inside the claim's transaction.
            const [{ trx_rows_locked: rows }] = (
              await run(
                'SELECT trx_rows_locked FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = CONNECTION_ID()',
                [],
              )
            ).rows as [{ trx_rows_locked: unknown }];
            locked = Number(rows);
            inserted = await onRunner(open.dataSource, async (runner) => {
              await runner.query('SET innodb_lock_wait_timeout = 2');
              const results = [
                await open.store.insertIn(runner, newJob()),
                await open.store.insertIn(runner, newJob({ dueIn: -9_950_500 })),
                await open.store.insertIn(runner, newJob({ gid: 'job-99995' })),
              ];
              await runner.query('SET innodb_lock_wait_timeout = DEFAULT');
              return results.every(Boolean);
            });
            return result;
          })) as typeof original;
        const claimed = await open.store.claim({
          owner: 'me',
          limit: 100,
          leaseDuration: 30_000,
          steps: ['first'],
        });
        open.connection.transaction = original;
        expect(claimed).toHaveLength(100);
        expect(inserted).toBe(true);
        expect(locked).toBeLessThan(500);
      } finally {
        await open.close();
      }
    },
  );

  itOn(
    backend,
    'postgres',
    'mariadb',
  )('survives a server that ends its connections', async () => {
    const open = await openStore(database);
    open.dataSource.setOptions({ logging: false } as never);
    try {
      const job = newJob({ stepName: 'killed' });
      await open.store.insert([job]);
      if (backend === 'postgres') {
        await database.query(
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE $1',
          [`%${open.dialect.tables.jobs}%`],
        );
      } else {
        const threads = await database.query(
          'SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND db = DATABASE()',
        );
        for (const { id } of threads) await database.query(`KILL ${id}`);
      }
      // The first calls may meet a dead connection; that is an error, and not the end of the store.
      await waitFor(async () => (await claimAll(open.store, 'me', ['killed'])).length === 1);
    } finally {
      await open.close();
    }
  });
});
