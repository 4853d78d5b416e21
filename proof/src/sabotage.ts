import { BuildCopy, type Patch } from './build-copy.js';
import type { JobPlan } from './plan.js';
import { Random } from './random.js';
import { eventsAttack } from './attacks/events.js';
import { operatorAttack } from './attacks/operator.js';
import { poisonAttack } from './attacks/poison.js';
import { poolAttack } from './attacks/pool.js';
import { silenceAttack } from './attacks/silence.js';
import { slowAttack } from './attacks/slow.js';
import { waitsAttack } from './attacks/waits.js';
import type { Attack, Surroundings } from './run.js';
import { Scene } from './scene.js';
import type { Placement } from './target.js';
import { until } from './wait.js';
import type { Forbidden, Verdict } from './verdict.js';
import type { FaultSettings, WorkerTiming } from './worker/settings.js';

/** A guarantee that is removed from the library, and the scenario in which this shows. */
export interface Sabotage {
  readonly name: string;
  readonly patches: readonly Patch[];
  readonly placement: Placement;
  readonly job: JobPlan;
  /** Fault of the process that is given the job. */
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
        file: 'store/postgres/postgres.job-store.js',
        replace: 'if (!arePlainProgress(changes))',
        by: 'if (!arePlainEnds(changes))',
      },
      {
        file: 'store/postgres/postgres.job-updates.js',
        replace: `t.gid = c.gid AND t.owner = c.owner AND t.step_index = c.at_step AND t.status = 'submitted'`,
        by: `t.gid = c.gid AND t.step_index = c.at_step AND t.status = 'submitted'`,
      },
      // Otherwise it would skip the row if the owner renews its lease at the same moment.
      {
        file: 'store/postgres/postgres.job-store.js',
        replace: `updateStatement(this.jobs, changes, 'SKIP LOCKED', this.rowPlace)`,
        by: `updateStatement(this.jobs, changes, '', 'gid')`,
      },
    ],
    placement: 'one',
    // Blocks its event loop for three lease durations. By then the other process works on the job.
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
        replace: 'const row = { gid: checkBarrierGid(gid), branchId, op, reason: op };',
        by: 'const row = { gid: checkBarrierGid(gid), branchId, op, reason: op }; if (row) return true;',
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
        replace: 'if (!(await this.store(completion)))',
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

/** A bound or a count that is removed from the library, and the attack in which this shows. */
export interface AttackSabotage {
  readonly name: string;
  readonly attack: Attack;
  readonly patches: readonly Patch[];
  /** Length of the attack. */
  readonly seconds?: number;
  /** What the attack must report. */
  shows(verdict: Verdict, figures: Readonly<Record<string, unknown>>): boolean;
}

export const attackSabotages: readonly AttackSabotage[] = [
  {
    name: 'silence without the bound of statements',
    attack: silenceAttack,
    patches: [
      {
        file: 'store/connections/in-time.js',
        replace: 'return new Promise((resolve, reject) => {',
        by: 'if (milliseconds > 0) return work; return new Promise((resolve, reject) => {',
      },
    ],
    shows: (_, { settled }) => settled === false,
  },
  {
    name: 'waits without the bound of attempts',
    attack: waitsAttack,
    patches: [
      {
        file: 'core/steps/attempt.runner.js',
        replace: 'first ?? (await within(gracePeriod, ended))',
        by: 'first ?? (await ended)',
      },
    ],
    shows: (_, { settled }) => settled === false,
  },
  {
    name: 'poison where every lease that expires counts as an attempt',
    attack: poisonAttack,
    // A job must be held by two processes that die.
    seconds: 20,
    patches: [
      {
        file: 'store/attempt-marks.js',
        replace: `attempts = CASE WHEN mark = 'begun' AND owner IS NOT NULL`,
        by: 'attempts = CASE WHEN owner IS NOT NULL',
      },
    ],
    shows: ({ forbidden }) => forbidden.lost > 0,
  },
  {
    name: 'pool where leases are renewed on it',
    attack: poolAttack,
    patches: [{ file: 'tm/self/store-opener.js', replace: 'store.renewals = beside', by: 'void beside' }],
    shows: ({ forbidden }) => forbidden.attemptsWasted > 0,
  },
  {
    name: 'slow where one step may have all places',
    attack: slowAttack,
    patches: [{ file: 'tm/self/step-queues.js', replace: 'const SHARE = 7 / 8', by: 'const SHARE = 1' }],
    shows: (_, { settled }) => settled === false,
  },
  {
    name: 'slow where jobs wait in their process for as long as it takes',
    attack: slowAttack,
    patches: [
      { file: 'tm/self/step-queue.js', replace: 'const SOON_MS = 1000', by: 'const SOON_MS = 1000_000' },
    ],
    shows: (_, { settled, smallestShare }) => settled === false && smallestShare === 0,
  },
  {
    name: 'operator where steps are skipped while they run',
    attack: operatorAttack,
    seconds: 16,
    patches: [
      {
        file: 'store/steering/steering-statements.js',
        replace: `(status = 'submitted' AND (owner IS NULL OR due_at <= ${'${now}'}))`,
        by: `status = 'submitted'`,
      },
    ],
    shows: ({ forbidden }) => forbidden.skipsBroken > 0,
  },
  {
    name: 'operator where jobs that a process has started itself ignore a pause',
    attack: operatorAttack,
    seconds: 16,
    patches: [
      {
        file: 'tm/self/job-runner.js',
        replace: '!this.takesJobs || queue.paused ||',
        by: '!this.takesJobs ||',
      },
      { file: 'tm/self/step-queues.js', replace: 'if (queue.paused || !queue', by: 'if (!queue' },
    ],
    shows: ({ forbidden }) => forbidden.pausesBroken > 0,
  },
  {
    name: 'operator where the key of an edited step stays',
    attack: operatorAttack,
    seconds: 16,
    patches: [
      {
        file: 'core/steps/step-context.js',
        replace: 'edits === undefined ?',
        by: 'edits === undefined || edits > 0 ?',
      },
    ],
    shows: ({ forbidden }) => forbidden.editsBroken > 0,
  },
  {
    name: 'events where the inbox does not heed its marks',
    attack: eventsAttack,
    patches: [{ file: 'events/inbox.js', replace: 'return { duplicate: true };', by: '{}' }],
    shows: ({ forbidden }) => forbidden.billedTwice > 0,
  },
  {
    name: 'events where the outbox does not wait for the broker',
    attack: eventsAttack,
    patches: [
      {
        file: 'events/rmq-channel.js',
        replace: 'this.unconfirmed.add(entry);',
        by: 'this.unconfirmed.add(entry); setImmediate(() => settle(resolve));',
      },
    ],
    shows: ({ forbidden }) => forbidden.eventsLost > 0,
  },
];

/** Which jobs an attack meets is a matter of chance: a fault that one try does not show, another one may. */
const TRIES = 3;

/**
 * Attacks a copy of the library without the guarantee until it shows, three times at most. Whether it shows, and what was found in
 * the last try.
 */
export async function attackWithout(
  { attack, patches, seconds = 1, shows }: AttackSabotage,
  surroundings: Omit<Surroundings, 'root'>,
): Promise<{ readonly shown: boolean; readonly found: string }> {
  const copy = BuildCopy.create(surroundings.repository, patches);
  let shown = false;
  let found = 'nothing';
  try {
    for (let seed = 1; !shown && seed <= TRIES; seed += 1) {
      await attack.run({
        target: { backend: 'postgres', placement: 'one' },
        random: new Random(seed),
        seconds,
        surroundings: { ...surroundings, root: copy.root },
        report: (verdict, figures = {}) => {
          shown ||= shows(verdict, figures);
          const { committed, rolledBack, violations } = verdict;
          found = JSON.stringify({ committed, rolledBack, violations, figures });
        },
      });
    }
  } finally {
    copy.remove();
  }
  return { shown, found };
}

/** Plays the scenario, with the unmodified library or without the guarantee, and judges the result. */
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
    // By then, a broken library has had its time.
    await scene.settle(8_000);
    return await scene.judge();
  } finally {
    await scene.close();
    copy.remove();
  }
}
