import type { FleetHealth, FleetOverview, ProcessInfo, StepNumbers } from 'nestjs-stepping';
import { SteppingOperations } from 'nestjs-stepping';
import { expect, it, vi } from 'vitest';
import { describeBackends, type Backend } from '../support/database.js';
import { Databases } from '../support/placements.js';
import { StatementLog } from '../support/statement-log.js';
import { waitFor } from '../support/wait-for.js';
import { Console, describeConsole } from './console.js';

let databases: Databases;
let page: Console;

describeConsole(
  'what the page reads',
  (...scene) => ([page, databases] = scene),
  (backend: Backend) => {
    const gidsOf = async (query: Readonly<Record<string, string>>) =>
      (await page.ask('jobs', query)).json.jobs.map((job: { gid: string }) => job.gid);

    it('shows what somebody should look at', async () => {
      const gid = await page.failed('charge', { n: 1 }, 'the card was declined');
      const orphan = await page.start('nobody-has-this', { n: 1 });
      await page.operations.pause('send-email', { reason: 'maintenance', by: 'ada' });
      const overview = await waitFor(async () => {
        const { json } = await page.ask('overview');
        const kinds = json.attention.map(({ kind }: { kind: string }) => kind);
        return ['failures', 'notProvided', 'paused'].every((kind) => kinds.includes(kind)) ? json : undefined;
      });
      expect(overview.overview).toMatchObject({ failed: { count: 1, more: false }, processes: 1 });
      expect(overview.health.status).toBe('up');
      expect(overview.steps.map(({ step }: { step: string }) => step)).toContain('charge');
      expect(overview.attention).toContainEqual(
        expect.objectContaining({
          kind: 'failures',
          step: 'charge',
          errorName: 'Error',
          message: expect.stringContaining('the card was declined'),
          count: 1,
          more: false,
          gid,
        }),
      );
      expect(overview.attention[0]).toEqual({
        kind: 'notProvided',
        step: 'nobody-has-this',
        due: 1,
        more: false,
      });
      await page.jobs.cancel(orphan);
    });

    it('lists jobs page by page, by what they are', async () => {
      const gids: string[] = [];
      for (const n of [1, 2, 3]) {
        const gid = await page.start('charge', { n }, 'listed');
        await page.reached(gid, 'succeeded');
        gids.unshift(gid);
      }
      const first = await page.ask('jobs', { name: 'listed', limit: '2' });
      const second = await page.ask('jobs', { name: 'listed', limit: '2', cursor: first.json.cursor });
      expect([...first.json.jobs, ...second.json.jobs].map(({ gid }) => gid)).toEqual(gids);
      expect(first.text).not.toContain('"args"');
      expect(await gidsOf({ name: 'listed', status: 'failed' })).toEqual([]);
      expect(await gidsOf({ name: 'listed', after: '2000-01-01T00:00:00Z' })).toEqual(gids);
      expect(await gidsOf({ name: 'listed', before: '2000-01-01T00:00:00Z' })).toEqual([]);
      expect(await gidsOf({ name: 'listed', args: '"n":2' })).toEqual([gids[1]]);
      expect((await page.ask('count', { name: 'listed' })).json).toEqual({ count: 3, more: false });
      expect((await page.ask('count', { name: 'listed', args: '"n":2' })).json).toEqual({
        count: 1,
        more: false,
      });
    });

    it('looks further back for a text, page by page', async () => {
      const old = await page.start('charge', { needle: 'far back' }, 'deep');
      await page.reached(old, 'succeeded');
      const rows = Array.from({ length: 6000 }, (_, at) => `deep-${String(at).padStart(6, '0')}`);
      const later = Date.now() + 60_000;
      const prefix = `${later.toString(16).padStart(12, '0').slice(0, 8)}-${later.toString(16).padStart(12, '0').slice(8)}-7`;
      const now = { postgres: 'now()', mariadb: 'UTC_TIMESTAMP(6)', sqlite: String(Date.now()) }[backend];
      for (let from = 0; from < rows.length; from += 1000) {
        const values = rows
          .slice(from, from + 1000)
          .map(
            (row) =>
              `('${prefix}${row}', 'deep', 'succeeded', '[{"step":"charge"}]', 0, 'charge', 0, ${now}, ${now})`,
          );
        await databases.store.query(
          `INSERT INTO stepping_jobs (gid, name, status, steps, step_index, step_name, attempts, created_at, ended_at)
         VALUES ${values.join(',')}`,
        );
      }
      const found: string[] = [];
      let pages = 0;
      let cursor: string | undefined;
      do {
        const { json } = await page.ask('jobs', {
          name: 'deep',
          args: 'far back',
          ...(cursor && { cursor }),
        });
        found.push(...json.jobs.map((job: { gid: string }) => job.gid));
        cursor = json.cursor as string | undefined;
        pages += 1;
      } while (cursor !== undefined);
      expect(found).toEqual([old]);
      expect(pages).toBe(2);
      expect((await page.ask('count', { name: 'deep', args: 'far back' })).json).toEqual({
        count: 0,
        more: true,
      });
    });

    it('shows one job with why it does not run, and what was done to it', async () => {
      const gid = await page.failed('charge', { n: 1 });
      page.failWith();
      await page.jobs.retry(gid, { by: 'ada', reason: 'again' });
      await page.reached(gid, 'succeeded');
      const { json } = await page.ask('job', { gid });
      expect(json).toMatchObject({
        job: { gid, status: 'succeeded', steps: [{ name: 'charge', status: 'succeeded' }] },
        explanation: { gid, reasons: [{ code: 'ENDED' }] },
        audit: [{ action: 'retry', by: 'ada', reason: 'again' }],
        runningSince: null,
        masked: false,
      });
      expect((await page.ask('job', { gid: 'no-such-job' })).json.code).toBe('STEPPING_JOB_NOT_FOUND');
      expect((await page.ask('audit', { action: 'retry', by: 'ada' })).json.entries[0]).toMatchObject({
        gid,
      });
      expect((await page.ask('audit', { by: 'somebody else' })).json.entries).toEqual([]);
    });

    it('knows since when an attempt runs', async () => {
      let release!: () => void;
      const held = new Promise<void>((resolve) => (release = resolve));
      page.recording.onExecute = () => held;
      const gid = await page.start('charge', { n: 1 });
      const since = await waitFor(async () => (await page.ask('job', { gid })).json.runningSince);
      expect(new Date(since as string).toISOString()).toBe(since);
      const busy = (await page.ask('processes')).json.processes.flatMap((one: ProcessInfo) => one.busy);
      expect(busy).toContainEqual({ gid, step: 'charge', since: expect.any(String) });
      release();
      await page.reached(gid, 'succeeded');
    });

    it('tells numbers over time and of each step', async () => {
      await page.reached(await page.start('charge', { n: 1 }), 'succeeded');
      const counted = await waitFor(async () => {
        const { json } = await page.ask('timeline', { range: '1h', step: 'charge' });
        const sum = json.buckets.reduce((total: number, bucket: StepNumbers) => total + bucket.succeeded, 0);
        return sum > 0 ? json : undefined;
      });
      expect(counted.bucketSeconds).toBe(60);
      for (const [range, buckets] of [
        ['24h', 24],
        ['7d', 7 * 24],
      ] as const) {
        const { json } = await page.ask('timeline', { range });
        expect(json.bucketSeconds).toBe(3600);
        expect(json.buckets.length).toBeGreaterThanOrEqual(buckets);
        expect(json.buckets.length).toBeLessThanOrEqual(buckets + 2);
        const steps = (await page.ask('steps', { range })).json.steps as StepNumbers[];
        expect(steps.find(({ step }) => step === 'charge')!.succeeded).toBeGreaterThan(0);
      }
    });

    it('refuses what cannot be asked', async () => {
      for (const target of [
        'jobs?status=failed&status=succeeded',
        'jobs?status[]=failed',
        'jobs?stauts=failed',
        'jobs?status=anything',
        'jobs?failing=yes',
        'jobs?limit=0',
        'jobs?limit=1001',
        'jobs?limit=1e2',
        'jobs?after=yesterday',
        'jobs?after=12345-01-01T00:00:00Z',
        `jobs?error=${'x'.repeat(1001)}`,
        'jobs?error=%00',
        'count?limit=5',
        'job',
        'job?gid=a%20b',
        'job?gid=x&args=yes',
        'timeline?range=30d',
        'timeline?step=a&step=b',
        'steps?step=a',
        'audit?action=delete',
        'audit?gid=%27',
      ]) {
        const { status, json } = await page.askRaw(target);
        expect([status, json.code], target).toEqual([400, 'INVALID_REQUEST']);
      }
      expect((await page.askRaw('jobs?status=&step=')).status).toBe(200);
      expect((await page.askRaw('jobs?cursor=%27')).status).toBe(400);
    });

    it('a part that cannot be read does not take the others with it', async () => {
      const failures = vi.spyOn(page.operations, 'failures').mockRejectedValue(new Error('no such table'));
      try {
        const overview = await waitFor(async () => {
          const { json } = await page.ask('overview');
          return json.attention[0]?.code === 'UNREADABLE' ? json : undefined;
        });
        expect(overview.attention[0].text).toMatch(/^The dashboard could not read the failures;/);
        expect(overview.attention[0].text).not.toContain('no such table');
        expect(overview.overview.failed.count).toBeGreaterThan(0);
        expect(overview.steps.length).toBeGreaterThan(0);
      } finally {
        failures.mockRestore();
      }
    });
  },
);

describeBackends(
  'fifty who look at once',
  (backend: Backend) => {
    it('cost as much as one: at most one snapshot in two seconds', async () => {
      const databases = await Databases.create(backend, 'one');
      const log = new StatementLog();
      const page = await Console.start(databases);
      try {
        await page.failed('charge', { n: 1 });
        const snapshots = () => log.count(/error_name[\s\S]*status = 'failed'/);
        log.clear();
        const began = performance.now();
        let asked = 0;
        await waitFor(async () => {
          const answers = await Promise.all(
            Array.from({ length: 50 }, (_, at) =>
              page.ask(['overview', 'processes', 'steps'][at % 3]!, at % 3 === 2 ? { range: '1h' } : {}),
            ),
          );
          asked += answers.length;
          expect(answers.every(({ status }) => status === 200)).toBe(true);
          return snapshots() >= 3;
        });
        const elapsed = performance.now() - began;
        expect(asked).toBeGreaterThanOrEqual(100);
        expect(snapshots()).toBeLessThanOrEqual(1 + Math.floor(elapsed / 2000));
      } finally {
        log.close();
        await page.close();
        await databases.drop();
      }
    });
  },
  ['postgres'],
);

/** A fleet in trouble. */
class TroubledFleet extends SteppingOperations {
  private readonly at = new Date('2026-03-01T12:00:00Z');

  override async overview(): Promise<FleetOverview> {
    const none = { count: 0, more: false };
    return {
      at: this.at,
      due: none,
      oldestDueMs: null,
      held: none,
      waiting: none,
      prepared: none,
      failed: none,
      running: 1,
      processes: 1,
      lastMinute: null,
      recoveredAt: null,
      paused: {
        braked: { kind: 'brake', reason: 'fails', by: null, since: this.at, until: null },
        paused: { kind: 'pause', reason: 'token=abc', by: 'ada', since: this.at, until: null },
      },
    };
  }

  override async health(): Promise<FleetHealth> {
    return {
      status: 'down',
      problems: [
        { code: 'JOBS_WAIT_TOO_LONG', text: 'waits', step: 'slow' },
        { code: 'JOBS_WAIT_TOO_LONG', text: 'waits', step: 'orphan' },
        { code: 'RECOVERY_STOPPED', text: 'stopped' },
      ],
    };
  }

  override async steps(): Promise<readonly StepNumbers[]> {
    const durations = { meanMs: 50, p50Ms: 50, p95Ms: 80, p99Ms: 100 };
    const of = (step: string, succeeded: number, processes: number, due: number): StepNumbers => ({
      step,
      succeeded,
      failed: 0,
      gaveUp: 0,
      jobsSucceeded: 0,
      processes,
      due: { count: due, more: false },
      oldestDueMs: null,
      run: durations,
      wait: durations,
      pause: null,
    });
    return [of('rare', 99, 1, 0), of('slow', 100, 1, 3), of('orphan', 0, 0, 7), of('unused', 0, 0, 0)];
  }

  override async processes(): Promise<readonly ProcessInfo[]> {
    const ago = (ms: number) => new Date(this.at.getTime() - ms);
    const process = (id: string, values: Partial<ProcessInfo>): ProcessInfo => ({
      id,
      name: `host:${id}`,
      host: 'host',
      pid: 1,
      version: '1',
      state: 'alive',
      runsSteps: true,
      startedAt: ago(10_000),
      seenAt: ago(9_000),
      recoveredAt: null,
      concurrency: 1,
      running: 1,
      waiting: 0,
      held: 0,
      steps: [],
      busy: [],
      ...values,
    });
    const busy = (gid: string, step: string, ranMs: number) => ({ gid, step, since: ago(9_000 + ranMs) });
    return [
      process('a', {
        // The first two had not run for long when that was told, 9 s ago.
        busy: [busy('quick', 'slow', 90), busy('usual', 'slow', 130), busy('late', 'slow', 500)],
      }),
      process('b', { busy: [busy('unknown', 'rare', 60_000)] }),
      process('c', { state: 'gone', held: 4, busy: [busy('dead', 'slow', 60_000)] }),
      process('d', { state: 'gone', held: 0 }),
    ];
  }
}

describeBackends(
  'what somebody should look at',
  (backend: Backend) => {
    it('comes with the worst first', async () => {
      const databases = await Databases.create(backend, 'one');
      const page = await Console.start(databases, {
        customize: (builder) => builder.overrideProvider(SteppingOperations).useValue(new TroubledFleet()),
      });
      try {
        const { json } = await page.ask('overview');
        const told = json.attention.map((entry: Record<string, unknown>) => [
          entry.kind,
          entry.code ?? entry.step ?? entry.id,
        ]);
        expect(told).toEqual([
          ['problem', 'RECOVERY_STOPPED'],
          ['notProvided', 'orphan'],
          ['gone', 'c'],
          ['paused', 'braked'],
          ['problem', 'JOBS_WAIT_TOO_LONG'],
          ['paused', 'paused'],
          ['slow', 'slow'],
        ]);
        expect(json.attention.at(-1)).toMatchObject({ gid: 'late', process: 'host:a', p99Ms: 100 });
        expect(json.attention.at(-2).pause.reason).toBe('token=••••••');
        expect(json.steps.map(({ step }: { step: string }) => step)).toEqual([
          'slow',
          'rare',
          'orphan',
          'unused',
        ]);
      } finally {
        await page.close();
        await databases.drop();
      }
    });
  },
  ['sqlite'],
);
