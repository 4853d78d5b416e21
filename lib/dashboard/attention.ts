import type {
  BusyAttempt,
  FailureGroups,
  FleetHealth,
  FleetOverview,
  HealthProblem,
  ProcessInfo,
  StepNumbers,
} from '../core/operations/fleet-numbers.js';
import type { Attention } from './api.js';
import type { Mask } from './mask.js';
import { wire } from './wire.js';

/** What is known of the fleet; `null` where a part is not. */
export interface KnownParts {
  readonly overview: FleetOverview | null;
  readonly health: FleetHealth | null;
  readonly failures: FailureGroups | null;
  readonly processes: readonly ProcessInfo[] | null;
  readonly steps: readonly StepNumbers[] | null;
  /** What could not be read, in words. */
  readonly problems: readonly string[];
}

const MAX_ENTRIES = 50;
/** One kind leaves room for others. */
const MAX_OF_A_KIND = 20;
/** With fewer attempts, one in a hundred is a guess. */
const MIN_ATTEMPTS = 100;
/** How far off a percentile may be. */
const UNCERTAINTY = 1.4;
/** Jobs run, but not all of them soon. */
const WAITING: HealthProblem['code'] = 'JOBS_WAIT_TOO_LONG';

/** What somebody should look at, the worst first: what stops everything, what stops a step, what has failed, what is merely slow. */
export function attentionOf(parts: KnownParts, mask: Mask): readonly Attention[] {
  const missing = notProvided(parts);
  const problems = healthProblems(parts, mask);
  const waiting = problems.filter(
    (problem) => isWaiting(problem) && !missing.some(({ step }) => step === problem.step),
  );
  const kinds: readonly (readonly Attention[])[] = [
    problems.filter((problem) => !isWaiting(problem)),
    parts.problems.map((text) => ({ kind: 'problem' as const, code: 'UNREADABLE', text })),
    missing,
    gone(parts),
    paused(parts, 'brake', mask),
    failures(parts, mask),
    waiting,
    paused(parts, 'pause', mask),
    slow(parts),
  ];
  return kinds.flatMap((entries) => entries.slice(0, MAX_OF_A_KIND)).slice(0, MAX_ENTRIES);
}

type Entry<K extends Attention['kind']> = Extract<Attention, { kind: K }>;

function healthProblems({ health }: KnownParts, mask: Mask): Entry<'problem'>[] {
  return (health?.problems ?? []).map((problem) => ({
    kind: 'problem',
    ...problem,
    text: mask.text(problem.text),
  }));
}

function isWaiting({ code }: Entry<'problem'>): boolean {
  return code === WAITING;
}

/** Jobs are due, and no live process can run them. */
function notProvided({ steps }: KnownParts): Entry<'notProvided'>[] {
  return (steps ?? [])
    .filter(({ processes, due }) => processes === 0 && due.count > 0)
    .sort((a, b) => b.due.count - a.due.count)
    .map(({ step, due }) => ({ kind: 'notProvided', step, due: due.count, more: due.more }));
}

/** Others take their jobs when the leases expire. */
function gone({ processes }: KnownParts): Entry<'gone'>[] {
  return (processes ?? [])
    .filter(({ state, held }) => state === 'gone' && held > 0)
    .sort((a, b) => b.held - a.held)
    .map(({ name, id, held, seenAt }) => ({ kind: 'gone', process: name, id, held, seenAt: wire(seenAt) }));
}

function paused({ overview }: KnownParts, kind: 'pause' | 'brake', mask: Mask): Entry<'paused'>[] {
  return Object.entries(overview?.paused ?? {})
    .filter(([, pause]) => pause.kind === kind)
    .map(([step, pause]) => ({
      kind: 'paused',
      step,
      pause: wire({ ...pause, reason: mask.text(pause.reason) }),
    }));
}

function failures({ failures: found }: KnownParts, mask: Mask): Entry<'failures'>[] {
  return (found?.groups ?? []).map(({ lastAt, message, ...group }) => ({
    kind: 'failures',
    ...group,
    message: mask.text(message),
    more: found!.more,
    lastAt: wire(lastAt),
  }));
}

/** Attempts that run for longer than nearly all of their step, by what their processes last told. */
function slow({ processes, steps }: KnownParts): Entry<'slow'>[] {
  const usual = new Map((steps ?? []).map((step) => [step.step, usualMs(step)]));
  return (processes ?? [])
    .filter(({ state }) => state !== 'gone')
    .flatMap((process) => process.busy.map((attempt) => ({ attempt, process })))
    .flatMap(({ attempt, process }) => {
      const p99Ms = usual.get(attempt.step);
      if (p99Ms === undefined) return [];
      const times = ranMs(attempt, process) / p99Ms;
      return times > UNCERTAINTY ? [{ attempt, process, p99Ms, times }] : [];
    })
    .sort((a, b) => b.times - a.times)
    .map(({ attempt: { gid, step, since }, process: { name }, p99Ms }) => ({
      kind: 'slow',
      gid,
      step,
      process: name,
      since: wire(since),
      p99Ms,
    }));
}

function usualMs({ succeeded, failed, run }: StepNumbers): number | undefined {
  return succeeded + failed < MIN_ATTEMPTS ? undefined : (run.p99Ms ?? undefined);
}

/** When the process told of it: it may have ended since. */
function ranMs({ since }: BusyAttempt, { seenAt }: ProcessInfo): number {
  return seenAt.getTime() - since.getTime();
}
