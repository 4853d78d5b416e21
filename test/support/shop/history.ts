import type { TestDatabase } from '../database.js';

/** The step's name, attempts of a busy minute, the share that fails, and what half of them take at most, in milliseconds. */
const STEPS: readonly (readonly [string, number, number, number])[] = [
  ['reserve-stock', 46, 0.002, 12],
  ['charge-card', 44, 0.06, 340],
  ['send-order-created-email', 41, 0.03, 120],
  ['create-invoice', 41, 0.001, 45],
  ['notify-warehouse', 38, 0, 80],
];
const MINUTE = 60;
const HOUR = 3600;

/** Fills what was counted in the last two hours by minutes, and before that, for a week, by hours. */
export async function writeHistory(database: TestDatabase, process: string): Promise<void> {
  const [{ now }] = (await database.query<{ now: string }>(
    'SELECT extract(epoch FROM clock_timestamp()) AS now',
  )) as [{ now: string }];
  const hour = Math.floor(Number(now) / HOUR) * HOUR;
  const rows: object[] = [];
  for (const step of STEPS) {
    for (let at = hour - HOUR; at < Number(now) - MINUTE; at += MINUTE) rows.push(row(step, at, 1, process));
    for (let hours = 2; hours <= 7 * 24; hours += 1) rows.push(row(step, hour - hours * HOUR, 60, ''));
  }
  await database.query(
    'INSERT INTO stepping_stats SELECT * FROM json_populate_recordset(NULL::stepping_stats, $1)',
    [JSON.stringify(rows)],
  );
}

function row(
  [step, busy, failing, halfMs]: (typeof STEPS)[number],
  at: number,
  minutes: number,
  process: string,
): object {
  // Shops sleep at night. The small waves make no two bars alike, and each run the same.
  const day = 0.55 + 0.45 * Math.sin(((at % (24 * HOUR)) / (24 * HOUR)) * 2 * Math.PI - 2);
  const wave = 1 + 0.18 * Math.sin(at / 97) + 0.09 * Math.sin(at / 31);
  const attempts = Math.round(busy * minutes * day * wave);
  const outage = step === 'charge-card' && Math.floor(at / HOUR) % 9 === 4 ? 5 : 1;
  const failed = Math.round(attempts * failing * outage);
  return {
    bucket: new Date(at * 1000).toISOString(),
    ...{ step, process, succeeded: attempts - failed, failed, gave_up: Math.round(failed / 6) },
    jobs_succeeded: step === 'notify-warehouse' ? attempts : 0,
    ...{ run_ms: attempts * halfMs * 1.3, wait_ms: attempts * 9 },
    ...{ run_hist: histogram(attempts, halfMs), wait_hist: histogram(attempts, 6) },
  };
}

/** As the library writes it: `bin:count`, where each bin is twice as wide as the one before. */
function histogram(attempts: number, halfMs: number): string {
  const bin = 32 - Math.clz32(halfMs * 8);
  const shares = [0.3, 0.45, 0.17, 0.06, 0.02];
  const counts = shares.map((share, at) => [bin - 1 + at, Math.round(attempts * share)] as const);
  return counts
    .filter(([, count]) => count > 0)
    .map(([at, count]) => `${at}:${count}`)
    .join();
}
