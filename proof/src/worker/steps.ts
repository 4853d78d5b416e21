import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Step, UnrecoverableStepError, type StepContext, type StepHandler } from 'nestjs-stepping';
import type { EntityManager } from 'typeorm';
import type { MaxAttempts, StepKind } from '../plan.js';
import { realNow } from './clock.js';
import type { EffectLog } from './effects.js';
import { tell } from './tell.js';

/** The arguments of a step; see `StepPlan`. */
export interface StepArgs {
  readonly order: string;
  readonly work: number;
  readonly failures?: number;
  readonly only?: string;
  readonly elsewhere?: number;
  readonly quiet?: boolean;
  readonly url?: string;
  readonly wrong?: boolean;
  readonly version?: string;
}

/** The effect log, and the name of this process. */
@Injectable()
export class Surroundings {
  constructor(
    readonly effects: EffectLog,
    readonly worker: string,
  ) {}

  /** Records the attempt around `act`. A signal ends the work at once. */
  async around(
    kind: string,
    args: StepArgs,
    context: Omit<StepContext, 'manager'>,
    act: () => Promise<void>,
  ): Promise<void> {
    if (args.quiet) return act();
    const { gid, stepIndex, attempt, signal, idempotencyKey: key } = context;
    const here = args.only === undefined || this.worker.startsWith(args.only);
    const version = args.version ?? null;
    const row = { order: args.order, gid, step: stepIndex, kind, attempt, version, key };
    let signalled: number | null = null;
    signal.addEventListener('abort', () => (signalled = realNow()));
    const id = await this.effects.begin(row);
    let outcome: 'done' | 'failed' = 'failed';
    try {
      const work = here ? args.work : (args.elsewhere ?? 0);
      if (here && kind === 'hold') await hold(work);
      else if (kind === 'stuck' && attempt <= (args.failures ?? 0)) await new Promise(() => undefined);
      else if (work > 0) await sleep(work, undefined, { signal });
      if (attempt <= (args.failures ?? 0)) throw new Error('fails as planned');
      await act();
      outcome = 'done';
    } finally {
      // After a pause, the success must be written before any timer runs.
      if (!(here && kind === 'hold')) await this.effects.end(id, outcome, signal, () => signalled);
    }
  }
}

/** Blocks the event loop. What follows runs in the poll phase, before any timer notices the lost lease. */
async function hold(milliseconds: number): Promise<void> {
  await readFile('/dev/null');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

const nothing = async (): Promise<void> => undefined;

async function book({ order }: StepArgs, { stepIndex, manager }: StepContext<EntityManager>): Promise<void> {
  const values = manager.connection.options.type === 'postgres' ? '$1, $2' : '?, ?';
  const sql = `INSERT INTO proof_bookings (order_id, step_index) VALUES (${values})`;
  await manager.query(sql, [order, stepIndex]);
}

const RETRY = { delay: 20, factor: 2, maxDelay: 500 };

@Step({ name: 'append', retry: RETRY })
export class AppendStep implements StepHandler<StepArgs> {
  constructor(private readonly surroundings: Surroundings) {}

  execute(args: StepArgs, context: StepContext): Promise<void> {
    return this.surroundings.around('append', args, context, nothing);
  }
}

@Step({ name: 'flaky', retry: RETRY })
export class FlakyStep implements StepHandler<StepArgs> {
  constructor(private readonly surroundings: Surroundings) {}

  execute(args: StepArgs, context: StepContext): Promise<void> {
    return this.surroundings.around('flaky', args, context, nothing);
  }
}

@Step({ name: 'hold', retry: RETRY })
export class HoldStep implements StepHandler<StepArgs> {
  constructor(private readonly surroundings: Surroundings) {}

  execute(args: StepArgs, context: StepContext): Promise<void> {
    return this.surroundings.around('hold', args, context, nothing);
  }
}

@Step({ name: 'doomed', retry: RETRY })
export class DoomedStep implements StepHandler<StepArgs> {
  constructor(private readonly surroundings: Surroundings) {}

  execute(args: StepArgs, context: StepContext): Promise<void> {
    return this.surroundings.around('doomed', args, context, async () => {
      throw new UnrecoverableStepError('fails for good, as planned');
    });
  }
}

/** The time-out is for attacks that let its statements wait. */
@Step({ name: 'book', transactional: true, retry: RETRY, timeout: '4s' })
export class BookStep implements StepHandler<StepArgs> {
  constructor(private readonly surroundings: Surroundings) {}

  execute(args: StepArgs, context: StepContext<EntityManager>): Promise<void> {
    return this.surroundings.around('book', args, context, () => book(args, context));
  }
}

/** Without a time-out: it may wait for a connection for as long as it takes. */
@Step({ name: 'linger', transactional: true, retry: RETRY })
export class LingerStep implements StepHandler<StepArgs> {
  constructor(private readonly surroundings: Surroundings) {}

  execute(args: StepArgs, context: StepContext<EntityManager>): Promise<void> {
    return this.surroundings.around('linger', args, context, () => book(args, context));
  }
}

/** Without a time-out. */
@Step({ name: 'call', retry: RETRY })
export class CallStep implements StepHandler<StepArgs> {
  constructor(private readonly surroundings: Surroundings) {}

  execute(args: StepArgs, context: StepContext): Promise<void> {
    return this.surroundings.around('call', args, context, async () => {
      await (await fetch(args.url!, { signal: context.signal })).text();
    });
  }
}

/** Fails its job for good until somebody corrects its arguments. */
@Step({ name: 'strict', retry: RETRY })
export class StrictStep implements StepHandler<StepArgs> {
  constructor(private readonly surroundings: Surroundings) {}

  execute(args: StepArgs, context: StepContext): Promise<void> {
    return this.surroundings.around('strict', args, context, async () => {
      if (args.wrong) throw new UnrecoverableStepError('its arguments are wrong, as planned');
    });
  }
}

/** Does not heed its signal. */
@Step({ name: 'stuck', retry: RETRY, timeout: '500ms' })
export class StuckStep implements StepHandler<StepArgs> {
  constructor(private readonly surroundings: Surroundings) {}

  execute(args: StepArgs, context: StepContext): Promise<void> {
    return this.surroundings.around('stuck', args, context, nothing);
  }
}

type ProofStep = new (surroundings: Surroundings) => StepHandler<StepArgs>;

function stepsWith(maxAttempts: MaxAttempts) {
  const retry = { ...RETRY, maxAttempts };

  @Step({ name: `poison-${maxAttempts}`, retry })
  class PoisonStep implements StepHandler<StepArgs> {
    constructor(private readonly surroundings: Surroundings) {}

    execute(args: StepArgs, context: StepContext): Promise<void> {
      return this.surroundings.around('poison', args, context, async () => {
        tell({ type: 'fault', point: 'step', action: 'kill', gid: context.gid });
        process.kill(process.pid, 'SIGKILL');
        await new Promise(() => undefined);
      });
    }
  }

  @Step({ name: `frail-${maxAttempts}`, retry })
  class FrailStep implements StepHandler<StepArgs> {
    constructor(private readonly surroundings: Surroundings) {}

    execute(args: StepArgs, context: StepContext): Promise<void> {
      return this.surroundings.around('frail', args, context, nothing);
    }
  }

  return { poison: PoisonStep, frail: FrailStep };
}

const [once, twice, thrice] = [stepsWith(1), stepsWith(2), stepsWith(3)];

export const stepClasses: Readonly<Record<StepKind, ProofStep>> = {
  append: AppendStep,
  flaky: FlakyStep,
  hold: HoldStep,
  doomed: DoomedStep,
  book: BookStep,
  stuck: StuckStep,
  linger: LingerStep,
  call: CallStep,
  strict: StrictStep,
  'poison-1': once.poison,
  'poison-2': twice.poison,
  'poison-3': thrice.poison,
  'frail-1': once.frail,
  'frail-2': twice.frail,
  'frail-3': thrice.frail,
};
