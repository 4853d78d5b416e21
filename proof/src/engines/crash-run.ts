import { killAttack } from '../attacks/kill.js';
import { Random } from '../random.js';
import { nameOf, type Placement, type Target } from '../target.js';
import { FORBIDDEN, inTime, isClean, type Forbidden, type Verdict } from '../verdict.js';
import type { RunningEngine, RunSettings } from './engine.js';

const PROCESSES = 2;

export interface CrashRunSettings extends RunSettings {
  /** Of the engine. */
  readonly name: string;
  readonly placement: Placement;
  /** Length of the run, without waiting for the end of its jobs. */
  readonly seconds: number;
}

export interface CrashRunResult {
  readonly target: Target;
  readonly verdict: Verdict;
  readonly figures: Readonly<Record<string, unknown>>;
  /** Nothing forbidden happened, and all jobs ended in time. */
  readonly clean: boolean;
}

/** Kills the processes of the application, and disturbs the engine, while jobs are started and run. */
export async function crashRun(engine: RunningEngine, settings: CrashRunSettings): Promise<CrashRunResult> {
  const { repository, root, name, placement, seconds, rate, seed } = settings;
  const { backend, url, triggers = true } = engine;
  const target: Target = { engine: name, backend, placement, triggers };
  const surroundings = { repository, root, servers: { [backend]: url }, own: {}, rate };
  let result: CrashRunResult | undefined;
  await killAttack.run({
    target,
    random: new Random(seed),
    seconds,
    surroundings,
    processes: PROCESSES,
    cluster: engine,
    report: (verdict, figures = {}) => {
      result = { target, verdict, figures, clean: isClean(verdict) && inTime(figures) };
    },
  });
  if (!result) throw new Error('The attack has reported nothing');
  return result;
}

/** Jobs that are gone, not finished, or lack a step. */
const LOST: readonly Forbidden[] = ['lost', 'unfinished', 'stepsMissing', 'bookingsMissing'];
/** Effects that happened twice. */
const DOUBLED: readonly Forbidden[] = ['bookingsDoubled', 'overlaps'];

/** One line of figures, one for each other thing that is forbidden, and the first violations. */
export function linesOf({ target, verdict, figures, clean }: CrashRunResult): string[] {
  const sum = (kinds: readonly Forbidden[]): number =>
    kinds.reduce((total, kind) => total + verdict.forbidden[kind], 0);
  const others = FORBIDDEN.filter((kind) => !LOST.includes(kind) && !DOUBLED.includes(kind));
  const { recovery } = verdict;
  return [
    `${clean ? 'ok  ' : 'FAIL'} ${nameOf(target)}: ${verdict.asked} orders, ${verdict.committed} jobs committed, ` +
      `${verdict.rolledBack} rolled back, ${verdict.unanswered} unanswered; ` +
      `${String(figures.kills)} processes killed, servers disturbed ${String(figures.disturbed)} times; ` +
      `${verdict.plainRepeated} of ${verdict.plainSteps} plain steps repeated ${JSON.stringify(verdict.repeatedBecause)}, ` +
      `recovery ${recovery ? `${recovery.median}/${recovery.p99}/${recovery.max} ms` : '-'}; ` +
      `${sum(LOST)} lost, ${sum(DOUBLED)} doubled${figures.settled === false ? ', jobs left open' : ''}`,
    ...others
      .filter((kind) => verdict.forbidden[kind] > 0)
      .map((kind) => `     ${kind}: ${verdict.forbidden[kind]}`),
    ...(Object.keys(verdict.errors).length > 0 ? [`     errors: ${JSON.stringify(verdict.errors)}`] : []),
    ...verdict.violations.map((violation) => `     ${violation}`),
  ];
}
