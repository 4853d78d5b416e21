import type { TestDatabase } from './database.js';

/** What all of them have in common. */
export interface ManyJobs {
  /** What their gids start with; a number of six digits follows. */
  readonly prefix: string;
  /** At most 100,000. */
  readonly count: number;
  readonly status: 'failed' | 'succeeded' | 'submitted';
  readonly step?: string;
  readonly error?: string;
}

/** What `now` is, and a number of six digits as text. */
const NOTATION = {
  postgres: { now: 'clock_timestamp()', text: `lpad(i::text, 6, '0')` },
  mariadb: { now: 'UTC_TIMESTAMP(6)', text: `lpad(i, 6, '0')` },
  sqlite: { now: `CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)`, text: `printf('%06d', i)` },
};

/** Writes rows past the library, which would take its time. Submitted ones are due in an hour or so. */
export async function insertJobs(
  database: TestDatabase,
  { prefix, count, status, step = 'ping', error }: ManyJobs,
): Promise<void> {
  const { now, text } = NOTATION[database.backend];
  const digits = Array.from({ length: 10 }, (_, digit) => `SELECT ${digit} AS d`).join(' UNION ALL ');
  const places = [1, 10, 100, 1000, 10_000];
  const numbers = `SELECT ${places.map((place) => `t${place}.d * ${place}`).join(' + ')} AS i
                     FROM ${places.map((place) => `(${digits}) AS t${place}`).join(' CROSS JOIN ')}`;
  const gid = database.backend === 'mariadb' ? `concat('${prefix}', ${text})` : `'${prefix}' || ${text}`;
  const hour = {
    postgres: `${now} + interval '1 hour'`,
    mariadb: `${now} + INTERVAL 1 HOUR`,
    sqlite: `${now} + 3600000`,
  };
  await database.query(`
    INSERT INTO stepping_jobs
      (gid, name, status, steps, step_index, step_name, attempts, error, created_at, due_at, ended_at)
    SELECT ${gid}, 'many', '${status}', '[{"step":"${step}"}]', 0, '${step}', ${status === 'failed' ? 3 : 0},
           ${error === undefined ? 'NULL' : `'${error}'`}, ${now},
           ${status === 'submitted' ? hour[database.backend] : 'NULL'}, ${status === 'submitted' ? 'NULL' : now}
      FROM (${numbers}) AS numbers
     WHERE i < ${count}`);
}
