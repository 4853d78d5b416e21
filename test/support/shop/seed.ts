import type { JobInfo } from '../../../lib/index.js';
import type { Shop } from '../dashboard.js';
import { waitFor } from '../wait-for.js';
import { writeHistory } from './history.js';

/** The jobs of a shop in which some things go wrong, by their gids. */
export interface Seeded {
  readonly succeeded: readonly string[];
  /** At `charge-card`. */
  readonly declined: readonly string[];
  /** At `create-invoice`. */
  readonly untaxable: readonly string[];
  /** They wait for another attempt of `send-order-created-email`. */
  readonly failing: readonly string[];
  readonly delayed: string;
  readonly prepared: string;
  readonly canceled: string;
  /** Those of a process that is gone. */
  readonly abandoned: readonly string[];
  /** They stand at `notify-warehouse`, which is paused. */
  readonly waiting: readonly string[];
  readonly running: string;
}

const GONE = 'goneprocess1';
const OTHER = 'workernumber';
const SUPPORT = 'grace@shop.example';

/** A shop that has been at work for a week, as far as its tables tell. */
export async function seed(shop: Shop): Promise<Seeded> {
  const { surroundings } = shop;
  const succeeded = await orders(shop, 14, 'succeeded');
  const canceled = (await orders(shop, 1, 'failed', surroundings.declined))[0]!;
  await shop.admin.cancel(canceled, { by: SUPPORT, reason: 'The customer pays by invoice' });
  const untaxable = await orders(shop, 2, 'failed', surroundings.untaxable);
  const declined = await orders(shop, 7, 'failed', surroundings.declined);
  const [mended] = declined.splice(0, 1);
  await retried(shop, mended!);
  const failing = await orders(shop, 3, ({ error }) => error !== null, surroundings.undeliverable);
  await shop.operations.pause('notify-warehouse', {
    by: SUPPORT,
    reason: 'The warehouse counts its stock',
    until: '4h',
  });
  const waiting = await orders(shop, 4, atLastStep);
  const [delayed, prepared, ...abandoned] = await later(shop, 5);
  surroundings.searched.add('A-20990');
  const running = await shop.order('A-20990');
  await shop.until(running, ({ steps }) => steps[0]!.status === 'running');
  await placeInTime(shop);
  await prepare(shop, prepared!);
  await abandon(shop, abandoned);
  await writeProcesses(shop);
  await writeHistory(shop.database, OTHER);
  return {
    ...{ succeeded, canceled, untaxable, declined, failing, waiting, abandoned, running },
    ...{ delayed: delayed!, prepared: prepared! },
  };
}

/** The process beside the shop's own has just told of itself; without this it is gone after 30 s. */
export async function tellOfProcesses({ database }: Shop): Promise<void> {
  await database.query(`UPDATE stepping_processes
    SET seen_at = clock_timestamp() - interval '2 seconds', recovered_at = clock_timestamp() - interval '3 seconds'
    WHERE id = '${OTHER}'`);
}

let orderNumber = 20_417;

/** @param fate what the orders suffer from. */
async function orders(
  shop: Shop,
  count: number,
  become: 'succeeded' | 'failed' | ((job: JobInfo) => boolean),
  fate?: Set<string>,
): Promise<string[]> {
  const gids: string[] = [];
  for (let at = 0; at < count; at += 1) {
    const orderId = `A-${(orderNumber += 1)}`;
    fate?.add(orderId);
    gids.push(await shop.order(orderId));
  }
  const is = typeof become === 'string' ? ({ status }: JobInfo) => status === become : become;
  for (const gid of gids) await shop.until(gid, is);
  return gids;
}

async function later(shop: Shop, count: number): Promise<string[]> {
  const gids: string[] = [];
  for (let at = 0; at < count; at += 1)
    gids.push(await shop.order(`A-${(orderNumber += 1)}`, { delay: '6h' }));
  return gids;
}

function atLastStep({ steps }: JobInfo): boolean {
  return steps.at(-1)!.status === 'waiting';
}

/** Something for the audit: one job that somebody has mended. */
async function retried(shop: Shop, gid: string): Promise<void> {
  const job = await shop.admin.find(gid);
  shop.surroundings.declined.delete(job!.name!.replace('order ', ''));
  await shop.operations.pause('charge-card', { by: SUPPORT, reason: 'The payment provider is down' });
  await shop.operations.resume('charge-card', { by: SUPPORT, reason: 'It is back' });
  await shop.admin.retry(gid, { by: SUPPORT, reason: 'The customer has another card' });
  await shop.until(gid, ({ status }) => status === 'succeeded');
}

/** The jobs were started over the last hours, those that began last most recently. */
async function placeInTime({ database }: Shop): Promise<void> {
  await database.query(`
    UPDATE stepping_jobs AS job
       SET created_at = placed.at,
           ended_at = CASE WHEN ended_at IS NOT NULL THEN placed.at + (rank * 37 % 11 + 2) * interval '0.7 seconds' END
      FROM (SELECT gid, row_number() OVER (ORDER BY gid DESC) AS rank,
                   clock_timestamp() - (row_number() OVER (ORDER BY gid DESC)) ^ 1.5 * interval '41 seconds' AS at
              FROM stepping_jobs) AS placed
     WHERE job.gid = placed.gid`);
  await database.query(`
    UPDATE stepping_audit AS entry
       SET at = at - (SELECT count(*) FROM stepping_audit WHERE id > entry.id) * interval '23 minutes'`);
}

async function prepare({ database }: Shop, gid: string): Promise<void> {
  await database.query(
    `UPDATE stepping_jobs SET status = 'prepared', due_at = clock_timestamp() + interval '1 hour' WHERE gid = $1`,
    [gid],
  );
}

async function abandon({ database }: Shop, gids: readonly string[]): Promise<void> {
  await database.query(
    `UPDATE stepping_jobs SET owner = '${GONE}abcdefghijkl', due_at = clock_timestamp() + interval '1 hour' WHERE gid = ANY($1)`,
    [gids],
  );
}

async function writeProcesses(shop: Shop): Promise<void> {
  const { database } = shop;
  const own = await waitFor(
    async () => (await database.query<{ id: string }>('SELECT id FROM stepping_processes'))[0],
  );
  await database.query(`UPDATE stepping_processes SET host = 'shop-worker-1', pid = 4121, name = 'shop-worker-1:4121',
    started_at = clock_timestamp() - interval '29 hours'`);
  for (const [id, number, seconds, running] of [
    [OTHER, 2, 2, 3],
    [GONE, 3, 260, 2],
  ] as const) {
    const busy = ['charge-card', 'create-invoice', 'send-order-created-email'].slice(0, running);
    await database.query(
      `INSERT INTO stepping_processes
       SELECT $1, 'shop-worker-' || $2 || ':4121', 'shop-worker-' || $2, 4121, version, 'alive', true, started_at,
              clock_timestamp() - $3 * interval '1 second', clock_timestamp() - ($3 + 1) * interval '1 second',
              concurrency, $4, 0, steps, $5
         FROM stepping_processes WHERE id = $6`,
      [id, number, seconds, running, JSON.stringify(await attempts(shop, busy)), own.id],
    );
  }
}

/** What a process was at, as it writes that. */
async function attempts({ database }: Shop, steps: readonly string[]): Promise<object[]> {
  const jobs = await database.query<{ gid: string }>('SELECT gid FROM stepping_jobs ORDER BY gid LIMIT 3');
  return steps.map((step, at) => ({ gid: jobs[at]!.gid, step, forMs: 2400 - at * 700 }));
}
