import { afterAll, beforeAll, expect, it } from 'vitest';
import { JobOutsideTransactionError, TransactionConflictError } from '../../lib/errors/index.js';
import { createDatabase, describeBackends, type TestDatabase, itOn } from '../support/database.js';
import { claimAll, newJob, onRunner, openStore, progress, success, type OpenDataSource } from './support.js';

describeBackends('SqlJobStore in a transaction', (backend) => {
  let database: TestDatabase;
  let open: OpenDataSource;

  beforeAll(async () => {
    database = await createDatabase(backend);
    open = await openStore(database);
    await open.dataSource.query('CREATE TABLE notes (id INT PRIMARY KEY, text VARCHAR(20))');
    await open.dataSource.query(`INSERT INTO notes (id, text) VALUES (1, 'one'), (2, 'two')`);
  });
  afterAll(async () => {
    await open?.close();
    await database?.drop();
  });

  it('inserts a job that lives and dies with the transaction, with one statement', async () => {
    const [kept, dropped] = [newJob({ owner: 'me' }), newJob({ owner: 'me' })];
    await onRunner(open.dataSource, async (runner) => {
      const statements: string[] = [];
      const original = runner.query.bind(runner);
      runner.query = ((sql: string, ...rest: []) => {
        statements.push(sql);
        return original(sql, ...rest);
      }) as typeof runner.query;
      try {
        expect(await open.store.insertIn(runner, kept)).toBe(true);
      } finally {
        runner.query = original;
      }
      expect(statements).toHaveLength(1);
      expect(await open.store.findIn(runner, kept.gid)).toMatchObject({ gid: kept.gid, owner: 'me' });
      await runner.commitTransaction();
    });
    await onRunner(open.dataSource, async (runner) => {
      expect(await open.store.insertIn(runner, dropped)).toBe(true);
      await runner.rollbackTransaction();
    });
    expect(await open.store.find(kept.gid)).toMatchObject({ gid: kept.gid, attempts: 0 });
    expect(await open.store.find(dropped.gid)).toBeNull();
  });

  it('inserts a traced job with one statement, which for others does not name the column', async () => {
    const trace = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const [traced, plain] = [newJob({ trace }), newJob()];
    const statements: [sql: string, values: number][] = [];
    await onRunner(open.dataSource, async (runner) => {
      const original = runner.query.bind(runner);
      runner.query = ((sql: string, values: unknown[], ...rest: []) => {
        statements.push([sql, values.length]);
        return original(sql, values, ...rest);
      }) as typeof runner.query;
      try {
        for (const job of [traced, plain]) expect(await open.store.insertIn(runner, job)).toBe(true);
      } finally {
        runner.query = original;
      }
      await runner.commitTransaction();
    });
    const [[withTrace, one], [without, none]] = statements as [[string, number], [string, number]];
    expect(statements).toHaveLength(2);
    expect(withTrace).toMatch(/\btrace\b/);
    expect(without).not.toMatch(/\btrace\b/);
    expect(one - none).toBe(1);
    expect(await open.store.find(traced.gid)).toMatchObject({ trace });
    expect(await open.store.find(plain.gid)).toMatchObject({ trace: null });
  });

  it('answers false for a taken gid, and leaves the transaction usable', async () => {
    const [taken, other] = [newJob({ name: 'first' }), newJob()];
    await open.store.insert([taken]);
    await onRunner(open.dataSource, async (runner) => {
      expect(await open.store.insertIn(runner, { ...taken, name: 'second' })).toBe(false);
      expect(await open.store.insertIn(runner, other)).toBe(true);
      await runner.commitTransaction();
    });
    expect(await open.store.find(taken.gid)).toMatchObject({ name: 'first' });
    expect(await open.store.find(other.gid)).not.toBeNull();
  });

  it('changes a job with the transaction', async () => {
    const [kept, dropped, lost] = [newJob({ owner: 'me' }), newJob({ owner: 'me' }), newJob({ owner: 'me' })];
    await open.store.insert([kept, dropped, lost]);
    await onRunner(open.dataSource, async (runner) => {
      expect(await open.store.changeIn(runner, progress(kept.gid, 'me', { attemptLog: '0:2' }))).toBe(true);
      expect(await open.store.changeIn(runner, success(lost.gid, 'you'))).toBe(false);
      expect(await open.store.changeIn(runner, success(lost.gid, 'me', { atStep: 1 }))).toBe(false);
      await runner.commitTransaction();
    });
    await onRunner(open.dataSource, async (runner) => {
      expect(await open.store.changeIn(runner, success(dropped.gid, 'me'))).toBe(true);
      expect(await open.store.findIn(runner, dropped.gid)).toMatchObject({
        status: 'succeeded',
        dueAt: null,
      });
      await runner.rollbackTransaction();
    });
    expect(await open.store.find(kept.gid)).toMatchObject({
      stepIndex: 1,
      stepName: 'second',
      attemptLog: '0:2',
    });
    expect(await open.store.find(dropped.gid)).toMatchObject({ status: 'submitted', stepIndex: 0 });
    expect(await open.store.find(lost.gid)).toMatchObject({ status: 'submitted', owner: 'me' });
  });

  itOn(
    backend,
    'sqlite',
    'mariadb',
  )('refuses and removes a job whose transaction was ended by hand', async () => {
    const [leased, free] = [newJob({ owner: 'me' }), newJob({ owner: null, dueIn: 60_000 })];
    await onRunner(open.dataSource, async (runner) => {
      await runner.query('COMMIT');
      await expect(open.store.insertIn(runner, leased)).rejects.toBeInstanceOf(JobOutsideTransactionError);
      await expect(open.store.insertIn(runner, free)).rejects.toBeInstanceOf(JobOutsideTransactionError);
      await runner.query('BEGIN');
    });
    expect(await open.store.find(leased.gid)).toBeNull();
    expect(await open.store.find(free.gid)).toBeNull();
  });

  itOn(
    backend,
    'sqlite',
    'mariadb',
  )('refuses to mark a step done outside its transaction', async () => {
    const job = newJob({ owner: 'me' });
    await open.store.insert([job]);
    await onRunner(open.dataSource, async (runner) => {
      await runner.query('ROLLBACK');
      await expect(open.store.changeIn(runner, success(job.gid, 'me'))).rejects.toBeInstanceOf(
        TransactionConflictError,
      );
      await runner.query('BEGIN');
    });
    expect(await open.store.find(job.gid)).toMatchObject({ status: 'submitted', stepIndex: 0 });
  });

  itOn(backend, 'mariadb')('refuses a job after a deadlock that the caller swallowed', async () => {
    const job = newJob({ owner: 'me' });
    const other = open.dataSource.createQueryRunner();
    await other.startTransaction();
    try {
      await onRunner(open.dataSource, async (runner) => {
        await runner.query(`UPDATE notes SET text = 'a' WHERE id = 1`);
        // The other one has changed more rows: on MariaDB this one is the victim. TiDB does not look at that.
        await other.query(`UPDATE notes SET text = 'b' WHERE id = 2`);
        await other.query(`INSERT INTO notes (id, text) VALUES (3, 'x'), (4, 'x'), (5, 'x')`);
        const both = await Promise.allSettled([
          other.query(`UPDATE notes SET text = 'b' WHERE id = 1`),
          runner.query(`UPDATE notes SET text = 'a' WHERE id = 2`),
        ]);
        expect(both.map((result) => result.status).toSorted()).toEqual(['fulfilled', 'rejected']);
        const victim = both[0].status === 'rejected' ? other : runner;
        await expect(open.store.insertIn(victim as never, job)).rejects.toBeInstanceOf(
          JobOutsideTransactionError,
        );
      });
    } finally {
      await other.rollbackTransaction();
      await other.release();
    }
    expect(await open.store.find(job.gid)).toBeNull();
  });

  itOn(backend, 'postgres')('maps a serialization failure to an error of its own', async () => {
    const job = newJob();
    await onRunner(
      open.dataSource,
      async (runner) => {
        await runner.query('SELECT count(*) FROM notes');
        await open.store.insert([job]);
        await expect(open.store.insertIn(runner, job)).rejects.toMatchObject({
          name: 'TransactionConflictError',
          gid: job.gid,
          cause: expect.objectContaining({ name: 'QueryFailedError' }),
        });
      },
      'REPEATABLE READ',
    );
    expect(await open.store.find(job.gid)).not.toBeNull();
  });

  itOn(
    backend,
    'postgres',
    'mariadb',
  )('leaves a row out that stays locked, and writes the others', async () => {
    const jobs = [newJob({ owner: 'me' }), newJob({ owner: 'me' }), newJob({ owner: 'me' })];
    const [locked, ...others] = jobs;
    await open.store.insert(jobs);
    await onRunner(open.dataSource, async (runner) => {
      await runner.query(`SELECT * FROM ${open.dialect.tables.jobs} WHERE gid = '${locked!.gid}' FOR UPDATE`);
      expect(
        await open.store.renew(
          jobs.map(({ gid }) => ({ gid, owner: 'me' })),
          30_000,
        ),
      ).toEqual(new Set(others.map((job) => job.gid)));
      expect(await open.store.held([{ gid: locked!.gid, owner: 'me' }])).toEqual(new Set([locked!.gid]));
      expect(await open.store.change(jobs.map((job) => success(job.gid, 'me')))).toEqual(
        new Set(others.map((job) => job.gid)),
      );
    });
    expect(await open.store.change([success(locked!.gid, 'me')])).toEqual(new Set([locked!.gid]));
  });

  itOn(
    backend,
    'postgres',
    'mariadb',
  )('waits for a row that is locked for a moment', async () => {
    const job = newJob({ owner: 'me', dueIn: 60_000 });
    await open.store.insert([job]);
    await onRunner(open.dataSource, async (runner) => {
      await runner.query(`SELECT * FROM ${open.dialect.tables.jobs} WHERE gid = '${job.gid}' FOR UPDATE`);
      const changing = open.store.change([success(job.gid, 'me')]);
      // The first try has skipped the row; its transaction is over before the patience is.
      await open.store.find(job.gid);
      await runner.rollbackTransaction();
      expect(await changing).toEqual(new Set([job.gid]));
    });
  });

  it('claims nothing of a transaction that is still open', async () => {
    const job = newJob({ stepName: 'of an open transaction' });
    await onRunner(open.dataSource, async (runner) => {
      await open.store.insertIn(runner, job);
      if (backend !== 'sqlite') expect(await claimAll(open.store, 'me', [job.stepName])).toEqual([]);
      await runner.commitTransaction();
    });
    expect(await claimAll(open.store, 'me', [job.stepName])).toMatchObject([{ gid: job.gid }]);
  });
});
