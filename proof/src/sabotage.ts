import { BuildCopy, type Patch } from './build-copy.js';
import type { JobPlan } from './plan.js';
import { Random } from './random.js';
import type { Surroundings } from './run.js';
import { Scene } from './scene.js';
import type { Placement } from './target.js';
import { until } from './wait.js';
import type { Forbidden, Verdict } from './verdict.js';
import type { FaultSettings, WorkerTiming } from './worker/settings.js';

/** A guarantee that is taken out of the library, and the one moment at which it is missed. */
export interface Sabotage {
  readonly name: string;
  readonly patches: readonly Patch[];
  readonly placement: Placement;
  readonly job: JobPlan;
  /** Of the process that is given the job. */
  readonly fault?: FaultSettings;
  /** What the checker must report. */
  readonly reported: Forbidden;
}

const TIMING: WorkerTiming = { lease: 1000, interval: 100, queryAfter: 600, grace: 1000 };

export const sabotages: readonly Sabotage[] = [
  {
    name: 'fencing off: progress is stored whoever owns the job',
    patches: [
      {
        file: 'store/postgres/postgres.job-table.js',
        replace: 'arePlainProgress(updates) ? progressStatement : updateStatement',
        by: 'updateStatement',
      },
      {
        file: 'store/postgres/postgres.job-updates.js',
        replace: `t.gid = c.gid AND t.owner = c.owner AND t.step_index = c.at_step AND t.status = 'submitted'`,
        by: `t.gid = c.gid AND t.step_index = c.at_step AND t.status = 'submitted'`,
      },
      // It would leave the row out where it comes in the moment in which the owner renews its lease.
      {
        file: 'store/postgres/postgres.job-updates.js',
        replace: `return anyUpdateStatement(jobs, updates, 'SKIP LOCKED');`,
        by: `return anyUpdateStatement(jobs, updates, '');`,
      },
    ],
    placement: 'one',
    // It keeps its event loop for three leases; the other process is at work on the job by then.
    job: {
      order: 'contested',
      ownGid: true,
      fate: 'commit',
      steps: [
        { kind: 'hold', work: 3000, only: 'w0.', elsewhere: 4000 },
        { kind: 'append', work: 0 },
      ],
    },
    reported: 'fencesBroken',
  },
  {
    name: 'barrier off: its rows are not written',
    patches: [
      {
        file: 'store/barrier.js',
        replace: 'const { sql, params } = this.table.insertStatement(row);',
        by: 'if (row) return true; const { sql, params } = this.table.insertStatement(row);',
      },
    ],
    placement: 'two',
    job: { order: 'handed-over', ownGid: true, fate: 'commit', steps: [{ kind: 'append', work: 0 }] },
    fault: { point: 'job:before-submit', passage: 1, action: 'kill' },
    reported: 'lost',
  },
  {
    name: 'progress is stored some time after the next step has begun',
    patches: [
      {
        file: 'tm/self/job-run.js',
        replace: 'if (!(await services.completer.write(job.lease, completion)))',
        by: `const later = () => void services.completer.write(job.lease, completion);
            if (!setTimeout(later, 2000))`,
      },
    ],
    placement: 'one',
    job: {
      order: 'ahead',
      ownGid: true,
      fate: 'commit',
      steps: [
        { kind: 'append', work: 0 },
        { kind: 'append', work: 0 },
        { kind: 'append', work: 0 },
      ],
    },
    fault: { point: 'step:executed', passage: 2, action: 'kill' },
    reported: 'outOfOrder',
  },
];

/** Plays the moment, with the library as it is or with the guarantee taken out, and judges what is left. */
export async function play(
  { patches, placement, job, fault }: Sabotage,
  surroundings: Omit<Surroundings, 'root'>,
  sabotaged: boolean,
): Promise<Verdict> {
  const copy = BuildCopy.create(surroundings.repository, sabotaged ? patches : []);
  const target = { backend: 'postgres', placement } as const;
  const here = { ...surroundings, root: copy.root };
  const scene = await Scene.open(target, new Random(1), here, { processes: 2, timing: TIMING });
  try {
    await scene.start(fault && ((place) => (place === 0 ? { fault } : {})));
    scene.vary = () => ({});
    const client = scene.client('s');
    client.place(job, scene.fleet.current[0]);
    await until(async () => (await scene.business.query('SELECT id FROM proof_orders')).length > 0, 10_000);
    if (fault) await until(() => scene.fleet.kills > 0, 10_000);
    // What a broken library leaves open has had its time then.
    await scene.settle(8_000);
    return await scene.judge();
  } finally {
    await scene.close();
    copy.remove();
  }
}
