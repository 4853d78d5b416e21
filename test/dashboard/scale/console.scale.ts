// Measures what the console asks for beside very many jobs, and prints the tables of docs/internals/performance.md.
import { availableParallelism, loadavg } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SteppingOperations } from 'nestjs-stepping';
import { TestApplication } from '../../support/application.js';
import { createDatabase, type Backend, type TestDatabase } from '../../support/database.js';
import { Databases } from '../../support/placements.js';
import { StatementLog, type LoggedStatement } from '../../support/statement-log.js';
import { consoleCalls, type ConsoleCall } from './calls.js';
import { seedHistory, type History } from './history.js';
import { pagesOf, readsOf } from './plans.js';

const RUNS = 5;
/** After that long, an answer that is kept is made anew. */
const KEPT_MS = 2_500;
/** Of one call, of which the event loop of an application may stand still on SQLite. */
const BLOCK_MS = 50;

const places: Readonly<Record<'postgres' | 'sqlite', History>> = {
  postgres: { jobs: 2_000_000, failed: 30_000, open: 300 },
  sqlite: { jobs: 500_000, failed: 7_500, open: 300 },
};

/** One row of the table; the least of all runs, since others use the machine as well. */
interface Measured {
  readonly name: string;
  readonly ms: number;
  readonly blockMs: number;
  readonly statements: number;
  readonly pages: number;
}

for (const backend of ['postgres', 'sqlite'] as const) {
  describe(`the console on ${backend}`, () => {
    let databases: Databases;
    let app: TestApplication;
    let server: { drop(): Promise<void> } | undefined;
    let calls: ConsoleCall[];

    beforeAll(async () => {
      if (backend === 'postgres') server = await ownDatabase();
      databases = await Databases.create(backend, 'one');
      app = await TestApplication.start(databases, { selfTm: { runSteps: false, recoveryInterval: '1h' } });
      await seedHistory(databases.store, places[backend]);
      if (backend === 'postgres') await databases.store.query('VACUUM ANALYZE stepping_jobs');
      const gidOf = async (status: 'failed' | 'submitted' | 'succeeded') =>
        (await app.admin.list({ status, limit: 1 })).jobs[0]!.gid;
      const gids = {
        failed: await gidOf('failed'),
        open: await gidOf('submitted'),
        other: await gidOf('succeeded'),
      };
      calls = consoleCalls(app.admin, app.context.get(SteppingOperations), gids);
    });
    afterAll(async () => {
      await app?.close();
      await databases?.drop();
      await server?.drop();
    });

    it('measures every call', async () => {
      const measured: Measured[] = [];
      for (const call of calls) measured.push(await measure(call, databases.store));
      console.log(tableOf(backend, measured));
      // Where others have the processors, it is them who let it stand still.
      if (backend !== 'sqlite' || loadavg()[0]! > availableParallelism()) return;
      for (const { name, blockMs } of measured) expect(blockMs, name).toBeLessThan(BLOCK_MS);
    });
  });
}

async function measure({ name, run, once, kept }: ConsoleCall, database: TestDatabase): Promise<Measured> {
  const delays = monitorEventLoopDelay({ resolution: 1 });
  const log = new StatementLog();
  const times: number[] = [];
  let statements: readonly LoggedStatement[] = [];
  const blocks: number[] = [];
  for (let runs = once ? 1 : RUNS; runs > 0; runs -= 1) {
    await sleep(kept ? KEPT_MS : 5);
    log.clear();
    delays.reset();
    delays.enable();
    await sleep(5);
    const began = performance.now();
    await run();
    times.push(performance.now() - began);
    if (times.length === 1) statements = [...log.statements];
    await sleep(5);
    delays.disable();
    blocks.push(delays.max / 1e6);
  }
  log.close();
  let pages = 0;
  if (database.backend === 'postgres')
    for (const read of readsOf(statements)) pages += await pagesOf(database, read, 'force_custom_plan');
  return {
    name,
    ms: Math.min(...times),
    blockMs: Math.min(...blocks),
    statements: statements.length,
    pages,
  };
}

function tableOf(backend: Backend, rows: readonly Measured[]): string {
  const { jobs, failed, open } = places[backend as keyof typeof places];
  const head = [`${backend}: ${jobs} jobs, ${failed} failed, ${open} open`];
  const line =
    backend === 'postgres'
      ? ({ name, ms, statements, pages }: Measured) =>
          `| ${name} | ${ms.toFixed(1)} | ${statements} | ${pages} |`
      : ({ name, ms, blockMs }: Measured) => `| ${name} | ${ms.toFixed(1)} | ${blockMs.toFixed(1)} |`;
  return [...head, ...rows.map(line)].join('\n');
}

/** A database of its own on the server, which nobody else's statistics and buffers belong to. */
async function ownDatabase(): Promise<{ drop(): Promise<void> }> {
  const given = process.env.DATABASE_URL!;
  const admin = await createDatabase('postgres');
  const name = `stepping_scale_${process.pid}`;
  await admin.query(`CREATE DATABASE ${name}`);
  const url = new URL(given);
  url.pathname = `/${name}`;
  process.env.DATABASE_URL = url.href;
  return {
    drop: async () => {
      process.env.DATABASE_URL = given;
      await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await admin.drop();
    },
  };
}
