import type { TestDatabase } from '../../support/database.js';

/** What a table holds after months. */
export interface History {
  readonly jobs: number;
  readonly failed: number;
  /** Jobs that have not ended. Half of them are due; some are prepared. */
  readonly open: number;
}

/** Jobs of which there is one each, the oldest but a few. */
export const RARE = {
  name: 'rare-name',
  step: 'rare-step',
  error: 'rare error',
  args: '"rare":true',
} as const;

const CHUNK = 100_000;

/** Writes jobs past the library, one every ten seconds until now. Failed and open ones are spread among them. */
export async function seedHistory(database: TestDatabase, { jobs, failed, open }: History): Promise<void> {
  const notation = database.backend === 'postgres' ? postgres : sqlite;
  const started = Date.now() - jobs * 10_000;
  for (let first = 0; first < jobs; first += CHUNK) {
    const last = Math.min(first + CHUNK, jobs) - 1;
    const every = Math.round(jobs / failed);
    await database.query(`
      INSERT INTO stepping_jobs
        (gid, name, status, steps, step_index, step_name, attempts, error, error_name, attempt_log, created_at, due_at, ended_at)
      SELECT ${notation.gid(`${started} + i * 10000`)},
             CASE WHEN i = 5 THEN '${RARE.name}' ELSE 'order' END,
             status,
             '[{"step":"reserve-stock","args":{"orderId":"' || i || '","lines":[{"sku":"a-1","count":2},{"sku":"b-2","count":1}]' ||
               CASE WHEN i = 6 THEN ',${RARE.args}' ELSE '' END || '}},{"step":"charge-card","args":{"cents":4200}}]',
             1,
             CASE WHEN i = 7 THEN '${RARE.step}' WHEN i % 4 = 0 THEN 'reserve-stock' ELSE 'charge-card' END,
             CASE WHEN status = 'failed' THEN 5 WHEN status = 'submitted' AND i % 3 = 0 THEN 1 ELSE 0 END,
             CASE WHEN status = 'failed' THEN 'Error: ' || CASE WHEN i < 5 * ${every} THEN '${RARE.error}' ELSE 'the bank did not answer' END END,
             CASE WHEN status = 'failed' THEN 'BankError' END,
             NULL,
             ${notation.time(`${started} + i * 10000`)},
             CASE WHEN status NOT IN ('submitted', 'prepared') THEN NULL
                  WHEN status = 'submitted' AND i % 2 = 0 THEN ${notation.time(`${started} + i * 10000 + 5000`)}
                  ELSE ${notation.time(`${started + jobs * 10_000 + 3_600_000} + i % 1000`)} END,
             CASE WHEN status NOT IN ('submitted', 'prepared') THEN ${notation.time(`${started} + i * 10000 + 300`)} END
        FROM (SELECT i, CASE WHEN i = 8 THEN 'canceled'
                             WHEN i % ${every} = 1 THEN 'failed'
                             WHEN i % ${Math.round(jobs / open)} = 2 THEN CASE WHEN i % 5 = 0 THEN 'prepared' ELSE 'submitted' END
                             WHEN i % 997 = 0 THEN 'rolledBack'
                             ELSE 'succeeded' END AS status
                FROM (${notation.numbers(first, last)}) AS numbers) AS planned`);
  }
}

const postgres = {
  numbers: (first: number, last: number) =>
    `SELECT i::bigint AS i FROM generate_series(${first}, ${last}) AS i`,
  time: (epoch: string) => `to_timestamp((${epoch})::float8 / 1000)`,
  gid: (epoch: string) => {
    const hex = `lpad(to_hex((${epoch})::bigint), 12, '0')`;
    return `substr(${hex}, 1, 8) || '-' || substr(${hex}, 9) || '-7' || substr(md5(i::text), 1, 3) || '-' || substr(md5(i::text), 4, 4) || '-' || substr(md5(i::text), 8, 12)`;
  },
};

const sqlite = {
  numbers: (first: number, last: number) =>
    `WITH RECURSIVE n(i) AS (SELECT ${first} UNION ALL SELECT i + 1 FROM n WHERE i < ${last}) SELECT i FROM n`,
  time: (epoch: string) => `(${epoch})`,
  gid: (epoch: string) => {
    const hex = `printf('%012x', ${epoch})`;
    const noise = `printf('%019x', i * 2654435761)`;
    return `substr(${hex}, 1, 8) || '-' || substr(${hex}, 9) || '-7' || substr(${noise}, 1, 3) || '-' || substr(${noise}, 4, 4) || '-' || substr(${noise}, 8, 12)`;
  },
};
