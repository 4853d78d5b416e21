import type { TestDatabase } from '../../../support/database.js';

/** How many jobs of each kind a large table holds. */
export interface TableSize {
  readonly succeeded: number;
  readonly failed: number;
  readonly due: number;
  readonly later: number;
}

const DIGITS =
  '(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)';

/**
 * Fills the table of jobs past the library, as quickly as the database can.
 *
 * @param prefix of all gids
 */
export async function fillTable(database: TestDatabase, size: TableSize, prefix = ''): Promise<void> {
  const { backend } = database;
  const now = { postgres: 'clock_timestamp()', mariadb: 'UTC_TIMESTAMP(6)', sqlite: String(Date.now()) }[
    backend
  ];
  const shifted = (seconds: number) =>
    ({
      postgres: `${now} + ${seconds} * interval '1 second'`,
      mariadb: `${now} + INTERVAL ${seconds} SECOND`,
      sqlite: `${Number.parseInt(now, 10) + seconds * 1000}`,
    })[backend];
  const number = '(n1.d + 10 * n2.d + 100 * n3.d + 1000 * n4.d + 10000 * n5.d + 100000 * n6.d)';
  const all = [1, 2, 3, 4, 5, 6].map((at) => `${DIGITS} n${at}`).join(' CROSS JOIN ');
  const gid = (kind: string) =>
    backend === 'mariadb' ? `CONCAT('${prefix}${kind}', ${number})` : `'${prefix}${kind}' || ${number}`;
  const step = backend === 'mariadb' ? `CONCAT('step-', n1.d)` : `'step-' || n1.d`;
  const insert = (kind: string, count: number, values: string) =>
    database.query(
      `INSERT INTO stepping_jobs (gid, status, steps, step_index, step_name, attempts, created_at, owner, due_at, ended_at, error, error_name)
       SELECT ${gid(kind)}, ${values.replace('STEP', `'[{"step":"first","args":{"orderId":"0123456789"}}]', 0, ${step}, 0, ${now}`)}
         FROM ${all} WHERE ${number} < ${count}`,
    );
  await insert('a', size.succeeded, `'succeeded', STEP, NULL, NULL, ${now}, NULL, NULL`);
  await insert('b', size.failed, `'failed', STEP, NULL, NULL, ${now}, 'Error: no', 'Error'`);
  await insert('c', size.due, `'submitted', STEP, NULL, ${shifted(-60)}, NULL, NULL, NULL`);
  await insert('d', size.later, `'submitted', STEP, 'abcdefghijkl.1', ${shifted(3600)}, NULL, NULL, NULL`);
}
