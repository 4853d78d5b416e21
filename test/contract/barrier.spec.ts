import { barrierFor } from '../../lib/store/databases.js';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Barrier } from '../../lib/store/barrier.js';
import {
  InvalidGidError,
  JobOutsideTransactionError,
  SchemaOutdatedError,
  UnresolvedTransactionError,
} from '../../lib/errors/index.js';
import { createDatabase, describeBackends, type TestDatabase, itOn } from '../support/database.js';
import { onRunner, openDataSource, type OpenDataSource } from './support.js';

describeBackends('Barrier', (backend) => {
  let database: TestDatabase;
  let open: OpenDataSource;
  let barrier: Barrier;

  beforeAll(async () => {
    database = await createDatabase(backend);
    open = await openDataSource(database);
    barrier = barrierFor(open.dialect, open.connection, { lockTimeout: 300 });
    await expect(barrier.initialize(false)).rejects.toMatchObject({ missing: ['stepping_barrier'] });
    await expect(barrier.initialize(false)).rejects.toBeInstanceOf(SchemaOutdatedError);
    await barrier.initialize(true);
    await barrier.initialize(false);
  });
  afterAll(async () => {
    await open?.close();
    await database?.drop();
  });

  const rowsOf = (gid: string) =>
    database.query(
      `SELECT trans_type, gid, branch_id, op, barrier_id, reason FROM stepping_barrier WHERE gid = '${gid}'`,
    );

  it('needs no other table of the library', async () => {
    const { barrier: table, jobs, migrations } = open.dialect.names;
    const found = await open.dialect.existingTables(open.connection, [table, jobs, migrations]);
    expect(found).toEqual(new Set([table]));
  });

  it('says committed after a commit, in the values of DTM', async () => {
    const gid = randomUUID();
    await onRunner(open.dataSource, async (runner) => {
      expect(await barrier.insert(runner, { gid })).toBe(true);
      await runner.commitTransaction();
    });
    expect(await rowsOf(gid)).toEqual([
      { trans_type: 'msg', gid, branch_id: '00', op: 'msg', barrier_id: '01', reason: 'msg' },
    ]);
    expect(await barrier.queryPrepared(gid)).toBe('committed');
    expect(await barrier.queryPrepared(gid)).toBe('committed');
    expect(await rowsOf(gid)).toHaveLength(1);
  });

  it('says rolled back when the transaction inserted nothing, and then refuses it', async () => {
    const gid = randomUUID();
    expect(await barrier.queryPrepared(gid)).toBe('rolledBack');
    expect(await rowsOf(gid)).toMatchObject([{ reason: 'rollback' }]);
    await onRunner(open.dataSource, async (runner) => {
      expect(await barrier.insert(runner, { gid })).toBe(false);
    });
    expect(await barrier.queryPrepared(gid)).toBe('rolledBack');
  });

  it('says rolled back after a rollback', async () => {
    const gid = randomUUID();
    await onRunner(open.dataSource, async (runner) => {
      expect(await barrier.insert(runner, { gid })).toBe(true);
      await runner.rollbackTransaction();
    });
    expect(await rowsOf(gid)).toEqual([]);
    expect(await barrier.queryPrepared(gid)).toBe('rolledBack');
  });

  it('does not decide while the transaction is open', async () => {
    const gid = randomUUID();
    await onRunner(open.dataSource, async (runner) => {
      await barrier.insert(runner, { gid });
      await expect(barrier.queryPrepared(gid)).rejects.toBeInstanceOf(UnresolvedTransactionError);
      await expect(barrier.queryPrepared(gid)).rejects.toMatchObject({ gid });
      await runner.commitTransaction();
    });
    expect(await barrier.queryPrepared(gid)).toBe('committed');
  });

  it('decides once, however many ask and while the transaction inserts', async () => {
    for (let round = 0; round < 10; round += 1) {
      const gid = randomUUID();
      const asking = Array.from({ length: 3 }, () =>
        barrier.queryPrepared(gid).catch((error: unknown) => {
          expect(error).toBeInstanceOf(UnresolvedTransactionError);
        }),
      );
      const committed = await onRunner(open.dataSource, async (runner) => {
        const inserted = await barrier.insert(runner, { gid }).catch(() => false);
        if (inserted) await runner.commitTransaction();
        return inserted;
      });
      const expected = committed ? 'committed' : 'rolledBack';
      for (const answer of await Promise.all(asking)) expect([expected, undefined]).toContain(answer);
      expect(await barrier.queryPrepared(gid)).toBe(expected);
    }
  });

  it('keeps the rows of steps apart', async () => {
    const gid = randomUUID();
    const row = { gid, branchId: '02', op: 'action' };
    await onRunner(open.dataSource, async (runner) => {
      expect(await barrier.insert(runner, row)).toBe(true);
      expect(await barrier.insert(runner, row)).toBe(false);
      expect(await barrier.insert(runner, { ...row, branchId: '03' })).toBe(true);
      if (backend !== 'sqlite') expect(await barrier.isDone(gid, '02')).toBe(false);
      await runner.commitTransaction();
    });
    expect(await barrier.isDone(gid, '02')).toBe(true);
    expect(await barrier.isCommitted(gid)).toBe(false);
    expect(await rowsOf(gid)).toMatchObject([{ reason: 'action' }, { reason: 'action' }]);
    await barrier.purge([gid]);
    await barrier.purge([]);
    expect(await rowsOf(gid)).toEqual([]);
  });

  it('withdraws one row, and no other of its gid', async () => {
    const gid = randomUUID();
    await onRunner(open.dataSource, async (runner) => {
      await barrier.insert(runner, { gid });
      await barrier.insert(runner, { gid, branchId: '01', op: 'action' });
      await runner.commitTransaction();
    });
    await barrier.withdraw({ gid });
    expect(await rowsOf(gid)).toMatchObject([{ branch_id: '01', reason: 'action' }]);
  });

  it('compares gids exactly, and refuses those that do not fit', async () => {
    const gid = `Case-${randomUUID()}`;
    await onRunner(open.dataSource, async (runner) => {
      await barrier.insert(runner, { gid });
      await expect(barrier.insert(runner, { gid: 'x'.repeat(129) })).rejects.toBeInstanceOf(InvalidGidError);
      await runner.commitTransaction();
    });
    expect(await barrier.queryPrepared(gid.toLowerCase())).toBe('rolledBack');
    expect(await barrier.queryPrepared(gid)).toBe('committed');
    await expect(barrier.queryPrepared('x'.repeat(129))).rejects.toBeInstanceOf(InvalidGidError);
    await expect(barrier.queryPrepared('space at the end ')).rejects.toBeInstanceOf(InvalidGidError);
  });

  itOn(
    backend,
    'sqlite',
    'mariadb',
  )('leaves no row of a transaction that was ended by hand', async () => {
    const gid = randomUUID();
    await onRunner(open.dataSource, async (runner) => {
      await runner.query('ROLLBACK');
      await expect(barrier.insert(runner, { gid })).rejects.toBeInstanceOf(JobOutsideTransactionError);
      await runner.query('BEGIN');
    });
    expect(await rowsOf(gid)).toEqual([]);
  });

  itOn(backend, 'postgres')('maps a serialization failure to an error of its own', async () => {
    const gid = randomUUID();
    await onRunner(
      open.dataSource,
      async (runner) => {
        await runner.query('SELECT 1');
        expect(await barrier.queryPrepared(gid)).toBe('rolledBack');
        await expect(barrier.insert(runner, { gid })).rejects.toMatchObject({
          name: 'TransactionConflictError',
        });
      },
      'REPEATABLE READ',
    );
  });

  itOn(backend, 'mariadb')('reads the row itself and no older snapshot', async () => {
    // In a REPEATABLE READ transaction the insert would see the row and the read would not.
    const gids = Array.from({ length: 5 }, () => randomUUID());
    await onRunner(open.dataSource, async (runner) => {
      for (const gid of gids) await barrier.insert(runner, { gid });
      await runner.commitTransaction();
    });
    expect(await Promise.all(gids.map((gid) => barrier.queryPrepared(gid)))).toEqual(
      gids.map(() => 'committed'),
    );
  });

  it('calls an unreachable database neither', async () => {
    const other = await openDataSource(database);
    const closed = barrierFor(other.dialect, other.connection, { lockTimeout: 100 });
    await closed.initialize(true);
    await other.close();
    await expect(closed.queryPrepared(randomUUID())).rejects.toMatchObject({
      name: expect.stringMatching(/^(TransactionManagerUnavailable|UnresolvedTransaction)Error$/),
    });
  });
});
