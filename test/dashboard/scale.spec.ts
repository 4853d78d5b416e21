import { afterAll, beforeAll, expect, it } from 'vitest';
import { SteppingOperations, type JobFilter } from 'nestjs-stepping';
import { TestApplication } from '../support/application.js';
import { describeBackends } from '../support/database.js';
import { Databases } from '../support/placements.js';
import { StatementLog } from '../support/statement-log.js';
import { Console } from './console.js';
import { consoleCalls, FILTERS, type ConsoleCall } from './scale/calls.js';
import { seedHistory } from './scale/history.js';
import { pagesOf, readsOf } from './scale/plans.js';

const HISTORY = { jobs: 100_000, failed: 1_500, open: 60 };
/** Of all statements of one call. */
const PAGES = 3_000;
/** Of one that goes through the failed jobs, each on a page of its own, and up to four times. */
const PAGES_OF_FAILED = 4 * HISTORY.failed + 500;
/** Of a request: a text is looked for in up to 5,000 jobs, page by page. */
const PAGES_OF_REQUEST = 40_000;
/** Of a page that fills from the first jobs. */
const PAGES_OF_FULL = 700;
const FULL = ['none', 'succeeded', 'failed', 'a common step', 'the last hour'].map((name) => `jobs: ${name}`);

describeBackends(
  'the console beside 100,000 jobs',
  (backend) => {
    let databases: Databases;
    let app: TestApplication;
    let log: StatementLog;
    let calls: ConsoleCall[];
    let gids: Parameters<typeof consoleCalls>[2];

    beforeAll(async () => {
      databases = await Databases.create(backend, 'one');
      app = await TestApplication.start(databases, {
        selfTm: { runSteps: false, recoveryInterval: '1h', monitoring: false },
      });
      await seedHistory(databases.store, HISTORY);
      const gidOf = async (status: 'failed' | 'submitted' | 'succeeded') =>
        (await app.admin.list({ status, limit: 1 })).jobs[0]!.gid;
      gids = {
        failed: await gidOf('failed'),
        open: await gidOf('submitted'),
        other: await gidOf('succeeded'),
      };
      calls = consoleCalls(app.admin, app.context.get(SteppingOperations), gids);
      log = new StatementLog();
      await log.ignore(() => databases.store.query('SELECT 1'));
    });
    afterAll(async () => {
      log?.close();
      await app?.close();
      await databases?.drop();
    });

    it('reads by indexes, and few pages, under every plan', async () => {
      const figures: string[] = [];
      for (const analyzed of [false, true]) {
        if (analyzed) await databases.store.query('VACUUM ANALYZE stepping_jobs');
        for (const { name, run } of calls.filter(({ once }) => !once || !analyzed)) {
          log.clear();
          await run();
          const full = FULL.includes(name);
          if (full) expect(log.statements, name).toHaveLength(1);
          const reads = readsOf(log.statements);
          for (const mode of ['force_custom_plan', 'force_generic_plan'] as const) {
            let pages = 0;
            for (const read of reads) pages += await pagesOf(databases.store, read, mode);
            const how = `${name}, ${mode}, ${analyzed ? 'with' : 'without'} statistics`;
            figures.push(`${how}: ${reads.length} statements, ${pages} pages`);
            const most = full ? PAGES_OF_FULL : /fail|-all/.test(name) ? PAGES_OF_FAILED : PAGES;
            expect(pages, how).toBeLessThan(most);
          }
        }
      }
      console.log(figures.join('\n'));
    });

    it('serves every page and every action over HTTP, by indexes', async () => {
      const console = await Console.start(databases, {
        selfTm: { runSteps: false, recoveryInterval: '1h', monitoring: false },
      });
      const { failed, open, other } = gids;
      const bulk = { filter: { status: 'failed' }, reason: 'a test' };
      const ask = (path: string, query: Record<string, string> = {}) =>
        [path, () => console.ask(path, query)] as const;
      const act = (path: string, body: object) => [path, () => console.post(path, body)] as const;
      const requests = [
        ...['session', 'overview', 'processes', 'audit'].map((path) => ask(path)),
        ...['1h', '24h', '7d'].flatMap((range) => [ask('timeline', { range }), ask('steps', { range })]),
        ...Object.values(FILTERS).flatMap((filter) => [
          ask('jobs', queryOf(filter)),
          ask('count', queryOf(filter)),
        ]),
        ...[failed, open, other].map((gid) => ask('job', { gid, args: 'true' })),
        act('retry-all', { ...bulk, dryRun: true }),
        act('retry-all', { ...bulk, dryRun: false, limit: 100, spread: '1h' }),
        act('cancel-all', { ...bulk, dryRun: true }),
        act('cancel-all', { ...bulk, dryRun: false, limit: 100 }),
        act('pause', { step: 'charge-card', reason: 'a test', until: '1h' }),
        act('resume', { step: 'charge-card', reason: 'a test' }),
        act('cancel', { gid: open, reason: 'a test' }),
      ];
      try {
        for (const [path, send] of requests) {
          log.clear();
          const { status, text } = await send();
          expect(status, `${path}: ${text.slice(0, 500)}`).toBeLessThan(300);
          let pages = 0;
          for (const read of readsOf(log.statements))
            pages += await pagesOf(databases.store, read, 'force_generic_plan');
          expect(pages, path).toBeLessThan(PAGES_OF_REQUEST);
        }
      } finally {
        await console.close();
      }
    });

    it('ends every read in time, by the server or by the library', async () => {
      const other = await TestApplication.start(databases, {
        selfTm: { runSteps: false, recoveryInterval: '1h', monitoring: false, statementTimeout: 500 },
      });
      await databases.store.query('BEGIN');
      await databases.store.query('LOCK TABLE stepping_jobs IN ACCESS EXCLUSIVE MODE');
      const operations = other.context.get(SteppingOperations);
      const waiting = consoleCalls(other.admin, operations, gids).filter(({ name, changes }) => {
        const [route] = name.split(':');
        return !changes && ['jobs', 'count', 'retry-all, dry', 'cancel-all, dry', 'job'].includes(route!);
      });
      try {
        expect(waiting.length).toBeGreaterThan(40);
        const answers = waiting
          .filter(({ name }) => name !== 'job: audit')
          .map(({ name, run }) => run().then(() => `${name} was answered`, codeOf));
        expect(new Set(await Promise.all(answers))).toEqual(new Set(['STEPPING_STATEMENT_TIMEOUT']));
      } finally {
        await databases.store.query('ROLLBACK');
        await other.close();
      }
    });
  },
  ['postgres'],
);

/** As the page asks. */
function queryOf({
  status,
  createdAfter,
  createdBefore,
  failing,
  ...filter
}: JobFilter): Record<string, string> {
  return {
    ...(filter as Record<string, string>),
    ...(typeof status === 'string' && { status }),
    ...(failing && { failing: 'true' }),
    ...(createdAfter && { after: createdAfter.toISOString() }),
    ...(createdBefore && { before: createdBefore.toISOString() }),
  };
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown }).code ?? error;
}
