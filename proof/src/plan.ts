import type { Random } from './random.js';

/**
 * What a step does: `append` writes through a separate connection, `book` in the transaction that marks it done,
 * `flaky` appends after a number of failures, `doomed` fails its job for good, `hold` blocks the event loop, `stuck` never
 * settles for a number of attempts, `linger` books and keeps its connection meanwhile, `call` waits for the answer of a server,
 * `poison` kills its process, `frail` appends; the last two have that many attempts at most. `strict` fails its job for good as long as
 * its arguments are `wrong`.
 */
export type StepKind =
  | 'append'
  | 'book'
  | 'flaky'
  | 'doomed'
  | 'hold'
  | 'stuck'
  | 'linger'
  | 'call'
  | 'strict'
  | `${'poison' | 'frail'}-${MaxAttempts}`;

export type MaxAttempts = 1 | 2 | 3;

export interface StepPlan {
  readonly kind: StepKind;
  /** How long it works, in milliseconds. */
  readonly work: number;
  /** Number of attempts that fail. */
  readonly failures?: number;
  /** Only in processes whose name has this prefix. In others it waits for `elsewhere` milliseconds. */
  readonly only?: string;
  readonly elsewhere?: number;
  /** Records only its booking, so that a flood measures the library and not the recording. */
  readonly quiet?: boolean;
  /** Whom it calls. */
  readonly url?: string;
  /** Whether the arguments must be corrected. */
  readonly wrong?: boolean;
  /** Which correction the arguments are of. The attempts record it. */
  readonly version?: string;
}

/**
 * How the job is started: in a transaction that commits, in one that is rolled back on purpose, in none, or
 * with `prepare()` and `submit()` by hand.
 */
export type Fate = 'commit' | 'rollback' | 'alone' | 'by-hand';

/** One job, as the client requests it. */
export interface JobPlan {
  /** The id of the business row, and the gid if the caller chooses one. */
  readonly order: string;
  readonly ownGid: boolean;
  readonly fate: Fate;
  readonly steps: readonly StepPlan[];
  /** Milliseconds. */
  readonly delay?: number;
  /** It is no job of these steps, but an event of the outbox. */
  readonly event?: true;
}

/** A mixture of everything; one job in ten is rolled back. */
export function randomPlan(order: string, random: Random, work = 15): JobPlan {
  const steps = Array.from({ length: random.whole(1, 4) }, (): StepPlan => {
    const kind = random.pick<StepKind>(['append', 'append', 'book', 'book', 'flaky']);
    const failures = kind === 'flaky' ? random.whole(0, 2) : 0;
    return { kind, work: random.whole(0, work), failures };
  });
  if (random.chance(0.02)) steps.push({ kind: 'doomed', work: 0 }, { kind: 'append', work: 0 });
  const drawn = random.next();
  const fate: Fate = drawn < 0.1 ? 'rollback' : drawn < 0.2 ? 'alone' : drawn < 0.25 ? 'by-hand' : 'commit';
  // A job without a business row is found by its gid alone.
  const ownGid = fate === 'alone' || random.chance(0.5);
  return { order, ownGid, fate, steps, ...(random.chance(0.05) && { delay: random.whole(1, 500) }) };
}
