import type { JobPlan } from '../plan.js';
import type { WorkerProcess } from '../process.js';
import type { Attack } from '../run.js';
import { Scene, TIMING } from '../scene.js';
import type { Backend } from '../target.js';
import { until } from '../wait.js';

/** Longer than several lease durations. The lease must be renewed, and the step must run once. */
const ENDLESS_LEASES = 5;
const PARALLEL = 32;

/**
 * A flood of jobs with a long history and as many delayed jobs in the table, beside an open transaction and a very long step. The
 * number of jobs and rows grows with `--seconds`: 1,000 jobs and 10,000 rows for each.
 */
export const loadAttack: Attack = {
  name: 'load',
  fits: ({ placement }) => placement === 'one',
  async run({ target, random, seconds, surroundings, report }) {
    const scene = await Scene.open(target, random, surroundings, { processes: 2 });
    const { backend } = target;
    try {
      await scene.start();
      const rows = Math.min(1_000_000, seconds * 10_000);
      const count = Math.min(100_000, Math.round(seconds * 1000));
      await fill(scene, backend, rows);
      const idle = await idleTransaction(scene);

      const memory: number[] = [];
      scene.fleet.onMessage((_, { type, rss }) => {
        if (type === 'memory') memory.push(Number(rss));
      });
      const sampling = setInterval(
        () => scene.fleet.current.forEach((worker) => worker.send({ memory: true })),
        500,
      );
      const endless = { kind: 'append', work: ENDLESS_LEASES * TIMING.lease } as const;
      const client = scene.client('e');
      client.place({ order: 'endless', ownGid: true, fate: 'commit', steps: [endless] });

      const started = performance.now();
      await Promise.all(scene.fleet.current.map((worker, place) => flood(scene, worker, place, count / 2)));
      const placed = performance.now() - started;
      const open = (): Promise<boolean> => due(scene).then((left) => left === 0);
      const drained = await until(open, 300_000, 250);
      const took = performance.now() - started;
      await idle();
      clearInterval(sampling);
      await removeFilling(scene);
      const settled = (await scene.settle(30_000)) && drained === true;
      const verdict = await scene.judge();
      report(verdict, {
        jobs: count,
        historyRows: rows,
        delayedRows: rows,
        placedPerSecond: Math.round((count / placed) * 1000),
        finishedPerSecond: Math.round((count / took) * 1000),
        largestMemoryMb: Math.round(Math.max(0, ...memory) / 1e6),
        settled,
      });
    } finally {
      await scene.close();
    }
  },
};

/** The process starts the jobs itself, as fast as it can. The client records all of them in advance. */
async function flood(scene: Scene, worker: WorkerProcess, place: number, count: number): Promise<void> {
  const prefix = `b${place}`;
  for (let at = 0; at < count; at += 1) {
    const steps = [{ kind: 'book', work: 0, quiet: true }] as const;
    const plan: JobPlan = { order: `${prefix}-${at}`, ownGid: true, fate: 'commit', steps };
    scene.ledger.asked(plan);
  }
  worker.send({ burst: { prefix, count, parallel: PARALLEL } });
  await worker.next('burst-started', 600_000);
}

/** Number of jobs that are due or running, without the delayed jobs inserted in advance. */
async function due(scene: Scene): Promise<number> {
  const [row] = await scene.store.query<{ open: number | string }>(
    `SELECT count(*) AS open FROM stepping_jobs WHERE due_at IS NOT NULL AND status = 'submitted' AND gid NOT LIKE 'zz-%'`,
  );
  return Number(row!.open);
}

/** Inserts ended jobs and jobs due in ten days directly into the table, before counting starts. */
async function fill(scene: Scene, backend: Backend, rows: number): Promise<void> {
  const numbers = {
    postgres: `SELECT n FROM generate_series(1, ${rows}) AS n`,
    mariadb: `SELECT seq AS n FROM seq_1_to_${rows}`,
    sqlite: `WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < ${rows}) SELECT n FROM s`,
  }[backend];
  const [now, later, text] = {
    postgres: [
      'clock_timestamp()',
      `clock_timestamp() + interval '10 days'`,
      (kind: string) => `'zz-${kind}-' || n`,
    ],
    mariadb: [
      'UTC_TIMESTAMP(6)',
      'UTC_TIMESTAMP(6) + INTERVAL 10 DAY',
      (kind: string) => `CONCAT('zz-${kind}-', n)`,
    ],
    sqlite: [
      `CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)`,
      `CAST((julianday('now') - 2440577.5) * 86400000 AS INTEGER)`,
      (kind: string) => `'zz-${kind}-' || n`,
    ],
  }[backend] as [string, string, (kind: string) => string];
  const steps = `'[{"name":"append","args":{"order":"old","work":0}}]'`;
  const insert = (kind: string, status: string, due: string, ended: string): string => `
    INSERT INTO stepping_jobs
      (gid, status, steps, step_index, step_name, attempts, created_at, due_at, ended_at)
    SELECT ${text(kind)}, '${status}', ${steps}, 0, 'append', 0, ${now}, ${due}, ${ended} FROM (${numbers}) AS filling`;
  await scene.store.query(insert('old', 'succeeded', 'NULL', now));
  await scene.store.query(insert('late', 'submitted', later, 'NULL'));
  if (backend === 'postgres') await scene.store.query('ANALYZE stepping_jobs');
  await scene.store.query(`DELETE FROM proof_audit WHERE gid LIKE 'zz-%'`);
}

async function removeFilling(scene: Scene): Promise<void> {
  await scene.store.query(`DELETE FROM stepping_jobs WHERE gid LIKE 'zz-%'`);
  await scene.store.query(`DELETE FROM proof_audit WHERE gid LIKE 'zz-%'`);
}

/** A transaction that has read and stays open: nothing newer than its snapshot can be cleaned up. */
async function idleTransaction(scene: Scene): Promise<() => Promise<void>> {
  const { backend, url } = scene.business;
  if (backend === 'postgres') {
    const { default: pg } = await import('pg');
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined);
    await client.connect();
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await client.query('SELECT count(*) FROM proof_orders');
    return () => client.end();
  }
  if (backend === 'mariadb') {
    const { createConnection } = await import('mysql2/promise');
    const connection = await createConnection(url);
    await connection.query('START TRANSACTION WITH CONSISTENT SNAPSHOT');
    return () => connection.end();
  }
  const { default: SqliteDatabase } = await import('better-sqlite3');
  const database = new SqliteDatabase(url, { readonly: true });
  database.exec('BEGIN');
  database.prepare('SELECT count(*) FROM proof_orders').get();
  return async () => void database.close();
}
