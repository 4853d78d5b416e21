import { setTimeout as sleep } from 'node:timers/promises';
import { Fleet, type ProcessSettings, type Taken } from './fleet.ts';
import type { MeasuredServer } from './servers.ts';
import { sumOf } from './statement-counter.ts';

/** How many processes run at most. With more applications, each has several. */
const MOST_PROCESSES = 8;
/** TypeORM's own pool, not counting the connection beside it. */
const POOL_SIZE = 2;
/** Connections, first claims, and what is done once at the start. */
const SETTLE_MS = 5_000;
const DRAIN_MS = 60_000;
export const HELD_EACH = 4;
export const SCRAPE_MS = 15_000;
export const BACKLOG = 5_000;
/** So that no process can take all of them. */
export const BACKLOG_STEP_MS = 20;
/** Long enough to start them. */
const BACKLOG_DELAY_MS = 15_000;

export type Phase = 'idle' | 'own' | 'others' | 'backlog' | 'scraped' | 'held';

/** Seconds for which each phase is measured: a whole number of heartbeats, renewals, housekeepings or scrapes. */
export const SECONDS: Record<Phase, number> = {
  idle: 60,
  own: 20,
  others: 20,
  backlog: 5,
  scraped: 30,
  held: 24,
};

export interface Measured extends Taken {
  readonly phase: Phase;
  readonly applications: number;
  readonly seconds: number;
  /** Jobs that were started. */
  readonly jobs: number;
  /** Seconds of the server. */
  readonly cpu: number;
  readonly rowsRead: ReadonlyMap<string, number>;
}

export interface PhaseOptions {
  /** Jobs per second, of all applications together. */
  readonly rate: number;
  readonly phases: readonly Phase[];
}

/** All phases with one number of applications, on a new database. */
export async function phases(
  server: MeasuredServer,
  applications: number,
  { rate, phases: wanted }: PhaseOptions,
): Promise<Measured[]> {
  const database = `stepping_bench_${process.pid}_${applications}`;
  const url = await server.create(database);
  const settings = { kind: server.kind, url, poolSize: POOL_SIZE };
  const measured: Measured[] = [];
  let fleet: Fleet | undefined;
  let starter: Fleet | undefined;

  const measure = async (phase: Phase, work: (seconds: number) => Promise<number>): Promise<void> => {
    if (!wanted.includes(phase)) return;
    const seconds = SECONDS[phase];
    // The one that starts the jobs counts as well.
    const all = [fleet!, ...(starter ? [starter] : [])];
    for (const each of all) await each.take();
    const cpu = server.cpu();
    const before = await server.rowsRead(database);
    const begin = performance.now();
    const [jobs] = await Promise.all([work(seconds), sleep(seconds * 1000)]);
    const taken = await drained(all, phase === 'held' ? 0 : jobs);
    const elapsed = (performance.now() - begin) / 1000;
    const cpuUsed = server.cpu() - cpu;
    const after = await server.rowsRead(database);
    measured.push({
      ...taken,
      ...{ phase, applications, seconds: elapsed, jobs, cpu: cpuUsed },
      rowsRead: new Map([...after].map(([name, read]) => [name, read - (before.get(name) ?? 0)])),
    });
  };

  try {
    fleet = await Fleet.open(
      sharesOf(applications).map((each) => ({ ...settings, applications: each, runSteps: true })),
    );
    await sleep(SETTLE_MS);
    await measure('idle', () => Promise.resolve(0));
    const members = sharesOf(applications).length;
    await measure('own', (seconds) => fleet!.ask({ name: 'load', perSecond: rate / members, seconds }));
    if (wanted.includes('others') || wanted.includes('backlog')) {
      const one: ProcessSettings = { ...settings, applications: 1, poolSize: 10, runSteps: false };
      starter = await Fleet.open([one]);
      await sleep(SETTLE_MS);
      await measure('others', (seconds) => starter!.ask({ name: 'load', perSecond: rate, seconds }));
      if (wanted.includes('backlog')) {
        const due = performance.now() + BACKLOG_DELAY_MS;
        await starter.ask({ name: 'wait', jobsEach: BACKLOG, ms: BACKLOG_STEP_MS, delay: BACKLOG_DELAY_MS });
        await sleep(due - 2_000 - performance.now());
        await measure('backlog', () => Promise.resolve(BACKLOG));
      }
      await starter.close();
      starter = undefined;
    }
    if (wanted.includes('scraped')) {
      await fleet.ask({ name: 'scrape', everyMs: SCRAPE_MS });
      // The counts of a minute that has passed are read.
      await fleet.ask({ name: 'load', perSecond: rate / members, seconds: 30 });
      await measure('scraped', (seconds) => fleet!.ask({ name: 'load', perSecond: rate / members, seconds }));
      await fleet.ask({ name: 'scrape', everyMs: 0 });
    }
    if (wanted.includes('held')) {
      const ms = (SECONDS.held + 60) * 1000;
      await fleet.ask({ name: 'wait', jobsEach: HELD_EACH, ms, delay: 0 });
      await measure('held', () => Promise.resolve(HELD_EACH * applications));
    }
    await fleet.close();
    return measured;
  } catch (error) {
    fleet?.kill();
    starter?.kill();
    throw error;
  } finally {
    await server.drop(database);
  }
}

/** What was counted until all jobs have run: none of them twice. */
async function drained(fleets: readonly Fleet[], jobs: number): Promise<Taken> {
  const all: Taken[] = [];
  for (const until = performance.now() + DRAIN_MS; ;) {
    for (const fleet of fleets) all.push(await fleet.take());
    const ran = all.reduce((sum, taken) => sum + taken.ran, 0);
    if (ran > jobs) throw new Error(`${ran} steps have run for ${jobs} jobs.`);
    if (ran === jobs) break;
    if (performance.now() > until) throw new Error(`Only ${ran} of ${jobs} jobs have run.`);
    await sleep(100);
  }
  const counted = sumOf(all.map((taken) => taken.counted));
  return { counted, ran: jobs, delays: all.flatMap(({ delays }) => delays) };
}

/** How many applications each process has. */
function sharesOf(applications: number): number[] {
  const processes = Math.min(MOST_PROCESSES, applications);
  return Array.from({ length: processes }, (_, at) => Math.floor((applications + at) / processes));
}
