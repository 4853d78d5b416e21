import { afterEach, beforeEach, expect, vi } from 'vitest';
import { type TestDatabase, createDatabase, describeBackends, exceptOnTidb } from '../support/database.js';
import { newJob, openStore, type OpenDataSource } from './support.js';

/** Of the rows of a claim and what it does with them; far from the backlog. */
const FEW = 200;

/** Jobs of a step that nobody may claim, due for an hour. */
async function insertBacklog(database: TestDatabase): Promise<void> {
  const digits = `(${Array.from({ length: 10 }, (_, digit) => `SELECT ${digit} AS n`).join(' UNION ALL ')})`;
  const number = 'a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n';
  const [gid, now] = {
    postgres: [`'backlog-' || (${number})`, `clock_timestamp() - interval '1 hour'`],
    mariadb: [`CONCAT('backlog-', ${number})`, `UTC_TIMESTAMP(6) - INTERVAL 1 HOUR`],
    sqlite: [`'backlog-' || (${number})`, `${Date.now() - 3_600_000}`],
  }[database.backend];
  await database.query(`
    INSERT INTO stepping_jobs (gid, status, steps, step_index, step_name, attempts, created_at, due_at)
    SELECT ${gid}, 'submitted', '[{"step":"paused"}]', 0, 'paused', 0, ${now}, ${now}
      FROM ${digits} a CROSS JOIN ${digits} b CROSS JOIN ${digits} c CROSS JOIN ${digits} d CROSS JOIN ${digits} e`);
}

describeBackends('claims beside 100,000 due jobs of a paused step', (backend) => {
  let database: TestDatabase;
  let open: OpenDataSource;
  beforeEach(async () => {
    database = await createDatabase(backend);
    open = await openStore(database, { extra: { poolSize: 1 } });
    await insertBacklog(database);
  });
  afterEach(() => database.drop());

  /** What the database has read of the table for `work`; the pool is closed afterwards, which makes PostgreSQL tell. */
  const readFor = async (work: () => Promise<unknown>): Promise<number> => {
    const before = await reads();
    await work();
    if (backend !== 'mariadb') await open.close();
    const after = await reads();
    if (backend === 'mariadb') await open.close();
    return after - before;
  };
  const reads = async (): Promise<number> => {
    if (backend === 'mariadb') {
      const rows: { Value: string }[] = await open.dataSource.query(
        `SHOW SESSION STATUS LIKE 'Handler_read_next'`,
      );
      return Number(rows[0]!.Value);
    }
    const [row] = await database.query<{ reads: string }>(
      `SELECT COALESCE(sum(idx_tup_fetch + seq_tup_read), 0) AS reads FROM pg_stat_user_tables
        WHERE schemaname = $1 AND relname = 'stepping_jobs'`,
      [database.schema],
    );
    return Number(row!.reads);
  };
  const claim = async (): Promise<void> => {
    const claimed = await open.store.claim({
      ...{ owner: 'owner', limit: 10, leaseDuration: 30_000, steps: ['first'] },
      dueWithin: 60_000,
    });
    expect(claimed.map(({ gid }) => gid)).toEqual(['wanted']);
  };

  exceptOnTidb('it does not count what it reads')(
    'go over none of them between two looks at everything',
    async () => {
      await open.store.insert([newJob({ gid: 'wanted' })]);
      if (backend !== 'sqlite') {
        expect(await readFor(claim)).toBeLessThan(FEW);
        return;
      }
      // SQLite counts nothing; its plan says that the index is searched from both ends.
      const handle = (open.dataSource.driver as unknown as { databaseConnection: SqliteHandle })
        .databaseConnection;
      const prepare = vi.spyOn(handle, 'prepare');
      await claim();
      const texts = prepare.mock.calls.map(([sql]) => sql).filter((sql) => /ORDER BY due_at/.test(sql));
      prepare.mockRestore();
      expect(texts.length).toBeGreaterThan(0);
      for (const text of texts) {
        const plan = handle.prepare(`EXPLAIN QUERY PLAN ${text}`).all(0, 0, '[]', 1);
        expect(JSON.stringify(plan)).toContain('(due_at>? AND due_at<?)');
      }
      await open.close();
    },
  );
});

interface SqliteHandle {
  prepare(sql: string): { all(...params: unknown[]): unknown[] };
}
