import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { UnsupportedDatabaseError } from '../../lib/errors/index.js';
import type { Barrier } from '../../lib/store/barrier.js';
import { barrierFor } from '../../lib/store/databases.js';
import {
  type Backend,
  type TestDatabase,
  createDatabase,
  describeBackends,
  exceptOnTidb,
  itOn,
  onTidb,
} from '../support/database.js';
import { dtmBarrierTable } from '../support/dtm/barrier-table.js';
import { onRunner, openDataSource, type OpenDataSource } from './support.js';

/** Another gid, and the databases whose table does not tell the two apart. */
type Other = [string, (gid: string) => string, readonly Backend[]];
const PADDED: Other = ['a space at the end', (gid) => `${gid} `, ['mariadb']];

describeBackends('Barrier on a table that DTM has made', (backend) => {
  let database: TestDatabase;
  let open: OpenDataSource;
  let barrier: Barrier;

  beforeAll(async () => {
    database = await createDatabase(backend);
    for (const sql of dtmBarrierTable(backend)) await database.query(sql);
    open = await openDataSource(database, { tables: { prefix: '' } });
    barrier = barrierFor(open.dialect, open.connection, { lockTimeout: 300 });
    await barrier.initialize(false);
  });
  afterAll(async () => {
    await open?.close();
    await database?.drop();
  });

  /** As a client in another language does. */
  const write = (gid: string, reason = 'msg', [branch, op] = ['00', 'msg']) =>
    database.query(
      `INSERT INTO barrier (trans_type, gid, branch_id, op, barrier_id, reason)
       VALUES ('msg', '${gid}', '${branch}', '${op}', '01', '${reason}')`,
    );
  const insert = (gid: string) =>
    onRunner(open.dataSource, async (runner) => {
      const inserted = await barrier.insert(runner, { gid });
      await runner.commitTransaction();
      return inserted;
    });
  const written = async () =>
    (await database.query<{ gid: string }>('SELECT gid FROM barrier')).map(({ gid }) => gid);

  // TiDB compares letters exactly where nobody asks for anything else.
  const exact = onTidb;
  /** With the databases whose table does not tell the two gids apart. */
  const others: Other[] = [
    ['case', (gid) => gid.toUpperCase(), exact ? ['sqlite'] : ['mariadb', 'sqlite']],
    // TiDB deletes such a row together with ours: it takes one text for the other once it has found them equal.
    ...(exact ? [] : [PADDED]),
  ];

  it.each(others)('takes no row for its own that differs in %s', async (_, other, loose) => {
    const gid = `order-${randomUUID()}`;
    await write(other(gid));
    await write(other(gid), 'action', ['01', 'action']);
    expect(await barrier.isCommitted(gid)).toBe(false);
    expect(await barrier.isDone(gid, '01')).toBe(false);
    await barrier.purge([gid]);
    expect((await written()).filter((row) => row === other(gid))).toHaveLength(2);
    // The row of a rollback does not fit beside the other one, where the table compares like that. Then nobody knows.
    const answer = barrier.queryPrepared(gid);
    if (loose.includes(backend)) await expect(answer).rejects.toBeInstanceOf(UnsupportedDatabaseError);
    else expect(await answer).toBe('rolledBack');
  });

  it('tells its own rows from others, and deletes only these', async () => {
    const gid = `order-${randomUUID()}`;
    expect(await insert(gid)).toBe(true);
    expect(await barrier.queryPrepared(gid)).toBe('committed');
    await barrier.purge([gid.toUpperCase(), `${gid}x`]);
    expect(await barrier.queryPrepared(gid)).toBe('committed');
    await barrier.purge([gid]);
    expect(await written()).not.toContain(gid);
  });

  it('says when a row was written, by which it can be deleted', async () => {
    const [committed, rolledBack] = [randomUUID(), randomUUID()] as const;
    await insert(committed);
    await barrier.queryPrepared(rolledBack);
    const dated = await database.query<{ gid: string }>(
      `SELECT gid FROM barrier
        WHERE create_time IS NOT NULL AND update_time IS NOT NULL AND gid IN ('${committed}', '${rolledBack}')`,
    );
    expect(dated.map((row) => row.gid).toSorted()).toEqual([committed, rolledBack].toSorted());
  });

  exceptOnTidb('it cannot change the type of a key', itOn(backend, 'mariadb'))(
    'reads keys that are stored as bytes',
    async () => {
      await database.query('ALTER TABLE barrier MODIFY gid VARBINARY(128), MODIFY reason VARBINARY(45)');
      const gid = `order-${randomUUID()}`;
      await insert(gid);
      await write(gid.toUpperCase(), 'rollback');
      expect(await barrier.queryPrepared(gid)).toBe('committed');
      expect(await barrier.queryPrepared(gid.toUpperCase())).toBe('rolledBack');
      await barrier.purge([gid]);
      expect(await barrier.isCommitted(gid)).toBe(false);
    },
  );
});
